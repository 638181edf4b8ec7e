#!/usr/bin/env python3
"""Makes expressions at random, and compares what Spark and the embedded warehouse answer to them.

    cargo build && python tests/spark/differ.py --minutes 10 [--seed 7] [--kiln target/debug/kiln]

An expression grows from the grammar below over typed values, with nulls and extremes among them; half of them are asked
of constants, half of columns. Where the answers differ, the smallest part that still differs is printed, as a line for
`expressions/*.tsv`, followed by what the embedded warehouse says. Each kind of difference is told once. Ends with
status 1 if there was any.
"""

import argparse
import http.client
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ask import answer_expression, session

# Values, by type. They are written so that they have exactly this type.
VALUES = {
    "tinyint": ["cast(0 as tinyint)", "127Y", "-128Y", "5Y"],
    "smallint": ["32767S", "cast(-32768 as smallint)", "0S", "12S"],
    "int": ["0", "1", "-1", "7", "100", "2147483647", "int(-2147483648)", "cast(null as int)"],
    "bigint": ["0L", "3L", "-4L", "9223372036854775807L", "cast('-9223372036854775808' as bigint)", "cast(null as bigint)"],
    "float": ["float(0)", "float(1.5)", "float('-0.0')", "float('nan')", "float('inf')", "float(3.4e38)"],
    "double": ["0D", "1.5D", "-2.25D", "1e300D", "double('-0.0')", "double('nan')", "double('-inf')", "1e-7D", "123456789.125D", "cast(null as double)"],
    "decimal(10,2)": ["cast(0 as decimal(10,2))", "cast('12345678.99' as decimal(10,2))", "cast('-0.05' as decimal(10,2))", "cast(null as decimal(10,2))"],
    "decimal(38,10)": ["cast('9999999999999999999999999999.9999999999' as decimal(38,10))", "cast('-1.5' as decimal(38,10))"],
    "string": ["''", "'a'", "'Äpfel €'", "' 12 '", "'1.5e2'", "'2024-02-29'", "'a,b,,c'", "'abcABC'", "'\U0001f642x'", "'true'", "'-7'", "cast(null as string)"],
    "boolean": ["true", "false", "cast(null as boolean)"],
    "date": ["date'2024-02-29'", "date'1969-12-31'", "date'0001-01-01'", "date'9999-12-31'", "date'1582-10-04'", "date'2023-01-31'", "cast(null as date)"],
    "timestamp": ["timestamp'2024-02-29 23:59:59.999999'", "timestamp'1969-12-31 23:59:59.5'", "timestamp'1900-01-01 00:00:00'", "timestamp'2024-01-01 00:00:00'", "cast(null as timestamp)"],
    "timestamp_ntz": ["timestamp_ntz'2024-03-31 02:30:00'", "timestamp_ntz'1001-06-15 12:00:00.25'"],
    "array<int>": ["array(3, 1, 2)", "array(1, null, 1)", "cast(array() as array<int>)", "cast(null as array<int>)"],
    "array<string>": ["array('b', 'a', 'B', '')", "array('x', null)", "split('a,b', ',')"],
    "map<string,int>": ["map('a', 1, 'b', null)", "map('k', -1)"],
    # Numbers that make sense as a count, a position or a number of places.
    "#": ["0", "1", "2", "3", "-1", "-2", "5", "12", "30", "cast(null as int)"],
    "unit": ["MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"],
    "trunc": ["'YEAR'", "'QUARTER'", "'MONTH'", "'WEEK'", "'DAY'", "'HOUR'", "'MINUTE'", "'SECOND'", "'mm'", "'nothing'"],
    "field": ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOW", "DAYOFWEEK_ISO", "DOY", "YEAROFWEEK"],
    "pattern": ["'yyyy-MM-dd'", "'dd.MM.yy HH:mm'", "'E, d MMM yyyy'", "'MMMM'", "'D'", "'hh:mm a'", "'ss.SSS'", "'Q'", "'yyyyMMdd'"],
    "regex": ["'[a-z]+'", "'(\\\\w)(\\\\d)?'", "','", "'^a'", "'€'", "''"],
}

NUMBERS = ["tinyint", "smallint", "int", "bigint", "float", "double", "decimal(10,2)", "decimal(38,10)"]
INTEGRAL = ["tinyint", "smallint", "int", "bigint"]
SIMPLE = [*NUMBERS, "string", "boolean", "date", "timestamp"]
TIMES = ["date", "timestamp", "timestamp_ntz"]
ARRAYS = ["array<int>", "array<string>"]

