-- Functions in FROM.
CREATE TABLE l AS SELECT * FROM VALUES (1, array(10, 20)), (2, array()), (3, NULL) AS t(id, xs);

SELECT * FROM range(3);
--> id bigint
--> 0
--> 1
--> 2
SELECT * FROM range(2, 5);
--> id bigint
--> 2
--> 3
--> 4
SELECT id FROM range(0, 10, 3);
--> id bigint
--> 0
--> 3
--> 6
--> 9
SELECT id FROM range(5, 0, -2);
--> id bigint
--> 5
--> 3
--> 1
SELECT sum(r.id) FROM range(100) AS r;
--> sum(id) bigint
--> 4950
SELECT r.n FROM range(2) AS r(n);
--> n bigint
--> 0
--> 1
SELECT * FROM range(0);
--> id bigint
SELECT * FROM range(1, 5, 0);
--! FAILED_FUNCTION_CALL 38000
SELECT * FROM explode(array(1, 2));
--> col int
--> 1
--> 2
SELECT * FROM explode(array(1, 2)) AS t(x);
--> x int
--> 1
--> 2
SELECT * FROM explode(map('a', 1, 'b', 2)) AS t(k, v);
--> k string	v int
--> a	1
--> b	2
SELECT * FROM explode_outer(CAST(NULL AS ARRAY<INT>)) AS t(x);
--> x int
--> NULL
SELECT * FROM posexplode(array('a', 'b'));
--> pos int	col string
--> 0	a
--> 1	b
SELECT * FROM posexplode_outer(array()) AS t(p, x);
--> p int	x void
--> NULL	NULL
SELECT * FROM inline(array(struct(1 AS a, 2 AS b)));
--> a int	b int
--> 1	2
SELECT * FROM stack(2, 1, 2, 3, 4) AS s(a, b);
--> a int	b int
--> 1	2
--> 3	4
SELECT * FROM json_tuple('{"a": 1}', 'a') AS j(a);
--> a string
--> 1
SELECT id, x FROM l, LATERAL explode(xs) AS e(x);
--> id int	x int
--> 1	10
--> 1	20
SELECT id, x FROM l JOIN LATERAL explode(xs) AS e(x);
--> id int	x int
--> 1	10
--> 1	20
SELECT id, x FROM l LEFT JOIN LATERAL explode(xs) AS e(x);
--> id int	x int
--> 1	10
--> 1	20
SELECT id, x FROM l CROSS JOIN LATERAL explode_outer(xs) AS e(x);
--> id int	x int
--> 1	10
--> 1	20
--> 2	NULL
--> 3	NULL
SELECT id, p, x FROM l, LATERAL posexplode(xs) AS e(p, x) WHERE x > 10;
--> id int	p int	x int
--> 1	1	20
SELECT id, col FROM l, LATERAL explode(array(id, id * 2));
--> id int	col int
--> 1	1
--> 1	2
--> 2	2
--> 2	4
--> 3	3
--> 3	6
SELECT a.id, b.id FROM range(2) a JOIN range(3) b ON a.id = b.id;
--> id bigint	id bigint
--> 0	0
--> 1	1
SELECT * FROM nope_function(1);
--! UNRESOLVABLE_TABLE_VALUED_FUNCTION 42883
SELECT l.id, e.x FROM l JOIN LATERAL explode(xs) AS e(x) ON x > 10;
--> id int	x int
--> 1	20
SELECT id, (SELECT sum(x) FROM explode(xs) AS e(x)) AS s FROM l;
--> id int	s bigint
--> 1	30
--> 2	NULL
--> 3	NULL
SELECT * FROM VALUES (1, 'a'), (2, NULL);
--> col1 int	col2 string
--> 1	a
--> 2	NULL
SELECT * FROM VALUES (1, 'a'), (2, NULL) AS t(n, s);
--> n int	s string
--> 1	a
--> 2	NULL
SELECT * FROM (VALUES (1, 2.5), (3L, 4)) AS t(n, s);
--> n bigint	s decimal(11,1)
--> 1	2.5
--> 3	4.0
SELECT * FROM VALUES 1, 2 AS t(n);
--> n int
--> 1
--> 2
VALUES (1, 'x'), (2, 'y');
--> col1 int	col2 string
--> 1	x
--> 2	y
VALUES 1, 2;
--> col1 int
--> 1
--> 2
SELECT * FROM VALUES (1, 2), (3);
--! INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH 42000
SELECT count(*) FROM VALUES (DATE'2024-01-01'), (NULL) AS t(d) WHERE d IS NULL;
--> count(1) bigint
--> 1
SELECT * FROM VALUES (array(1), map('a', 1), named_struct('x', 1)) AS t(a, m, s);
--> a array<int>	m map<string,int>	s struct<x:int>
--> [1]	{a -> 1}	{1}

-- calls without aliases, side by side
SELECT count(*) AS n FROM range(2) CROSS JOIN range(3);
--> n bigint
--> 6
SELECT * FROM range(2), range(1);
--> id bigint	id bigint
--> 0	0
--> 1	0
SELECT 1 FROM range(1) CROSS JOIN range(1) CROSS JOIN range(1);
--> 1 int
--> 1
SELECT id FROM range(2), range(1);
--! AMBIGUOUS_REFERENCE 42704
