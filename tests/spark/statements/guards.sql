-- What may fail stands behind what guards it.

-- AND and OR look at their sides row by row, from left to right
SELECT a, a <> 0 AND 10 / a > 3 AS x, a = 0 OR 10 / a > 3 AS y, NOT (a <> 0 AND 10 / a > 3) AS z, CASE WHEN a <> 0 AND 10 / a > 3 THEN 'big' ELSE 'small' END AS c FROM VALUES (0), (2), (5), (NULL) AS v(a) ORDER BY a;
--> a int	x boolean	y boolean	z boolean	c string
--> NULL	NULL	NULL	NULL	small
--> 0	false	true	true	small
--> 2	true	true	false	big
--> 5	false	false	true	small
SELECT a FROM VALUES (0), (2), (5), (NULL) AS v(a) WHERE a = 0 OR 10 / a > 3 ORDER BY a;
--> a int
--> 0
--> 2
SELECT a FROM VALUES (0), (2), (5), (NULL) AS v(a) WHERE NOT (a <> 0 AND 10 / a > 3) ORDER BY a;
--> a int
--> 0
--> 5
SELECT a FROM VALUES (0), (2), (5), (NULL) AS v(a) WHERE (a = 0 OR 10 / a > 3) AND (a <> 0 OR 1 / (a + 1) = 1) ORDER BY a;
--> a int
--> 0
--> 2
SELECT count_if(s RLIKE '^[0-9]+$' AND CAST(s AS INT) > 3) AS n, sum(CASE WHEN s NOT RLIKE '^[0-9]+$' OR s = '' THEN 0 ELSE CAST(s AS INT) END) AS t FROM VALUES ('x'), ('4'), (NULL), ('') AS v(s);
--> n bigint	t bigint
--> 1	4
SELECT a FROM VALUES (0), (2) AS v(a) WHERE 10 / a > 3 AND a <> 0;
--! DIVIDE_BY_ZERO 22012
SELECT a, a <> 0 AND (1 / a > 0.3 OR 1 / (a - 2) > 0) AND 1 / a < 3 AS x FROM VALUES (0), (3), (5), (NULL) AS v(a) ORDER BY a;
--> a int	x boolean
--> NULL	NULL
--> 0	false
--> 3	true
--> 5	true
SELECT NULL AND 1 / a > 0 AS x, a > 0 AND NULL AS y, NULL OR 1 / a > 0 AS z FROM VALUES (1), (-1) AS v(a) ORDER BY a;
--> x boolean	y boolean	z boolean
--> false	false	NULL
--> NULL	NULL	true
SELECT CAST(NULL AS BOOLEAN) AND 1 / a > 0 AS x FROM VALUES (0) AS v(a);
--! DIVIDE_BY_ZERO 22012
SELECT coalesce(a, 1 / (a - a)) AS x, if(a = 0, 0, 1 / a) AS y, nvl(a, 1 / 0) AS z FROM VALUES (0), (2) AS v(a) ORDER BY a;
--> x double	y double	z double
--> 0.0	0.0	0.0
--> 2.0	0.5	2.0
SELECT g, sum(a) AS s FROM VALUES ('p', 0), ('p', 2), ('q', 0) AS v(g, a) GROUP BY g HAVING sum(a) <> 0 AND 10 / sum(a) > 3;
--> g string	s bigint
--> p	2
SELECT l.a, r.b FROM VALUES (0), (2) AS l(a) JOIN VALUES (1), (5) AS r(b) ON l.a <> 0 AND r.b / l.a > 1 ORDER BY 1;
--> a int	b int
--> 2	5
SELECT arr[0] > 0 AND size(arr) > 1 AND arr[1] > 0 AS x FROM VALUES (array(1)), (array(1, 2)) AS v(arr) ORDER BY 1;
--> x boolean
--> false
--> true
