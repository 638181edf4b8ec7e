#!/usr/bin/env python3
"""Times the project's own models on the embedded warehouse, DuckDB and Spark, in one run on one machine.

    pip install duckdb sqlglot deltalake pyspark      # and a Java 17, for Spark
    cargo build --release && python bench/models.py --kiln target/release/kiln [--customers 585000] [--engines kiln,duckdb]

kiln generates a shop and syncs it, as `kiln sync-and-refresh` does; then each engine in turn, in a process of its own,
builds all models in their order from the same Parquet files: views as views, tables as tables on disk. Spark is given
the very SQL that kiln sends; DuckDB what SQLGlot makes of it. What each model came to (its rows, and the sum of each of
its columns of numbers) must be the same everywhere. Wall time and CPU time are those of the models alone, without any
engine's start; peak memory is the process's from then on. A customer places 1.71 orders on average. Linux only.
"""

import argparse
import http.client
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ["customers", "orders", "order_items", "products"]


def cpu_seconds(pid):
    """What a process and its threads have used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mebibytes(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def forget_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


class Kiln:
    """The embedded warehouse, over the SQL Statement Execution API."""

    name = "kiln"

    def __init__(self, options, _files):
        command = [options.kiln, "local", "serve", "--output", "json", "--data", str(options.project / ".kiln/local")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told = json.loads(self.process.stdout.readline())
        self.connection = http.client.HTTPConnection(told["address"].split("://")[1].rstrip("/"))
        self.headers = {"Authorization": f"Bearer {told['token']}", "Content-Type": "application/json"}
        self.warehouse, self.pid = told["warehouse"], self.process.pid
        self.ask("CREATE SCHEMA IF NOT EXISTS main.bench")

    def ask(self, statement):
        body = {"statement": statement, "warehouse_id": self.warehouse, "wait_timeout": "50s", "catalog": "main"}
        if "CREATE SCHEMA" not in statement:
            body["schema"] = "bench"
        self.connection.request("POST", "/api/2.0/sql/statements", json.dumps(body), self.headers)
        answer = json.loads(self.connection.getresponse().read())
        while answer["status"]["state"] in ("PENDING", "RUNNING"):
            time.sleep(0.02)
            self.connection.request("GET", f"/api/2.0/sql/statements/{answer['statement_id']}", headers=self.headers)
            answer = json.loads(self.connection.getresponse().read())
        if answer["status"]["state"] != "SUCCEEDED":
            raise SystemExit(f"{statement}\n{answer['status']}")
        self.columns = [(c["name"], c["type_text"]) for c in answer["manifest"].get("schema", {}).get("columns", [])]
        return answer.get("result", {}).get("data_array", [])

    def build(self, kind, model, query):
        self.ask(f"CREATE OR REPLACE {kind} {model} AS\n{query}")

    def numbers(self, model):
        self.ask(f"SELECT * FROM {model} LIMIT 0")
        return [n for n, t in self.columns if re.match(r"(BIGINT|INT|SMALLINT|TINYINT|DOUBLE|FLOAT|DECIMAL)", t)]

    def sums(self, model, numbers):
        sums = "".join(f", sum(CAST(`{n}` AS DOUBLE))" for n in numbers)
        return [float(cell) if cell is not None else None for cell in self.ask(f"SELECT count(*){sums} FROM {model}")[0]]

    def close(self):
        self.process.terminate()
        self.process.wait()


class Duck:
    name = "DuckDB"

    def __init__(self, options, files):
        import duckdb

        self.pid = os.getpid()
        self.duck = duckdb.connect(str(options.project.parent / "duck.db"))
        self.duck.execute("SET TimeZone = 'UTC'; CREATE SCHEMA shop_public")
        for table, of_table in files.items():
            self.duck.execute(f"CREATE VIEW shop_public.{table} AS SELECT * FROM read_parquet({of_table})")

    def build(self, kind, model, query):
        self.duck.execute(f"CREATE {kind} {model} AS\n{for_duckdb(query)}")

    def sums(self, model, numbers):
        sums = "".join(f', sum(CAST("{n}" AS DOUBLE))' for n in numbers)
        return list(self.duck.execute(f"SELECT count(*){sums} FROM {model}").fetchone())

    def close(self):
        self.duck.close()


class Spark:
    name = "Spark"

    def __init__(self, options, files):
        from pyspark.sql import SparkSession

        threads = os.cpu_count()
        self.spark = (
            SparkSession.builder.master(f"local[{threads}]")
            .config("spark.driver.memory", "10g")
            .config("spark.sql.ansi.enabled", "true")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", str(2 * threads))
            .config("spark.sql.sources.default", "parquet")
            .config("spark.sql.warehouse.dir", str(options.project.parent / "spark"))
            .config("spark.ui.enabled", "false")
            .config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC")
            .getOrCreate()
        )
        self.spark.sparkContext.setLogLevel("OFF")
        self.pid = int(self.spark._jvm.java.lang.ProcessHandle.current().pid())
        for schema in ("shop_public", "bench"):
            self.spark.sql(f"CREATE SCHEMA {schema}")
        for table, of_table in files.items():
            folder = options.project.parent / "for-spark" / table
            folder.mkdir(parents=True)
            for number, file in enumerate(of_table):
                os.link(file, folder / f"{number}.parquet")
            self.spark.sql(f"CREATE TABLE shop_public.{table} USING parquet LOCATION '{folder}'")
        self.spark.sql("USE bench")

    def build(self, kind, model, query):
        self.spark.sql(f"CREATE {kind} {model} AS\n{query}")

    def sums(self, model, numbers):
        sums = "".join(f", sum(CAST(`{n}` AS DOUBLE))" for n in numbers)
        return list(self.spark.sql(f"SELECT count(*){sums} FROM {model}").collect()[0])

    def close(self):
        self.spark.stop()


ENGINES = {"kiln": Kiln, "duckdb": Duck, "spark": Spark}


def for_duckdb(query):
    """The same query in DuckDB's words."""
    import sqlglot
    from sqlglot import exp

    def in_duckdb(node):
        if isinstance(node, exp.GenerateSeries) and node.args.get("step") is None:
            # A sequence without a step is one of days here, and DuckDB has those of timestamps.
            start, end = (f"CAST({node.args[side].sql('duckdb')} AS TIMESTAMP)" for side in ("start", "end"))
            text = f"list_transform(generate_series({start}, {end}, INTERVAL 1 DAY), moment -> CAST(moment AS DATE))"
            return sqlglot.parse_one(text, read="duckdb")
        if isinstance(node, exp.AtTimeZone):
            # A moment, as Spark's TIMESTAMP is: DuckDB's would be taken for a local time.
            node.set("this", exp.cast(node.this.this, "TIMESTAMPTZ"))
        if isinstance(node, exp.Pad):
            node.set("this", exp.cast(node.this, "VARCHAR"))
        if isinstance(node, exp.Select) and node.args.get("laterals"):
            stacks = [view for view in node.args["laterals"] if isinstance(view.this, exp.Stack)]
            node.set("laterals", [view for view in node.args["laterals"] if view not in stacks])
            for view in stacks:
                cells = view.this.expressions
                width = len(view.args["alias"].columns)
                rows = [cells[i : i + width] for i in range(0, len(cells), width)]
                values = ", ".join(f"({', '.join(cell.sql('duckdb') for cell in row)})" for row in rows)
                columns = ", ".join(column.name for column in view.args["alias"].columns)
                node = node.join(f"LATERAL (SELECT * FROM (VALUES {values}) AS stacked({columns})) AS {view.alias}", join_type="cross", dialect="duckdb")
        return node

    return sqlglot.parse_one(query, read="databricks").transform(in_duckdb).sql("duckdb")