# What may stand in a place of a template: `{name}` is one of these types.
CLASSES = {
    "num": NUMBERS, "int": INTEGRAL, "any": SIMPLE, "time": TIMES, "arr": ARRAYS, "s": ["string"], "b": ["boolean"],
    "date": ["date"], "ts": ["timestamp"], "ntz": ["timestamp_ntz"], "i": ["int"], "l": ["bigint"], "d": ["double"],
    "map": ["map<string,int>"], "ai": ["array<int>"], "as": ["array<string>"], "n": ["#"], "unit": ["unit"],
    "trunc": ["trunc"], "field": ["field"], "pattern": ["pattern"], "regex": ["regex"], "dec": ["decimal(10,2)", "decimal(38,10)"],
}

# Templates, by the type of what they give; `=` is the type of the first place, `?` whatever comes of it.
GRAMMAR = """
?: {num} + {num} | {num} - {num} | {num} * {num} | {num} / {num} | {num} % {num} | {int} div {int} | -{num} | +{num}
?: try_add({num}, {num}) | try_subtract({num}, {num}) | try_multiply({num}, {num}) | try_divide({num}, {num})
?: abs({num}) | round({num}, {n}) | bround({num}, {n}) | ceil({num}) | floor({num}) | sign({num}) | pmod({num}, {num}) | mod({num}, {num})
int: {int} & {int} | {int} | {int} | length({s}) | instr({s}, {s}) | size({arr}) | year({time}) | month({time}) | day({time}) | quarter({time})
int: dayofweek({date}) | weekday({date}) | weekofyear({date}) | dayofyear({date}) | hour({ts}) | minute({ts}) | second({ts}) | datediff({date}, {date})
int: levenshtein({s}, {s}) | ascii({s}) | bit_length({s}) | locate({s}, {s}, {n}) | array_position({arr}, {s}) | extract({field} FROM {time}) | hash({any}, {any})
int: cast({any} as int) | try_cast({any} as int) | regexp_count({s}, {regex}) | octet_length({s}) | element_at({ai}, {n}) | try_element_at({ai}, {n}) | {ai}[{n}]
bigint: cast({any} as bigint) | try_cast({any} as bigint) | timestampdiff({unit}, {ts}, {ts}) | datediff({unit}, {date}, {date}) | xxhash64({any}, {any}) | unix_timestamp({ts})
double: cast({any} as double) | try_cast({s} as double) | sqrt({num}) | exp({d}) | ln({num}) | log10({num}) | pow({num}, {n}) | months_between({ts}, {ts}) | months_between({date}, {date}, false) | cbrt({d}) | atan2({d}, {d})
decimal(10,2): cast({any} as decimal(10,2)) | try_cast({any} as decimal(10,2)) | round({dec}, 1)
string: cast({any} as string) | concat({s}, {any}) | {s} || {any} | upper({s}) | lower({s}) | initcap({s}) | trim({s}) | ltrim({s}) | reverse({s}) | repeat({s}, {n}) | lpad({s}, {n}, {s}) | rpad({s}, {n}, {s})
string: substring({s}, {n}, {n}) | substr({s}, {n}) | left({s}, {n}) | right({s}, {n}) | replace({s}, {s}, {s}) | translate({s}, {s}, {s}) | split_part({s}, ',', {n}) | substring_index({s}, ',', {n}) | overlay({s} placing {s} from {n})
string: date_format({time}, {pattern}) | concat_ws(',', {s}, {as}) | md5({s}) | sha2({s}, 256) | hex({l}) | hex({s}) | bin({l}) | conv({s}, 16, 10) | regexp_replace({s}, {regex}, 'x') | regexp_extract({s}, {regex}, 0) | array_join({as}, '-', '?')
string: format_number({num}, {n}) | elt({n}, {s}, {s}) | soundex({s}) | base64(cast({s} as binary)) | dayname({date}) | monthname({date}) | char({i}) | typeof({any}) | to_char({dec}, '999999999.00') | array_max({as}) | element_at({as}, {n})
boolean: {num} < {num} | {num} = {num} | {any} <=> {any} | {any} is null | {s} like 'a%' | {s} rlike {regex} | {s} in ('a', 'b', null) | {num} between {num} and {num} | not {b} | {b} and {b} | {b} or {b} | isnan({d})
boolean: {date} > {date} | {ts} >= {date} | {time} < {time} | {s} = {any} | cast({any} as boolean) | contains({s}, {s}) | startswith({s}, {s}) | array_contains({ai}, {i}) | arrays_overlap({ai}, {ai}) | exists({ai}, x -> x > 1) | forall({ai}, x -> x > 0) | {ai} = {ai} | {s} ilike '%A%'
date: {date} + {n} | {date} - {n} | date_add({date}, {n}) | add_months({date}, {n}) | last_day({date}) | next_day({date}, 'MON') | trunc({date}, {trunc}) | to_date({s}) | cast({any} as date) | try_cast({s} as date) | make_date({i}, {n}, {n}) | dateadd(DAY, {n}, {date})
timestamp: date_trunc({trunc}, {ts}) | cast({any} as timestamp) | try_cast({s} as timestamp) | dateadd({unit}, {n}, {ts}) | {ts} + interval '1' day | {ts} - interval '2' month | to_timestamp({s}) | timestamp_seconds({n}) | from_utc_timestamp({ts}, 'America/New_York') | to_utc_timestamp({ts}, 'Europe/Berlin')
timestamp_ntz: cast({ts} as timestamp_ntz) | cast({date} as timestamp_ntz) | {ntz} + interval '1' hour | date_trunc({trunc}, {ntz})
array<int>: array_distinct({ai}) | sort_array({ai}) | sort_array({ai}, false) | array_sort({ai}) | reverse({ai}) | slice({ai}, {n}, {n}) | array_union({ai}, {ai}) | array_intersect({ai}, {ai}) | array_except({ai}, {ai}) | transform({ai}, x -> x * 2) | filter({ai}, x -> x > 1) | array_append({ai}, {i}) | array_remove({ai}, 1) | array_insert({ai}, {n}, {i}) | sequence({n}, {n}) | array_compact({ai}) | concat({ai}, {ai}) | flatten(array({ai}, {ai})) | map_values({map}) | array_repeat({i}, {n})
array<string>: split({s}, {regex}) | split({s}, ',', {n}) | array({s}, {s}) | array_distinct({as}) | map_keys({map}) | transform({as}, x -> upper(x)) | filter({as}, x -> x is not null) | regexp_extract_all({s}, {regex}, 0) | array_union({as}, {as}) | slice({as}, {n}, {n})
map<string,int>: map_concat({map}, map('z', {i})) | map({s}, {i}) | map_filter({map}, (k, v) -> v > 0) | transform_values({map}, (k, v) -> v + 1) | map_from_arrays(array('p', 'q'), array({i}, {i}))
=: coalesce({any}, {any}) | nullif({any}, {any}) | if({b}, {num}, {num}) | case when {b} then {any} else {any} end | greatest({num}, {num}) | least({time}, {time}) | greatest({s}, {s}) | nvl({num}, {num}) | ifnull({s}, {s})
?: aggregate({ai}, 0, (a, x) -> a + coalesce(x, 0)) | {ai}[0] + {num} | {map}['a'] | element_at({map}, {s}) | size({map}) | to_json(named_struct('a', {any}, 'b', {any})) | named_struct('x', {any}, 'y', {any}) | get_json_object(to_json(named_struct('a', {any})), '$.a') | from_json({s}, 'a int') | {ts} - {ts} | {date} - {date} | map_entries({map}) | arrays_zip({ai}, {as}) | make_timestamp({i}, {n}, {n}, {n}, {n}, {dec}) | bit_count({int}) | shiftleft({i}, {n}) | width_bucket({num}, 0, 10, 5) | struct({any}, {any})
"""


