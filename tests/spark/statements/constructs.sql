-- Constructs of queries in hard cases.
CREATE TABLE t AS SELECT * FROM VALUES (1, 'x', named_struct('f', 1, 'G', named_struct('h', 'deep'))), (2, NULL, NULL) AS v(a, b, s);
CREATE TABLE u AS SELECT * FROM VALUES (1, 'p'), (3, 'q'), (NULL, 'r') AS v(a, c);

-- CTEs: shadowing, order, columns, nesting.
WITH q AS (SELECT 1 AS x), r AS (WITH q AS (SELECT 2 AS x) SELECT x FROM q) SELECT q.x, r.x AS y FROM q, r;
--> x int	y int
--> 1	2
WITH q AS (SELECT 1 AS x) SELECT * FROM (WITH q AS (SELECT x + 1 AS x FROM q) SELECT x FROM q);
--> x int
--> 2
WITH t AS (SELECT 9 AS a) SELECT a FROM t;
--> a int
--> 9
WITH q(x, y) AS (SELECT 1, 2) SELECT Y, x FROM Q;
--> Y int	x int
--> 2	1
WITH q(x) AS (SELECT 1, 2) SELECT * FROM q;
--! ASSIGNMENT_ARITY_MISMATCH 42802
WITH q AS (SELECT 1), q AS (SELECT 2) SELECT * FROM q;
--! DUPLICATED_CTE_NAMES 42602
WITH q AS (SELECT a FROM t) SELECT (SELECT max(a) FROM q) AS m, (SELECT count(*) FROM q) AS n;
--> m int	n bigint
--> 2	2
WITH q AS (SELECT * FROM r), r AS (SELECT 1 AS x) SELECT * FROM q;
--! TABLE_OR_VIEW_NOT_FOUND 42P01
SELECT * FROM (SELECT 1 AS x) AS q JOIN (SELECT 1 AS X, 2 AS y) AS r USING (x);
--> x int	y int
--> 1	2

-- Names: case, ambiguity, qualifiers.
SELECT T.A, t.a AS `A b`, `t`.`a` FROM t;
--> A int	A b int	a int
--> 1	1	1
--> 2	2	2
SELECT a FROM t, u;
--! AMBIGUOUS_REFERENCE 42704
SELECT t.a, u.a FROM t JOIN u ON t.a = u.a ORDER BY a;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT a AS x, b AS x FROM t ORDER BY x;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT a, a FROM t ORDER BY a;
--> a int	a int
--> 1	1
--> 2	2
SELECT x FROM (SELECT a AS x, a + 1 AS x FROM t);
--! AMBIGUOUS_REFERENCE 42704
SELECT a FROM (SELECT a, a FROM t);
--> a int
--> 1
--> 2
SELECT A, a + 1 AS b FROM t ORDER BY B;
--> A int	b int
--> 1	2
--> 2	3
SELECT a + 1 AS a FROM t ORDER BY a;
--> a int
--> 2
--> 3
SELECT a AS b, b AS a FROM t ORDER BY a NULLS FIRST;
--> b int	a string
--> 2	NULL
--> 1	x
SELECT s.f, s.g.h, s.G.H, t.s.f FROM t WHERE s.F = 1;
--> f int	h string	H string	f int
--> 1	deep	deep	1
SELECT s.* FROM t;
--> f int	G struct<h:string>
--> 1	{deep}
--> NULL	NULL
SELECT t.s.* FROM t;
--> f int	G struct<h:string>
--> 1	{deep}
--> NULL	NULL
SELECT s.g.* FROM t;
--> h string
--> deep
--> NULL
SELECT a, s.* FROM t WHERE a = 1;
--> a int	f int	G struct<h:string>
--> 1	1	{deep}
SELECT q.f FROM (SELECT s.* FROM t) AS q WHERE q.f = 1;
--> f int
--> 1
SELECT b.* FROM t;
--! _LEGACY_ERROR_TEMP_1050
SELECT nope.* FROM t;
--! CANNOT_RESOLVE_STAR_EXPAND 42704
SELECT sum(t.a), max(q.a) AS m, count(t.b) FROM t JOIN u AS q ON t.a = q.a;
--> sum(a) bigint	m int	count(b) bigint
--> 1	1	1
SELECT t.a + 1, upper(t.b), t.s.f + 1 FROM t WHERE t.a = 1;
--> (a + 1) int	upper(b) string	(s.f + 1) int
--> 2	X	2
SELECT * EXCEPT (b) FROM t WHERE a = 1;
--> a int	s struct<f:int,G:struct<h:string>>
--> 1	{1, {deep}}
SELECT * EXCEPT (nope) FROM t;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT t.* EXCEPT (s, b), u.* FROM t JOIN u ON t.a = u.a;
--> a int	a int	c string
--> 1	1	p
SELECT struct(a, b), struct(a AS x, 1), named_struct('x', a) FROM t WHERE a = 1;
--> struct(a, b) struct<a:int,b:string>	struct(a AS x, 1) struct<x:int,col2:int>	named_struct(x, a) struct<x:int>
--> {1, x}	{1, 1}	{1}
SELECT 1e3, 1.5e-3, 2.50, 1L, 1.0D, 3S, 1.5F, 2.5BD;
--> 1000.0 double	0.0015 double	2.50 decimal(3,2)	1 bigint	1.0 double	3 smallint	1.5 float	2.5 decimal(2,1)
--> 1000.0	0.0015	2.50	1	1.0	3	1.5	2.5

