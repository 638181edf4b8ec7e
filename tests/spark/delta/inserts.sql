-- The forms of INSERT, MERGE with schema evolution, and versions. The answers follow from the statements.

CREATE TABLE days (n INT, day DATE, kind STRING) PARTITIONED BY (day, kind);
INSERT INTO days PARTITION (day = DATE'2024-01-01', kind = 'a') VALUES (1), (2);
INSERT INTO days PARTITION (kind = 'b', day) SELECT 3, DATE'2024-01-02';
INSERT INTO days PARTITION (kind, day) VALUES (4, DATE'2024-01-02', 'c');
INSERT INTO days (n, kind) VALUES (5, 'd');
SELECT * FROM days ORDER BY n;
--> n int	day date	kind string
--> 1	2024-01-01	a
--> 2	2024-01-01	a
--> 3	2024-01-02	b
--> 4	2024-01-02	c
--> 5	NULL	d
INSERT OVERWRITE days PARTITION (day = DATE'2024-01-01', kind = 'a') VALUES (9);
SELECT n FROM days ORDER BY n;
--> n int
--> 3
--> 4
--> 5
--> 9
INSERT INTO days PARTITION (n = 1) VALUES (DATE'2024-01-01', 'a');
--! NON_PARTITION_COLUMN 42000
INSERT INTO days REPLACE WHERE kind IN ('b', 'c') VALUES (30, DATE'2024-01-02', 'b');
SELECT n, kind FROM days ORDER BY n;
--> n int	kind string
--> 5	d
--> 9	a
--> 30	b
INSERT INTO days REPLACE WHERE kind = 'b' VALUES (31, DATE'2024-01-02', 'c');
--! DELTA_REPLACE_WHERE_MISMATCH 44000
INSERT INTO days REPLACE USING (kind) SELECT 50, NULL, 'd' UNION ALL SELECT 60, NULL, 'e';
SELECT n, kind FROM days ORDER BY n;
--> n int	kind string
--> 9	a
--> 30	b
--> 50	d
--> 60	e
INSERT INTO days REPLACE USING (nothing) SELECT 50, NULL, 'd';
--! COLUMN_NOT_FOUND 42703

CREATE TABLE grows (id INT, a STRING);
INSERT INTO grows BY NAME SELECT 'x' AS a, 1 AS id;
INSERT INTO grows BY NAME SELECT 'y' AS b, 2 AS id;
--! UNRESOLVED_COLUMN.WITHOUT_SUGGESTION 42703
INSERT WITH SCHEMA EVOLUTION INTO grows BY NAME SELECT 'y' AS b, 2 AS id;
INSERT WITH SCHEMA EVOLUTION INTO grows SELECT 3, 'z', 'q', 4.5 AS c;
SELECT * FROM grows ORDER BY id;
--> id int	a string	b string	c decimal(2,1)
--> 1	x	NULL	NULL
--> 2	NULL	y	NULL
--> 3	z	q	4.5
MERGE WITH SCHEMA EVOLUTION INTO grows t USING (SELECT 1 AS id, true AS d UNION ALL SELECT 4, false) s ON t.id = s.id
  WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *;
SELECT * FROM grows ORDER BY id;
--> id int	a string	b string	c decimal(2,1)	d boolean
--> 1	x	NULL	NULL	true
--> 2	NULL	y	NULL	NULL
--> 3	z	q	4.5	NULL
--> 4	NULL	NULL	NULL	false
SELECT count(*) AS n FROM grows@v1;
--> n bigint
--> 1
SELECT * FROM grows VERSION AS OF 1;
--> id int	a string
--> 1	x
SELECT count(*) AS n FROM grows@v99;
--! DELTA_VERSION_NOT_FOUND 22003
MERGE INTO grows t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *;
--! DELTA_MERGE_UNRESOLVED_EXPRESSION 42601
DESCRIBE HISTORY grows LIMIT 0;
--> version bigint	timestamp timestamp	userId string	userName string	operation string	operationParameters map<string,string>	job string	notebook string	clusterId string	readVersion bigint	isolationLevel string	isBlindAppend boolean	operationMetrics map<string,string>	userMetadata string	engineInfo string
