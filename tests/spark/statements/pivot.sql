-- PIVOT and UNPIVOT.
CREATE TABLE q AS SELECT * FROM VALUES (2023, 1, 'e', 10), (2023, 2, 'e', 20), (2023, 1, 'w', 5), (2024, 1, 'e', 7), (2024, 4, 'w', NULL) AS t(y, q, r, v);

SELECT * FROM q PIVOT (sum(v) FOR q IN (1, 2, 3)) ORDER BY y, r;
--> y int	r string	1 bigint	2 bigint	3 bigint
--> 2023	e	10	20	NULL
--> 2023	w	5	NULL	NULL
--> 2024	e	7	NULL	NULL
--> 2024	w	NULL	NULL	NULL
SELECT * FROM q PIVOT (sum(v) AS s FOR q IN (1 AS q1, 2 AS q2)) ORDER BY y, r;
--> y int	r string	q1 bigint	q2 bigint
--> 2023	e	10	20
--> 2023	w	5	NULL
--> 2024	e	7	NULL
--> 2024	w	NULL	NULL
SELECT * FROM q PIVOT (sum(v) AS s, count(*) AS n FOR q IN (1 AS q1, 4 AS q4)) ORDER BY y, r;
--> y int	r string	q1_s bigint	q1_n bigint	q4_s bigint	q4_n bigint
--> 2023	e	10	1	NULL	NULL
--> 2023	w	5	1	NULL	NULL
--> 2024	e	7	1	NULL	NULL
--> 2024	w	NULL	NULL	NULL	1
SELECT * FROM q PIVOT (sum(v), max(v) FOR q IN (1, 2)) ORDER BY y, r;
--> y int	r string	1_sum(v) bigint	1_max(v) int	2_sum(v) bigint	2_max(v) int
--> 2023	e	10	10	20	20
--> 2023	w	5	5	NULL	NULL
--> 2024	e	7	7	NULL	NULL
--> 2024	w	NULL	NULL	NULL	NULL
SELECT * FROM (SELECT y, q, v FROM q) PIVOT (sum(v) FOR q IN (1, 2, 3, 4)) ORDER BY y;
--> y int	1 bigint	2 bigint	3 bigint	4 bigint
--> 2023	15	20	NULL	NULL
--> 2024	7	NULL	NULL	NULL
SELECT * FROM (SELECT q, v FROM q) PIVOT (sum(v) FOR q IN (1 AS a, 2 AS b));
--> a bigint	b bigint
--> 22	20
SELECT * FROM q PIVOT (sum(v) FOR (q, r) IN ((1, 'e') AS e1, (1, 'w') AS w1)) ORDER BY y;
--> y int	e1 bigint	w1 bigint
--> 2023	10	5
--> 2024	7	NULL
SELECT * FROM q PIVOT (sum(v) FOR (q, r) IN ((1, 'e'), (2, 'w'))) ORDER BY y;
--> y int	{1, e} bigint	{2, w} bigint
--> 2023	10	NULL
--> 2024	7	NULL
SELECT y, e, w FROM (SELECT y, r, v FROM q) AS s PIVOT (avg(v) FOR r IN ('e' AS e, 'w' AS w)) AS p WHERE e > 1;
--> y int	e double	w double
--> 2023	15.0	5.0
--> 2024	7.0	NULL
SELECT * FROM (SELECT y, r, v FROM q) PIVOT (sum(v * 2) AS dbl FOR r IN ('e', 'w'));
--> y int	e bigint	w bigint
--> 2023	60	10
--> 2024	14	NULL
SELECT * FROM (SELECT y, r, v FROM q) PIVOT (count(*) FOR r IN ('e', 'w', NULL));
--> y int	v int	e bigint	w bigint	null bigint
--> 2023	10	1	NULL	NULL
--> 2023	20	1	NULL	NULL
--> 2023	5	NULL	1	NULL
--> 2024	7	1	NULL	NULL
--> 2024	NULL	NULL	1	NULL
SELECT * FROM (SELECT * FROM q WHERE false) PIVOT (sum(v) FOR q IN (1));
--> y int	r string	1 bigint

SELECT * FROM q PIVOT (sum(v) FOR nope IN (1));
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
CREATE TABLE u AS SELECT * FROM VALUES (1, 10, NULL, 30), (2, NULL, NULL, NULL), (3, 1, 2, 3) AS t(id, a, b, c);
SELECT * FROM u UNPIVOT (v FOR k IN (a, b, c));
--> id int	k string	v int
--> 1	a	10
--> 1	c	30
--> 3	a	1
--> 3	b	2
--> 3	c	3
SELECT * FROM u UNPIVOT INCLUDE NULLS (v FOR k IN (a, b, c));
--> id int	k string	v int
--> 1	a	10
--> 1	b	NULL
--> 1	c	30
--> 2	a	NULL
--> 2	b	NULL
--> 2	c	NULL
--> 3	a	1
--> 3	b	2
--> 3	c	3
SELECT * FROM u UNPIVOT EXCLUDE NULLS (v FOR k IN (a AS first, b AS `second one`)) AS x ORDER BY x.id, x.k;
--> id int	c int	k string	v int
--> 1	30	first	10
--> 3	3	first	1
--> 3	3	second one	2
SELECT * FROM u UNPIVOT ((v1, v2) FOR k IN ((a, b), (b, c)));
--> id int	k string	v1 int	v2 int
--> 1	a_b	10	NULL
--> 1	b_c	NULL	30
--> 3	a_b	1	2
--> 3	b_c	2	3
SELECT * FROM u UNPIVOT INCLUDE NULLS ((v1, v2) FOR k IN ((a, b) AS ab, (b, c) AS bc));
--> id int	k string	v1 int	v2 int
--> 1	ab	10	NULL
--> 1	bc	NULL	30
--> 2	ab	NULL	NULL
--> 2	bc	NULL	NULL
--> 3	ab	1	2
--> 3	bc	2	3
SELECT id, k FROM u UNPIVOT (v FOR k IN (a, b)) WHERE v > 5;
--> id int	k string
--> 1	a
SELECT * FROM u UNPIVOT (v FOR k IN (a, nope));
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT k, sum(v) FROM u UNPIVOT (v FOR k IN (a, b, c)) GROUP BY k ORDER BY k;
--> k string	sum(v) bigint
--> a	11
--> b	2
--> c	33
SELECT * FROM VALUES (1, 2L, 3.5) AS t(a, b, c) UNPIVOT (v FOR k IN (a, b, c));
--> k string	v decimal(21,1)
--> a	1.0
--> b	2.0
--> c	3.5
