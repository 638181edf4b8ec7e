#!/usr/bin/env python3
"""Writes the names of Spark's built-in functions into `functions.txt`, one a line.

    pip install 'pyspark==4.3.*'          # and a Java 17
    python tests/spark/functions.py
"""

from pathlib import Path

from ask import session


def main():
    spark = session()
    names = sorted(row[0].lower() for row in spark.sql("SHOW SYSTEM FUNCTIONS").collect())
    words = [name for name in names if name.replace("_", "").isalnum() and name[0].isalpha()]
    (Path(__file__).parent / "functions.txt").write_text("\n".join(words) + "\n")


if __name__ == "__main__":
    main()
