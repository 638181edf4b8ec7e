#!/usr/bin/env python3
"""Times `kiln check` beside dbt and SQLMesh, on the same generated projects, in one run on one machine.

    python -m venv dbt && dbt/bin/pip install 'dbt-core<1.11' 'dbt-duckdb<1.11'
    python -m venv sqlmesh && sqlmesh/bin/pip install sqlmesh
    cargo build --release --no-default-features
    python bench/check_peers.py --kiln target/release/kiln --dbt dbt/bin/dbt --sqlmesh sqlmesh/bin/python 100 1000

The projects come from `cargo bench --bench check -- --write`, and are written again in the words of the others: components
become Jinja macros, names of models `ref()` and those of sources `source()`. Every program is started anew with no cache of
its own, several times; the middle one counts. kiln checks columns, types and dashboards besides, which the others do not; what
`dbt parse` and `dbt compile` do with columns is nothing, and SQLMesh is asked to load its models only. Linux only.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent

MACROS = """
{% macro month_of(day) %}CAST(date_trunc('MONTH', {{ day }}) AS DATE){% endmacro %}
{% macro share(part, whole, digits) %}round(try_divide({{ part }}, {{ whole }}), {{ digits }}){% endmacro %}
{% macro bucket(value, limits) %}CASE{% for limit in limits %} WHEN {{ value }} < {{ limit }} THEN 'below {{ limit }}'{% endfor %} ELSE 'more' END{% endmacro %}
"""


def jinja(sql):
    """Calls of components as calls of macros: `<share part="a" digits={2} />` becomes `share(part="a", digits=2)`."""

    def call(found):
        arguments = re.findall(r'(\w+)=(?:"([^"]*)"|\{([^}]*)\})', found.group(2))
        listed = ", ".join(f'{name}="{text}"' if text else f"{name}={value}" for name, text, value in arguments)
        return f"{found.group(1)}({listed})"

    return re.sub(r"<(\w+)((?: \w+=(?:\"[^\"]*\"|\{[^}]*\}))*) />", call, sql)


def as_dbt(project, folder):
    (folder / "models").mkdir(parents=True)
    (folder / "macros").mkdir()
    (folder / "macros/common.sql").write_text(MACROS)
    tables = set()
    for path in (project / "sql").glob("layer*/*.sql"):
        sql = jinja(path.read_text())
        tables.update(re.findall(r"shop_public\.(\w+)", sql))
        sql = re.sub(r"shop_public\.(\w+)", r"{{ source('shop_public', '\1') }}", sql)
        sql = re.sub(r"\b(FROM|JOIN) (m\d+)\b", r"\1 {{ ref('\2') }}", sql)
        sql = sql.replace("in windows", "in var('windows')").replace("{% if first_day %}", "{% if var('first_day') %}")
        sql = sql.replace("{{ first_day }}", "{{ var('first_day') }}")
        (folder / "models" / path.name).write_text(sql)
    (folder / "models/sources.yml").write_text(
        "sources:\n  - name: shop_public\n    tables:\n" + "".join(f"      - name: {table}\n" for table in sorted(tables))
    )
    (folder / "dbt_project.yml").write_text(
        "name: generated\nversion: '1.0'\nprofile: generated\nmodel-paths: [models]\nmacro-paths: [macros]\n"
        "vars: {windows: [30, 60, 90], first_day: '2020-01-01'}\n"
    )
    (folder / "profiles.yml").write_text(
        "generated: {target: dev, outputs: {dev: {type: duckdb, path: generated.duckdb, threads: 2}}}\n"
    )


def as_sqlmesh(project, folder):
    (folder / "models").mkdir(parents=True)
    (folder / "macros").mkdir()
    (folder / "macros/common.sql").write_text(MACROS)
    for path in (project / "sql").glob("layer*/*.sql"):
        sql = jinja(path.read_text())
        sql = re.sub(r"\b(FROM|JOIN) (m\d+)\b", r"\1 shop.\2", sql)
        sql = sql.replace("in windows", "in [30, 60, 90]").replace("{% if first_day %}", "{% if true %}")
        sql = sql.replace("{{ first_day }}", "2020-01-01")
        head = f"MODEL (name shop.{path.stem}, kind VIEW, dialect databricks);\n\nJINJA_QUERY_BEGIN;\n"
        (folder / "models" / path.name).write_text(head + sql + "\nJINJA_END;\n")
    (folder / "config.yaml").write_text(
        "gateways: {local: {connection: {type: duckdb, database: ':memory:'}}}\ndefault_gateway: local\n"
        "model_defaults: {dialect: databricks}\ndisable_anonymized_analytics: true\n"
    )


def timed(command, folder, clean, rounds):
    """The middle of several runs in seconds, and the largest peak memory in MiB."""
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1", "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true"}
    seconds, peaks = [], []
    for _ in range(rounds):
        for name in clean:
            shutil.rmtree(folder / name, ignore_errors=True)
        begin = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.monotonic() - begin)
        peaks.append(usage.ru_maxrss / 1024)
        if status != 0:
            raise SystemExit(f"{command} failed:\n{said.decode()[-2000:]}")
    return statistics.median(seconds), max(peaks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--kiln", type=Path, default=Path("target/release/kiln"))
    parser.add_argument("--generator", help="a built `check` bench, in place of cargo")
    parser.add_argument("--dbt", type=Path)
    parser.add_argument("--sqlmesh", type=Path, help="the Python that has SQLMesh")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'models':>7}  {'what':<28} {'s':>8} {'MiB':>7} {'to kiln':>8}")
    for models in options.models:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            project = folder / "kiln"
            project.mkdir()
            build = ["cargo", "bench", "--no-default-features", "--bench", "check", "--"]
            generator = [options.generator] if options.generator else build
            subprocess.run([*generator, "--write", project, str(models)], check=True, cwd=HERE.parent)
            ours, peak = timed([options.kiln.resolve(), "check"], project, [], 5)
            print(f"{models:>7}  {'kiln check':<28} {ours:>8.2f} {peak:>7.0f} {1:>8}", flush=True)
            tasks = []
            if options.dbt:
                as_dbt(project, folder / "dbt")
                dbt = options.dbt.absolute()
                for verb in ["parse", "compile"]:
                    command = [dbt, "--quiet", verb, "--profiles-dir", ".", "--no-partial-parse"]
                    tasks.append((f"dbt {verb}", command, folder / "dbt", ["target", "logs"]))
            if options.sqlmesh:
                as_sqlmesh(project, folder / "sqlmesh")
                load = f"from sqlmesh import Context; assert len(Context(paths=['.']).models) >= {models}"
                tasks.append(("sqlmesh, loading", [options.sqlmesh.absolute(), "-c", load], folder / "sqlmesh", [".cache", "logs"]))
            for what, command, where, clean in tasks:
                seconds, peak = timed(command, where, clean, options.rounds)
                print(f"{models:>7}  {what:<28} {seconds:>8.2f} {peak:>7.0f} {seconds / ours:>7.0f}x", flush=True)


if __name__ == "__main__":
    main()
