-- Fields of structs that are set. The answers follow from the statements.
CREATE TABLE t (id INT, s STRUCT<a: INT, b: STRING, in: STRUCT<x: DOUBLE, y: INT>>, n INT);
INSERT INTO t VALUES (1, named_struct('a', 1, 'b', 'one', 'in', named_struct('x', 1.5D, 'y', 2)), 1), (2, NULL, 2);
UPDATE t SET s.a = 10, T.S.in.y = s.a + 1 WHERE id = 1;
SELECT id, s.a AS a, s.b AS b, s.in.x AS x, s.in.y AS y, n FROM t ORDER BY id;
--> id int	a int	b string	x double	y int	n int
--> 1	10	one	1.5	2	1
--> 2	NULL	NULL	NULL	NULL	2
UPDATE t AS u SET u.s.b = 'two', n = n + 1, s.in = named_struct('x', 2.5D, 'y', 7) WHERE id = 2;
SELECT id, s.a AS a, s.b AS b, s.in.x AS x, s.in.y AS y, n FROM t ORDER BY id;
--> id int	a int	b string	x double	y int	n int
--> 1	10	one	1.5	2	1
--> 2	NULL	two	2.5	7	3
UPDATE t SET s.a = 1, s.A = 2;
--! DELTA_CONFLICT_SET_COLUMN 42701
UPDATE t SET s = NULL, s.a = 2;
--! DELTA_CONFLICT_SET_COLUMN 42701
UPDATE t SET s.in.x = 1, s.in = NULL;
--! DELTA_CONFLICT_SET_COLUMN 42701
UPDATE t SET n.a = 1;
--! DELTA_UNSUPPORTED_FIELD_UPDATE_NON_STRUCT 0AKDC
UPDATE t SET s.nothing = 1;
--! FIELD_NOT_FOUND 42704
UPDATE t SET s.a = 'x' WHERE id = 1;
--! CAST_INVALID_INPUT 22018

-- the same in MERGE
MERGE INTO t USING (SELECT 1 AS id, 99 AS v) AS c ON t.id = c.id WHEN MATCHED THEN UPDATE SET t.s.in.y = c.v, s.b = concat(s.b, '!');
SELECT id, s.a AS a, s.b AS b, s.in.x AS x, s.in.y AS y FROM t ORDER BY id;
--> id int	a int	b string	x double	y int
--> 1	10	one!	1.5	99
--> 2	NULL	two	2.5	7
MERGE INTO t USING (SELECT 5 AS id) AS c ON t.id = c.id WHEN NOT MATCHED THEN INSERT (id, s.a) VALUES (c.id, 1);
--! DELTA_UNSUPPORTED_NESTED_FIELD_IN_OPERATION 0AKDC

-- tables have no columns of intervals
CREATE TABLE spans (i INTERVAL DAY TO SECOND);
--! DELTA_UNSUPPORTED_DATA_TYPES 0AKDC
CREATE TABLE spans (s STRUCT<i: INTERVAL YEAR>);
--! DELTA_UNSUPPORTED_DATA_TYPES 0AKDC
CREATE TABLE spans AS SELECT INTERVAL '1' DAY AS i;
--! DELTA_UNSUPPORTED_DATA_TYPES 0AKDC
CREATE TABLE spans AS SELECT array(DATE'2024-01-02' - DATE'2024-01-01') AS i;
--! DELTA_UNSUPPORTED_DATA_TYPES 0AKDC
CREATE TABLE spans AS SELECT CAST(DATE'2024-01-02' - DATE'2024-01-01' AS INT) AS i;
SELECT * FROM spans;
--> i int
--> 1
ALTER TABLE spans ADD COLUMN d INTERVAL DAY;
--! DELTA_UNSUPPORTED_DATA_TYPES 0AKDC