-- Joins USING and NATURAL: which side a column is from.
SELECT * FROM t LEFT JOIN u USING (a);
--> a int	b string	s struct<f:int,G:struct<h:string>>	c string
--> 1	x	{1, {deep}}	p
--> 2	NULL	NULL	NULL
SELECT a, t.a AS ta, u.a AS ua FROM t RIGHT JOIN u USING (a);
--> a int	ta int	ua int
--> 1	1	1
--> 3	NULL	3
--> NULL	NULL	NULL
SELECT a, t.a AS ta, u.a AS ua, c FROM t FULL JOIN u USING (a) ORDER BY a NULLS LAST, c;
--> a int	ta int	ua int	c string
--> 1	1	1	p
--> 2	2	NULL	NULL
--> 3	NULL	3	q
--> NULL	NULL	NULL	r
SELECT a, b, c FROM t NATURAL FULL JOIN u ORDER BY 1, 2, 3;
--> a int	b string	c string
--> NULL	NULL	r
--> 1	x	p
--> 2	NULL	NULL
--> 3	NULL	q
SELECT a FROM t LEFT SEMI JOIN u USING (a);
--> a int
--> 1
SELECT a FROM t LEFT ANTI JOIN u USING (a);
--> a int
--> 2
SELECT u.a FROM t LEFT SEMI JOIN u USING (a);
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT a, count(*) FROM t FULL JOIN u USING (a) GROUP BY a ORDER BY a;
--> a int	count(1) bigint
--> NULL	1
--> 1	1
--> 2	1
--> 3	1
SELECT 1 FROM t JOIN u USING (nope);
--! UNRESOLVED_USING_COLUMN_FOR_JOIN 42703
SELECT 1 FROM t JOIN u ON t.a;
--! JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE 42K0E
SELECT 1 FROM t JOIN u ON t.a = u.a AND sum(t.a) > 1;
--! UNSUPPORTED_EXPR_FOR_OPERATOR 42K0E
SELECT t.a FROM t JOIN u ON t.a <=> u.a JOIN u AS w USING (a);
--> a int
--> 1
SELECT t.a, u.a AS b FROM t CROSS JOIN u ON t.a = u.a;
--> a int	b int
--> 1	1
SELECT t.a FROM t JOIN t ON true;
--! AMBIGUOUS_REFERENCE 42704

