-- Joins of every kind: rows without a partner, NULL keys, duplicates.
CREATE TABLE a AS SELECT * FROM VALUES (1, 'x'), (2, 'y'), (2, 'z'), (NULL, 'n') AS t(id, v);
CREATE TABLE b AS SELECT * FROM VALUES (2, 20), (2, 21), (3, 30), (NULL, 0) AS t(id, w);
CREATE TABLE empty AS SELECT * FROM a WHERE false;

SELECT * FROM a JOIN b ON a.id = b.id;
--> id int	v string	id int	w int
--> 2	z	2	20
--> 2	y	2	20
--> 2	z	2	21
--> 2	y	2	21
SELECT a.id, v, w FROM a LEFT JOIN b ON a.id = b.id;
--> id int	v string	w int
--> 1	x	NULL
--> 2	y	21
--> 2	y	20
--> 2	z	21
--> 2	z	20
--> NULL	n	NULL
SELECT a.*, b.* FROM a RIGHT OUTER JOIN b ON a.id = b.id;
--> id int	v string	id int	w int
--> 2	z	2	20
--> 2	y	2	20
--> 2	z	2	21
--> 2	y	2	21
--> NULL	NULL	3	30
--> NULL	NULL	NULL	0
SELECT a.id, b.id, v, w FROM a FULL OUTER JOIN b ON a.id = b.id;
--> id int	id int	v string	w int
--> NULL	NULL	n	NULL
--> NULL	NULL	NULL	0
--> 1	NULL	x	NULL
--> 2	2	y	21
--> 2	2	y	20
--> 2	2	z	21
--> 2	2	z	20
--> NULL	3	NULL	30
SELECT count(*) FROM a CROSS JOIN b;
--> count(1) bigint
--> 16
SELECT count(*) FROM a, b;
--> count(1) bigint
--> 16
SELECT * FROM a LEFT SEMI JOIN b ON a.id = b.id;
--> id int	v string
--> 2	y
--> 2	z
SELECT * FROM a SEMI JOIN b USING (id);
--> id int	v string
--> 2	y
--> 2	z
SELECT * FROM a LEFT ANTI JOIN b ON a.id = b.id;
--> id int	v string
--> 1	x
--> NULL	n
SELECT * FROM a ANTI JOIN b ON a.id = b.id AND w > 20;
--> id int	v string
--> 1	x
--> NULL	n
SELECT * FROM a JOIN b USING (id);
--> id int	v string	w int
--> 2	z	20
--> 2	y	20
--> 2	z	21
--> 2	y	21
SELECT * FROM a LEFT JOIN b USING (id);
--> id int	v string	w int
--> 1	x	NULL
--> 2	y	21
--> 2	y	20
--> 2	z	21
--> 2	z	20
--> NULL	n	NULL
SELECT * FROM a RIGHT JOIN b USING (id);
--> id int	v string	w int
--> 2	z	20
--> 2	y	20
--> 2	z	21
--> 2	y	21
--> 3	NULL	30
--> NULL	NULL	0
SELECT * FROM a FULL JOIN b USING (id);
--> id int	v string	w int
--> NULL	n	NULL
--> NULL	NULL	0
--> 1	x	NULL
--> 2	y	21
--> 2	y	20
--> 2	z	21
--> 2	z	20
--> 3	NULL	30
SELECT id, v, w FROM a FULL JOIN b USING (id);
--> id int	v string	w int
--> NULL	n	NULL
--> NULL	NULL	0
--> 1	x	NULL
--> 2	y	21
--> 2	y	20
--> 2	z	21
--> 2	z	20
--> 3	NULL	30
SELECT id FROM a RIGHT JOIN b USING (id);
--> id int
--> 2
--> 2
--> 2
--> 2
--> 3
--> NULL
SELECT * FROM a NATURAL JOIN b;
--> id int	v string	w int
--> 2	z	20
--> 2	y	20
--> 2	z	21
--> 2	y	21
SELECT * FROM a NATURAL LEFT JOIN b;
--> id int	v string	w int
--> 1	x	NULL
--> 2	y	21
--> 2	y	20
--> 2	z	21
--> 2	z	20
--> NULL	n	NULL
SELECT * FROM a JOIN b ON a.id <=> b.id;
--> id int	v string	id int	w int
--> 2	z	2	20
--> 2	y	2	20
--> 2	z	2	21
--> 2	y	2	21
--> NULL	n	NULL	0
SELECT * FROM a JOIN b ON a.id = b.id AND b.w > 20;
--> id int	v string	id int	w int
--> 2	z	2	21
--> 2	y	2	21
SELECT a.id, w FROM a LEFT JOIN b ON a.id = b.id AND a.v = 'y';
--> id int	w int
--> 1	NULL
--> 2	21
--> 2	20
--> 2	NULL
--> NULL	NULL
SELECT a.id, w FROM a LEFT JOIN b ON a.id < b.id WHERE w IS NOT NULL;
--> id int	w int
--> 1	20
--> 1	21
--> 1	30
--> 2	30
--> 2	30
SELECT * FROM a LEFT JOIN empty USING (id);
--> id int	v string	v string
--> 1	x	NULL
--> 2	y	NULL
--> 2	z	NULL
--> NULL	n	NULL
SELECT count(*) FROM empty FULL JOIN b ON empty.id = b.id;
--> count(1) bigint
--> 4
SELECT x.id, y.id FROM a AS x JOIN a AS y ON x.id = y.id AND x.v < y.v;
--> id int	id int
--> 2	2
SELECT * FROM a x INNER JOIN b y ON x.id = y.id JOIN b z ON y.w = z.w;
--> id int	v string	id int	w int	id int	w int
--> 2	z	2	20	2	20
--> 2	y	2	20	2	20
--> 2	z	2	21	2	21
--> 2	y	2	21	2	21
SELECT * FROM (a JOIN b ON a.id = b.id);
--> id int	v string	id int	w int
--> 2	z	2	20
--> 2	y	2	20
--> 2	z	2	21
--> 2	y	2	21
SELECT p.id, q.m FROM a p, LATERAL (SELECT max(w) AS m FROM b WHERE b.id = p.id) q;
--> id int	m int
--> 1	NULL
--> 2	21
--> 2	21
--> NULL	NULL
SELECT p.id, q.w FROM a p JOIN LATERAL (SELECT w FROM b WHERE b.id = p.id) q;
--> id int	w int
--> 2	20
--> 2	20
--> 2	21
--> 2	21
SELECT p.id, q.w FROM a p LEFT JOIN LATERAL (SELECT w FROM b WHERE b.id = p.id) q;
--> id int	w int
--> 1	NULL
--> 2	21
--> 2	20
--> 2	21
--> 2	20
--> NULL	NULL
SELECT p.id, q.d FROM a p CROSS JOIN LATERAL (SELECT p.id * 2 AS d) q;
--> id int	d int
--> 1	2
--> 2	4
--> 2	4
--> NULL	NULL
SELECT id FROM a JOIN b ON a.id = b.id;
--! AMBIGUOUS_REFERENCE 42704
SELECT a.id FROM a JOIN b ON a.nope = b.id;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT /*+ BROADCAST(b) */ count(*) FROM a JOIN b USING (id);
--> count(1) bigint
--> 4
SELECT A.ID, B.W FROM A JOIN B ON A.Id = b.iD;
--> ID int	W int
--> 2	20
--> 2	20
--> 2	21
--> 2	21
SELECT a.v FROM a JOIN b ON a.id = b.id OR a.v = 'x';
--> v string
--> x
--> x
--> x
--> x
--> y
--> y
--> z
--> z
SELECT * FROM a JOIN (SELECT id AS k, sum(w) AS s FROM b GROUP BY id) ON id = k;
--> id int	v string	k int	s bigint
--> 2	z	2	41
--> 2	y	2	41
SELECT t.id, u.c FROM (VALUES (1), (2)) AS t(id) LEFT JOIN (VALUES (2, 'c')) AS u(id, c) ON t.id = u.id;
--> id int	c string
--> 1	NULL
--> 2	c
SELECT 1 FROM a JOIN b ON a.id + 1;
--! JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE 42K0E
