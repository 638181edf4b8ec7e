-- LATERAL VIEW and generators in a select list.
CREATE TABLE l AS SELECT * FROM VALUES (1, array('a', 'b'), map('k', 1, 'm', 2)), (2, array(), map()), (3, NULL, NULL), (4, array(NULL), map('z', NULL)) AS t(id, xs, m);

SELECT id, x FROM l LATERAL VIEW explode(xs) e AS x;
--> id int	x string
--> 1	a
--> 1	b
--> 4	NULL
SELECT id, x FROM l LATERAL VIEW OUTER explode(xs) e AS x;
--> id int	x string
--> 1	a
--> 1	b
--> 2	NULL
--> 3	NULL
--> 4	NULL
SELECT id, e.* FROM l LATERAL VIEW posexplode(xs) e AS p, x;
--> id int	p int	x string
--> 1	0	a
--> 1	1	b
--> 4	0	NULL
SELECT id, e.* FROM l LATERAL VIEW OUTER posexplode(xs) e AS p, x;
--> id int	p int	x string
--> 1	0	a
--> 1	1	b
--> 2	NULL	NULL
--> 3	NULL	NULL
--> 4	0	NULL
SELECT id, k, v FROM l LATERAL VIEW explode(m) e AS k, v;
--> id int	k string	v int
--> 1	k	1
--> 1	m	2
--> 4	z	NULL
SELECT id, e.* FROM l LATERAL VIEW OUTER explode(m) e;
--> id int	key string	value int
--> 1	k	1
--> 1	m	2
--> 2	NULL	NULL
--> 3	NULL	NULL
--> 4	z	NULL
SELECT id, col FROM l LATERAL VIEW explode(xs);
--! PARSE_SYNTAX_ERROR 42601
SELECT id, pos, col FROM l LATERAL VIEW posexplode(xs) e;
--> id int	pos int	col string
--> 1	0	a
--> 1	1	b
--> 4	0	NULL
SELECT id, x, k FROM l LATERAL VIEW explode(xs) e AS x LATERAL VIEW explode(m) f AS k, v;
--> id int	x string	k string
--> 1	a	k
--> 1	a	m
--> 1	b	k
--> 1	b	m
--> 4	NULL	z
SELECT y, z FROM (SELECT 1) LATERAL VIEW explode(array(array(1, 2), array(3))) e AS y LATERAL VIEW explode(y) f AS z;
--> y array<int>	z int
--> [1, 2]	1
--> [1, 2]	2
--> [3]	3
SELECT id, x FROM l LATERAL VIEW explode(xs) e AS x WHERE x = 'a' AND id = 1;
--> id int	x string
--> 1	a
SELECT x, count(*) AS n FROM l LATERAL VIEW explode(xs) e AS x GROUP BY x ORDER BY n DESC, x;
--> x string	n bigint
--> NULL	1
--> a	1
--> b	1
SELECT * FROM l LATERAL VIEW explode(xs) e AS x WHERE id < 2;
--> id int	xs array<string>	m map<string,int>	x string
--> 1	[a, b]	{k -> 1, m -> 2}	a
--> 1	[a, b]	{k -> 1, m -> 2}	b
SELECT id, a, b FROM l LATERAL VIEW inline(array(struct(1, 'p'), struct(2, 'q'))) i AS a, b WHERE id = 2;
--> id int	a int	b string
--> 2	1	p
--> 2	2	q
SELECT id, a, b FROM l LATERAL VIEW stack(2, id, 'x', id * 10, 'y') s AS a, b WHERE id > 2;
--> id int	a int	b string
--> 3	3	x
--> 3	30	y
--> 4	4	x
--> 4	40	y
SELECT c0, c1 FROM (SELECT '{"a": 1, "b": "t"}' AS j) LATERAL VIEW json_tuple(j, 'a', 'nope') t AS c0, c1;
--> c0 string	c1 string
--> 1	NULL
SELECT explode(xs) FROM l;
--> col string
--> a
--> b
--> NULL
SELECT id, explode(xs) AS x FROM l ORDER BY id, x;
--> id int	x string
--> 1	a
--> 1	b
--> 4	NULL
SELECT id, explode_outer(xs) AS x FROM l ORDER BY id, x;
--> id int	x string
--> 1	a
--> 1	b
--> 2	NULL
--> 3	NULL
--> 4	NULL
SELECT id, posexplode(xs) FROM l;
--> id int	pos int	col string
--> 1	0	a
--> 1	1	b
--> 4	0	NULL
SELECT id, posexplode(xs) AS (p, x) FROM l;
--> id int	p int	x string
--> 1	0	a
--> 1	1	b
--> 4	0	NULL
SELECT id, posexplode_outer(xs) AS (p, x) FROM l;
--> id int	p int	x string
--> 1	0	a
--> 1	1	b
--> 2	NULL	NULL
--> 3	NULL	NULL
--> 4	0	NULL
SELECT explode(m) FROM l;
--> key string	value int
--> k	1
--> m	2
--> z	NULL
SELECT id, explode(m) AS (kk, vv) FROM l;
--> id int	kk string	vv int
--> 1	k	1
--> 1	m	2
--> 4	z	NULL
SELECT explode_outer(m) AS (kk, vv), id FROM l;
--> kk string	vv int	id int
--> k	1	1
--> m	2	1
--> NULL	NULL	2
--> NULL	NULL	3
--> z	NULL	4
SELECT inline(array(named_struct("a", 1, "b", "x"), named_struct("a", 2, "b", "y")));
--> a int	b string
--> 1	x
--> 2	y
SELECT inline_outer(CAST(NULL AS ARRAY<STRUCT<a: INT, b: STRING>>));
--> a int	b string
--> NULL	NULL
SELECT stack(2, 1, 'a', 2, 'b');
--> col0 int	col1 string
--> 1	a
--> 2	b
SELECT stack(2, 1, 2, 3);
--> col0 int	col1 int
--> 1	2
--> 3	NULL
SELECT stack(2, 1, 2, 3) AS (p, q), 'z' AS z;
--> p int	q int	z string
--> 1	2	z
--> 3	NULL	z
SELECT json_tuple('{"a": 1, "b": [1, 2]}', 'a', 'b', 'c');
--> c0 string	c1 string	c2 string
--> 1	[1,2]	NULL
SELECT explode(array(1, 2)), explode(array(3));
--> col int	col int
--> 1	3
--> 2	3
SELECT explode(collect_list(id)) AS i FROM l;
--> i int
--> 1
--> 2
--> 3
--> 4
SELECT id % 2 AS o, explode(collect_list(id)) AS i FROM l GROUP BY id % 2 ORDER BY o, i;
--> o int	i int
--> 0	2
--> 0	4
--> 1	1
--> 1	3
SELECT explode(1);
--! DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE 42K09
SELECT id FROM l WHERE explode(xs) = 'a';
--! UNSUPPORTED_GENERATOR.OUTSIDE_SELECT 42K0E
SELECT explode(array()) ;
--> col void
SELECT *, explode(xs) AS x FROM l WHERE id = 1;
--> id int	xs array<string>	m map<string,int>	x string
--> 1	[a, b]	{k -> 1, m -> 2}	a
--> 1	[a, b]	{k -> 1, m -> 2}	b
SELECT explode(split('a,b,,c', ',')) AS w;
--> w string
--> a
--> b
--> 
--> c
SELECT explode(sequence(1, 3)) AS n, 'c' AS c;
--> n int	c string
--> 1	c
--> 2	c
--> 3	c
SELECT upper(explode(xs)) FROM l;
--! UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS 42K0E
SELECT DISTINCT explode(array(1, 1, 2)) AS d ORDER BY d;
--> d int
--> 1
--> 2
SELECT explode(array(3, 1, 2)) AS d LIMIT 2;
--> d int
--> 3
--> 1