def carry_out(name, options):
    """Builds all models on one engine; prints what that took and what they came to, as JSON."""
    given = json.loads((options.project.parent / "given.json").read_text())
    engine = ENGINES[name](options, given["files"])
    forget_peak(engine.pid)
    begun, cpu = time.perf_counter(), cpu_seconds(engine.pid)
    took = {}
    for kind, model, query in given["models"]:
        start = time.perf_counter()
        engine.build(kind, model, query)
        took[model] = time.perf_counter() - start
    whole = {"wall": time.perf_counter() - begun, "cpu": cpu_seconds(engine.pid) - cpu, "peak": peak_mebibytes(engine.pid)}
    numbers = given.get("numbers") or {model: engine.numbers(model) for _, model, _ in given["models"]}
    sums = {model: engine.sums(model, numbers[model]) for _, model, _ in given["models"]}
    engine.close()
    print(json.dumps({"took": took, "whole": whole, "numbers": numbers, "sums": sums}))


def prepare(options):
    """Makes the shop's files, and finds the models' queries."""
    options.project.mkdir()
    for part in ("sql", "dashboards"):
        shutil.copytree(ROOT / part, options.project / part)
    jobs = (ROOT / "jobs.yaml").read_text()
    sample = "{customers: 20000, seed: 7}"
    assert sample in jobs, f"jobs.yaml no longer holds `{sample}`"
    jobs = jobs.replace(sample, f"{{customers: {options.customers}, seed: 7}}")
    # The dashboard's tables are not there yet.
    publish = "      - publish: retention\n"
    assert publish in jobs, f"jobs.yaml no longer holds `{publish.strip()}`"
    (options.project / "jobs.yaml").write_text(jobs.replace(publish, ""))

    def kiln(*args):
        return subprocess.run([options.kiln, *args], cwd=options.project, check=True, capture_output=True, text=True).stdout

    kiln("sync-and-refresh", "--select", "sql/staging")
    models = []
    for statement in re.split(r"^-- \S+\.sql\n", kiln("render"), flags=re.MULTILINE)[1:]:
        header, _, query = statement.partition("\nAS\n")
        kind, table = re.match(r"CREATE OR REPLACE (VIEW|TABLE) (\S+)", header).groups()
        models.append((kind, table.replace("`", "").split(".")[-1], query.rstrip().rstrip(";")))
    from deltalake import DeltaTable

    folders = {table: next((options.project / ".kiln/local").rglob(f"{table}/_delta_log")).parent for table in SOURCES}
    files = {table: [uri.removeprefix("file://") for uri in DeltaTable(str(folder)).file_uris()] for table, folder in folders.items()}
    given = {"models": models, "files": files}
    (options.project.parent / "given.json").write_text(json.dumps(given))
    orders = DeltaTable(str(folders["orders"])).count()
    return given, orders


