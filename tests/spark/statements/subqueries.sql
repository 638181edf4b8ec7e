-- Subqueries: scalar, EXISTS, IN, NOT IN with nulls, correlated.
CREATE TABLE c AS SELECT * FROM VALUES (1, 'a'), (2, 'b'), (3, NULL) AS t(id, n);
CREATE TABLE o AS SELECT * FROM VALUES (1, 10), (1, 20), (2, NULL), (NULL, 5) AS t(k, v);

SELECT id, (SELECT sum(v) FROM o WHERE o.k = c.id) AS s FROM c;
--> id int	s bigint
--> 1	30
--> 2	NULL
--> 3	NULL
SELECT id, (SELECT count(*) FROM o WHERE o.k = c.id) AS s FROM c;
--> id int	s bigint
--> 1	2
--> 2	1
--> 3	0
SELECT id, (SELECT max(v) FROM o) AS m FROM c;
--> id int	m int
--> 1	20
--> 2	20
--> 3	20
SELECT id FROM c WHERE EXISTS (SELECT 1 FROM o WHERE o.k = c.id);
--> id int
--> 1
--> 2
SELECT id FROM c WHERE NOT EXISTS (SELECT * FROM o WHERE o.k = c.id AND v > 10);
--> id int
--> 2
--> 3
SELECT id FROM c WHERE id IN (SELECT k FROM o);
--> id int
--> 1
--> 2
SELECT id FROM c WHERE id NOT IN (SELECT k FROM o);
--> id int
SELECT id FROM c WHERE id NOT IN (SELECT k FROM o WHERE k IS NOT NULL);
--> id int
--> 3
SELECT id FROM c WHERE NULL IN (SELECT k FROM o);
--> id int
SELECT id FROM c WHERE id NOT IN (SELECT k FROM o WHERE false);
--> id int
--> 1
--> 2
--> 3
SELECT id, id IN (SELECT k FROM o) AS i FROM c;
--> id int	i boolean
--> 1	true
--> 2	true
--> 3	false
SELECT id, EXISTS (SELECT 1 FROM o WHERE o.k = c.id) AS e FROM c;
--> id int	e boolean
--> 1	true
--> 2	true
--> 3	false
SELECT id FROM c WHERE (id, n) IN (SELECT 1, 'a');
--> id int
--> 1
SELECT id FROM c WHERE id > (SELECT avg(k) FROM o);
--> id int
--> 2
--> 3
SELECT (SELECT v FROM o WHERE false) AS nothing;
--> nothing int
--> NULL
SELECT (SELECT 1, 2);
--! INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN 42823
SELECT id FROM c WHERE id IN (SELECT k, v FROM o);
--! DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH 42K09
SELECT * FROM (SELECT id FROM c);
--> id int
--> 1
--> 2
--> 3
SELECT x.id FROM (SELECT id FROM c) x WHERE x.id > 1;
--> id int
--> 2
--> 3
WITH t AS (SELECT id FROM c WHERE id > 1) SELECT * FROM t;
--> id int
--> 2
--> 3
WITH t(k) AS (SELECT id FROM c), u AS (SELECT k + 1 AS k FROM t) SELECT t.k, u.k FROM t JOIN u ON t.k = u.k;
--> k int	k int
--> 2	2
--> 3	3
WITH c AS (SELECT 99 AS id) SELECT id FROM c;
--> id int
--> 99
WITH t AS (SELECT 1 AS x), t2 AS (WITH t AS (SELECT 2 AS x) SELECT x FROM t) SELECT t.x, t2.x FROM t, t2;
--> x int	x int
--> 1	2
SELECT * FROM (WITH t AS (SELECT 1 AS x) SELECT x + 1 AS y FROM t);
--> y int
--> 2
WITH t AS (SELECT 1), t AS (SELECT 2) SELECT * FROM t;
--! DUPLICATED_CTE_NAMES 42602
SELECT * FROM nowhere;
--! TABLE_OR_VIEW_NOT_FOUND 42P01
SELECT id FROM c WHERE id IN (1, NULL);
--> id int
--> 1
SELECT id FROM c WHERE id NOT IN (1, NULL);
--> id int
SELECT id FROM c ORDER BY (SELECT count(*) FROM o WHERE o.k = c.id) DESC, id;
--! UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_SCALAR_SUBQUERY 0A000
SELECT id, CASE WHEN id IN (SELECT k FROM o WHERE k IS NOT NULL) THEN 'y' ELSE 'n' END AS f FROM c;
--> id int	f string
--> 1	y
--> 2	y
--> 3	n
SELECT count(*) FROM c WHERE n = (SELECT n FROM c WHERE id = 3);
--> count(1) bigint
--> 0
SELECT id FROM c WHERE id = (SELECT max(o.k) FROM o WHERE o.k <= c.id);
--> id int
--> 1
--> 2
SELECT id FROM c a WHERE EXISTS (SELECT 1 FROM c b WHERE b.id > a.id);
--> id int
--> 1
--> 2
SELECT id, (SELECT first(v) FROM o WHERE o.k = c.id AND v > 10) AS f FROM c;
--> id int	f int
--> 1	20
--> 2	NULL
--> 3	NULL
SELECT sum((SELECT max(v) FROM o WHERE o.k = c.id)) FROM c;
--> sum(scalarsubquery(id)) bigint
--> 20
WITH e AS (SELECT * FROM c WHERE false) SELECT (SELECT max(id) FROM e) AS m, (SELECT count(*) FROM e) AS n;
--> m int	n bigint
--> NULL	0
SELECT id FROM c WHERE id IN (SELECT max(k) FROM o GROUP BY v);
--> id int
--> 1
--> 2
SELECT id FROM c WHERE id NOT IN (SELECT o.k FROM o WHERE o.k = c.id);
--> id int
--> 3