-- Groups: aliases, positions, HAVING alone, sets, nulls.
SELECT a + 1 AS x, count(*) FROM t GROUP BY x ORDER BY x;
--> x int	count(1) bigint
--> 2	1
--> 3	1
SELECT a AS b, count(*) FROM t GROUP BY b ORDER BY 1;
--! MISSING_AGGREGATION 42803
SELECT upper(b) AS b, count(*) FROM t GROUP BY b ORDER BY 1;
--> b string	count(1) bigint
--> NULL	1
--> X	1
SELECT a, count(*) AS n FROM t GROUP BY 1 HAVING n > 0 ORDER BY n, a;
--> a int	n bigint
--> 1	1
--> 2	1
SELECT count(*) AS n FROM t HAVING n > 5;
--> n bigint
SELECT count(*) AS n FROM t HAVING max(a) = 2;
--> n bigint
--> 2
SELECT 1 AS x FROM t HAVING count(*) > 1;
--> x int
--> 1
SELECT 1 AS x FROM t HAVING true;
--> x int
--> 1
SELECT a FROM t HAVING a > 1;
--! MISSING_GROUP_BY 42803
SELECT max(a) FROM t GROUP BY ();
--! PARSE_SYNTAX_ERROR 42601
SELECT b, a, grouping_id() AS g, grouping(b) AS h, count(*) AS n FROM t GROUP BY CUBE (b, a) ORDER BY g, b, a;
--> b string	a int	g bigint	h tinyint	n bigint
--> NULL	2	0	0	1
--> x	1	0	0	1
--> NULL	NULL	1	0	1
--> x	NULL	1	0	1
--> NULL	1	2	1	1
--> NULL	2	2	1	1
--> NULL	NULL	3	1	2
SELECT b, a, grouping_id(a, b) AS g FROM t GROUP BY ROLLUP (b, a) ORDER BY g, b, a;
--! GROUPING_ID_COLUMN_MISMATCH 42803
SELECT b, a, grouping__id FROM t GROUP BY b, a WITH ROLLUP ORDER BY 3, 1, 2;
--> b string	a int	grouping__id bigint
--> NULL	2	0
--> x	1	0
--> NULL	NULL	1
--> x	NULL	1
--> NULL	NULL	3
SELECT b, a, count(*) AS n FROM t GROUP BY b, a GROUPING SETS ((b), (a), ()) ORDER BY b, a, n;
--> b string	a int	n bigint
--> NULL	NULL	1
--> NULL	NULL	2
--> NULL	1	1
--> NULL	2	1
--> x	NULL	1
SELECT b, a, count(*) AS n FROM t GROUP BY GROUPING SETS ((b, a), b, ()) ORDER BY b, a, n;
--> b string	a int	n bigint
--> NULL	NULL	1
--> NULL	NULL	2
--> NULL	2	1
--> x	NULL	1
--> x	1	1
SELECT a, b, count(*) AS n FROM t GROUP BY a, ROLLUP (b) ORDER BY a, b, n;
--> a int	b string	n bigint
--> 1	NULL	1
--> 1	x	1
--> 2	NULL	1
--> 2	NULL	1
SELECT a % 2 AS p, count(*) AS n FROM t GROUP BY ROLLUP (a % 2) ORDER BY p, n;
--> p int	n bigint
--> NULL	2
--> 0	1
--> 1	1
SELECT b, grouping_id() FROM t GROUP BY b;
--! UNSUPPORTED_GROUPING_EXPRESSION 42K0E
SELECT grouping(s) FROM t GROUP BY ROLLUP (b);
--! GROUPING_COLUMN_MISMATCH 42803
SELECT b, sum(a) FROM t GROUP BY ROLLUP (b) HAVING grouping_id() = 1;
--> b string	sum(a) bigint
--> NULL	3
SELECT a, b FROM t GROUP BY a;
--! MISSING_AGGREGATION 42803
SELECT a, sum(a) OVER () FROM t GROUP BY a ORDER BY a;
--> a int	sum(a) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) bigint
--> 1	3
--> 2	3
SELECT a, max(b) FROM t GROUP BY ALL ORDER BY ALL;
--> a int	max(b) string
--> 1	x
--> 2	NULL
SELECT count(1), count(*), count(a), sum(a), max(a + 1) FROM t;
--> count(1) bigint	count(1) bigint	count(a) bigint	sum(a) bigint	max((a + 1)) int
--> 2	2	2	3	3
SELECT count(*), count(*) FROM t;
--> count(1) bigint	count(1) bigint
--> 2	2
SELECT count(DISTINCT a), count(DISTINCT b), sum(a) FROM t;
--> count(DISTINCT a) bigint	count(DISTINCT b) bigint	sum(a) bigint
--> 2	1	3
SELECT count(DISTINCT a, b), count(DISTINCT a), count(a) FROM t;
--> count(DISTINCT a, b) bigint	count(DISTINCT a) bigint	count(a) bigint
--> 1	2	2

