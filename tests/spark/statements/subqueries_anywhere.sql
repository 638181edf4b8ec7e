-- Subqueries in every place: select lists, CASE, aggregates, ORDER BY, HAVING, joins; with limits, windows, unions.
CREATE TABLE c AS SELECT * FROM VALUES (1, 'a'), (2, 'b'), (3, NULL), (NULL, 'd') AS t(id, n);
CREATE TABLE o AS SELECT * FROM VALUES (1, 10), (1, 20), (2, NULL), (NULL, 5), (4, 7) AS t(k, v);
CREATE TABLE e AS SELECT * FROM o WHERE false;

-- IN and NOT IN as values: true or false, with nulls on either side, and with nothing to look in.
SELECT id, id NOT IN (SELECT k FROM o) AS i FROM c;
--> id int	i boolean
--> 1	false
--> 2	false
--> 3	false
--> NULL	false
SELECT id, id NOT IN (SELECT k FROM o WHERE k IS NOT NULL) AS i FROM c;
--> id int	i boolean
--> 1	false
--> 2	false
--> 3	true
--> NULL	false
SELECT id, id IN (SELECT k FROM e) AS i, id NOT IN (SELECT k FROM e) AS j FROM c;
--> id int	i boolean	j boolean
--> 1	false	true
--> 2	false	true
--> 3	false	true
--> NULL	false	true
SELECT id, NOT (id IN (SELECT k FROM o)) AS i FROM c;
--> id int	i boolean
--> 1	false
--> 2	false
--> 3	false
--> NULL	false
SELECT id, (id IN (SELECT k FROM o)) IS NULL AS i FROM c;
--> id int	i boolean
--> 1	false
--> 2	false
--> 3	false
--> NULL	false
SELECT id, id IN (SELECT o.k FROM o WHERE o.v > 10 OR o.k = c.id) AS i FROM c;
--> id int	i boolean
--> 1	true
--> 2	true
--> 3	false
--> NULL	false
SELECT id, id NOT IN (SELECT o.k FROM o WHERE o.k = c.id) AS i FROM c;
--> id int	i boolean
--> 1	false
--> 2	false
--> 3	true
--> NULL	true
SELECT id, NOT EXISTS (SELECT 1 FROM o WHERE o.k > c.id) AS i FROM c;
--> id int	i boolean
--> 1	false
--> 2	false
--> 3	false
--> NULL	true
SELECT NULL IN (SELECT k FROM o) AS a, NULL NOT IN (SELECT k FROM o) AS b, 1 IN (SELECT k FROM o) AS d, 9 NOT IN (SELECT k FROM o) AS f;
--> a boolean	b boolean	d boolean	f boolean
--> NULL	NULL	true	false
SELECT CASE WHEN EXISTS (SELECT 1 FROM e) THEN 'some' ELSE 'none' END AS x;
--> x string
--> none
SELECT count(*) FILTER (WHERE id IN (SELECT k FROM o)) AS n FROM c;
--> n bigint
--> 2
SELECT sum(CASE WHEN id IN (SELECT k FROM o) THEN 1 ELSE 0 END) AS n FROM c;
--> n bigint
--> 2
SELECT id IN (SELECT k FROM o) AS i, count(*) AS n FROM c GROUP BY 1;
--> i boolean	n bigint
--> true	2
--> false	2
SELECT id IN (SELECT k FROM o) AS i, count(*) AS n FROM c GROUP BY i ORDER BY i;
--> i boolean	n bigint
--> false	2
--> true	2
SELECT id, if(EXISTS (SELECT 1 FROM o WHERE k = id), 'y', 'n') AS f FROM c ORDER BY id;
--> id int	f string
--> NULL	n
--> 1	y
--> 2	y
--> 3	n