class Node:
    """An expression: a template, and what stands in its places; bare, it has no parentheses round it."""

    def __init__(self, template, parts, bare=False):
        self.template, self.parts, self.bare = template, parts, bare

    def text(self, columns=None):
        if not self.parts and columns is not None and self.template in columns:
            return columns[self.template]
        texts = iter([part.text(columns) for part in self.parts])
        text = re.sub(r"\{\w+\}", lambda _: next(texts), self.template)
        return f"({text})" if self.parts and not self.bare and not re.fullmatch(r"\w+\(.*\)", self.template) else text

    def below(self):
        for part in self.parts:
            yield part
            yield from part.below()


def grammar():
    rules = {}
    for line in GRAMMAR.strip().splitlines():
        result, _, templates = line.partition(": ")
        for template in re.split(r" \| (?=\S)", templates):
            if template != "{int}":
                rules.setdefault(result, []).append(template)
    return rules


RULES = grammar()


def grow(rng, kind, depth):
    """An expression of a type, or of a class of places."""
    rules = RULES.get(kind, [])
    if depth <= 0 or not rules or rng.random() < 0.3:
        return Node(rng.choice(VALUES[kind]), [])
    return build(rng, rng.choice(rules), depth)


def build(rng, template, depth):
    places = re.findall(r"\{(\w+)\}", template)
    parts = [grow(rng, rng.choice(CLASSES[place]), depth - 1) for place in places]
    return Node(template, parts, bare=rng.random() < 0.3)


def expression(rng, depth):
    return build(rng, rng.choice(RULES[rng.choice(list(RULES))]), depth)