-- ORDER BY, LIMIT, QUALIFY, WINDOW.
SELECT a, b FROM t ORDER BY ALL DESC NULLS FIRST;
--> a int	b string
--> 2	NULL
--> 1	x
SELECT * FROM u ORDER BY ALL;
--> a int	c string
--> NULL	r
--> 1	p
--> 3	q
SELECT * FROM u ORDER BY ALL DESC;
--> a int	c string
--> 3	q
--> 1	p
--> NULL	r
SELECT DISTINCT b FROM t ORDER BY a;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT DISTINCT b FROM t ORDER BY b;
--> b string
--> NULL
--> x
SELECT DISTINCT upper(b) AS x FROM t ORDER BY upper(b);
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT a FROM t ORDER BY 1 + 1, a DESC;
--> a int
--> 2
--> 1
SELECT a FROM t ORDER BY a LIMIT 1 + 0;
--> a int
--> 1
SELECT a FROM t ORDER BY a LIMIT ALL OFFSET 1;
--> a int
--> 2
SELECT a FROM t ORDER BY a LIMIT CAST(1 AS BIGINT);
--! INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE 42K0E
SELECT a FROM t ORDER BY a LIMIT 1.5;
--! INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE 42K0E
SELECT a FROM t ORDER BY a LIMIT NULL;
--! INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE 42K0E
SELECT a FROM t ORDER BY a OFFSET NULL;
--! INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE 42K0E
SELECT a FROM t ORDER BY a LIMIT (SELECT 1);
--! INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE 42K0E
SELECT a FROM t ORDER BY a LIMIT 0;
--> a int
SELECT a FROM t SORT BY a DESC;
--> a int
--> 2
--> 1
SELECT a FROM t DISTRIBUTE BY a SORT BY a;
--> a int
--> 1
--> 2
SELECT a FROM t CLUSTER BY a;
--> a int
--> 1
--> 2
SELECT a FROM t DISTRIBUTE BY nope;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT a FROM t SORT BY nope;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT /*+ BROADCAST(t), REPARTITION(3) */ t.a FROM t JOIN u ON t.a = u.a;
--> a int
--> 1
SELECT a, c FROM u QUALIFY row_number() OVER (ORDER BY a) = 1;
--> a int	c string
--> NULL	r
SELECT c, row_number() OVER (ORDER BY a) AS r FROM u QUALIFY r < 3;
--> c string	r int
--> r	1
--> p	2
SELECT max(a) AS m FROM u QUALIFY row_number() OVER (ORDER BY m) = 1;
--> m int
--> 3
SELECT c, rank() OVER w AS r FROM u WINDOW w AS (ORDER BY a DESC) ORDER BY r;
--> c string	r int
--> q	1
--> p	2
--> r	3

-- Aliases of the same list.
SELECT a AS x, x + 1 AS y, y * 2 AS z FROM t;
--> x int	y int	z int
--> 1	2	4
--> 2	3	6
SELECT a AS x, x + 1 AS y FROM t WHERE a = 1 GROUP BY a;
--> x int	y int
--> 1	2
SELECT a AS b, b FROM t;
--> b int	b string
--> 1	x
--> 2	NULL
SELECT count(*) AS n, n + 1 AS m FROM t;
--> n bigint	m bigint
--> 2	3
SELECT sum(a) AS s, s / 2 AS h, h + s AS z FROM t;
--! DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09
SELECT a AS x, (SELECT max(v.a) FROM u AS v WHERE v.a = x) AS m FROM t;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT 1 AS x, 2 AS x, x FROM t;
--! AMBIGUOUS_LATERAL_COLUMN_ALIAS 42702
SELECT s AS r, r.f AS g FROM t;
--> r struct<f:int,G:struct<h:string>>	g int
--> {1, {deep}}	1
--> NULL	NULL