-- In WHERE beside other conditions.
SELECT id FROM c WHERE id IN (SELECT k FROM o) OR n = 'd';
--> id int
--> 1
--> 2
--> NULL
SELECT id FROM c WHERE id NOT IN (SELECT k FROM o) OR n = 'd';
--> id int
--> NULL
SELECT id FROM c WHERE NOT (id IN (SELECT k FROM o) OR n = 'd');
--> id int
SELECT id FROM c WHERE id NOT IN (SELECT k FROM o WHERE k IS NOT NULL) AND n IS NULL;
--> id int
--> 3
SELECT id FROM c WHERE id NOT IN (SELECT o.v FROM o WHERE o.k = c.id);
--> id int
--> 1
--> 3
--> NULL
SELECT id FROM c WHERE id NOT IN (SELECT o.v / 10 FROM o WHERE o.k = c.id);
--> id int
--> 3
--> NULL
SELECT id FROM c WHERE id NOT IN (SELECT o.k FROM o WHERE o.k <> c.id);
--> id int
--> 1
--> 2
--> 3
--> NULL
SELECT id FROM c WHERE id NOT IN (SELECT k FROM e);
--> id int
--> 1
--> 2
--> 3
--> NULL
SELECT id FROM c WHERE id NOT IN (SELECT NULL);
--> id int
SELECT id FROM c WHERE EXISTS (SELECT 1 FROM o WHERE o.k = c.id) OR EXISTS (SELECT 1 FROM o WHERE o.v < c.id);
--> id int
--> 1
--> 2
SELECT id FROM c WHERE EXISTS (SELECT k, count(*) FROM o WHERE o.k = c.id GROUP BY k HAVING count(*) > 1);
--> id int
--> 1
SELECT id FROM c WHERE EXISTS (SELECT count(*) FROM o WHERE o.k = c.id);
--> id int
--> 1
--> 2
--> 3
--> NULL
SELECT id FROM c WHERE NOT EXISTS (SELECT max(v) FROM o WHERE o.k = c.id);
--> id int
SELECT id FROM c WHERE EXISTS (SELECT 1 FROM o WHERE o.k = c.id LIMIT 1);
--> id int
--> 1
--> 2
SELECT id FROM c WHERE id IN (SELECT max(k) FROM o);
--> id int
SELECT id FROM c WHERE id IN (SELECT max(o.k) FROM o WHERE o.v >= c.id * 10);
--> id int
--> 1
SELECT id FROM c WHERE (SELECT count(*) FROM o WHERE o.k = c.id) = 0;
--> id int
--> 3
--> NULL
SELECT id FROM c WHERE (SELECT count(*) FROM o WHERE o.k >= c.id) > 1;
--> id int
--> 1
--> 2

-- Several columns at once.
SELECT k, v FROM o WHERE (k, v) IN (SELECT 1, 20);
--> k int	v int
--> 1	20
SELECT k, v FROM o WHERE (k, v) IN (SELECT k, max(v) FROM o GROUP BY k);
--> k int	v int
--> 1	20
--> 4	7
SELECT k, v FROM o WHERE (k, v) NOT IN (SELECT 1, 20);
--> k int	v int
--> 1	10
--> 2	NULL
--> NULL	5
--> 4	7
SELECT k, v FROM o WHERE (k, v) NOT IN (SELECT k, max(v) FROM o GROUP BY k);
--> k int	v int
--> 1	10
SELECT k, v, (k, v) IN (SELECT k, max(v) FROM o GROUP BY k) AS i FROM o;
--> k int	v int	i boolean
--> 1	10	false
--> 1	20	true
--> 2	NULL	false
--> NULL	5	false
--> 4	7	true
SELECT k FROM o WHERE (k, v) IN (SELECT 1);
--! DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH 42K09
SELECT k, v FROM o WHERE (k, v) IN (SELECT id, id * 10 FROM c WHERE c.id = o.k);
--> k int	v int
--> 1	10
SELECT k, v FROM o WHERE (k, v) IN ((1, 10), (4, 7));
--> k int	v int
--> 1	10
--> 4	7

