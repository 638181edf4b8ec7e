#!/usr/bin/env python3
"""Asks Spark the questions of the corpus and writes its answers beside them.

    pip install 'pyspark==4.3.*'          # and a Java 17
    python tests/spark/ask.py             # all scripts, and the expressions without an answer
    python tests/spark/ask.py --all       # all expressions, too
    python tests/spark/ask.py FILE…       # only these files

`expressions/*.tsv`   expression, type and answer, parted by tabs. A line that begins with SELECT or WITH is a query of
                      one row and one column; any other is asked as `SELECT <expression> AS x`.
`statements/*.sql`    scripts, each in a schema of its own. A statement ends with `;` at the end of a line; the answer
                      stands below it, in lines that begin with `-->` (columns, then rows) or `--!` (an error).

Values are written as CAST(… AS STRING) prints them, binary as hexadecimal digits; tabs, ends of lines and backslashes in
them as \\t, \\n, \\r and \\\\. The files under `delta/` are not asked: Spark alone has no Delta tables. Their answers
were worked out as each of them says.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def session():
    """Spark with the settings of a Databricks SQL warehouse."""
    import logging
    import tempfile

    from pyspark.sql import SparkSession

    logging.disable(logging.CRITICAL)  # every error is an answer here
    folder = tempfile.mkdtemp(prefix="spark-answers-")
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.sql.ansi.enabled", "true")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.sources.default", "parquet")
        .config("spark.sql.warehouse.dir", folder)
        .config("spark.sql.catalogImplementation", "in-memory")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC -Xss16m")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    return spark


def escaped(text):
    return "NULL" if text is None else text.translate(ESCAPES)


def columns_and_rows(spark, sql):
    """Runs a statement; names and types of its columns, and its rows as text."""
    frame = spark.sql(sql)
    columns = [(f.name, f.dataType.simpleString()) for f in frame.schema.fields]
    numbered = frame.toDF(*[f"c{i}" for i in range(len(columns))])
    shown = [
        f"hex(c{i})" if kind == "binary" else f"cast(c{i} as string)" for i, (_, kind) in enumerate(columns)
    ]
    rows = [[escaped(cell) for cell in row] for row in numbered.selectExpr(*shown).collect()]
    return columns, rows


def condition(error):
    """Condition and SQLSTATE of an error."""
    get = getattr(error, "getCondition", None) or getattr(error, "getErrorClass", None)
    name = get() if get else None
    state = error.getSqlState() if name and hasattr(error, "getSqlState") else None
    if name is None:
        return "UNKNOWN", str(error).splitlines()[0][:60] if str(error) else ""
    return name, state or ""


def expression_query(expression):
    whole = expression.lstrip().lower().startswith(("select ", "with "))
    return expression if whole else f"SELECT {expression} AS x"


def answer_expression(spark, expression):
    """Type and value of an expression, or ERROR and a condition."""
    try:
        columns, rows = columns_and_rows(spark, expression_query(expression))
    except Exception as error:  # whatever Spark throws is its answer
        return "ERROR", condition(error)[0]
    if len(columns) != 1 or len(rows) != 1:
        return "ERROR", f"{len(rows)} rows of {len(columns)} columns"
    return columns[0][1], rows[0][0]


def expressions(spark, path, again):
    lines = []
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        if line.strip() and not line.startswith("#") and (again or len(fields) == 1):
            line = "\t".join([fields[0], *answer_expression(spark, fields[0])])
        lines.append(line)
    path.write_text("\n".join(lines) + "\n")


def script(text):
    """The parts of a script, in order: ("text", lines) and ("statement", its lines, its answer's lines)."""
    parts, lines, answer = [], [], []
    for line in text.splitlines():
        if line.startswith(("-->", "--!")):
            answer.append(line)
            continue
        if answer or (parts and parts[-1][0] == "open"):
            _, statement = parts.pop()
            parts.append(("statement", statement, answer))
            answer = []
        if not lines and (not line.strip() or line.startswith("--")):
            parts.append(("text", [line], []))
            continue
        lines.append(line)
        if line.rstrip().endswith(";"):
            parts.append(("open", lines))
            lines = []
    if parts and parts[-1][0] == "open":
        parts.append(("statement", parts.pop()[1], answer))
    if lines:
        raise SystemExit(f"the last statement has no end: {lines[0]}")
    return parts


def answer_statement(spark, sql):
    try:
        columns, rows = columns_and_rows(spark, sql)
    except Exception as error:  # whatever Spark throws is its answer
        return ["--! " + " ".join(condition(error)).rstrip()]
    if not columns:
        return []
    head = "\t".join(f"{escaped(name)} {kind}" for name, kind in columns)
    return ["--> " + head, *["--> " + "\t".join(row) for row in rows]]


def statements(spark, path):
    parts = script(path.read_text())
    schema = "corpus_" + path.stem
    spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    spark.sql(f"CREATE SCHEMA {schema}")
    spark.sql(f"USE {schema}")
    lines = []
    for kind, text, _ in parts:
        lines += text
        if kind == "statement":
            sql = "\n".join(text).rstrip()[:-1]
            lines += answer_statement(spark, sql)
    spark.sql("USE default")
    spark.sql(f"DROP SCHEMA {schema} CASCADE")
    path.write_text("\n".join(lines) + "\n")


def main():
    again = "--all" in sys.argv
    named = [Path(a) for a in sys.argv[1:] if not a.startswith("--")]
    files = named or sorted([*HERE.glob("expressions/*.tsv"), *HERE.glob("statements/*.sql")])
    spark = session()
    for path in files:
        if path.suffix == ".tsv":
            expressions(spark, path, again)
        else:
            statements(spark, path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