-- VALUES, TABLE, FROM first.
VALUES 1, 2;
--> col1 int
--> 1
--> 2
VALUES (1, 'a'), (2, NULL);
--> col1 int	col2 string
--> 1	a
--> 2	NULL
VALUES (1), (2) AS v(x);
--> x int
--> 1
--> 2
VALUES (1, 2), (3);
--! INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH 42000
SELECT * FROM VALUES 1, 2 + 3, NULL AS v(x);
--> x int
--> 1
--> 5
--> NULL
SELECT * FROM VALUES (1, 'a'), (2, 'b');
--> col1 int	col2 string
--> 1	a
--> 2	b
SELECT x FROM VALUES (1), (2) v(x) WHERE x > 1;
--> x int
--> 2
SELECT v.x, w.y FROM VALUES (1), (2) AS v(x) JOIN VALUES (1, 'm') AS w(x, y) ON v.x = w.x;
--> x int	y string
--> 1	m
SELECT * FROM (VALUES 1, 2) AS v(x) ORDER BY x DESC;
--> x int
--> 2
--> 1
SELECT * FROM VALUES (1, 2) AS v(x);
--! INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH 42000
SELECT * FROM (SELECT 1, 2) AS v(x);
--! ASSIGNMENT_ARITY_MISMATCH 42802
TABLE u;
--> a int	c string
--> 1	p
--> 3	q
--> NULL	r
TABLE u ORDER BY a LIMIT 1;
--> a int	c string
--> NULL	r
FROM u SELECT a WHERE a > 1;
--> a int
--> 3
SELECT * FROM VALUES (1, 'a') AS v(x, y) UNION ALL VALUES (2, 'b');
--> x int	y string
--> 1	a
--> 2	b
SELECT * FROM VALUES (1, 2L) AS v(x, y) UNPIVOT (z FOR k IN (x, y));
--> k string	z bigint
--> x	1
--> y	2
SELECT * FROM VALUES ('p', 1), ('q', 2), ('p', 3) AS v(k, n) PIVOT (sum(n) FOR k IN ('p', 'q'));
--> p bigint	q bigint
--> 4	2

-- IDENTIFIER.
SELECT IDENTIFIER('a') FROM t;
--> a int
--> 1
--> 2
SELECT IDENTIFIER('t.a') + 1 AS x FROM t;
--> x int
--> 2
--> 3
SELECT a FROM IDENTIFIER('t') WHERE a = 1;
--> a int
--> 1
SELECT IDENTIFIER('upp' || 'er')('x') AS x;
--> x string
--> X
SELECT IDENTIFIER('max')(a) AS x FROM t;
--> x int
--> 2
SELECT * FROM t ORDER BY IDENTIFIER('a') DESC;
--> a int	b string	s struct<f:int,G:struct<h:string>>
--> 2	NULL	NULL
--> 1	x	{1, {deep}}
SELECT count(*) FROM t GROUP BY IDENTIFIER('b');
--> count(1) bigint
--> 1
--> 1

