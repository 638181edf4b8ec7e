-- stars of structs, stars in calls, several stars

CREATE TABLE t AS SELECT 1 AS a, 'x' AS B, named_struct('f', 1, 'G', named_struct('h', 'deep', 'i', 2)) AS s UNION ALL SELECT 2, NULL, NULL;

CREATE TABLE u AS SELECT 1 AS a, 10 AS c UNION ALL SELECT 3, 30;

SELECT s.* EXCEPT (f) FROM t WHERE a = 1;
--> G struct<h:string,i:int>
--> {deep, 2}

SELECT t.a, t.s.* FROM t JOIN u ON t.a = u.a;
--> a int	f int	G struct<h:string,i:int>
--> 1	1	{deep, 2}

SELECT x.f, x.G.i FROM (SELECT s.* FROM t) AS x ORDER BY f;
--> f int	i int
--> NULL	NULL
--> 1	2

SELECT f + 1 AS y FROM (SELECT s.* FROM t) WHERE f IS NOT NULL;
--> y int
--> 2

SELECT q.h FROM (SELECT g.* FROM (SELECT s.* FROM t)) AS q WHERE q.h IS NOT NULL;
--> h string
--> deep

WITH w AS (SELECT s.*, a FROM t) SELECT * FROM w ORDER BY a;
--> f int	G struct<h:string,i:int>	a int
--> 1	{deep, 2}	1
--> NULL	NULL	2

SELECT struct(*) FROM u ORDER BY a;
--> struct(a, c) struct<a:int,c:int>
--> {1, 10}
--> {3, 30}

SELECT struct(t.*) AS r FROM t JOIN u USING (a);
--> r struct<a:int,B:string,s:struct<f:int,G:struct<h:string,i:int>>>
--> {1, x, {1, {deep, 2}}}

SELECT struct(*) AS r FROM t JOIN u USING (a);
--> r struct<a:int,B:string,s:struct<f:int,G:struct<h:string,i:int>>,c:int>
--> {1, x, {1, {deep, 2}}, 10}

SELECT to_json(struct(*)) AS j FROM u ORDER BY a;
--> j string
--> {"a":1,"c":10}
--> {"a":3,"c":30}

SELECT to_json(struct(a, *)) AS j FROM u ORDER BY a;
--> j string
--> {"a":1,"a":1,"c":10}
--> {"a":3,"a":3,"c":30}

SELECT array(*) AS xs FROM u ORDER BY a;
--> xs array<int>
--> [1, 10]
--> [3, 30]

SELECT greatest(*) AS g, least(*) AS l FROM u ORDER BY a;
--> g int	l int
--> 10	1
--> 30	3

SELECT coalesce(*) AS x FROM u ORDER BY a;
--> x int
--> 1
--> 3

SELECT concat_ws('-', *) AS x FROM (SELECT a, B FROM t) ORDER BY a;
--> x string
--> 1-x
--> 2

SELECT count(t.*) AS n FROM t;
--! INVALID_USAGE_OF_STAR_WITH_TABLE_IDENTIFIER_IN_COUNT 42000

SELECT count(u.*) AS n, count(*) AS m FROM u;
--! INVALID_USAGE_OF_STAR_WITH_TABLE_IDENTIFIER_IN_COUNT 42000

SELECT count(DISTINCT *) AS n FROM (SELECT a, B FROM t UNION ALL SELECT a, B FROM t);
--> n bigint
--> 1

SELECT a FROM u WHERE 30 IN (*);
--> a int
--> 3

SELECT a FROM u WHERE array_contains(array(*), 30);
--> a int
--> 3

SELECT *, * FROM u ORDER BY 1;
--> a int	c int	a int	c int
--> 1	10	1	10
--> 3	30	3	30

SELECT u.*, a + 1 AS b, * FROM u ORDER BY b;
--> a int	c int	b int	a int	c int
--> 1	10	2	1	10
--> 3	30	4	3	30

SELECT *, u.c FROM t JOIN u USING (a);
--> a int	B string	s struct<f:int,G:struct<h:string,i:int>>	c int	c int
--> 1	x	{1, {deep, 2}}	10	10

SELECT hash(*) = hash(a, c) AS same FROM u;
--> same boolean
--> true
--> true

SELECT max(struct(*)) AS m FROM u;
--> m struct<a:int,c:int>
--> {3, 30}

