-- Views, keys, tags, owners and privileges. The answers follow from the statements.

CREATE VIEW v AS SELECT 1 AS a;
ALTER VIEW v AS SELECT 2 AS a, 'x' AS b;
SELECT * FROM v;
--> a int	b string
--> 2	x
ALTER VIEW v SET TBLPROPERTIES ('k' = 'w');
ALTER VIEW v RENAME TO w;
SHOW TBLPROPERTIES w;
--> key string	value string
--> k	w
ALTER TABLE w ADD COLUMN c INT;
--! EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE 42809
DROP TABLE w;
--! EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE 42809
DROP VIEW w;

CREATE TABLE sales (id INT, n INT);
INSERT INTO sales VALUES (1, 10), (2, 20);
CREATE MATERIALIZED VIEW total COMMENT 'sum of sales' AS SELECT sum(n) AS n FROM sales;
INSERT INTO sales VALUES (3, 30);
SELECT * FROM total;
--> n bigint
--> 30
REFRESH MATERIALIZED VIEW total;
SELECT * FROM total;
--> n bigint
--> 60
INSERT INTO total VALUES (1);
--! EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE 42809
DROP TABLE total;
--! EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE 42809
SELECT table_name, table_type, comment FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1;
--> table_name string	table_type string	comment string
--> sales	MANAGED	NULL
--> total	MATERIALIZED_VIEW	sum of sales
CREATE OR REPLACE MATERIALIZED VIEW total AS SELECT max(n) AS n FROM sales;
SELECT * FROM total;
--> n int
--> 30
REFRESH MATERIALIZED VIEW sales;
--! EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE 42809
DROP MATERIALIZED VIEW total;
SELECT * FROM total;
--! TABLE_OR_VIEW_NOT_FOUND 42P01

CREATE TABLE customers (id INT PRIMARY KEY, name STRING);
CREATE TABLE orders (id INT NOT NULL, customer INT REFERENCES customers, CONSTRAINT pk PRIMARY KEY (id) RELY);
SELECT constraint_name, table_name, constraint_type FROM information_schema.table_constraints
  WHERE table_schema = current_schema() ORDER BY 1;
--> constraint_name string	table_name string	constraint_type string
--> customers_pk	customers	PRIMARY KEY
--> orders_customers_fk	orders	FOREIGN KEY
--> pk	orders	PRIMARY KEY
SELECT constraint_name, column_name, ordinal_position FROM information_schema.key_column_usage
  WHERE table_schema = current_schema() ORDER BY 1;
--> constraint_name string	column_name string	ordinal_position int
--> customers_pk	id	1
--> orders_customers_fk	customer	1
--> pk	id	1
ALTER TABLE orders ADD CONSTRAINT pk2 PRIMARY KEY (id);
--! DELTA_CONSTRAINT_ALREADY_EXISTS 42710
ALTER TABLE customers DROP PRIMARY KEY RESTRICT;
--! INVALID_PARAMETER_VALUE 22023
ALTER TABLE orders DROP FOREIGN KEY (customer);
ALTER TABLE orders DROP PRIMARY KEY;
ALTER TABLE orders DROP PRIMARY KEY;
--! DELTA_CONSTRAINT_DOES_NOT_EXIST 42704
ALTER TABLE orders DROP PRIMARY KEY IF EXISTS;
ALTER TABLE orders ADD CONSTRAINT pk2 PRIMARY KEY (customer);
--! INVALID_PARAMETER_VALUE 22023
ALTER TABLE orders ADD CONSTRAINT again FOREIGN KEY (customer) REFERENCES customers;
ALTER TABLE customers DROP PRIMARY KEY CASCADE;
SELECT count(*) AS n FROM information_schema.table_constraints WHERE table_schema = current_schema();
--> n bigint
--> 0

ALTER TABLE orders SET TAGS ('pii' = 'no', 'mart');
ALTER TABLE orders ALTER COLUMN customer SET TAGS ('pii' = 'yes');
ALTER TABLE orders UNSET TAGS ('mart');
SELECT tag_name, tag_value FROM information_schema.table_tags WHERE schema_name = current_schema();
--> tag_name string	tag_value string
--> pii	no
SELECT column_name, tag_name, tag_value FROM information_schema.column_tags WHERE schema_name = current_schema();
--> column_name string	tag_name string	tag_value string
--> customer	pii	yes
ALTER TABLE orders ALTER COLUMN nothing SET TAGS ('x' = 'y');
--! COLUMN_NOT_FOUND 42703

GRANT SELECT, MODIFY ON TABLE orders TO `analysts`;
GRANT SELECT ON orders TO `board@example.com`;
REVOKE MODIFY ON orders FROM analysts;
SHOW GRANTS analysts ON TABLE orders;
--> Principal string	ActionType string	ObjectType string	ObjectKey string
--> analysts	SELECT	TABLE	main.default.orders
GRANT USE SCHEMA ON TABLE orders TO analysts;
--! INVALID_PARAMETER_VALUE 22023
GRANT FLY ON TABLE orders TO analysts;
--! PARSE_SYNTAX_ERROR 42601
GRANT SELECT ON TABLE nothing TO analysts;
--! TABLE_OR_VIEW_NOT_FOUND 42P01
SELECT grantee, privilege_type FROM information_schema.table_privileges WHERE table_schema = current_schema() ORDER BY 1;
--> grantee string	privilege_type string
--> analysts	SELECT
--> board@example.com	SELECT

CREATE TABLE typed (id BIGINT GENERATED ALWAYS AS IDENTITY, price DECIMAL(12,2) NOT NULL, twice DECIMAL(12,2) GENERATED ALWAYS AS (price * 2));
SELECT column_name, full_data_type, is_nullable, numeric_precision, numeric_scale, is_identity, generation_expression
  FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'typed' ORDER BY ordinal_position;
--> column_name string	full_data_type string	is_nullable string	numeric_precision int	numeric_scale int	is_identity string	generation_expression string
--> id	bigint	YES	64	0	YES	NULL
--> price	decimal(12,2)	NO	12	2	NO	NULL
--> twice	decimal(12,2)	YES	12	2	NO	price * 2
DESCRIBE typed price;
--> info_name string	info_value string
--> col_name	price
--> data_type	decimal(12,2)
--> comment	NULL
DESCRIBE QUERY SELECT 1 AS a, array('x') AS b;
--> col_name string	data_type string	comment string
--> a	int	NULL
--> b	array<string>	NULL
SHOW FUNCTIONS LIKE 'datediff';
--> function string
--> datediff
DESCRIBE FUNCTION nothing;
--! UNRESOLVED_ROUTINE 42883
BEGIN SELECT 1; END;
--! PARSE_SYNTAX_ERROR 42601
