-- The change data feed. The answers follow from the statements: each row that came, went or changed, by version.

CREATE TABLE plain (a INT);
SELECT * FROM table_changes('plain', 0);
--! DELTA_MISSING_CHANGE_DATA KD002

-- version 0 makes the table, 1 adds, 2 changes, 3 deletes
CREATE TABLE t (id INT, name STRING, day DATE) PARTITIONED BY (day) TBLPROPERTIES (delta.enableChangeDataFeed = true);
INSERT INTO t VALUES (1, 'a', DATE'2024-01-01'), (2, 'b', DATE'2024-01-01'), (3, 'c', DATE'2024-01-02'), (4, NULL, NULL);
UPDATE t SET name = upper(name), day = day WHERE id IN (1, 3);
DELETE FROM t WHERE name IS NULL;
SELECT * FROM t ORDER BY id;
--> id int	name string	day date
--> 1	A	2024-01-01
--> 2	b	2024-01-01
--> 3	C	2024-01-02
SELECT id, name, day, _change_type, _commit_version FROM table_changes('t', 0) ORDER BY _commit_version, id, _change_type DESC;
--> id int	name string	day date	_change_type string	_commit_version bigint
--> 1	a	2024-01-01	insert	1
--> 2	b	2024-01-01	insert	1
--> 3	c	2024-01-02	insert	1
--> 4	NULL	NULL	insert	1
--> 1	a	2024-01-01	update_preimage	2
--> 1	A	2024-01-01	update_postimage	2
--> 3	c	2024-01-02	update_preimage	2
--> 3	C	2024-01-02	update_postimage	2
--> 4	NULL	NULL	delete	3
SELECT id, _change_type FROM table_changes('t', 3, 3);
--> id int	_change_type string
--> 4	delete
SELECT count(*) AS n FROM table_changes('t', '2000-01-01', '2999-01-01');
--> n bigint
--> 9
SELECT _change_type, count(*) AS n FROM table_changes('t', 2) AS c WHERE c.id = 1 AND c._change_type <> 'insert' GROUP BY ALL ORDER BY 1;
--> _change_type string	n bigint
--> update_postimage	1
--> update_preimage	1
SELECT c.id, t.name FROM table_changes('t', 3) c LEFT JOIN t ON t.id = c.id;
--> id int	name string
--> 4	NULL
SELECT typeof(_commit_timestamp) AS x, _commit_timestamp > TIMESTAMP'2020-01-01' AS y FROM table_changes('t', 3);
--> x string	y boolean
--> timestamp	true
SELECT * FROM table_changes('t', 3, 2);
--! DELTA_INVALID_CDC_RANGE 22003
SELECT * FROM table_changes('t', 0, 99);
--! DELTA_VERSION_NOT_FOUND 22003
SELECT * FROM table_changes('nothing', 0);
--! TABLE_OR_VIEW_NOT_FOUND 42P01
SELECT * FROM table_changes('t');
--! INVALID_PARAMETER_VALUE.TABLE_CHANGES 22023

-- MERGE: version 4
MERGE INTO t USING (SELECT * FROM VALUES (1, 'x'), (2, 'gone'), (5, 'new') AS s(id, name)) s ON t.id = s.id
  WHEN MATCHED AND s.name = 'gone' THEN DELETE
  WHEN MATCHED THEN UPDATE SET name = s.name
  WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name);
--> num_affected_rows bigint	num_updated_rows bigint	num_deleted_rows bigint	num_inserted_rows bigint
--> 3	1	1	1
SELECT id, name, day, _change_type FROM table_changes('t', 4) ORDER BY id, _change_type DESC;
--> id int	name string	day date	_change_type string
--> 1	A	2024-01-01	update_preimage
--> 1	x	2024-01-01	update_postimage
--> 2	b	2024-01-01	delete
--> 5	new	NULL	insert
-- only insertions: version 5; whole deletion: 6; replaced rows: 7, 8
MERGE INTO t USING (SELECT 6 AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id);
DELETE FROM t;
SELECT id, name, _change_type, _commit_version FROM table_changes('t', 5) ORDER BY 4, 1;
--> id int	name string	_change_type string	_commit_version bigint
--> 6	NULL	insert	5
--> 1	x	delete	6
--> 3	C	delete	6
--> 5	new	delete	6
--> 6	NULL	delete	6
INSERT INTO t VALUES (7, 'g', DATE'2024-02-01'), (8, 'h', DATE'2024-02-01'), (9, 'i', DATE'2024-02-02');
INSERT INTO t REPLACE WHERE id >= 8 VALUES (80, 'H', DATE'2024-02-01');
SELECT id, name, _change_type FROM table_changes('t', 8) ORDER BY id;
--> id int	name string	_change_type string
--> 8	h	delete
--> 9	i	delete
--> 80	H	insert
INSERT OVERWRITE t VALUES (10, 'j', NULL);
SELECT id, _change_type FROM table_changes('t', 9) ORDER BY id;
--> id int	_change_type string
--> 7	delete
--> 10	insert
--> 80	delete
-- joining files changes nothing
INSERT INTO t VALUES (11, 'k', NULL);
OPTIMIZE t;
SELECT id, _change_type FROM table_changes('t', 10) ORDER BY id;
--> id int	_change_type string
--> 11	insert

-- turned on later: what was before is not told
CREATE TABLE late (a INT);
INSERT INTO late VALUES (1);
ALTER TABLE late SET TBLPROPERTIES (delta.enableChangeDataFeed = true);
UPDATE late SET a = a + 1;
SELECT a, _change_type FROM table_changes('late', 2) ORDER BY a;
--> a int	_change_type string
--> 1	update_preimage
--> 2	update_postimage
SELECT * FROM table_changes('late', 1);
--! DELTA_MISSING_CHANGE_DATA KD002

-- with constraints, generated columns and identities
CREATE TABLE ruled (k BIGINT GENERATED ALWAYS AS IDENTITY, a INT, b INT GENERATED ALWAYS AS (a * 2), CONSTRAINT small CHECK (a < 100)) TBLPROPERTIES (delta.enableChangeDataFeed = true);
INSERT INTO ruled (a) VALUES (1), (2);
UPDATE ruled SET a = 3 WHERE a = 1;
MERGE INTO ruled r USING (SELECT 2 AS a UNION ALL SELECT 9) s ON r.a = s.a WHEN MATCHED THEN UPDATE SET a = 5 WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a);
SELECT a, b, _change_type, _commit_version FROM table_changes('ruled', 2) ORDER BY 4, 1, 3;
--> a int	b int	_change_type string	_commit_version bigint
--> 1	2	update_preimage	2
--> 3	6	update_postimage	2
--> 2	4	update_preimage	3
--> 5	10	update_postimage	3
--> 9	18	insert	3
UPDATE ruled SET a = 100;
--! DELTA_VIOLATE_CONSTRAINT_WITH_VALUES 23001
SELECT r.k = c.k AS same FROM table_changes('ruled', 3) c JOIN ruled r ON r.a = c.a WHERE c._change_type = 'insert';
--> same boolean
--> true

-- the feed's own names are taken
CREATE TABLE taken (_change_type STRING) TBLPROPERTIES (delta.enableChangeDataFeed = true);
--! DELTA_TABLE_ALREADY_CONTAINS_CDC_COLUMNS 42711
