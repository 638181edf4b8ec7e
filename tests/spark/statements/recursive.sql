-- Recursive CTEs.
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t;
--> n int
--> 1
--> 2
--> 3
--> 4
--> 5
WITH RECURSIVE t AS (SELECT 1 AS n, 'a' AS s UNION ALL SELECT n + 1, s || 'b' FROM t WHERE n < 3) SELECT * FROM t;
--> n int	s string
--> 1	a
--> 2	ab
--> 3	abb
WITH RECURSIVE f(a, b) AS (SELECT 0, 1 UNION ALL SELECT b, a + b FROM f WHERE b < 50) SELECT a FROM f;
--> a int
--> 0
--> 1
--> 1
--> 2
--> 3
--> 5
--> 8
--> 13
--> 21
--> 34
CREATE TABLE boss AS SELECT * FROM VALUES (1, NULL), (2, 1), (3, 1), (4, 2), (5, 4) AS t(id, over);
WITH RECURSIVE t(id, depth) AS (SELECT id, 0 FROM boss WHERE over IS NULL UNION ALL SELECT b.id, t.depth + 1 FROM boss b JOIN t ON b.over = t.id) SELECT * FROM t ORDER BY id;
--> id int	depth int
--> 1	0
--> 2	1
--> 3	1
--> 4	2
--> 5	3
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT * FROM t LIMIT 4;
--> n int
--> 1
--> 2
--> 3
--> 4
WITH RECURSIVE t(n) MAX RECURSION LEVEL 20 AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT count(*) FROM t;
--> count(1) bigint
--> 10
WITH RECURSIVE t(d) AS (SELECT DATE'2024-01-30' UNION ALL SELECT d + 1 FROM t WHERE d < DATE'2024-02-02') SELECT d FROM t;
--> d date
--> 2024-01-30
--> 2024-01-31
--> 2024-02-01
--> 2024-02-02
WITH RECURSIVE a AS (SELECT 1 AS x), t(n) AS (SELECT x FROM a UNION ALL SELECT n * 2 FROM t WHERE n < 10) SELECT sum(n) FROM t;
--> sum(n) bigint
--> 31
WITH RECURSIVE t(n) AS (SELECT 1 WHERE false UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t;
--> n int
WITH RECURSIVE t AS (SELECT 1 AS n) SELECT * FROM t;
--> n int
--> 1
WITH t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT * FROM t;
--! TABLE_OR_VIEW_NOT_FOUND 42P01
WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT (n + 1) % 3 FROM t) SELECT * FROM t;
--! UNION_NOT_SUPPORTED_IN_RECURSIVE_CTE 42836
