-- Groups: ROLLUP, CUBE, GROUPING SETS, ALL, positions, aliases, FILTER and HAVING.
CREATE TABLE s AS SELECT * FROM VALUES ('e', 'a', 1), ('e', 'b', 2), ('w', 'a', 4), ('w', NULL, 8), (NULL, 'a', 16) AS t(r, p, q);

SELECT r, sum(q) FROM s GROUP BY r ORDER BY r;
--> r string	sum(q) bigint
--> NULL	16
--> e	3
--> w	12
SELECT r, p, sum(q) AS t FROM s GROUP BY ROLLUP (r, p) ORDER BY r, p, t;
--> r string	p string	t bigint
--> NULL	NULL	16
--> NULL	NULL	31
--> NULL	a	16
--> e	NULL	3
--> e	a	1
--> e	b	2
--> w	NULL	8
--> w	NULL	12
--> w	a	4
SELECT r, p, sum(q) AS t FROM s GROUP BY r, p WITH ROLLUP ORDER BY r, p, t;
--> r string	p string	t bigint
--> NULL	NULL	16
--> NULL	NULL	31
--> NULL	a	16
--> e	NULL	3
--> e	a	1
--> e	b	2
--> w	NULL	8
--> w	NULL	12
--> w	a	4
SELECT r, p, sum(q) AS t FROM s GROUP BY CUBE (r, p) ORDER BY r, p, t;
--> r string	p string	t bigint
--> NULL	NULL	8
--> NULL	NULL	16
--> NULL	NULL	31
--> NULL	a	16
--> NULL	a	21
--> NULL	b	2
--> e	NULL	3
--> e	a	1
--> e	b	2
--> w	NULL	8
--> w	NULL	12
--> w	a	4
SELECT r, p, sum(q) AS t FROM s GROUP BY r, p WITH CUBE ORDER BY r, p, t;
--> r string	p string	t bigint
--> NULL	NULL	8
--> NULL	NULL	16
--> NULL	NULL	31
--> NULL	a	16
--> NULL	a	21
--> NULL	b	2
--> e	NULL	3
--> e	a	1
--> e	b	2
--> w	NULL	8
--> w	NULL	12
--> w	a	4
SELECT r, p, sum(q) AS t FROM s GROUP BY GROUPING SETS ((r), (p), ()) ORDER BY r, p, t;
--> r string	p string	t bigint
--> NULL	NULL	8
--> NULL	NULL	16
--> NULL	NULL	31
--> NULL	a	21
--> NULL	b	2
--> e	NULL	3
--> w	NULL	12
SELECT r, p, grouping(r), grouping(p), grouping_id(r, p), sum(q) AS t FROM s GROUP BY CUBE (r, p) ORDER BY r, p, t;
--> r string	p string	grouping(r) tinyint	grouping(p) tinyint	grouping_id(r, p) bigint	t bigint
--> NULL	NULL	1	0	2	8
--> NULL	NULL	0	1	1	16
--> NULL	NULL	1	1	3	31
--> NULL	a	0	0	0	16
--> NULL	a	1	0	2	21
--> NULL	b	1	0	2	2
--> e	NULL	0	1	1	3
--> e	a	0	0	0	1
--> e	b	0	0	0	2
--> w	NULL	0	0	0	8
--> w	NULL	0	1	1	12
--> w	a	0	0	0	4
SELECT r, grouping(r) AS g, sum(q) FROM s GROUP BY ROLLUP (r) HAVING grouping(r) = 1;
--> r string	g tinyint	sum(q) bigint
--> NULL	1	31
SELECT r, p, grouping_id() AS g, count(*) FROM s GROUP BY ROLLUP (r, p) ORDER BY g, r, p;
--> r string	p string	g bigint	count(1) bigint
--> NULL	a	0	1
--> e	a	0	1
--> e	b	0	1
--> w	NULL	0	1
--> w	a	0	1
--> NULL	NULL	1	1
--> e	NULL	1	2
--> w	NULL	1	2
--> NULL	NULL	3	5
SELECT r, sum(q) FROM s GROUP BY ALL;
--> r string	sum(q) bigint
--> e	3
--> w	12
--> NULL	16
SELECT r, p, sum(q) + 1 FROM s GROUP BY ALL;
--> r string	p string	(sum(q) + 1) bigint
--> e	a	2
--> e	b	3
--> w	a	5
--> w	NULL	9
--> NULL	a	17
SELECT sum(q) FROM s GROUP BY ALL;
--> sum(q) bigint
--> 31
SELECT r, p FROM s GROUP BY ALL;
--> r string	p string
--> e	a
--> e	b
--> w	a
--> w	NULL
--> NULL	a
SELECT r, sum(q) FROM s GROUP BY 1;
--> r string	sum(q) bigint
--> e	3
--> w	12
--> NULL	16
SELECT upper(r) AS u, sum(q) FROM s GROUP BY u;
--> u string	sum(q) bigint
--> E	3
--> W	12
--> NULL	16
SELECT q % 3 AS m, count(*) FROM s GROUP BY q % 3;
--> m int	count(1) bigint
--> 1	3
--> 2	2
SELECT sum(q) FILTER (WHERE p = 'a') AS f, count(*) FILTER (WHERE r IS NULL), max(q) FILTER (WHERE false) FROM s;
--> f bigint	count(1) FILTER (WHERE (r IS NULL)) bigint	max(q) FILTER (WHERE false) int
--> 21	1	NULL
SELECT r, sum(q) AS t FROM s GROUP BY r HAVING t > 3;
--> r string	t bigint
--> w	12
--> NULL	16
SELECT r, sum(q) AS t FROM s GROUP BY r HAVING count(*) > 1 AND max(q) > 4;
--> r string	t bigint
--> w	12
SELECT count(*) FROM s HAVING count(*) > 100;
--> count(1) bigint
SELECT sum(q) FROM s WHERE false;
--> sum(q) bigint
--> NULL
SELECT r, sum(q) FROM s WHERE false GROUP BY r;
--> r string	sum(q) bigint
SELECT count(DISTINCT p), count(p), count(*), count(DISTINCT r, p) FROM s;
--> count(DISTINCT p) bigint	count(p) bigint	count(1) bigint	count(DISTINCT r, p) bigint
--> 2	4	5	3
SELECT sum(DISTINCT q % 2), avg(q), min(p), max(r) FROM s;
--> sum(DISTINCT (q % 2)) bigint	avg(q) double	min(p) string	max(r) string
--> 1	6.2	a	w
SELECT r, p, sum(q) FROM s GROUP BY r;
--! MISSING_AGGREGATION 42803
SELECT r, sum(q) FROM s;
--! MISSING_GROUP_BY 42803
SELECT r FROM s GROUP BY 2;
--! GROUP_BY_POS_OUT_OF_RANGE 42805
SELECT r FROM s GROUP BY sum(q);
--! GROUP_BY_AGGREGATE 42903
SELECT sum(sum(q)) FROM s;
--! NESTED_AGGREGATE_FUNCTION 42607
SELECT r FROM s WHERE sum(q) > 1;
--! INVALID_WHERE_CONDITION 42903
SELECT grouping(r) FROM s GROUP BY r;
--! UNSUPPORTED_GROUPING_EXPRESSION 42K0E
SELECT r FROM s HAVING r = 'e';
--! MISSING_GROUP_BY 42803
SELECT r, (SELECT max(q) FROM s) AS m FROM s GROUP BY r;
--> r string	m int
--> e	16
--> w	16
--> NULL	16
SELECT CASE WHEN r IS NULL THEN 'none' ELSE r END AS k, sum(q) FROM s GROUP BY CASE WHEN r IS NULL THEN 'none' ELSE r END;
--> k string	sum(q) bigint
--> e	3
--> w	12
--> none	16
SELECT r, p, sum(q) AS t FROM s GROUP BY r, ROLLUP (p) ORDER BY r, p, t;
--> r string	p string	t bigint
--> NULL	NULL	16
--> NULL	a	16
--> e	NULL	3
--> e	a	1
--> e	b	2
--> w	NULL	8
--> w	NULL	12
--> w	a	4
SELECT r, p, count(*) AS c FROM s GROUP BY GROUPING SETS ((r, p), (r), (r)) ORDER BY r, p, c;
--> r string	p string	c bigint
--> NULL	NULL	1
--> NULL	NULL	1
--> NULL	a	1
--> e	NULL	2
--> e	NULL	2
--> e	a	1
--> e	b	1
--> w	NULL	1
--> w	NULL	2
--> w	NULL	2
--> w	a	1
SELECT DISTINCT r FROM s;
--> r string
--> e
--> w
--> NULL
SELECT DISTINCT r, p FROM s ORDER BY r DESC, p;
--> r string	p string
--> w	NULL
--> w	a
--> e	a
--> e	b
--> NULL	a
SELECT DISTINCT upper(r) AS u FROM s ORDER BY u NULLS LAST;
--> u string
--> E
--> W
--> NULL
SELECT first(q) FROM s GROUP BY true;
--> first(q) int
--> 1
SELECT r, any_value(p) IS NULL FROM s WHERE r = 'e' GROUP BY r;
--> r string	(any_value(p) IS NULL) boolean
--> e	false
SELECT sum(q) AS t, t * 2 AS d FROM s;
--> t bigint	d bigint
--> 31	62
SELECT r AS region, count(*) AS n, n + 1 AS more FROM s GROUP BY region;
--> region string	n bigint	more bigint
--> e	2	3
--> w	2	3
--> NULL	1	2
SELECT struct(r, p) AS k, sum(q) FROM s WHERE r = 'e' GROUP BY struct(r, p);
--> k struct<r:string,p:string>	sum(q) bigint
--> {e, a}	1
--> {e, b}	2
SELECT max(struct(q, r)) FROM s;
--> max(struct(q, r)) struct<q:int,r:string>
--> {16, null}
SELECT 1 FROM s GROUP BY r;
--> 1 int
--> 1
--> 1
--> 1
SELECT 'x' AS c, sum(q) FROM s GROUP BY c;
--> c string	sum(q) bigint
--> x	31
