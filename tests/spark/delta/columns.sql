-- Columns added, dropped, renamed, moved. The answers follow from the statements.

CREATE TABLE t AS SELECT 1 AS a, 'x' AS b, named_struct('c', 1, 'd', 2) AS s;
ALTER TABLE t ADD COLUMN e DATE COMMENT 'when' AFTER a;
ALTER TABLE t ADD COLUMNS (f INT FIRST, s.g STRING);
SELECT * FROM t;
--> f int	a int	e date	b string	s struct<c:int,d:int,g:string>
--> NULL	1	NULL	x	{1, 2, null}
INSERT INTO t VALUES (5, 2, DATE'2024-01-01', 'y', named_struct('c', 3, 'd', 4, 'g', 'z'));
SELECT a, e, s.g FROM t ORDER BY a;
--> a int	e date	g string
--> 1	NULL	NULL
--> 2	2024-01-01	z
ALTER TABLE t ADD COLUMN A INT;
--! FIELD_ALREADY_EXISTS 42710
ALTER TABLE t ADD COLUMN h INT AFTER nothing;
--! FIELD_NOT_FOUND 42704
ALTER TABLE t DROP COLUMN b;
--! DELTA_UNSUPPORTED_DROP_COLUMN 0AKDC
ALTER TABLE t RENAME COLUMN b TO c;
--! DELTA_UNSUPPORTED_RENAME_COLUMN 0AKDC
ALTER TABLE t SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name');
ALTER TABLE t DROP COLUMN f;
ALTER TABLE t RENAME COLUMN b TO text;
ALTER TABLE t RENAME COLUMN s.c TO first;
ALTER TABLE t RENAME COLUMN a TO text;
--! FIELD_ALREADY_EXISTS 42710
ALTER TABLE t DROP COLUMN nothing;
--! COLUMN_NOT_FOUND 42703
ALTER TABLE t DROP COLUMN IF EXISTS nothing;
SELECT * FROM t ORDER BY a;
--> a int	e date	text string	s struct<first:int,d:int,g:string>
--> 1	NULL	x	{1, 2, null}
--> 2	2024-01-01	y	{3, 4, z}
INSERT INTO t (a, text) VALUES (3, 'w');
UPDATE t SET text = 'v' WHERE a = 1;
DELETE FROM t WHERE a = 2;
SELECT a, text, s.first FROM t ORDER BY a;
--> a int	text string	first int
--> 1	v	1
--> 3	w	NULL
-- A column that comes back under an old name has nothing of it.
ALTER TABLE t ADD COLUMN b STRING;
SELECT a, b FROM t ORDER BY a;
--> a int	b string
--> 1	NULL
--> 3	NULL
ALTER TABLE t ALTER COLUMN text FIRST;
ALTER TABLE t ALTER COLUMN text COMMENT 'words';
DESCRIBE t;
--> col_name string	data_type string	comment string
--> text	string	words
--> a	int	NULL
--> e	date	when
--> s	struct<first:int,d:int,g:string>	NULL
--> b	string	NULL
ALTER TABLE t ALTER COLUMN a TYPE BIGINT;
--! DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP 42837
ALTER TABLE t ALTER COLUMN nothing COMMENT 'x';
--! COLUMN_NOT_FOUND 42703
-- Several columns at once.
ALTER TABLE t ALTER COLUMN text COMMENT 'word', e COMMENT 'day', s.g COMMENT 'inside', a SET NOT NULL;
ALTER TABLE t ALTER COLUMN a DROP NOT NULL, text COMMENT 'words';
DESCRIBE t;
--> col_name string	data_type string	comment string
--> text	string	words
--> a	int	NULL
--> e	date	day
--> s	struct<first:int,d:int,g:string>	NULL
--> b	string	NULL
ALTER TABLE t ALTER COLUMN text COMMENT 'x', nothing COMMENT 'x';
--! COLUMN_NOT_FOUND 42703
ALTER TABLE t ALTER COLUMN a COMMENT 'x', A COMMENT 'y';
--! PARSE_SYNTAX_ERROR 42601

CREATE TABLE p (day DATE, n INT) PARTITIONED BY (day) TBLPROPERTIES ('delta.columnMapping.mode' = 'name');
INSERT INTO p VALUES (DATE'2024-01-01', 1), (DATE'2024-01-02', 2);
ALTER TABLE p RENAME COLUMN day TO d;
INSERT INTO p VALUES (DATE'2024-01-03', 3);
SELECT * FROM p WHERE d >= DATE'2024-01-02' ORDER BY n;
--> d date	n int
--> 2024-01-02	2
--> 2024-01-03	3
ALTER TABLE p DROP COLUMN d;
--! DELTA_UNSUPPORTED_DROP_PARTITION_COLUMN 0AKDC
SHOW PARTITIONS p;
--> d date
--> 2024-01-01
--> 2024-01-02
--> 2024-01-03
ALTER TABLE p ADD CONSTRAINT some CHECK (n > 0);
ALTER TABLE p RENAME COLUMN n TO m;
--! DELTA_CONSTRAINT_DEPENDENT_COLUMN_CHANGE 42K09

CREATE TABLE one (a INT) TBLPROPERTIES ('delta.columnMapping.mode' = 'name');
ALTER TABLE one DROP COLUMN a;
--! DELTA_DROP_COLUMN_ON_SINGLE_FIELD_SCHEMA 0AKDC

CREATE TABLE named (a INT);
INSERT INTO named VALUES (1);
ALTER TABLE named RENAME TO other;
SELECT * FROM other;
--> a int
--> 1
SELECT * FROM named;
--! TABLE_OR_VIEW_NOT_FOUND 42P01
CREATE TABLE named (a INT);
ALTER TABLE named RENAME TO other;
--! TABLE_OR_VIEW_ALREADY_EXISTS 42P07
ALTER TABLE named CLUSTER BY (a);
DESCRIBE named;
--> col_name string	data_type string	comment string
--> a	int	NULL
--> # Clustering Information		
--> # col_name	data_type	comment
--> a	int	
ALTER TABLE named CLUSTER BY NONE;
ALTER TABLE named CLUSTER BY (b);
--! COLUMN_NOT_FOUND 42703

CREATE TABLE source (a INT NOT NULL COMMENT 'x', b STRING, CONSTRAINT few CHECK (a < 5)) PARTITIONED BY (b) COMMENT 'original';
INSERT INTO source VALUES (1, 'p');
CREATE TABLE twin LIKE source;
SELECT count(*) AS n FROM twin;
--> n bigint
--> 0
INSERT INTO twin VALUES (7, 'p');
--! DELTA_VIOLATE_CONSTRAINT_WITH_VALUES 23001
DESCRIBE twin;
--> col_name string	data_type string	comment string
--> a	int	x
--> b	string	NULL
--> # Partition Information		
--> # col_name	data_type	comment
--> b	string	
