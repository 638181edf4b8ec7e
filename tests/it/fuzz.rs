//! Random input at the three front doors: `jobs.yaml`, templates with their SQL, dashboards. Whatever stands there, the
//! answer is a value or a list of problems: never a panic, never a wait.
//!
//! Runs for a second with the other tests; `KILN_FUZZ_SECONDS=600 cargo test --test it fuzz -- --nocapture` runs longer, and with
//! `KILN_FUZZ_SEED` other inputs come up. Inputs are real files and a few nasty ones, cut, doubled, nested and mixed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kiln::analysis::{self, Relation};
use kiln::config::{self, LoadOptions};
use kiln::dashboards::{self, LvDash, Tables};
use kiln::diag::{Diagnostics, SourceFile};
use kiln::report::diagnostics::{Layout, to_json_lines, to_terminal};
use kiln::template::Templates;

/// The longest that one input may take in a build without optimisation.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest input that is made.
const MOST_BYTES: usize = 64 << 10;

const YAML: [&str; 4] = [
    include_str!("../../jobs.yaml"),
    include_str!("../../examples/starter/jobs.yaml"),
    "a: &a [x, x]\nb: &b [*a, *a]\nversion: {<<: *b}\n? [k, k]\n: |\n  text\n",
    "version: 1\nproject: p\nenvironments: {l: {workspace: local, catalog: \"${C:-m}\", schema: s}}\nmodels: {sql: }\n",
];
const SQL: [&str; 6] = [
    include_str!("../../sql/marts/repeat_rates.sql"),
    include_str!("../../sql/marts/repurchase_curves.sql"),
    include_str!("../../sql/core/purchases.sql"),
    "SELECT * EXCEPT (a), b.c[0].d:e::int, 'x' 'y', r'\\', `q``r` FROM t LATERAL VIEW explode(a) x AS y QUALIFY row_number() OVER (ORDER BY 1) = 1",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) FROM r |> WHERE n > 1 |> AGGREGATE count(*) GROUP BY ALL",
    "{% for x in [1, 2] -%} SELECT {{ x }} {%- if not loop.last %} UNION {% endif %}{% endfor %} {# c #} {% raw %}{{ }}{% endraw %}",
];
const DASHBOARDS: [&str; 3] = [
    include_str!("../../examples/starter/dashboards/orders.lvdash.json"),
    r#"{"serialized_dashboard": "{\"datasets\": [{\"name\": \"d\", \"queryLines\": [\"SELECT :p.min, a\\n\", \"FROM t; -- x\"]}], \"pages\": []}"}"#,
    r#"{"datasets": [{"name": "d", "displayName": "D", "query": "SELECT a, b FROM t WHERE c IN (:p)", "parameters": [{"keyword": "p", "complexType": "MULTI"}],
      "columns": [{"displayName": "m", "expression": "SUM(a) / COUNT(*)"}]}, {"name": "v", "config": {"source": "t", "joins": [{"name": "j", "source": "u", "on": "1=1"}], "dimensions": [{"name": "x", "expr": "j.x"}]}}],
      "pages": [{"name": "p", "layoutVersion": "GRID_V1", "layout": [{"position": {"x": 0, "y": 0, "width": 6, "height": 4}, "widget": {"name": "w", "queries": [{"name": "main_query", "query":
      {"datasetName": "d", "fields": [{"name": "measure(m)", "expression": "MEASURE(`m`)"}, {"name": "bin", "expression": "BIN_FLOOR(`a`, 0.5)"}], "filters": [{"expression": "IN_RANGE(`b`, 1D, NULL)"}]}}],
      "spec": {"version": 3, "widgetType": "bar", "encodings": {"x": {"fieldName": "bin", "scale": {"type": "quantitative"}}, "y": {"fieldName": "measure(m)"}}}}}]}]}"#,
];
const WORDS: [&str; 44] = [
    "SELECT ",
    " FROM ",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "`",
    "--",
    "/*",
    "*/",
    ":",
    "::",
    "$",
    "${",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    " CASE WHEN ",
    " END ",
    " OVER (",
    " JOIN ",
    " UNION ALL ",
    "\\",
    "\\u0000",
    "\u{feff}",
    "ä",
    "😀",
    "\r\n",
    "\t",
    "&a ",
    "*a",
    "<<: ",
    "- ",
    "null",
    "1e999",
    "9223372036854775808",
    "\u{0}",
];

/// Small and the same everywhere: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or(0)
    }

    fn of<'t>(&mut self, words: &[&'t str]) -> &'t str {
        words[self.below(words.len())]
    }
}

