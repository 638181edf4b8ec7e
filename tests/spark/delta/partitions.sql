-- Conditions on partition columns mean what they mean on others.

CREATE TABLE parted (n INT, day DATE, kind STRING) PARTITIONED BY (day, kind);
INSERT INTO parted VALUES (1, DATE'2024-01-01', 'a'), (2, DATE'2024-01-02', 'b'), (3, NULL, 'c');
SELECT n FROM parted WHERE NOT coalesce(day <=> DATE'2024-01-01', false) ORDER BY n;
--> n int
--> 2
--> 3
SELECT n FROM parted WHERE NOT coalesce(day = DATE'2024-01-01', false) ORDER BY n;
--> n int
--> 2
--> 3
SELECT n FROM parted WHERE (day = DATE'2024-01-01') IS NULL;
--> n int
--> 3
SELECT n FROM parted WHERE (day = DATE'2024-01-01' AND n > 0) IS NOT NULL ORDER BY n;
--> n int
--> 1
--> 2
SELECT n FROM parted WHERE (day > DATE'2024-01-01') IS NOT TRUE ORDER BY n;
--> n int
--> 1
--> 3
SELECT n FROM parted WHERE day <> NULL OR kind = 'c';
--> n int
--> 3
SELECT n FROM parted WHERE day NOT IN (DATE'2024-01-01', NULL);
--> n int
SELECT n FROM parted WHERE kind LIKE 'b%' OR date_trunc('MONTH', day) IS NULL ORDER BY n;
--> n int
--> 2
--> 3
DELETE FROM parted WHERE day = DATE'2024-01-01' OR kind = 'c';
SELECT n FROM parted;
--> n int
--> 2
