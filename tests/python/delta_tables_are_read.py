"""Tables that the embedded warehouse made, read with a Delta Lake library that knows nothing of kiln:
`delta_tables_are_read.py ADDRESS TOKEN`.

Each kind of statement leaves tables of its own; what the library reads from the files must be what the warehouse
answers.
"""

import base64
import datetime
import json
import sys
import urllib.parse
import urllib.request

import pyarrow
from deltalake import DeltaTable
from deltalake.query import QueryBuilder

STATEMENTS = """
CREATE TABLE types AS SELECT 1Y AS i8, 2S AS i16, 3 AS i32, 4L AS i64, 1.5F AS f, 2.5D AS d, 12.34 AS dec, 'é\\n' AS s, true AS b, DATE'1850-02-28' AS day, TIMESTAMP'2024-02-29 12:34:56.789012' AS ts, X'00FF' AS bin, array(1, NULL) AS xs, map('k', 1) AS m, named_struct('a', 1, 'b', 'x') AS st UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
CREATE TABLE ntz (id INT, at TIMESTAMP_NTZ)
INSERT INTO ntz VALUES (1, TIMESTAMP_NTZ'1900-01-01 00:00:00'), (2, NULL)
CREATE TABLE written (id INT, name STRING)
INSERT INTO written VALUES (1, 'a'), (2, 'b'), (3, 'c')
INSERT INTO written SELECT id + 3, upper(name) FROM written
UPDATE written SET name = 'changed' WHERE id = 2
DELETE FROM written WHERE id > 5
MERGE INTO written AS t USING (SELECT 1 AS id, 'merged' AS name UNION ALL SELECT 9, 'new') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
CREATE TABLE emptied AS SELECT 1 AS id
TRUNCATE TABLE emptied
CREATE TABLE parts (id INT, day DATE, kind STRING) PARTITIONED BY (day, kind)
INSERT INTO parts VALUES (1, DATE'2024-01-01', 'a b'), (2, DATE'2024-01-02', NULL), (3, NULL, 'c/d=é')
INSERT INTO parts REPLACE WHERE day = DATE'2024-01-01' VALUES (4, DATE'2024-01-01', 'z')
CREATE TABLE clustered (id INT, kind STRING) CLUSTER BY (kind)
INSERT INTO clustered SELECT id, 'k' || id % 3 FROM range(100)
OPTIMIZE clustered
CREATE TABLE optimized AS SELECT id FROM range(10)
INSERT INTO optimized SELECT id FROM range(10, 20)
OPTIMIZE optimized ZORDER BY (id)
VACUUM optimized
CREATE TABLE restored AS SELECT 1 AS id
INSERT INTO restored VALUES (2)
RESTORE TABLE restored TO VERSION AS OF 0
CREATE TABLE checked (id BIGINT NOT NULL, n INT, twice INT GENERATED ALWAYS AS (n * 2), CONSTRAINT above CHECK (n > 0))
INSERT INTO checked (id, n) VALUES (1, 1), (2, 2)
CREATE TABLE numbered (id BIGINT GENERATED ALWAYS AS IDENTITY, name STRING DEFAULT 'none') TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')
INSERT INTO numbered (name) VALUES ('a'), (DEFAULT)
CREATE TABLE grown (id INT)
INSERT INTO grown VALUES (1)
ALTER TABLE grown ADD COLUMN name STRING COMMENT 'later'
INSERT INTO grown VALUES (2, 'b')
CREATE TABLE fed (id INT, name STRING) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
INSERT INTO fed VALUES (1, 'a'), (2, 'b')
UPDATE fed SET name = 'c' WHERE id = 2
DELETE FROM fed WHERE id = 1
CREATE TABLE deep DEEP CLONE written
CREATE TABLE replaced AS SELECT 1 AS id
CREATE OR REPLACE TABLE replaced AS SELECT 'text' AS other
CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM written
CREATE TABLE mapped (id INT, name STRING) TBLPROPERTIES ('delta.columnMapping.mode' = 'name')
INSERT INTO mapped VALUES (1, 'a')
ALTER TABLE mapped RENAME COLUMN name TO title
ALTER TABLE mapped ADD COLUMN more DOUBLE
INSERT INTO mapped VALUES (2, 'b', 1.5)
CREATE TABLE shallow SHALLOW CLONE written
INSERT INTO shallow VALUES (100, 'own')
"""

class Warehouse:
    def __init__(self, address, token):
        self.address, self.token = address, token
        self.id = self.call("GET", "/api/2.0/sql/warehouses")["warehouses"][0]["id"]

    def call(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.address + path, method=method, data=data, headers=headers)
        return json.load(urllib.request.urlopen(request))

    def run(self, statement):
        body = {"statement": statement, "warehouse_id": self.id, "wait_timeout": "50s", "schema": "kinds"}
        answer = self.call("POST", "/api/2.0/sql/statements", body)
        assert answer["status"]["state"] == "SUCCEEDED", f"{statement}\n{answer['status']}"
        columns = [column["name"] for column in answer["manifest"].get("schema", {}).get("columns", [])]
        return [dict(zip(columns, row)) for row in answer.get("result", {}).get("data_array", [])]


def shown(value):
    """A value as the warehouse writes it in JSON."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        value = dict(value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, datetime.datetime):
        fraction = f"{value.microsecond:06}".rstrip("0").ljust(3, "0")
        return f"{value:%Y-%m-%dT%H:%M:%S}.{fraction}" + ("Z" if value.tzinfo else "")
    return str(value)


def rows(batches):
    return [{name: shown(value) for name, value in row.items()} for row in pyarrow.table(batches).to_pylist()]


def key(row):
    return sorted((name, str(value)) for name, value in row.items())


def compare(what, found, expected):
    assert sorted(found, key=key) == sorted(expected, key=key), f"{what}: read {found}, answered {expected}"


def main():
    warehouse = Warehouse(*sys.argv[1:])
    warehouse.run("CREATE SCHEMA kinds")
    for statement in STATEMENTS.strip().splitlines():
        warehouse.run(statement)
    names = [row["tableName"] for row in warehouse.run("SHOW TABLES IN kinds")]
    assert len(names) == sum(" TABLE " in s or " VIEW " in s for s in STATEMENTS.splitlines() if s.startswith("CREATE ")) - 1
    for name in names:
        location = warehouse.run(f"DESCRIBE DETAIL {name}")[0]["location"]
        table = DeltaTable(urllib.parse.unquote(location))
        read = QueryBuilder().register("t", table).execute("SELECT * FROM t").read_all()
        compare(name, rows(read), warehouse.run(f"SELECT * FROM {name}"))
        if name == "fed":
            # The library reads the time of a commit without a zone.
            changes = rows(table.load_cdf(starting_version=1).read_all())
            query = """
                SELECT * EXCEPT (_commit_timestamp), _commit_timestamp::timestamp_ntz AS _commit_timestamp
                FROM table_changes('fed', 1)"""
            compare("changes", changes, warehouse.run(query))
    print(f"{len(names)} tables read", "done", sep="\n")


main()
