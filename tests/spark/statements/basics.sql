-- A table is made, filled and read.
CREATE TABLE t (a INT, b STRING);
INSERT INTO t VALUES (1, 'x'), (2, NULL);
SELECT * FROM t ORDER BY a;
--> a int	b string
--> 1	x
--> 2	NULL
SELECT b, count(*) FROM t GROUP BY b;
--> b string	count(1) bigint
--> x	1
--> NULL	1
SELECT nowhere FROM t;
--! UNRESOLVED_COLUMN.WITH_SUGGESTION 42703
SELECT 1 / 0;
--! DIVIDE_BY_ZERO 22012
DROP TABLE t;
SELECT * FROM t;
--! TABLE_OR_VIEW_NOT_FOUND 42P01