/// A place between two characters, from a byte on.
fn border(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Changes a text in a few places.
fn mutated(random: &mut Random, seeds: &[&str]) -> String {
    let mut text = random.of(seeds).to_owned();
    for _ in 0..=random.below(6) {
        let start = border(&text, random.below(text.len() + 1));
        let longest = 1 << random.below(11);
        let end = border(&text, start + random.below(longest)).max(start);
        match random.below(8) {
            0 => text.replace_range(start..end, ""),
            1 => text.insert_str(start, random.of(&WORDS)),
            2 => text.replace_range(start..end, random.of(&WORDS)),
            3 => {
                let piece = text[start..end].to_owned();
                text.insert_str(end, &piece);
            }
            4 => {
                // Deep or long: the same piece many times.
                let times = 1 << random.below(12);
                let piece =
                    if random.below(2) == 0 { random.of(&WORDS).to_owned() } else { text[start..end].to_owned() };
                let most = MOST_BYTES / piece.len().max(1);
                text.insert_str(start, &piece.repeat(times.min(most)));
            }
            5 => {
                let other = random.of(seeds);
                let from = border(other, random.below(other.len() + 1));
                text.replace_range(start.., &other[from..]);
            }
            6 => text.truncate(end),
            _ => {
                let piece = text[start..end].to_owned();
                text.replace_range(start..end, "");
                let to = border(&text, random.below(text.len() + 1));
                text.insert_str(to, &piece);
            }
        }
        let most = border(&text, MOST_BYTES);
        text.truncate(most);
    }
    text
}

/// Gives a door random inputs until the time is over. Every other test may use the machine too, so at least some inputs are
/// tried however slow it is.
fn fuzz(door: &str, seeds: &[&str], open: impl Fn(&str)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let budget = number("KILN_FUZZ_SECONDS").map_or(Duration::from_millis(400), Duration::from_secs);
    let mut random = Random(number("KILN_FUZZ_SEED").unwrap_or(7));
    let begin = Instant::now();
    let mut count = 0_u64;
    let mut slowest = Duration::ZERO;
    while count < 20 || begin.elapsed() < budget {
        let input = mutated(&mut random, seeds);
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| open(&input)));
        let took = started.elapsed();
        slowest = slowest.max(took);
        if outcome.is_err() || took > PATIENCE {
            let file = std::env::temp_dir().join(format!("kiln-fuzz-{door}-{count}.txt"));
            std::fs::write(&file, &input).expect("the input can be kept");
            panic!("{door}: input {count} took {took:?}, panicked: {}; it is in {}", outcome.is_err(), file.display());
        }
        count += 1;
    }
    println!("{door}: {count} inputs in {:?}, the slowest took {slowest:?}", begin.elapsed());
}

/// Whatever is wrong can be shown.
fn show(problems: &Diagnostics) {
    let layout = Layout { colour: false, width: 100, folder: "x".into() };
    let _ = (to_terminal(problems, &layout), to_json_lines(problems, Path::new("x")));
}

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["sql", "dashboards"] {
        let copied = std::process::Command::new("cp").arg("-r").arg(root.join(part)).arg(folder.path()).status();
        assert!(copied.is_ok_and(|status| status.success()));
    }
    folder
}

fn options() -> LoadOptions<'static> {
    LoadOptions { environment: None, overrides: &[], env: &|_| None }
}

#[test]
fn jobs_yaml_of_any_kind_is_read_or_refused() {
    let folder = project();
    fuzz("yaml", &YAML, |text| {
        std::fs::write(folder.path().join("jobs.yaml"), text).expect("the file can be written");
        match config::load(folder.path(), &options()) {
            Ok((_, problems)) | Err(problems) => show(&problems),
        }
    });
}

#[test]
fn templates_and_sql_of_any_kind_are_read_or_refused() {
    let folder = project();
    std::fs::write(folder.path().join("jobs.yaml"), YAML[0]).expect("the file can be written");
    let (project, _) = config::load(folder.path(), &options()).expect("the repository's own project can be read");
    let templates = Templates::new(&project).expect("its components too");
    fuzz("sql", &SQL, |text| {
        let file = SourceFile::new("m.sql", text);
        let parsed = templates.render_source(&file).and_then(|rendered| analysis::parse(&rendered));
        match parsed {
            Ok(parsed) => {
                let (columns, problems) = analysis::resolve(&parsed, &|_| Some(Relation::Unknown), &[]);
                show(&problems);
                let _ = columns.map(|columns| analysis::check_table_columns(&parsed, &columns));
            }
            Err(problems) => show(&problems),
        }
    });
}

#[test]
fn dashboards_of_any_kind_are_read_or_refused() {
    let check = |file: &Arc<SourceFile>| match LvDash::parse(file) {
        Ok(dash) => {
            show(&dash.check());
            let tables = Tables { relation: &|_| Some(Relation::Unknown), known: &[], shorter: &|_| None };
            show(&dashboards::resolve(&dash, &tables).problems);
            let _ = (dashboards::widget_queries(&dash), dash.controls(), dashboards::normalise(dash.json()));
        }
        Err(problems) => show(&problems),
    };
    fuzz("dashboard", &DASHBOARDS, |text| check(&SourceFile::new("d.lvdash.json", text)));
}
