-- Order, limits.
CREATE TABLE t AS SELECT * FROM VALUES (1, 'b', 1.5), (2, NULL, NULL), (3, 'a', -1.0), (4, 'B', 2.0) AS v(i, s, d);

SELECT s FROM t ORDER BY s;
--> s string
--> NULL
--> B
--> a
--> b
SELECT s FROM t ORDER BY s DESC;
--> s string
--> b
--> a
--> B
--> NULL
SELECT s FROM t ORDER BY s NULLS LAST;
--> s string
--> B
--> a
--> b
--> NULL
SELECT s FROM t ORDER BY s DESC NULLS FIRST;
--> s string
--> NULL
--> b
--> a
--> B
SELECT s, i FROM t ORDER BY ALL;
--> s string	i int
--> NULL	2
--> B	4
--> a	3
--> b	1
SELECT s, i FROM t ORDER BY ALL DESC;
--> s string	i int
--> b	1
--> a	3
--> B	4
--> NULL	2
SELECT s, i + 1 FROM t ORDER BY ALL DESC NULLS FIRST;
--> s string	(i + 1) int
--> NULL	3
--> b	2
--> a	4
--> B	5
SELECT i, s FROM t ORDER BY 2, 1;
--> i int	s string
--> 2	NULL
--> 4	B
--> 3	a
--> 1	b
SELECT i AS k FROM t ORDER BY k DESC;
--> k int
--> 4
--> 3
--> 2
--> 1
SELECT i FROM t ORDER BY d;
--> i int
--> 2
--> 3
--> 1
--> 4
SELECT i FROM t ORDER BY d * -1 NULLS LAST;
--> i int
--> 4
--> 1
--> 3
--> 2
SELECT i AS d FROM t ORDER BY d;
--> d int
--> 1
--> 2
--> 3
--> 4
SELECT -i AS i FROM t ORDER BY i;
--> i int
--> -4
--> -3
--> -2
--> -1
SELECT i FROM t ORDER BY 3;
--! ORDER_BY_POS_OUT_OF_RANGE 42805
SELECT i FROM t ORDER BY nope;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT i FROM t ORDER BY i LIMIT 2;
--> i int
--> 1
--> 2
SELECT i FROM t ORDER BY i LIMIT 1 + 1 OFFSET 1;
--> i int
--> 2
--> 3
SELECT i FROM t ORDER BY i OFFSET 2;
--> i int
--> 3
--> 4
SELECT i FROM t ORDER BY i LIMIT ALL;
--> i int
--> 1
--> 2
--> 3
--> 4
SELECT i FROM t ORDER BY i LIMIT 0;
--> i int
SELECT i FROM t ORDER BY i LIMIT -1;
--! INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE 42K0E
SELECT i FROM t ORDER BY i LIMIT 'x';
--! INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE 42K0E
SELECT i FROM t ORDER BY i LIMIT CAST(2 AS BIGINT);
--! INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE 42K0E
SELECT i FROM t LIMIT i;
--! INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE 42K0E
SELECT i FROM t SORT BY i DESC;
--> i int
--> 4
--> 3
--> 2
--> 1
SELECT i FROM t DISTRIBUTE BY i;
--> i int
--> 1
--> 2
--> 3
--> 4
SELECT i FROM t CLUSTER BY i;
--> i int
--> 1
--> 2
--> 3
--> 4
SELECT i FROM t DISTRIBUTE BY s SORT BY i DESC;
--> i int
--> 4
--> 3
--> 2
--> 1
SELECT s, count(*) AS n FROM t GROUP BY s ORDER BY count(*) DESC, s;
--> s string	n bigint
--> NULL	1
--> B	1
--> a	1
--> b	1
SELECT s FROM t GROUP BY s ORDER BY max(i) DESC;
--> s string
--> B
--> a
--> NULL
--> b
SELECT DISTINCT s FROM t ORDER BY i;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT DISTINCT s AS x FROM t ORDER BY x;
--> x string
--> NULL
--> B
--> a
--> b
SELECT x FROM (SELECT s AS x FROM t ORDER BY i LIMIT 2) ORDER BY x;
--> x string
--> NULL
--> b
SELECT i FROM t ORDER BY CASE WHEN s IS NULL THEN 0 ELSE 1 END, s DESC;
--> i int
--> 2
--> 1
--> 3
--> 4
SELECT CAST(x AS STRING) FROM VALUES (double('NaN')), (double('inf')), (NULL), (-0.0D), (0.0D) AS v(x) ORDER BY x DESC;
--> x string
--> NaN
--> Infinity
--> 0.0
--> -0.0
--> NULL
SELECT b FROM VALUES (true), (NULL), (false) AS v(b) ORDER BY b;
--> b boolean
--> NULL
--> false
--> true
SELECT x FROM VALUES (array(2)), (array(1, 5)), (NULL), (array()) AS v(x) ORDER BY x;
--> x array<int>
--> NULL
--> []
--> [1, 5]
--> [2]
SELECT i, s FROM t ORDER BY t.i DESC, t.s;
--> i int	s string
--> 4	B
--> 3	a
--> 2	NULL
--> 1	b
SELECT i FROM t ORDER BY lower(s), s;
--> i int
--> 2
--> 3
--> 4
--> 1
SELECT 1 AS one ORDER BY one;
--> one int
--> 1
SELECT i % 2 AS g, max(d) FROM t GROUP BY i % 2 ORDER BY i % 2;
--> g int	max(d) decimal(2,1)
--> 0	2.0
--> 1	1.5
