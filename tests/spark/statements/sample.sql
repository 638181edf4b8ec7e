-- Samples that can have one answer only.
CREATE TABLE t AS SELECT id FROM range(10);

SELECT count(*) FROM t TABLESAMPLE (100 PERCENT);
--> count(1) bigint
--> 10
SELECT count(*) FROM t TABLESAMPLE (0 PERCENT);
--> count(1) bigint
--> 0
SELECT count(*) FROM t TABLESAMPLE (4 ROWS);
--> count(1) bigint
--> 4
SELECT count(*) FROM t TABLESAMPLE (40 ROWS) AS s;
--> count(1) bigint
--> 10
SELECT count(*) FROM t TABLESAMPLE (0 ROWS);
--> count(1) bigint
--> 0
SELECT count(*) <= 10 FROM t TABLESAMPLE (50 PERCENT) REPEATABLE (7);
--> (count(1) <= 10) boolean
--> true
SELECT count(*) <= 10 FROM t TABLESAMPLE (BUCKET 1 OUT OF 2);
--> (count(1) <= 10) boolean
--> true
SELECT count(*) FROM (SELECT * FROM t) TABLESAMPLE (100 PERCENT) AS s WHERE s.id > 4;
--> count(1) bigint
--> 5
SELECT count(*) FROM t TABLESAMPLE (101 PERCENT);
--! INVALID_TABLESAMPLE_FRACTION 22023
SELECT count(*) FROM t TABLESAMPLE (-1 PERCENT);
--! INVALID_TABLESAMPLE_FRACTION 22023
SELECT a.id FROM t TABLESAMPLE (100 PERCENT) AS a JOIN t TABLESAMPLE (100 PERCENT) AS b ON a.id = b.id WHERE a.id = 3;
--> id bigint
--> 3