-- Scalar subqueries, correlated in other ways than by equality.
SELECT id, (SELECT max(v) FROM o WHERE o.k < c.id) AS m FROM c;
--> id int	m int
--> 1	NULL
--> 2	20
--> 3	20
--> NULL	NULL
SELECT id, (SELECT count(*) FROM o WHERE o.k < c.id) AS m FROM c;
--> id int	m bigint
--> 1	0
--> 2	2
--> 3	3
--> NULL	0
SELECT id, (SELECT count(*) FROM o WHERE o.k = c.id AND o.v > 10) AS m FROM c;
--> id int	m bigint
--> 1	1
--> 2	0
--> 3	0
--> NULL	0
SELECT id, (SELECT count(*) + 1 FROM o WHERE o.k = c.id) AS m FROM c;
--> id int	m bigint
--> 1	3
--> 2	2
--> 3	1
--> NULL	1
SELECT id, (SELECT collect_list(v) FROM o WHERE o.k = c.id) AS m FROM c;
--> id int	m array<int>
--> 1	[10, 20]
--> 2	[]
--> 3	[]
--> NULL	[]
SELECT id, (SELECT coalesce(sum(v), -1) FROM o WHERE o.k = c.id) AS m FROM c;
--> id int	m bigint
--> 1	30
--> 2	-1
--> 3	-1
--> NULL	-1
SELECT id, (SELECT max(v) FROM o WHERE o.k = c.id HAVING count(*) > 1) AS m FROM c;
--> id int	m int
--> 1	20
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT id, (SELECT max(v) FROM o WHERE o.k = c.id GROUP BY k) AS m FROM c;
--> id int	m int
--> 1	20
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT id, (SELECT v FROM o WHERE o.k = c.id ORDER BY v DESC LIMIT 1) AS m FROM c;
--> id int	m int
--> 1	20
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT id, (SELECT v FROM o WHERE o.k = c.id) AS m FROM c WHERE id > 1;
--> id int	m int
--> 2	NULL
--> 3	NULL
SELECT id, (SELECT v FROM o WHERE o.k = c.id) AS m FROM c;
--! SCALAR_SUBQUERY_TOO_MANY_ROWS 21000
SELECT id, (SELECT id + 1) AS m FROM c;
--> id int	m int
--> 1	2
--> 2	3
--> 3	4
--> NULL	NULL
SELECT id, (SELECT max(x) FROM (SELECT v AS x FROM o WHERE o.k = c.id)) AS m FROM c;
--> id int	m int
--> 1	20
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT id, (SELECT DISTINCT k FROM o WHERE o.k = c.id) AS m FROM c;
--> id int	m int
--> 1	1
--> 2	2
--> 3	NULL
--> NULL	NULL
SELECT id, (SELECT sum(v) FROM o JOIN c AS d ON o.k = d.id WHERE d.id = c.id) AS m FROM c;
--> id int	m bigint
--> 1	30
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT id, (SELECT sum(v) FROM o WHERE o.k = c.id) + (SELECT count(*) FROM o WHERE o.k = c.id) AS m FROM c;
--> id int	m bigint
--> 1	32
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT id, (SELECT max(v) FROM o WHERE o.k = c.id AND EXISTS (SELECT 1 FROM o AS p WHERE p.k = o.k AND p.v > o.v)) AS m FROM c;
--> id int	m int
--> 1	10
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT (SELECT v FROM o WHERE k = 99) AS x;
--> x int
--> NULL
SELECT (SELECT 1, 2);
--! INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN 42823
SELECT max((SELECT max(v) FROM o)) AS x FROM c;
--> x int
--> 20
SELECT sum(id + (SELECT count(*) FROM o WHERE o.k = c.id)) AS s FROM c;
--> s bigint
--> 9
SELECT id, sum((SELECT count(*) FROM o WHERE o.k = c.id)) OVER () AS s FROM c;
--> id int	s bigint
--> 1	3
--> 2	3
--> 3	3
--> NULL	3
SELECT (SELECT max(v) FROM o WHERE o.k = c.id) AS m, count(*) FROM c GROUP BY 1;
--> m int	count(1) bigint
--> 20	1
--> NULL	3
SELECT id, count(*) FROM c GROUP BY id HAVING count(*) >= (SELECT count(*) FROM o WHERE o.k = c.id);
--> id int	count(1) bigint
--> 2	1
--> 3	1
--> NULL	1
SELECT id FROM c ORDER BY (SELECT max(v) FROM o), id;
--> id int
--> NULL
--> 1
--> 2
--> 3
SELECT c.id, d.id AS j FROM c JOIN c AS d ON d.id = c.id AND d.id IN (SELECT k FROM o);
--> id int	j int
--> 1	1
--> 2	2
SELECT c.id, d.id AS j FROM c LEFT JOIN c AS d ON d.id = c.id AND d.id = (SELECT max(id) FROM c);
--> id int	j int
--> 1	NULL
--> 2	NULL
--> 3	3
--> NULL	NULL