def alike(ours, theirs):
    pairs = zip(ours, theirs, strict=True)
    return all(a == b if a is None or b is None else math.isclose(float(a), float(b), rel_tol=1e-6, abs_tol=1e-6) for a, b in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kiln", type=lambda path: str(Path(path).resolve()), default=str(ROOT / "target/release/kiln"))
    parser.add_argument("--customers", type=int, default=585_000, help="585,000 customers place a million orders")
    parser.add_argument("--engines", default="kiln,duckdb,spark")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--project", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        carry_out(options.only, options)
        return
    folder = Path(tempfile.mkdtemp(prefix="kiln-models-"))
    options.project = folder / "project"
    try:
        given, orders = prepare(options)
        print(f"{len(given['models'])} models over {orders:,} orders of {options.customers:,} customers\n", flush=True)
        results = {}
        for name in options.engines.split(","):
            command = [sys.executable, __file__, "--only", name, "--project", str(options.project), "--kiln", options.kiln]
            ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results[name] = json.loads(ran.stdout.splitlines()[-1])
            # The others are asked for the sums of the same columns.
            given["numbers"] = results[name]["numbers"]
            (folder / "given.json").write_text(json.dumps(given))
        report(given, {ENGINES[name].name: result for name, result in results.items()})
    finally:
        shutil.rmtree(folder)


def report(given, results):
    first = next(iter(results))
    others = [name for name in results if name != first]
    head = "".join(f"{name + ' s':>11}" for name in results) + "".join(f"{f'{first}/{name}':>14}" for name in others)
    print(f"{'model':<26}{head}")

    def row(what, of):
        times = "".join(f"{of(result):>11.2f}" for result in results.values())
        ratios = "".join(f"{of(results[first]) / of(results[name]):>14.2f}" for name in others)
        print(f"{what:<26}{times}{ratios}")

    for kind, model, _ in given["models"]:
        if kind == "TABLE":
            row(model, lambda result: result["took"][model])
        for name in others:
            if not alike(results[first]["sums"][model], results[name]["sums"][model]):
                print(f"  {model} differs: {results[first]['sums'][model]} in {first}, {results[name]['sums'][model]} in {name}")
    row("all: wall, s", lambda result: result["whole"]["wall"])
    row("all: CPU, s", lambda result: result["whole"]["cpu"])
    row("all: peak memory, MiB", lambda result: result["whole"]["peak"])


if __name__ == "__main__":
    main()
