#!/usr/bin/env python3
"""Asks Spark for the marts of a small shop and writes its answers down.

    KILN_SPARK_PYTHON=python cargo test --test it spark_is_asked -- --ignored

writes the shops of the tests into folders, and calls for each of them

    python tests/spark/marts.py FOLDER SCRIPT

`models.sql` of the folder is what `kiln render` prints, `sources.tsv` names table, column and type of each column of the
sources, `data/TABLE.csv` has the rows. The queries are those of the script, a file as under `statements/` (see ask.py);
their answers are written below them. Doubles are written with 12 digits: they are compared to 1e-9.
"""

import re
import sys
from pathlib import Path

import ask

# One model of `kiln render`: its file, then its statement.
MODEL = re.compile(r"^-- \S+\.sql\n(CREATE OR REPLACE (?:VIEW|TABLE) .*?);\n\n?(?=-- \S+\.sql\n|\Z)", re.S | re.M)


def source_tables(spark, folder):
    """Lands the rows of the files as Fivetran does: with a mark for deleted ones."""
    columns = {}
    for line in (folder / "sources.tsv").read_text().splitlines():
        table, column, kind = line.split("\t")
        columns.setdefault(table, []).append((column, kind))
    spark.sql("CREATE SCHEMA shop_public")
    for table, typed in columns.items():
        rows = spark.read.csv(str(folder / "data" / f"{table}.csv"), header=True)
        landed = {"_fivetran_deleted": "false", "_fivetran_synced": "TIMESTAMP'2024-05-01 00:00:00'"}
        shown = [
            f"CAST({column if column in rows.columns else landed[column]} AS {kind}) AS {column}"
            for column, kind in typed
        ]
        rows.selectExpr(*shown).write.saveAsTable(f"shop_public.{table}")


def models(spark, folder):
    """Builds the models in the order of `kiln render`, views as views, and everything else as tables of Parquet."""
    text = (folder / "models.sql").read_text()
    # Spark alone has one catalog, with another name.
    text = re.sub(r"`?\bmain\b`?\.(?=`?(?:retention|shop_public)`?\.)", "", text)
    statements = MODEL.findall(text)
    if not statements or len(statements) != text.count("CREATE OR REPLACE "):
        raise SystemExit("models.sql is not what this script expects of kiln render")
    spark.sql("CREATE SCHEMA retention")
    spark.sql("USE retention")
    for statement in statements:
        head, query = statement.split("\nAS\n", 1)
        # Clustering and the like are Delta's; columns of a view may have descriptions.
        kind, name = re.match(r"CREATE OR REPLACE (VIEW|TABLE) ([\w.`]+)", head).groups()
        spark.sql(f"CREATE {kind} {name} AS\n{query}")


def short(row, kinds):
    return [f"{float(cell):.12g}" if kind == "double" and cell != "NULL" else cell for cell, kind in zip(row, kinds)]


def answer(spark, sql):
    columns, rows = ask.columns_and_rows(spark, sql)
    kinds = [kind for _, kind in columns]
    head = "\t".join(f"{name} {kind}" for name, kind in columns)
    return ["--> " + head, *["--> " + "\t".join(short(row, kinds)) for row in rows]]


def main(folder, script):
    spark = ask.session()
    source_tables(spark, folder)
    models(spark, folder)
    lines = []
    for kind, text, _ in ask.script(script.read_text()):
        lines += text
        if kind == "statement":
            lines += answer(spark, "\n".join(text).rstrip()[:-1])
    script.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
