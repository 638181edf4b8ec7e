-- Clones: the rows are those of the source at that version, and neither changes with the other afterwards.

CREATE TABLE original (n INT NOT NULL, day DATE, CONSTRAINT few CHECK (n < 10)) PARTITIONED BY (day) COMMENT 'first';
INSERT INTO original VALUES (1, DATE'2024-01-01'), (2, DATE'2024-01-02');
INSERT INTO original VALUES (3, DATE'2024-01-03');
CREATE TABLE deep DEEP CLONE original;
CREATE TABLE shallow SHALLOW CLONE original VERSION AS OF 1;
DELETE FROM original WHERE n = 1;
INSERT INTO deep VALUES (4, NULL);
INSERT INTO shallow VALUES (5, DATE'2024-01-01');
SELECT n FROM original ORDER BY n;
--> n int
--> 2
--> 3
SELECT n, day FROM deep ORDER BY n;
--> n int	day date
--> 1	2024-01-01
--> 2	2024-01-02
--> 3	2024-01-03
--> 4	NULL
SELECT n FROM shallow WHERE day < DATE'2024-01-02' ORDER BY n;
--> n int
--> 1
--> 5
UPDATE shallow SET n = 9 WHERE n = 2;
SELECT sum(n) AS s FROM shallow;
--> s bigint
--> 15
INSERT INTO deep VALUES (10, NULL);
--! DELTA_VIOLATE_CONSTRAINT_WITH_VALUES 23001
CREATE TABLE deep CLONE original;
--! TABLE_OR_VIEW_ALREADY_EXISTS 42P07
CREATE OR REPLACE TABLE deep CLONE original;
SELECT count(*) AS n FROM deep;
--> n bigint
--> 2
SELECT count(*) AS n FROM deep VERSION AS OF 0;
--> n bigint
--> 3
CREATE TABLE again CLONE nothing;
--! TABLE_OR_VIEW_NOT_FOUND 42P01
CREATE TABLE again CLONE original VERSION AS OF 99;
--! DELTA_VERSION_NOT_FOUND 22003