SELECT max(struct(c, a)) AS m FROM u;
--> m struct<c:int,a:int>
--> {30, 3}

SELECT max_by(struct(*), c) AS m FROM u;
--> m struct<a:int,c:int>
--> {3, 30}

SELECT nope.* FROM t;
--! CANNOT_RESOLVE_STAR_EXPAND 42704

SELECT a.* FROM t;
--! _LEGACY_ERROR_TEMP_1050

SELECT s.nope.* FROM t;
--! FIELD_NOT_FOUND 42704

SELECT s.f.* FROM t;
--! _LEGACY_ERROR_TEMP_1050

SELECT x.* FROM (SELECT explode(array(named_struct('k', 1, 'v', 'a'), named_struct('k', 2, 'v', 'b'))) AS x);
--> k int	v string
--> 1	a
--> 2	b

SELECT e.* FROM t LATERAL VIEW explode(array(s)) AS e WHERE a = 1;
--> f int	G struct<h:string,i:int>
--> 1	{deep, 2}

SELECT e.col.* FROM t LATERAL VIEW explode(array(s)) e AS col WHERE a = 1;
--> f int	G struct<h:string,i:int>
--> 1	{deep, 2}

SELECT s.f FROM t ORDER BY s.f;
--> f int
--> NULL
--> 1

SELECT s.f, count(*) AS n FROM t GROUP BY s.f ORDER BY s.f;
--> f int	n bigint
--> NULL	1
--> 1	1

SELECT x.f FROM (SELECT t.s.f FROM t) AS x ORDER BY x.f;
--> f int
--> NULL
--> 1

SELECT DISTINCT s.g.i FROM t ORDER BY i;
--> i int
--> NULL
--> 2

SELECT t.s.g.h, s.f FROM t WHERE s.g.i = 2;
--> h string	f int
--> deep	1

SELECT (SELECT max(s.f) FROM t) AS m;
--> m int
--> 1

SELECT IDENTIFIER('s.f') AS x FROM t WHERE IDENTIFIER('a') = 1;
--> x int
--> 1

SELECT IDENTIFIER('s').f AS x FROM t WHERE a = 1;
--> x int
--> 1

SELECT IDENTIFIER('coalesce')(IDENTIFIER('B'), 'none') AS x FROM t ORDER BY IDENTIFIER('a');
--> x string
--> x
--> none

SELECT IDENTIFIER('nope') FROM t;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703

SELECT IDENTIFIER('nope')(1);
--! UNRESOLVED_ROUTINE 42883

SELECT IDENTIFIER(a) FROM t;
--! NOT_A_CONSTANT_STRING.NOT_CONSTANT 42601

SELECT sum(u.a), max(u.a + u.c), upper(t.b) FROM t JOIN u ON t.a = u.a GROUP BY t.b;
--> sum(a) bigint	max((a + c)) int	upper(b) string
--> 1	11	X

SELECT x.`sum(a)` FROM (SELECT sum(u.a) FROM u) AS x;
--> sum(a) bigint
--> 4

SELECT count(1), count(*), count(2), count('x'), count(NULL) FROM u;
--> count(1) bigint	count(1) bigint	count(2) bigint	count(x) bigint	count(NULL) bigint
--> 2	2	2	2	0

SELECT a, count(*), count(1) OVER () FROM u GROUP BY a ORDER BY a;
--> a int	count(1) bigint	count(1) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) bigint
--> 1	1	2
--> 3	1	2

SELECT true = 'true' AS x, 'false' OR true AS y, NOT true = 'x' AS z;
--! CAST_INVALID_INPUT 22018

SELECT CASE WHEN 'true' THEN 1 END AS x;
--! DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09

SELECT 1 AS x, 2 AS y, 3 AS z UNION ALL SELECT NULL, NULL, NULL ORDER BY x;
--> x int	y int	z int
--> NULL	NULL	NULL
--> 1	2	3

SELECT a, c FROM u UNION ALL SELECT a, a FROM t WHERE a = 2 ORDER BY 1;
--> a int	c int
--> 1	10
--> 2	2
--> 3	30

SELECT 1, 1 UNION SELECT 1, 1 INTERSECT SELECT 1, 1;
--> 1 int	1 int
--> 1	1

