-- Names of columns without an alias, resolution and its errors.
CREATE TABLE t AS SELECT * FROM VALUES (1, 'x', named_struct('f', 1, 'g', named_struct('h', 'deep')), array(1, 2), map('k', 5)) AS v(a, b, s, xs, m);
CREATE TABLE u AS SELECT 1 AS a, 2 AS c;

SELECT 1, 'text', NULL, true, 1.5, 1L, -1, DATE'2024-01-01', 1e3;
--> 1 int	text string	NULL void	true boolean	1.5 decimal(2,1)	1 bigint	-1 int	DATE '2024-01-01' date	1000.0 double
--> 1	text	NULL	true	1.5	1	-1	2024-01-01	1000.0
SELECT a + 1, a * 2 - 1, -a, a / 2, a % 2, NOT true, a = 1, a <> 1, a != 1, a < 2 AND b = 'x', a >= 1 OR false FROM t;
--> (a + 1) int	((a * 2) - 1) int	(- a) int	(a / 2) double	(a % 2) int	(NOT true) boolean	(a = 1) boolean	(NOT (a = 1)) boolean	(NOT (a = 1)) boolean	((a < 2) AND (b = x)) boolean	((a >= 1) OR false) boolean
--> 2	1	-1	0.5	1	false	true	false	false	true	true
SELECT count(1), count(*), count(a), sum(a), count(DISTINCT a, b), max(a + 1) FROM t;
--> count(1) bigint	count(1) bigint	count(a) bigint	sum(a) bigint	count(DISTINCT a, b) bigint	max((a + 1)) int
--> 1	1	1	1	1	2
SELECT sum(a) FILTER (WHERE a > 0) FROM t;
--> sum(a) FILTER (WHERE (a > 0)) bigint
--> 1
SELECT upper(b), concat(b, 'y'), b || 'y', coalesce(a, 0), length(b) FROM t;
--> upper(b) string	concat(b, y) string	concat(b, y) string	coalesce(a, 0) int	length(b) int
--> X	xy	xy	1	1
SELECT CAST(a AS STRING), a::bigint, CAST(a AS DECIMAL(10, 2)), try_cast(b AS INT) FROM t;
--> a string	a bigint	a decimal(10,2)	b int
--> 1	1	1.00	NULL
SELECT CASE WHEN a = 1 THEN 'one' ELSE 'many' END, CASE a WHEN 1 THEN 2 END, if(a = 1, 2, 3) FROM t;
--> CASE WHEN (a = 1) THEN one ELSE many END string	CASE WHEN (a = 1) THEN 2 END int	(IF((a = 1), 2, 3)) int
--> one	2	2
SELECT a IS NULL, b IS NOT NULL, a IN (1, 2), a NOT IN (3), a BETWEEN 1 AND 2, b LIKE 'x%', b NOT LIKE 'y', b RLIKE 'x', a <=> 1 FROM t;
--> (a IS NULL) boolean	(b IS NOT NULL) boolean	(a IN (1, 2)) boolean	(NOT (a IN (3))) boolean	between(a, 1, 2) boolean	b LIKE x% boolean	(NOT b LIKE y) boolean	RLIKE(b, x) boolean	(a <=> 1) boolean
--> false	true	true	true	true	true	true	true	true
SELECT t.a, s.f, s.g.h, xs[0], m['k'], t.s.f FROM t;
--> a int	f int	h string	xs[0] int	m[k] int	f int
--> 1	1	deep	1	5	1
SELECT s.*, t.b FROM t;
--> f int	g struct<h:string>	b string
--> 1	{deep}	x
SELECT s.g.* FROM t;
--> h string
--> deep
SELECT * EXCEPT (s, xs, m) FROM t;
--> a int	b string
--> 1	x
SELECT t.* EXCEPT (s, xs, m, b) FROM t;
--> a int
--> 1
SELECT * EXCEPT (nope) FROM t;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT sum(a) OVER (PARTITION BY b ORDER BY a) FROM t;
--> sum(a) OVER (PARTITION BY b ORDER BY a ASC NULLS FIRST RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) bigint
--> 1
SELECT row_number() OVER (ORDER BY a DESC) FROM t;
--> row_number() OVER (ORDER BY a DESC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) int
--> 1
SELECT (SELECT 1), (SELECT max(a) FROM t), EXISTS (SELECT 1 FROM t);
--> scalarsubquery() int	scalarsubquery() int	exists() boolean
--> 1	1	true
SELECT array(1, 2), map('a', 1), struct(a, b), named_struct('x', 1) FROM t;
--> array(1, 2) array<int>	map(a, 1) map<string,int>	struct(a, b) struct<a:int,b:string>	named_struct(x, 1) struct<x:int>
--> [1, 2]	{a -> 1}	{1, x}	{1}
SELECT transform(xs, x -> x + 1), filter(xs, x -> x > 1) FROM t;
--> transform(xs, lambdafunction((namedlambdavariable() + 1), namedlambdavariable())) array<int>	filter(xs, lambdafunction((namedlambdavariable() > 1), namedlambdavariable())) array<int>
--> [2, 3]	[2]
SELECT current_catalog() IS NOT NULL AS ok;
--> ok boolean
--> true
SELECT extract(YEAR FROM DATE'2024-05-06'), date_add(DATE'2024-01-01', 1);
--> extract(YEAR FROM DATE '2024-05-06') int	date_add(DATE '2024-01-01', 1) date
--> 2024	2024-01-02
SELECT a AS `Größe`, `b` AS `b c`, A AS Aa FROM t;
--> Größe int	b c string	Aa int
--> 1	x	1
SELECT `Größe` FROM (SELECT 1 AS `größe`);
--> Größe int
--> 1
SELECT A, T.B FROM T;
--> A int	B string
--> 1	x
SELECT nope FROM t;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT t.nope FROM t;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT x.a FROM t;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT a FROM t, u;
--! AMBIGUOUS_REFERENCE 42704
SELECT t.a, u.a FROM t, u;
--> a int	a int
--> 1	1
SELECT * FROM (SELECT 1 AS x, 2 AS x);
--> x int	x int
--> 1	2
SELECT x FROM (SELECT 1 AS x, 2 AS x);
--! AMBIGUOUS_REFERENCE 42704
SELECT s.nope FROM t;
--! FIELD_NOT_FOUND 42704
SELECT a.b FROM t;
--! INVALID_EXTRACT_BASE_FIELD_TYPE 42000
SELECT a AS x, x AS y, y + 1 AS z FROM t;
--> x int	y int	z int
--> 1	1	2
SELECT a AS b, b FROM t;
--> b int	b string
--> 1	x
SELECT a + 1 AS a, a FROM t;
--> a int	a int
--> 2	1
SELECT 1 AS x, x + 1 AS x, x FROM t;
--! AMBIGUOUS_LATERAL_COLUMN_ALIAS 42702
SELECT a AS x FROM t WHERE x = 1;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT *, a + 1 AS n FROM u;
--> a int	c int	n int
--> 1	2	2
SELECT u.*, * FROM u;
--> a int	c int	a int	c int
--> 1	2	1	2
SELECT 1 AS `a.b`, `a.b` + 1;
--> a.b int	(lateralAliasReference(a.b) + 1) int
--> 1	2
SELECT nofunc(a) FROM t;
--! UNRESOLVED_ROUTINE 42883
SELECT upper(a, b) FROM t;
--! WRONG_NUM_ARGS.WITHOUT_SUGGESTION 42605
SELECT v.n FROM VALUES (1) AS v(n);
--> n int
--> 1
SELECT n FROM VALUES (1, 2) AS v(n);
--! INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH 42000
SELECT ~a, a & 1, a | 2, a ^ 3, a << 1, a >> 1 FROM t;
--> ~a int	(a & 1) int	(a | 2) int	(a ^ 3) int	(a << 1) int	(a >> 1) int
--> -2	1	3	2	2	0
SELECT a, b AS a FROM t;
--> a int	a string
--> 1	x
SELECT a alias_without_as, b `quoted` FROM t;
--> alias_without_as int	quoted string
--> 1	x
SELECT interval 1 day, date'2024-01-01' + interval 1 month;
--> INTERVAL '1' DAY interval day	DATE '2024-01-01' + INTERVAL '1' MONTH date
--> INTERVAL '1' DAY	2024-02-01
SELECT xs[0] + 1, m['k'] * 2, s.g.h || '!' FROM t;
--> (xs[0] + 1) int	(m[k] * 2) int	concat(s.g.h, !) string
--> 2	10	deep!
SELECT "double quoted", 'it''s', 'a\tb';
--> double quoted string	it's string	a\tb string
--> double quoted	it's	a\tb
SELECT cast(1 as int) as x, (a), ((a + 1)) from t;
--> x int	a int	(a + 1) int
--> 1	1	2
SELECT max(a) AS m, m + 1 FROM t;
--! DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES 42K09
SELECT count(*) + 1, sum(a) / count(*) FROM t;
--> (count(1) + 1) bigint	(sum(a) / count(1)) double
--> 2	1.0
SELECT a div 2, a DIV 0 IS NULL FROM u WHERE false;
--> (a div 2) bigint	((a div 0) IS NULL) boolean
SELECT c FROM u WHERE C = 2 AND U.a = 1;
--> c int
--> 2