-- LATERAL subqueries.
SELECT c.id, q.v FROM c, LATERAL (SELECT v FROM o WHERE o.k = c.id) AS q;
--> id int	v int
--> 1	10
--> 1	20
--> 2	NULL
SELECT c.id, q.v FROM c LEFT JOIN LATERAL (SELECT v FROM o WHERE o.k = c.id) AS q ON q.v > 10;
--> id int	v int
--> 1	20
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT c.id, q.m FROM c LEFT JOIN LATERAL (SELECT max(v) AS m FROM o WHERE o.k = c.id) AS q;
--> id int	m int
--> 1	20
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT c.id, q.m FROM c JOIN LATERAL (SELECT count(*) AS m FROM o WHERE o.k < c.id) AS q;
--> id int	m bigint
--> 1	0
--> 2	2
--> 3	3
--> NULL	0
SELECT c.id, q.v FROM c LEFT JOIN LATERAL (SELECT v FROM o WHERE o.k = c.id ORDER BY v DESC NULLS LAST LIMIT 1) AS q;
--> id int	v int
--> 1	20
--> 2	NULL
--> 3	NULL
--> NULL	NULL
SELECT c.id, q.x FROM c, LATERAL (SELECT id * 2) AS q(x);
--> id int	x int
--> 1	2
--> 2	4
--> 3	6
--> NULL	NULL
SELECT c.id, q.x, r.y FROM c, LATERAL (SELECT id * 2) AS q(x), LATERAL (SELECT x + 1) AS r(y);
--> id int	x int	y int
--> 1	2	3
--> 2	4	5
--> 3	6	7
--> NULL	NULL	NULL
SELECT c.id, q.x FROM c, LATERAL (SELECT c.id AS x UNION ALL SELECT c.id + 10) AS q WHERE c.id < 3;
--> id int	x int
--> 1	1
--> 2	2
--> 1	11
--> 2	12
SELECT c.id, q.* FROM c, LATERAL (SELECT v, row_number() OVER (ORDER BY v) AS r FROM o WHERE o.k = c.id) AS q;
--> id int	v int	r int
--> 1	10	1
--> 1	20	2
--> 2	NULL	1
SELECT c.id, q.* FROM c, LATERAL (SELECT k, sum(v) AS s FROM o WHERE o.k >= c.id GROUP BY k) AS q ORDER BY 1, 2;
--> id int	k int	s bigint
--> 1	1	30
--> 1	2	NULL
--> 1	4	7
--> 2	2	NULL
--> 2	4	7
--> 3	4	7
SELECT l.id, q.s FROM (VALUES (1, array(1, 2)), (2, array())) AS l(id, xs), LATERAL (SELECT sum(x) AS s FROM explode(l.xs) AS t(x)) AS q;
--> id int	s bigint
--> 1	3
--> 2	NULL