SELECT * FROM (SELECT 1 AS a, 2 AS b UNION ALL (SELECT 3, 3 UNION ALL SELECT NULL, NULL)) ORDER BY a;
--> a int	b int
--> NULL	NULL
--> 1	2
--> 3	3

INSERT INTO u SELECT 5, 5 UNION ALL SELECT NULL, NULL;

SELECT * FROM u ORDER BY a;
--> a int	c int
--> NULL	NULL
--> 1	10
--> 3	30
--> 5	5

WITH w AS (SELECT a, u.* FROM u) SELECT count(*) AS n FROM w;
--> n bigint
--> 4

WITH w AS (SELECT t.B, u.* FROM t JOIN u ON t.a = u.a) SELECT w.a, w.b, c FROM w;
--> a int	b string	c int
--> 1	x	10

SELECT x.b2, x.a FROM (SELECT b AS b2, t.* FROM t) AS x ORDER BY a;
--> b2 string	a int
--> x	1
--> NULL	2

SELECT *, upper(b) AS b FROM (SELECT a, b FROM t) ORDER BY a;
--> a int	b string	b string
--> 1	x	X
--> 2	NULL	NULL

SELECT b, * EXCEPT (a, s) FROM t ORDER BY t.a;
--> b string	B string
--> x	x
--> NULL	NULL

SELECT a, * FROM u ORDER BY c DESC;
--> a int	a int	c int
--> 3	3	30
--> 1	1	10
--> 5	5	5
--> NULL	NULL	NULL

SELECT a, a, u.* EXCEPT (c), c FROM u ORDER BY c DESC;
--> a int	a int	a int	c int
--> 3	3	3	30
--> 1	1	1	10
--> 5	5	5	5
--> NULL	NULL	NULL	NULL

SELECT *, a + c AS d, row_number() OVER (ORDER BY c) AS n FROM u ORDER BY n;
--> a int	c int	d int	n int
--> NULL	NULL	NULL	1
--> 5	5	10	2
--> 1	10	11	3
--> 3	30	33	4

SELECT x.a FROM (SELECT a, * FROM u) AS x;
--> a int
--> 5
--> 1
--> 3
--> NULL

SELECT u.*, t.* FROM t JOIN u USING (a);
--> a int	c int	a int	B string	s struct<f:int,G:struct<h:string,i:int>>
--> 1	10	1	x	{1, {deep, 2}}

SELECT *, t.a AS ta, u.a AS ua FROM t JOIN u USING (a);
--> a int	B string	s struct<f:int,G:struct<h:string,i:int>>	c int	ta int	ua int
--> 1	x	{1, {deep, 2}}	10	1	1

-- A column that comes twice is one column still.
SELECT x.a FROM (SELECT a, * FROM VALUES (1, 'x') AS u(a, b)) AS x;
--> a int
--> 1

SELECT a FROM (SELECT *, a FROM VALUES (1, 'x') AS u(a, b)) AS x;
--> a int
--> 1

SELECT b FROM (SELECT *, upper(b) AS b FROM VALUES (1, 'x') AS u(a, b)) AS x;
--! AMBIGUOUS_REFERENCE 42704

SELECT *, upper(b) AS b FROM VALUES (1, 'x') AS u(a, b);
--> a int	b string	b string
--> 1	x	X

SELECT *, upper(b) AS B FROM VALUES (1, 'x') AS u(a, b);
--> a int	b string	B string
--> 1	x	X

SELECT *, upper(b) AS b, lower(b) AS c FROM VALUES (1, 'x') AS u(a, b) ORDER BY a;
--> a int	b string	b string	c string
--> 1	x	X	x

SELECT u.*, a + 1 AS a FROM VALUES (1, 'x') AS u(a, b);
--> a int	b string	a int
--> 1	x	2

SELECT x.a FROM (SELECT u.a, v.* FROM VALUES (1) AS u(a) JOIN VALUES (1) AS v(a) ON u.a = v.a) AS x;
--! AMBIGUOUS_REFERENCE 42704

SELECT x.a FROM (SELECT u.a, a AS a FROM VALUES (1) AS u(a)) AS x;
--! AMBIGUOUS_REFERENCE 42704

SELECT x.a FROM (SELECT a, u.a FROM VALUES (1) AS u(a) JOIN VALUES (1) AS v(a) USING (a)) AS x;
--> a int
--> 1
