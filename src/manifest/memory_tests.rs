//! A project that is edited at random, again and again: compiled with a memory of all that was before, it is what it is
//! when compiled from nothing, and the same is said of it in the same order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::{Manifest, Memory, compile, compile_with};
use crate::config::{self, LoadOptions, Project};
use crate::diag::{Diagnostics, Span};
use crate::ids::Fingerprint;

const JOBS: &str = "\
version: 1
project: edited
variables: {days: [7, 30], first_day: \"2020-01-01\"}
macros: [sql/macros]
environments:
  local: {workspace: local, catalog: main, schema: shop, default: true}
  prod: {host: \"https://example.com\", catalog: prod, schema: shop}
connections:
  shop: {service: google_cloud_postgresql, schema_prefix: shop, local: {sample: {customers: 10}}}
sources:
  shop_public:
    connection: shop
    tables:
      orders: {columns: {id: BIGINT, customer_id: BIGINT, total: \"DECIMAL(12,2)\", ordered_at: TIMESTAMP}}
      raw_events: {}
models:
  sql/staging: {materialized: view}
  sql/marts: {materialized: table}
  sql/marts/m1: {tests: [{not_null: [id]}, {unique: [id]}, {expression: \"amount >= 0\"}]}
  sql/marts/m2: {tests: [{relationships: {customer_id: m1.id}}, {no_rows: sql/tests/odd.sql}], allow: [cross-join]}
  sql/marts/m4: {materialized: incremental, unique_key: [id], cluster_by: [day]}
  sql/marts/m5: {columns: {amount: {description: What was paid}}}
dashboards:
  d0: {file: dashboards/d0.lvdash.json, folder: /Shared/D0}
  d1: {file: dashboards/d1.lvdash.json, folder: /Shared/D1}
jobs:
  all: {steps: [{sync: shop}, {build: \"sql/**\"}]}
";

const MACROS: &str = "{% component cents(column: string) %}round({{ column }}, 2){% endcomponent cents %}\n";

const STAGING: &str = "\
SELECT id, customer_id, {{ <cents column=\"total\" /> }} AS amount, CAST(ordered_at AS DATE) AS day
FROM shop_public.orders
WHERE NOT coalesce(_fivetran_deleted, false) AND ordered_at >= '{{ first_day }}'
";

/// The marts: each reads some of those before it.
const MARTS: [(&str, &str); 6] = [
    ("m1", "SELECT id, customer_id, amount, day FROM s0 WHERE amount > 0\n"),
    (
        "m2",
        "WITH totals AS (SELECT customer_id, sum(amount) AS amount, max(day) AS day FROM s1 GROUP BY customer_id)\n\
         SELECT m1.id, m1.customer_id, totals.amount, m1.day\nFROM m1 LEFT JOIN totals ON totals.customer_id = m1.customer_id\n",
    ),
    ("m3", "SELECT *, amount * 2 AS twice FROM m2\n"),
    (
        "m4",
        "SELECT id, customer_id, amount, day FROM m3\n{% if incremental %}WHERE day > (SELECT max(day) FROM {{ this }}){% endif %}\n",
    ),
    (
        "m5",
        "SELECT m4.id, m4.amount, m4.day{% for n in days %}, datediff(m4.day, m2.day) < {{ n }} AS within_{{ n }}{% endfor %}\n\
         FROM m4 CROSS JOIN m2 -- kiln: allow(cross-join)\n",
    ),
    ("m6", "SELECT r.* FROM shop_public.raw_events AS r JOIN m5 ON m5.id = r.id\n"),
];

fn dashboard(model: &str) -> String {
    format!(
        r#"{{"datasets": [
  {{"name": "a", "displayName": "A", "queryLines": ["SELECT id, amount, day FROM {model}\n", "WHERE day >= :from"],
    "parameters": [{{"displayName": "from", "keyword": "from", "dataType": "DATE"}}]}},
  {{"name": "b", "displayName": "B", "queryLines": ["SELECT * FROM prod.shop.s1"]}}],
 "pages": [{{"name": "p", "displayName": "P", "layout": [{{"position": {{"x": 0, "y": 0, "width": 2, "height": 3}}, "widget": {{"name": "w",
  "queries": [{{"name": "main_query", "query": {{"datasetName": "a", "disaggregated": false, "fields": [
    {{"name": "day", "expression": "`day`"}}, {{"name": "sum(amount)", "expression": "SUM(`amount`)"}}],
    "filters": [{{"expression": "`amount` < (SELECT max(amount) FROM m1)"}}]}}}}],
  "spec": {{"version": 3, "widgetType": "bar", "encodings": {{"x": {{"fieldName": "day", "scale": {{"type": "temporal"}}}},
    "y": {{"fieldName": "sum(amount)", "scale": {{"type": "quantitative"}}}}}}}}}}}}]}}]}}
"#
    )
}

/// What is written in the place of what, in any file that holds it. Some of it makes mistakes, some mends them.
const EDITS: [(&str, &str); 30] = [
    ("amount", "paid"),
    ("paid", "amount"),
    ("AS day", "AS on_day"),
    ("AS on_day", "AS day"),
    ("SELECT", "SELEKT"),
    ("SELEKT", "SELECT"),
    ("FROM m1", "FROM m5"),
    ("FROM m2", "FROM m6"),
    ("FROM m4", "FROM s0"),
    ("FROM s0", "FROM s1"),
    ("FROM s1", "FROM nowhere"),
    ("LEFT JOIN", "JOIN"),
    ("> 0", "> current_date()"),
    ("max(", "min("),
    ("sum(", "count("),
    ("id,", "CAST(id AS STRING) AS id,"),
    ("round(", "floor("),
    ("{{ column }}", "{{ colum }}"),
    ("endcomponent", "endcomponend"),
    ("first_day", "last_day"),
    ("allow(cross-join)", "allow(select-star)"),
    ("unique: [id]", "unique: [day]"),
    ("materialized: view", "materialized: table"),
    ("BIGINT", "STRING"),
    ("[7, 30]", "[7, 30, 90]"),
    ("raw_events: {}", "raw_events: {columns: {id: BIGINT}}"),
    ("project: edited", "project: [edited"),
    ("\"bar\"", "\"baar\""),
    ("\"datasets\"", "\"dataset\""),
    ("\n", "\n\n"),
];

/// A project's files, on disk and here.
struct Files<'r> {
    root: &'r Path,
    now: BTreeMap<String, String>,
    random: u64,
}

impl Files<'_> {
    fn random(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % below
    }

    fn put(&mut self, path: &str, text: String) {
        let full = self.root.join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, &text).unwrap();
        self.now.insert(path.to_owned(), text);
    }

    fn take(&mut self, path: &str) -> Option<String> {
        let text = self.now.remove(path)?;
        std::fs::remove_file(self.root.join(path)).unwrap();
        Some(text)
    }

    /// Makes the project as it was at first.
    fn mend(&mut self) {
        let there: Vec<String> = self.now.keys().cloned().collect();
        let good = good();
        for path in there.iter().filter(|path| !good.contains_key(*path)) {
            self.take(path);
        }
        for (path, text) in good {
            if self.now.get(&path) != Some(&text) {
                self.put(&path, text);
            }
        }
    }

    /// Makes an edit.
    fn edit(&mut self) -> String {
        let paths: Vec<String> = self.now.keys().cloned().collect();
        let path = paths[self.random(paths.len())].clone();
        match self.random(12) {
            0 => {
                let (name, read) = (self.random(4), self.random(7));
                let path = format!("sql/marts/more{name}.sql");
                self.put(&path, format!("SELECT id, amount FROM m{read}\n"));
                format!("wrote {path}, which reads m{read}")
            }
            1 if path.ends_with(".sql") => {
                self.take(&path);
                format!("removed {path}")
            }
            2 if path.contains("/marts/") || path.contains("/staging/") => {
                let other = match path.contains("/marts/") {
                    true => path.replace("/marts/", "/staging/"),
                    false => path.replace("/staging/", "/marts/"),
                };
                if let Some(text) = self.take(&path) {
                    self.put(&other, text);
                }
                format!("moved {path}")
            }
            3 => {
                self.mend();
                "mended all".to_owned()
            }
            _ => {
                // What the file holds, if anything of it is known.
                let fitting: Vec<_> = EDITS.iter().filter(|(old, _)| self.now[&path].contains(old)).collect();
                if fitting.is_empty() {
                    return format!("left {path} alone");
                }
                let (old, new) = fitting[self.random(fitting.len())];
                let text = match self.random(2) {
                    0 => self.now[&path].replacen(old, new, 1),
                    _ => self.now[&path].replace(old, new),
                };
                self.put(&path, text);
                format!("{path}: {old:?} became {new:?}")
            }
        }
    }
}

/// The files of a project that is right.
fn good() -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = MARTS
        .iter()
        .map(|(name, text)| (format!("sql/marts/{name}.sql"), (*text).to_owned()))
        .chain((0..3).map(|number| (format!("sql/staging/s{number}.sql"), STAGING.to_owned())))
        .collect();
    files.insert("jobs.yaml".to_owned(), JOBS.to_owned());
    files.insert("sql/macros/common.tera".to_owned(), MACROS.to_owned());
    files
        .insert("sql/tests/odd.sql".to_owned(), "SELECT * FROM m2 JOIN m1 USING (id) WHERE m2.amount < 0\n".to_owned());
    files.insert("dashboards/d0.lvdash.json".to_owned(), dashboard("m5"));
    files.insert("dashboards/d1.lvdash.json".to_owned(), dashboard("m3"));
    files
}

/// Writes all that a compilation came to.
fn shown(result: &Result<(Manifest, Diagnostics), Diagnostics>) -> String {
    let mut text = String::new();
    let (manifest, found) = match result {
        Ok((manifest, found)) => (Some(manifest), found),
        Err(found) => (None, found),
    };
    let place = |span: &Span| format!("{span} {:?} of {}", span.text(), Fingerprint::of(&[&span.file.text]));
    for problem in found.iter() {
        let related: Vec<_> = problem.related.iter().map(|(span, label)| (place(span), label)).collect();
        let primary = problem.primary.as_ref().map(|(span, label)| (place(span), label));
        let (severity, code, message, help) = (problem.severity, problem.code, &problem.message, &problem.help);
        let _ = writeln!(text, "{severity} {code}: {message}\n  {primary:?}\n  {related:?}\n  {help:?}");
    }
    let Some(manifest) = manifest else { return text };
    for (name, model) in &manifest.models {
        let _ = writeln!(text, "{name}: {model:?}");
    }
    for (name, dashboard) in &manifest.dashboards {
        let (reads, history, retargeted) = (&dashboard.reads, dashboard.reads_history, &dashboard.retargeted);
        let (content, title, span) = (dashboard.content.to_json(), &dashboard.title, &dashboard.span);
        let _ = writeln!(text, "{name}: {title} {span} {reads:?} {history} {retargeted:?} {content}");
    }
    let _ = writeln!(text, "{:?} {:?} {:?}", manifest.jobs, manifest.sources, manifest.project);
    text
}

fn load(root: &Path) -> Option<Project> {
    let options = LoadOptions { environment: None, overrides: &[], env: &|_| None };
    config::load(root, &options).ok().map(|(project, _)| project)
}

/// Edits a project so many times, and compares what comes of it each time.
fn edited(seed: u64, rounds: usize) -> (usize, usize, usize) {
    let root = tempfile::tempdir().unwrap();
    let mut files = Files { root: root.path(), now: BTreeMap::new(), random: seed };
    files.mend();
    let mut memory = Memory::default();
    let (mut right, mut wrong, mut kept) = (0, 0, 0);
    let mut done = vec!["began".to_owned()];
    for _ in 0..rounds {
        // A project that cannot be read leaves the memory as it is.
        if let Some(project) = load(root.path()) {
            let earlier: Vec<_> = memory.models.values().map(Arc::clone).collect();
            let result = compile_with(&mut memory, &project);
            let (with, without) = (shown(&result), shown(&compile(&project)));
            assert!(with == without, "after {done:#?}\nwith a memory:\n{with}\nfrom nothing:\n{without}");
            if result.is_ok() {
                right += 1
            } else {
                wrong += 1
            }
            kept += memory.models.values().filter(|now| earlier.iter().any(|was| Arc::ptr_eq(was, now))).count();
            done.clear();
        }
        done.push(files.edit());
    }
    (right, wrong, kept)
}

#[test]
fn a_memory_changes_nothing_but_the_time() {
    let (mut right, mut wrong, mut kept) = (0, 0, 0);
    for seed in 0..8 {
        let (more_right, more_wrong, more_kept) = edited(seed, 100);
        (right, wrong, kept) = (right + more_right, wrong + more_wrong, kept + more_kept);
    }
    assert!(right > 50 && wrong > 200 && kept > 500, "{right} were right, {wrong} wrong, {kept} models were kept");
}

#[test]
fn what_rests_on_nothing_that_changed_is_taken_over() {
    let root = tempfile::tempdir().unwrap();
    let mut files = Files { root: root.path(), now: BTreeMap::new(), random: 0 };
    files.mend();
    let mut memory = Memory::default();
    let mut anew = |files: &Files<'_>| {
        let earlier: Vec<_> = memory.models.values().map(Arc::clone).collect();
        let result = compile_with(&mut memory, &load(files.root).expect("jobs.yaml is right"));
        let errors: Vec<String> =
            result.as_ref().err().into_iter().flat_map(Diagnostics::iter).map(|p| p.message.clone()).collect();
        assert!(errors.is_empty() || files.now["sql/macros/common.tera"] != MACROS, "{errors:#?}");
        let mut anew: Vec<String> = memory
            .models
            .iter()
            .filter(|(_, now)| !earlier.iter().any(|was| Arc::ptr_eq(was, now)))
            .map(|(name, _)| name.to_string())
            .collect();
        anew.sort();
        (result.is_ok(), anew.join(" "))
    };
    assert_eq!(anew(&files), (true, "m1 m2 m3 m4 m5 m6 s0 s1 s2".to_owned()));
    assert_eq!(anew(&files), (true, String::new()));
    // A comment is seen by nobody else.
    files.put("sql/staging/s0.sql", format!("{STAGING}-- more\n"));
    assert_eq!(anew(&files), (true, "s0".to_owned()));
    // A column more reaches the models that read it, and ends where they name the columns that they take.
    files.put("sql/staging/s0.sql", STAGING.replacen("id,", "id, 1 AS one,", 1));
    assert_eq!(anew(&files), (true, "m1 s0".to_owned()));
    // A star passes it on.
    files.put("sql/marts/m2.sql", MARTS[1].1.replace("m1.id,", "m1.id, 1 AS one,"));
    assert_eq!(anew(&files), (true, "m2 m3 m4 m5".to_owned()));
    files.put("sql/macros/common.tera", format!("{MACROS}\n"));
    assert_eq!(anew(&files).1, "m1 m2 m3 m4 m5 m6 s0 s1 s2");
}