class Warehouse:
    """The embedded warehouse, through the SQL Statement Execution API."""

    def __init__(self, kiln):
        self.folder = tempfile.mkdtemp(prefix="differ-")
        command = [kiln, "local", "serve", "--output", "json", "--data", self.folder]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told = json.loads(self.process.stdout.readline())
        self.host = told["address"].split("://")[1].rstrip("/")
        self.token, self.warehouse = told["token"], told["warehouse"]
        self.connection = http.client.HTTPConnection(self.host)

    def ask(self, statement):
        body = {"statement": statement, "warehouse_id": self.warehouse, "wait_timeout": "50s"}
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.connection.request("POST", "/api/2.0/sql/statements", json.dumps(body), headers)
        return json.loads(self.connection.getresponse().read())

    def answer(self, query, shown):
        answer = self.ask(query)
        status = answer["status"]
        if status["state"] != "SUCCEEDED":
            message = status.get("error", {}).get("message", "")
            if "embedded warehouse does not" in message:
                return "REFUSED", message
            found = re.match(r"\[([A-Z0-9_.]+)\]", message)
            return "ERROR", found.group(1) if found else message
        data_type = answer["manifest"]["schema"]["columns"][0]["type_text"].lower().replace(": ", ":").replace(", ", ",")
        if data_type == "binary":
            shown = shown.replace("cast(x as string)", "hex(x)")
        answer = self.ask(shown)
        if answer["status"]["state"] != "SUCCEEDED":
            return "ERROR", answer["status"].get("error", {}).get("message", "")
        cell = answer["result"]["data_array"][0][0]
        return data_type, "NULL" if cell is None else cell.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def query_of(node, columns_of):
    """The query that asks for an expression: of constants, or of columns with these names."""
    if not columns_of:
        return node.text()
    leaves = {leaf.template for leaf in [node, *node.below()] if not leaf.parts and leaf.template in columns_of}
    if not leaves:
        return node.text()
    names = {leaf: f"c{i}" for i, leaf in enumerate(sorted(leaves))}
    return f"SELECT {node.text(names)} AS x FROM VALUES ({', '.join(names)}) AS t({', '.join(names.values())})"


def close(a, b, data_type):
    if data_type not in ("double", "float"):
        return False
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    return abs(x - y) <= (1e-14 if data_type == "double" else 1e-6) * max(abs(x), abs(y))


def compare(spark, warehouse, question):
    """Both answers, and whether they are the same."""
    theirs = answer_expression(spark, question)
    query = question if question.startswith("SELECT ") else f"SELECT {question} AS x"
    ours = warehouse.answer(query, f"SELECT cast(x as string) FROM ({query}) AS t(x)")
    if theirs[0] == "ERROR" and ours[0] == "ERROR":
        same = theirs[1].split(".")[0] == ours[1].split(".")[0]
    else:
        same = theirs == ours or (theirs[0] == ours[0] and close(theirs[1], ours[1], theirs[0]))
    return theirs, ours, same


def hidden(spark, warehouse, node, columns):
    """Whether a part fails alike in both: then it depends on the order of evaluation, which nobody promises, whether
    the whole shows it."""
    for part in node.below():
        if part.parts:
            theirs, _, same = compare(spark, warehouse, query_of(part, columns))
            if same and theirs[0] == "ERROR":
                return True
    return False


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=5)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--depth", type=int, default=2)
    options.add_argument("--kiln", default=str(Path(__file__).parents[2] / "target/debug/kiln"))
    options = options.parse_args()
    rng = random.Random(options.seed)
    warehouse, spark = Warehouse(options.kiln), session()
    columns_of = {value for kind in SIMPLE + TIMES + ARRAYS + ["map<string,int>"] for value in VALUES[kind]}
    told, asked, refused = set(), 0, 0
    end = time.monotonic() + options.minutes * 60
    try:
        while time.monotonic() < end:
            node = expression(rng, options.depth)
            columns = columns_of if rng.random() < 0.5 else None
            asked += 1
            theirs, ours, same = compare(spark, warehouse, query_of(node, columns))
            if same:
                continue
            if ours[0] == "REFUSED":
                refused += 1
            for part in [n for n in node.below() if n.parts][::-1]:
                smaller = compare(spark, warehouse, query_of(part, columns))
                if not smaller[2] and smaller[1][0] == ours[0]:
                    node, (theirs, ours, _) = part, smaller
                    break
            if "ERROR" in (theirs[0], ours[0]) and hidden(spark, warehouse, node, columns):
                continue
            kind = (node.template, theirs[0], ours[0], theirs[1] if theirs[0] == "ERROR" else "")
            if kind not in told:
                told.add(kind)
                print("\t".join([query_of(node, columns), *theirs]) + f"\t# here: {' '.join(ours)}", flush=True)
    finally:
        warehouse.process.terminate()
    print(f"# seed {options.seed}: {asked} expressions, {refused} refused, {len(told)} kinds of differences", file=sys.stderr)
    sys.exit(1 if told else 0)


if __name__ == "__main__":
    main()
