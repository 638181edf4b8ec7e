"""Databricks' own Python SDK against the embedded workspace: `databricks_sdk_drives.py ADDRESS TOKEN`.

Whatever the SDK sends must be understood, and whatever it reads must be there; each step asserts what a workspace of
Databricks would answer.
"""

import base64
import io
import json
import sys
import urllib.request

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import AlreadyExists, BadRequest, DatabricksError, NotFound, ResourceConflict
from databricks.sdk.service.catalog import TableType
from databricks.sdk.service.dashboards import Dashboard
from databricks.sdk.service.sql import (
    Disposition,
    ExecuteStatementRequestOnWaitTimeout,
    Format,
    StatementParameterListItem,
    StatementState,
)
from databricks.sdk.service.workspace import ExportFormat, ImportFormat, ObjectType

PAGE = {"pages": [{"name": "p", "displayName": "P", "layout": []}], "datasets": []}


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"it was not refused with {kind.__name__}")


def service_principal(address, token):
    """OAuth with a client id and secret: the SDK finds the login service by itself."""
    w = WorkspaceClient(host=address, client_id="local", client_secret=token)
    assert w.config.auth_type == "oauth-m2m"
    identity(w)
    error = refused(ValueError, lambda: WorkspaceClient(host=address, client_id="local", client_secret="no").current_user.me())
    assert "invalid_client" in str(error), error


def identity(w):
    assert "@" in w.current_user.me().user_name


def warehouses(w):
    [warehouse] = list(w.warehouses.list())
    assert w.warehouses.get(warehouse.id).name == warehouse.name
    w.warehouses.stop(warehouse.id).result()
    assert w.warehouses.get(warehouse.id).state.value == "STOPPED"
    assert w.warehouses.start_and_wait(warehouse.id).state.value == "RUNNING"
    refused(NotFound, lambda: w.warehouses.get("nothing"))
    return warehouse.id


def namespaces(w):
    made = w.catalogs.create("sdk", comment="made by the SDK")
    assert (made.name, made.comment) == ("sdk", "made by the SDK")
    refused((AlreadyExists, ResourceConflict, BadRequest), lambda: w.catalogs.create("sdk"))
    assert {"main", "sdk"} <= {catalog.name for catalog in w.catalogs.list()}
    assert w.catalogs.get("sdk").comment == "made by the SDK"
    assert w.catalogs.update("sdk", comment="changed").comment == "changed"
    schema = w.schemas.create("shop", "sdk", comment="sales")
    assert schema.full_name == "sdk.shop"
    assert {s.name for s in w.schemas.list("sdk")} >= {"shop"}
    assert w.schemas.get("sdk.shop").comment == "sales"
    assert w.schemas.update("sdk.shop", comment="all sales").comment == "all sales"
    refused(NotFound, lambda: w.schemas.get("sdk.nothing"))
    refused(NotFound, lambda: w.schemas.create("x", "nowhere"))


def statements(w, warehouse):
    def run(sql, **more):
        answer = w.statement_execution.execute_statement(sql, warehouse, wait_timeout="50s", **more)
        assert answer.status.state == StatementState.SUCCEEDED, f"{sql}: {answer.status}"
        return answer

    where = {"catalog": "sdk", "schema": "shop"}
    run("CREATE TABLE orders (id BIGINT NOT NULL, total DECIMAL(10,2), day DATE) COMMENT 'orders'", **where)
    run("INSERT INTO orders VALUES (1, 10.50, DATE'2024-01-31'), (2, NULL, DATE'2024-02-01')", **where)
    answer = run(
        "SELECT id, total, day FROM orders WHERE id <= :most ORDER BY id",
        parameters=[StatementParameterListItem(name="most", value="2", type="INT")],
        **where,
    )
    assert answer.result.data_array == [["1", "10.50", "2024-01-31"], ["2", None, "2024-02-01"]]
    columns = answer.manifest.schema.columns
    assert [(c.name, c.type_name.value) for c in columns] == [("id", "LONG"), ("total", "DECIMAL"), ("day", "DATE")]
    run("CREATE VIEW newest AS SELECT max(day) AS day FROM orders", **where)

    # Polling, and a long result in chunks.
    answer = w.statement_execution.execute_statement(
        "SELECT explode(sequence(1, 25000)) AS n", warehouse, wait_timeout="0s"
    )
    while answer.status.state in (StatementState.PENDING, StatementState.RUNNING):
        answer = w.statement_execution.get_statement(answer.statement_id)
    rows, chunk = [], answer.result
    while True:
        rows += [int(row[0]) for row in chunk.data_array]
        if chunk.next_chunk_index is None:
            break
        chunk = w.statement_execution.get_statement_result_chunk_n(answer.statement_id, chunk.next_chunk_index)
    assert sorted(rows) == list(range(1, 25001))

    # Behind links.
    answer = run("SELECT 1 AS one", disposition=Disposition.EXTERNAL_LINKS, format=Format.CSV)
    with urllib.request.urlopen(answer.result.external_links[0].external_link) as response:
        assert response.read() == b"one\n1\n"

    # Mistakes, and a cancelled statement.
    failed = w.statement_execution.execute_statement("SELECT * FROM nowhere", warehouse, wait_timeout="50s", **where)
    assert failed.status.state == StatementState.FAILED and "TABLE_OR_VIEW_NOT_FOUND" in failed.status.error.message
    endless = "SELECT count(*) FROM {0} a CROSS JOIN {0} b CROSS JOIN {0} c".format("(SELECT explode(sequence(1, 10000)) AS n)")
    answer = w.statement_execution.execute_statement(
        endless, warehouse, wait_timeout="5s", on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CANCEL
    )
    assert answer.status.state == StatementState.CANCELED
    answer = w.statement_execution.execute_statement(endless, warehouse, wait_timeout="0s")
    w.statement_execution.cancel_execution(answer.statement_id)
    while answer.status.state in (StatementState.PENDING, StatementState.RUNNING):
        answer = w.statement_execution.get_statement(answer.statement_id)
    assert answer.status.state == StatementState.CANCELED
    refused(NotFound, lambda: w.statement_execution.get_statement("01f0c0de-0000-0000-0000-000000000000"))
    history = w.query_history.list(max_results=100)
    assert any("CREATE VIEW newest" in (query.query_text or "") for query in history.res)


