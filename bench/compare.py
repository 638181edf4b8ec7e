#!/usr/bin/env python3
"""Times the embedded warehouse beside DuckDB, in one run on one machine.

    pip install duckdb tpchgen-cli
    cargo build && python bench/compare.py [--kiln target/debug/kiln] [--scale 1] [--rounds 3]

Loads TPC-H's tables into both, asks both the 22 queries of TPC-H and the questions of the project's marts, and checks
that they answer alike. The warehouse is asked over HTTP, as its users do; DuckDB in the same process. A row gives both
times and their ratio; then follow the warehouse's peak memory and how many trivial statements it answers in a second.
Both may use all cores. Linux only.
"""

import argparse
import concurrent.futures
import datetime
import http.client
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
TABLES = ["customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier"]


class Warehouse:
    """`kiln local serve`, over the SQL Statement Execution API."""

    def __init__(self, kiln, folder):
        command = [kiln, "local", "serve", "--output", "json", "--data", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told = json.loads(self.process.stdout.readline())
        self.host = told["address"].split("://")[1].rstrip("/")
        self.headers = {"Authorization": f"Bearer {told['token']}", "Content-Type": "application/json"}
        self.warehouse = told["warehouse"]

    def connect(self):
        return http.client.HTTPConnection(self.host)

    def ask(self, connection, statement):
        body = {"statement": statement, "warehouse_id": self.warehouse, "wait_timeout": "50s"}
        connection.request("POST", "/api/2.0/sql/statements", json.dumps(body), self.headers)
        answer = json.loads(connection.getresponse().read())
        while answer["status"]["state"] in ("PENDING", "RUNNING"):
            time.sleep(0.01)
            connection.request("GET", f"/api/2.0/sql/statements/{answer['statement_id']}", headers=self.headers)
            answer = json.loads(connection.getresponse().read())
        if answer["status"]["state"] != "SUCCEEDED":
            raise SystemExit(f"{statement}\n{answer['status']}")
        chunk = answer.get("result", {})
        rows = chunk.get("data_array", [])
        # The time that it takes to fetch the whole result counts.
        while link := chunk.get("next_chunk_internal_link"):
            connection.request("GET", link, headers=self.headers)
            chunk = json.loads(connection.getresponse().read())
            rows += chunk["data_array"]
        return rows

    def peak_mebibytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024


def queries(file):
    """The queries of a file, by the comments before them."""
    found = re.findall(r"^-- ([^\n]+)\n((?:(?!-- )[^\n]+\n)+)", (HERE / file).read_text(), re.MULTILINE)
    return [(name, text.strip().rstrip(";")) for name, text in found]


def for_duckdb(text):
    """The few words that DuckDB has otherwise."""
    return re.sub(r"datediff\((min\(.*?END\)), (min\(.*?END\))\)", r"date_diff('day', \2, \1)", text)


def cell(value):
    """A value of either engine, so that equal ones are equal."""
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()[:10]
    text = str(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00.*", text):
        return text[:10]
    try:
        return float(text)
    except ValueError:
        return text


def same(ours, theirs):
    def alike(a, b):
        a, b = cell(a), cell(b)
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-5) if isinstance(a, float) and isinstance(b, float) else a == b

    return len(ours) == len(theirs) and all(all(map(alike, a, b)) for a, b in zip(ours, theirs))


def timed(act):
    begun = time.perf_counter()
    result = act()
    return time.perf_counter() - begun, result


def statements_per_second(warehouse, clients, seconds=5):
    def work(_):
        connection, count, end = warehouse.connect(), 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            warehouse.ask(connection, "SELECT 1")
            count += 1
        return count

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(work, range(clients))) / seconds


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kiln", default=str(HERE.parent / "target/debug/kiln"))
    options.add_argument("--scale", default="1", help="TPC-H's scale factor: 1 is 1 GB")
    options.add_argument("--rounds", type=int, default=3, help="how often each query is asked; the best time counts")
    options = options.parse_args()

    folder = Path(tempfile.mkdtemp(prefix="kiln-bench-"))
    generator = shutil.which("tpchgen-cli") or str(Path(sys.executable).parent / "tpchgen-cli")
    subprocess.run([generator, "parquet", "-s", options.scale, f"--output-dir={folder / 'files'}"], check=True)
    warehouse = Warehouse(options.kiln, folder / "warehouse")
    connection, duck = warehouse.connect(), duckdb.connect(str(folder / "duck.db"))
    try:
        print(f"{'what':<34} {'kiln s':>8} {'DuckDB s':>9} {'ratio':>6}")

        def row(name, ours, theirs):
            print(f"{name:<34} {ours:>8.3f} {theirs:>9.3f} {ours / theirs:>6.1f}", flush=True)

        loading = [0.0, 0.0]
        for table in TABLES:
            file = folder / "files" / f"{table}.parquet"
            theirs, _ = timed(lambda: duck.execute(f"CREATE TABLE {table} AS SELECT * FROM '{file}'"))
            columns = ", ".join(f"{name} {kind}" for name, kind, *_ in duck.execute(f"DESCRIBE {table}").fetchall())
            warehouse.ask(connection, f"CREATE TABLE {table} ({columns.replace('VARCHAR', 'STRING')})")
            ours, _ = timed(lambda: warehouse.ask(connection, f"COPY INTO {table} FROM '{file}' FILEFORMAT = PARQUET"))
            loading[0] += ours
            loading[1] += theirs
        row("load from Parquet", *loading)

        for file, prefix in (("tpch.sql", "TPC-H "), ("marts.sql", "")):
            ratios, total = [], [0.0, 0.0]
            for name, text in queries(file):
                best = [math.inf, math.inf]
                for _ in range(options.rounds):
                    ours, answer = timed(lambda: warehouse.ask(connection, text))
                    theirs, expected = timed(lambda: duck.execute(for_duckdb(text)).fetchall())
                    best = [min(best[0], ours), min(best[1], theirs)]
                if not same(answer, expected):
                    print(f"{prefix}{name}: the answers differ: {answer[:3]} and {expected[:3]}")
                row(prefix + name, *best)
                ratios.append(best[0] / best[1])
                total = [total[0] + best[0], total[1] + best[1]]
            row(f"all of {file}", *total)
            print(f"{'geometric mean of the ratios':<53} {math.exp(sum(map(math.log, ratios)) / len(ratios)):>6.1f}")
        print(f"peak memory of the warehouse: {warehouse.peak_mebibytes():,.0f} MiB")
        for clients in (1, 16, 64):
            print(f"statements a second, {clients} clients: {statements_per_second(warehouse, clients):,.0f}")
    finally:
        warehouse.process.terminate()
        warehouse.process.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