-- Recursion.
WITH RECURSIVE r(n) MAX RECURSION LEVEL 200 AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 150) SELECT count(*) FROM r;
--> count(1) bigint
--> 150
WITH RECURSIVE r MAX RECURSION LEVEL 20 AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT sum(n) FROM r;
--> sum(n) bigint
--> 55
WITH RECURSIVE r(n) AS (SELECT 1 UNION DISTINCT SELECT n FROM r) SELECT * FROM r;
--! UNION_NOT_SUPPORTED_IN_RECURSIVE_CTE 42836
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r LIMIT 3;
--> n int
--> 1
--> 2
--> 3
WITH RECURSIVE r(n, s) AS (SELECT 1, 'a' UNION ALL SELECT n + 1, concat(s, 'b') FROM r WHERE n < 4) SELECT * FROM r;
--> n int	s string
--> 1	a
--> 2	ab
--> 3	abb
--> 4	abbb
WITH RECURSIVE q AS (SELECT 1 AS x), r(n) AS (SELECT x FROM q UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r;
--> n int
--> 1
--> 2
--> 3

-- Set operations: types, nulls, order of operations, names.
SELECT 1 AS x INTERSECT SELECT 1.0;
--> x decimal(11,1)
--> 1.0
SELECT 1 AS x EXCEPT SELECT 2L;
--> x bigint
--> 1
SELECT CAST(1 AS TINYINT) AS x INTERSECT SELECT 1S;
--> x smallint
--> 1
SELECT CAST(1 AS TINYINT) AS x UNION SELECT 1000;
--> x int
--> 1
--> 1000
SELECT NULL AS x INTERSECT SELECT NULL;
--> x void
--> NULL
SELECT 1 AS x EXCEPT ALL SELECT 1.0D;
--> x double
SELECT 'a' AS x UNION ALL SELECT 1;
--! CAST_INVALID_INPUT 22018
SELECT 1 AS x UNION ALL SELECT 2 EXCEPT SELECT 1 INTERSECT SELECT 1;
--> x int
--> 2
(SELECT 1 AS x UNION ALL SELECT 2) INTERSECT SELECT 2;
--> x int
--> 2
SELECT a FROM t UNION SELECT a FROM u ORDER BY a;
--> a int
--> NULL
--> 1
--> 2
--> 3
SELECT a AS z FROM t UNION ALL SELECT a FROM u ORDER BY z LIMIT 2;
--> z int
--> NULL
--> 1
SELECT a FROM t MINUS SELECT a FROM u;
--> a int
--> 2
SELECT 1, 2 UNION SELECT 3;
--! NUM_COLUMNS_MISMATCH 42826
SELECT map(1, 2) AS m INTERSECT SELECT map(1, 2);
--! UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE 0A000
SELECT map(1, 2) AS m UNION ALL SELECT map(3, 4);
--> m map<int,int>
--> {1 -> 2}
--> {3 -> 4}
SELECT array(1) AS m INTERSECT SELECT array(1L);
--> m array<bigint>
--> [1]

-- Samples.
SELECT count(*) FROM (SELECT * FROM t) TABLESAMPLE (100 PERCENT) AS q;
--> count(1) bigint
--> 2
SELECT count(*) FROM t TABLESAMPLE (1 ROWS);
--> count(1) bigint
--> 1
SELECT count(*) FROM t TABLESAMPLE (100 PERCENT) REPEATABLE (5) AS q WHERE q.a > 0;
--> count(1) bigint
--> 2
SELECT count(*) FROM t TABLESAMPLE (BUCKET 4 OUT OF 4);
--> count(1) bigint
--> 2
SELECT count(*) FROM t TABLESAMPLE (0 PERCENT);
--> count(1) bigint
--> 0
SELECT count(*) FROM t TABLESAMPLE (200 PERCENT);
--! INVALID_TABLESAMPLE_FRACTION 22023
SELECT count(*) FROM t TABLESAMPLE (-1 ROWS);
--! INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE 42K0E

-- Pipes.
FROM t |> SET nope = 1;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
FROM t |> SET a = a + 1, b = 'n' |> SELECT a, b;
--> a int	b string
--> 2	n
--> 3	n
FROM t |> SET a = 5, b = a;
--> a int	b int	s struct<f:int,G:struct<h:string>>
--> 5	5	{1, {deep}}
--> 5	5	NULL
FROM t |> DROP nope;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
FROM t |> EXTEND a + 1 AS y, y + 1 AS z |> SELECT y, z;
--> y int	z int
--> 2	3
--> 3	4
FROM t |> AGGREGATE sum(a) AS s GROUP BY b AS k |> ORDER BY k;
--> k string	s bigint
--> NULL	2
--> x	1
FROM t |> AGGREGATE a;
--! PIPE_OPERATOR_AGGREGATE_EXPRESSION_CONTAINS_NO_AGGREGATE_FUNCTION 0A000
FROM t |> WHERE sum(a) > 1;
--! INVALID_WHERE_CONDITION 42903
FROM t |> AS q |> SELECT q.a;
--> a int
--> 1
--> 2
FROM t |> JOIN u USING (a) |> SELECT a, c;
--> a int	c string
--> 1	p
FROM t |> SELECT sum(a);
--> sum(a) bigint
--> 3
VALUES (1), (2) AS v(x) |> WHERE x = 1;
--> x int
--> 1
TABLE u |> LIMIT 1 |> AGGREGATE count(*);
--> count(1) bigint
--> 1
