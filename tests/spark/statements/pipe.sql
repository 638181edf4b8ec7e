-- Pipes.
CREATE TABLE p AS SELECT * FROM VALUES (1, 'a', 10), (2, 'a', 20), (3, 'b', NULL), (4, NULL, 5) AS t(id, k, v);
CREATE TABLE r AS SELECT * FROM VALUES ('a', 'apple'), ('c', 'cherry') AS t(k, name);

FROM p;
--> id int	k string	v int
--> 1	a	10
--> 2	a	20
--> 3	b	NULL
--> 4	NULL	5
FROM p |> WHERE v > 5;
--> id int	k string	v int
--> 1	a	10
--> 2	a	20
FROM p |> SELECT id, v * 2 AS d |> WHERE d > 20;
--> id int	d int
--> 2	40
FROM p |> EXTEND v + 1 AS w, id * 10 AS t |> WHERE w > 10;
--> id int	k string	v int	w int	t int
--> 1	a	10	11	10
--> 2	a	20	21	20
FROM p |> EXTEND v + 1 AS w |> EXTEND w + 1 AS x;
--> id int	k string	v int	w int	x int
--> 1	a	10	11	12
--> 2	a	20	21	22
--> 3	b	NULL	NULL	NULL
--> 4	NULL	5	6	7
FROM p |> SET v = v + 1;
--> id int	k string	v int
--> 1	a	11
--> 2	a	21
--> 3	b	NULL
--> 4	NULL	6
FROM p |> SET v = id, k = 'z';
--> id int	k string	v int
--> 1	z	1
--> 2	z	2
--> 3	z	3
--> 4	z	4
FROM p |> DROP k;
--> id int	v int
--> 1	10
--> 2	20
--> 3	NULL
--> 4	5
FROM p |> DROP k, v |> AS q |> SELECT q.id;
--> id int
--> 1
--> 2
--> 3
--> 4
FROM p |> AGGREGATE sum(v) AS s, count(*) AS n;
--> s bigint	n bigint
--> 35	4
FROM p |> AGGREGATE sum(v) AS s GROUP BY k;
--> k string	s bigint
--> a	30
--> b	NULL
--> NULL	5
FROM p |> AGGREGATE sum(v) AS s GROUP BY k |> WHERE s > 5 |> ORDER BY s DESC;
--> k string	s bigint
--> a	30
FROM p |> AGGREGATE count(*) GROUP BY k, v > 5 AS big;
--> k string	big boolean	count(1) bigint
--> a	true	2
--> b	NULL	1
--> NULL	false	1
FROM p |> AGGREGATE GROUP BY k;
--> k string
--> a
--> b
--> NULL
FROM p |> JOIN r ON p.k = r.k |> SELECT p.id, r.name;
--> id int	name string
--> 1	apple
--> 2	apple
FROM p |> LEFT JOIN r USING (k) |> SELECT id, name;
--> id int	name string
--> 1	apple
--> 2	apple
--> 3	NULL
--> 4	NULL
FROM p |> AS a |> JOIN r AS b ON a.k = b.k |> SELECT a.id, b.name |> ORDER BY id DESC;
--> id int	name string
--> 2	apple
--> 1	apple
FROM p |> ORDER BY v DESC NULLS LAST |> LIMIT 2;
--> id int	k string	v int
--> 2	a	20
--> 1	a	10
FROM p |> ORDER BY id |> LIMIT 2 OFFSET 1;
--> id int	k string	v int
--> 2	a	20
--> 3	b	NULL
FROM p |> SELECT id |> UNION ALL VALUES (9);
--> id int
--> 1
--> 2
--> 3
--> 4
--> 9
FROM p |> SELECT k |> UNION SELECT k FROM r;
--> k string
--> a
--> b
--> c
--> NULL
FROM p |> SELECT k |> INTERSECT SELECT k FROM r;
--> k string
--> a
FROM p |> SELECT k |> EXCEPT SELECT k FROM r;
--> k string
--> b
--> NULL
SELECT * FROM p |> WHERE id = 1 |> SELECT id;
--> id int
--> 1
FROM p |> SELECT k, v |> PIVOT (sum(v) FOR k IN ('a', 'b'));
--> a bigint	b bigint
--> 30	NULL
FROM p |> SELECT id, v AS v1, id AS v2 |> UNPIVOT (x FOR n IN (v1, v2));
--> id int	n string	x int
--> 1	v1	10
--> 1	v2	1
--> 2	v1	20
--> 2	v2	2
--> 3	v2	3
--> 4	v1	5
--> 4	v2	4
FROM p |> WHERE v > 5 |> WHERE id < 2;
--> id int	k string	v int
--> 1	a	10
FROM p |> SELECT sum(v) OVER (ORDER BY id) AS s, id;
--> s bigint	id int
--> 10	1
--> 30	2
--> 30	3
--> 35	4
FROM p |> EXTEND row_number() OVER (ORDER BY id DESC) AS rn |> WHERE rn = 1;
--> id int	k string	v int	rn int
--> 4	NULL	5	1
FROM p |> SELECT sum(v);
--> sum(v) bigint
--> 35
FROM p |> WHERE sum(v) > 1;
--! INVALID_WHERE_CONDITION 42903
FROM p |> SELECT id |> WHERE v > 1;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
FROM p |> SET nope = 1;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
FROM p |> DROP nope;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
FROM p |> AGGREGATE id;
--! PIPE_OPERATOR_AGGREGATE_EXPRESSION_CONTAINS_NO_AGGREGATE_FUNCTION 0A000
FROM p SELECT id, v;
--> id int	v int
--> 1	10
--> 2	20
--> 3	NULL
--> 4	5
FROM p |> TABLESAMPLE (100 PERCENT) |> AGGREGATE count(*) AS n;
--> n bigint
--> 4
WITH c AS (SELECT 1 AS a UNION ALL SELECT 2) FROM c |> WHERE a > 1;
--> a int
--> 2
VALUES (1), (2) AS t(a) |> WHERE a = 1;
--> a int
--> 1
TABLE p |> SELECT id |> LIMIT 1;
--> id int
--> 1
FROM p |> EXTEND explode(array(1, 2)) AS e |> WHERE id = 1;
--> id int	k string	v int	e int
--> 1	a	10	1
--> 1	a	10	2
FROM p |> LATERAL VIEW explode(array(1, 2)) t AS e |> WHERE id = 1;
--! PARSE_SYNTAX_ERROR 42601
SELECT (FROM p |> AGGREGATE max(v)) AS m;
--> m int
--> 20