def tables(w):
    kinds = {t.name: t.table_type for t in w.tables.list("sdk", "shop")}
    assert kinds == {"orders": TableType.MANAGED, "newest": TableType.VIEW}, kinds
    assert w.tables.exists("sdk.shop.orders").table_exists
    assert not w.tables.exists("sdk.shop.nothing").table_exists
    orders = w.tables.get("sdk.shop.orders")
    assert orders.comment == "orders" and orders.data_source_format.value == "DELTA"
    assert [(c.name, c.type_text, c.nullable) for c in orders.columns] == [
        ("id", "bigint", False),
        ("total", "decimal(10,2)", True),
        ("day", "date", True),
    ]
    assert {s.full_name for s in w.tables.list_summaries("sdk", schema_name_pattern="shop")} == {
        "sdk.shop.orders",
        "sdk.shop.newest",
    }
    w.tables.delete("sdk.shop.newest")
    refused(NotFound, lambda: w.tables.get("sdk.shop.newest"))


def files(w):
    w.workspace.mkdirs("/Shared/sdk/deep")
    content = base64.b64encode(b"SELECT 1\n").decode()
    w.workspace.import_("/Shared/sdk/one.sql", content=content, format=ImportFormat.AUTO, overwrite=True)
    w.workspace.upload("/Shared/sdk/two.txt", io.BytesIO(b"two"), format=ImportFormat.AUTO, overwrite=True)
    assert w.workspace.get_status("/Shared/sdk/deep").object_type == ObjectType.DIRECTORY
    names = {o.path.removeprefix("/Workspace") for o in w.workspace.list("/Shared/sdk")}
    assert {"/Shared/sdk/deep", "/Shared/sdk/one.sql", "/Shared/sdk/two.txt"} <= names, names
    exported = w.workspace.export("/Shared/sdk/one.sql", format=ExportFormat.AUTO)
    assert base64.b64decode(exported.content) == b"SELECT 1\n"
    assert w.workspace.download("/Shared/sdk/two.txt", format=ExportFormat.AUTO).read() == b"two"
    refused((BadRequest, DatabricksError), lambda: w.workspace.delete("/Shared/sdk"))
    w.workspace.delete("/Shared/sdk", recursive=True)
    refused(NotFound, lambda: w.workspace.get_status("/Shared/sdk"))


def dashboards(w, warehouse):
    w.workspace.mkdirs("/Shared/boards")
    made = w.lakeview.create(
        Dashboard(
            display_name="SDK",
            parent_path="/Shared/boards",
            warehouse_id=warehouse,
            serialized_dashboard=json.dumps(PAGE),
        )
    )
    assert made.lifecycle_state.value == "ACTIVE" and made.etag
    assert made.dashboard_id in {d.dashboard_id for d in w.lakeview.list()}
    more = json.dumps({**PAGE, "pages": [{"name": "q", "displayName": "Q", "layout": []}]})
    changed = w.lakeview.update(
        made.dashboard_id, Dashboard(display_name="SDK 2", serialized_dashboard=more, etag=made.etag)
    )
    assert changed.etag != made.etag
    refused(DatabricksError, lambda: w.lakeview.update(made.dashboard_id, Dashboard(display_name="late", etag=made.etag)))
    published = w.lakeview.publish(made.dashboard_id, embed_credentials=True, warehouse_id=warehouse)
    assert published.display_name == "SDK 2"
    assert w.lakeview.get_published(made.dashboard_id).embed_credentials
    w.lakeview.unpublish(made.dashboard_id)
    refused(NotFound, lambda: w.lakeview.get_published(made.dashboard_id))
    w.lakeview.trash(made.dashboard_id)
    assert w.lakeview.get(made.dashboard_id).lifecycle_state.value == "TRASHED"


def clean(w):
    w.tables.delete("sdk.shop.orders")
    w.schemas.delete("sdk.shop")
    refused((BadRequest, DatabricksError), lambda: w.catalogs.delete("nothing"))
    w.catalogs.delete("sdk", force=True)
    assert "sdk" not in {catalog.name for catalog in w.catalogs.list()}


def main():
    address, token = sys.argv[1:]
    w = WorkspaceClient(host=address, token=token)
    identity(w)
    service_principal(address, token)
    warehouse = warehouses(w)
    namespaces(w)
    statements(w, warehouse)
    tables(w)
    files(w)
    dashboards(w, warehouse)
    clean(w)
    print("done")


if __name__ == "__main__":
    main()
