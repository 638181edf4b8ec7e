//! A mutation test of `kiln check`: each column of each source and model of the flagship project is dropped, renamed and
//! retyped in turn, and what the check says is held against what really reads that column. That is found out another
//! way: the embedded warehouse plans every query of the project over tables that lack the column.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use kiln::config::{self, LoadOptions};
use kiln::dashboards::{dataset_sql, widget_queries};
use kiln::diag::{Diagnostic, Diagnostics, Severity};
use kiln::local::{Server, Settings, WAREHOUSE_ID};
use kiln::manifest::changes::{ColumnAct, State, changes};
use kiln::manifest::lineage::{Lineage, NodeKind};
use kiln::manifest::{self, HISTORY_COLUMNS, HISTORY_TABLE, Manifest};
use serde_json::{Value, json};

use crate::support::Project;

/// What can break, by its name: `purchases`, `purchases: unique purchase_id`, `retention/Cohorts`, `clustering of …`.
type Objects = BTreeSet<String>;

/// Columns of a table with their types.
type Columns = Vec<(String, String)>;

fn compile(root: &Path) -> Result<(config::Project, Manifest), Diagnostics> {
    let env = |name: &str| Some(name.to_lowercase());
    let (project, _) = config::load(root, &LoadOptions { environment: None, overrides: &[], env: &env })?;
    let (manifest, _) = manifest::compile(&project)?;
    Ok((project, manifest))
}

/// A query of the project.
struct Query {
    object: String,
    sql: String,
    /// The relations that it reads directly.
    reads: BTreeSet<String>,
    /// The dataset, of a widget.
    dataset: Option<String>,
}

/// The project as it is, before anything is broken.
struct Base {
    manifest: Manifest,
    lineage: Lineage,
    relations: BTreeMap<String, Columns>,
    queries: Vec<Query>,
}

impl Base {
    fn of(root: &Path) -> Self {
        let (project, manifest) = compile(root).unwrap_or_else(|problems| panic!("{problems:?}"));
        let lineage = Lineage::of(&project, &manifest);
        let mut relations: BTreeMap<String, Columns> = BTreeMap::new();
        for (schema, source) in &manifest.sources {
            for (table, declared) in &source.tables {
                let mut columns: Columns = declared.columns.iter().map(|(n, t)| (n.clone(), t.clone())).collect();
                columns.push(("_fivetran_synced".to_owned(), "TIMESTAMP".to_owned()));
                columns.push(("_fivetran_deleted".to_owned(), "BOOLEAN".to_owned()));
                relations.insert(format!("{schema}.{table}"), columns);
            }
        }
        let mut queries = Vec::new();
        let reads_of = |reads: &manifest::Reads| -> BTreeSet<String> {
            let sources = reads.sources.iter().map(|read| format!("{}.{}", read.table.schema, read.table.name));
            reads.models.iter().map(ToString::to_string).chain(sources).collect()
        };
        for (name, model) in &manifest.models {
            let columns = model.columns.as_ref().expect("its columns are known");
            let typed = |c: &kiln::analysis::Column| {
                (c.name.clone(), c.data_type.as_ref().map_or_else(|| "STRING".to_owned(), ToString::to_string))
            };
            relations.insert(name.to_string(), columns.iter().map(typed).collect());
            let reads = reads_of(&model.reads);
            queries.push(Query { object: name.to_string(), sql: model.query.text.clone(), reads, dataset: None });
            for test in &model.tests {
                let mut reads = reads_of(&test.reads);
                reads.insert(name.to_string());
                queries.push(Query {
                    object: format!("{name}: {}", test.name),
                    sql: test.failing.clone(),
                    reads,
                    dataset: None,
                });
            }
        }
        for dashboard in manifest.dashboards.values() {
            let named = |kind: NodeKind, id: &str| named(&lineage, kind, dashboard.name.as_str(), id);
            let mut reads: HashMap<&str, BTreeSet<String>> = HashMap::new();
            for dataset in &dashboard.content.datasets {
                let sql = dataset_sql(dataset).expect("it has a query");
                let own_name = named(NodeKind::Dataset, &dataset.name);
                let at = lineage.find(NodeKind::Dataset, &own_name).expect("it is there");
                // Which tables stand in a text is no question of columns.
                let own: BTreeSet<String> =
                    lineage.node(at).reads.iter().map(|read| lineage.node(*read).name.clone()).collect();
                reads.insert(&dataset.name, own.clone());
                queries.push(Query { object: own_name, sql, reads: own, dataset: None });
            }
            for query in widget_queries(&dashboard.content) {
                let reads = reads[query.dataset.as_str()].clone();
                let dataset = Some(named(NodeKind::Dataset, &query.dataset));
                queries.push(Query { object: named(NodeKind::Widget, &query.widget), sql: query.sql, reads, dataset });
            }
        }
        Self { manifest, lineage, relations, queries }
    }

    /// Finds what an error of the check is about.
    fn object(&self, problem: &Diagnostic) -> String {
        let (span, _) = problem.primary.as_ref().expect("it has a place");
        let path = span.path().display().to_string();
        if let Some((name, _)) = problem.message.strip_prefix("model `").and_then(|rest| rest.split_once('`')) {
            return name.to_owned();
        }
        let of_model = self.manifest.models.values().find(|model| model.config.path.display().to_string() == path);
        if let Some(model) = of_model {
            return model.config.name.to_string();
        }
        if path == "jobs.yaml" {
            // Lines move when one is taken out above, so a test is found by its text.
            for model in self.manifest.models.values() {
                let name = &model.config.name;
                let about = |what: &str| problem.message.starts_with(&format!("`{name}` {what} "));
                if about("is clustered by") {
                    return format!("clustering of {name}");
                }
                if about("says something of") {
                    return format!("descriptions of {name}");
                }
                for (declared, test) in model.config.tests.iter().zip(&model.tests) {
                    if declared.span.text() == span.text() && problem.message.contains(&format!("`{name}`")) {
                        return format!("{name}: {}", test.name);
                    }
                }
            }
        }
        for dashboard in self.manifest.dashboards.values().filter(|d| d.file.path.display().to_string() == path) {
            let content = &dashboard.content;
            for (_, widget) in content.widgets() {
                if content.span(&widget.path).range == span.range {
                    return named(&self.lineage, NodeKind::Widget, dashboard.name.as_str(), &widget.name);
                }
            }
            for dataset in &content.datasets {
                let whole = content.span(&dataset.path).range;
                if whole.start <= span.range.start && span.range.end <= whole.end {
                    return named(&self.lineage, NodeKind::Dataset, dashboard.name.as_str(), &dataset.name);
                }
            }
        }
        panic!("what is this about? {path} {problem:?}")
    }
}

/// The name of a dataset or widget, by its id.
fn named(lineage: &Lineage, kind: NodeKind, dashboard: &str, id: &str) -> String {
    let id = format!("{dashboard}/{id}");
    let node = lineage.nodes().iter().find(|node| node.kind == kind && node.other_names.contains(&id));
    node.unwrap_or_else(|| panic!("there is no {} {id}", kind.as_str())).name.clone()
}

/// The warehouse that is asked what a query reads.
struct Warehouse {
    server: Server,
    http: reqwest::Client,
}

impl Warehouse {
    async fn start(folder: &Path) -> Self {
        let clock = Arc::new(|| chrono::DateTime::from_timestamp_millis(1_772_352_000_000).expect("a moment"));
        let server = Server::start(Settings::new(folder.join("workspace"), clock)).await.expect("it starts");
        Self { server, http: reqwest::Client::new() }
    }

    async fn ask(&self, sql: &str) -> Result<Value, String> {
        let body = json!({"statement": sql, "warehouse_id": WAREHOUSE_ID, "wait_timeout": "50s", "catalog": "main", "schema": "retention"});
        let request = self.http.post(format!("{}/api/2.0/sql/statements", self.server.url()));
        let request = request.bearer_auth(self.server.token().expose()).json(&body);
        let answer: Value = request.send().await.expect("it answers").json().await.expect("in JSON");
        match answer["status"]["state"].as_str() {
            Some("SUCCEEDED") => Ok(answer),
            _ => Err(answer["status"]["error"]["message"].as_str().unwrap_or_default().to_owned()),
        }
    }

    /// Puts an empty relation in the place of another one.
    async fn put(&self, relation: &str, columns: &[(String, String)]) {
        let list: Vec<String> = columns.iter().map(|(n, t)| format!("CAST(NULL AS {t}) AS `{n}`")).collect();
        let name =
            if relation.contains('.') { format!("main.{relation}") } else { format!("main.retention.{relation}") };
        let sql = format!("CREATE OR REPLACE VIEW {name} AS SELECT {}", list.join(", "));
        self.ask(&sql).await.unwrap_or_else(|why| panic!("{sql}: {why}"));
    }

    /// The columns that a query returns, or why it cannot be planned.
    async fn columns(&self, sql: &str) -> Result<Columns, String> {
        let answer = self.ask(&format!("DESCRIBE QUERY {sql}")).await?;
        let rows = answer["result"]["data_array"].as_array().cloned().unwrap_or_default();
        let text = |cell: &Value| cell.as_str().unwrap_or_default().to_owned();
        Ok(rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect())
    }

    /// What breaks without a column, and what then returns other columns.
    async fn without(&self, base: &Base, known: &[Columns], relation: &str, column: &str) -> (Objects, Objects) {
        let (mut broken, mut other) = (Objects::new(), Objects::new());
        let lacking =
            |columns: &Columns| columns.iter().filter(|(name, _)| name != column).cloned().collect::<Columns>();
        self.put(relation, &lacking(&base.relations[relation])).await;
        let mut changed = vec![relation.to_owned()];
        let mut open = vec![relation.to_owned()];
        let mut undescribed = vec![(relation.to_owned(), lacking(&base.relations[relation]))];
        while let Some(relation) = open.pop() {
            for (query, known) in base.queries.iter().zip(known).filter(|(query, _)| query.reads.contains(&relation)) {
                match self.columns(&query.sql).await {
                    Err(_) => {
                        broken.insert(query.object.clone());
                    }
                    Ok(columns) if columns != *known => {
                        other.insert(query.object.clone());
                        // A model that passes the column on breaks what reads it there.
                        if base.relations.contains_key(&query.object) && !changed.contains(&query.object) {
                            self.put(&query.object, &columns).await;
                            changed.push(query.object.clone());
                            open.push(query.object.clone());
                            undescribed.push((query.object.clone(), columns));
                        }
                    }
                    Ok(_) => {}
                }
            }
        }
        for relation in changed {
            self.put(&relation, &base.relations[&relation]).await;
        }
        // Of a dataset that does not work, its widgets are not told once more.
        let of_broken = |q: &&Query| q.dataset.as_ref().is_some_and(|dataset| broken.contains(dataset));
        let widgets: Objects = base.queries.iter().filter(of_broken).map(|widget| widget.object.clone()).collect();
        broken.retain(|object| !widgets.contains(object));
        let clustered =
            base.manifest.models.get(relation).is_some_and(|model| model.config.cluster_by.iter().any(|c| c == column));
        if clustered {
            broken.insert(format!("clustering of {relation}"));
        }
        for (relation, columns) in undescribed {
            let gone = |name: &String| columns.iter().all(|(known, _)| known != name);
            let model = base.manifest.models.get(relation.as_str());
            if model.is_some_and(|model| model.config.columns.keys().any(gone)) {
                broken.insert(format!("descriptions of {relation}"));
            }
        }
        (broken, other)
    }
}

/// How a column is changed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mutation {
    Drop,
    Rename,
    Retype,
}

/// Changes a column in the files; returns the file with its text as it was.
fn mutate(
    project: &Project,
    base: &Base,
    relation: &str,
    column: &str,
    data_type: &str,
    how: Mutation,
) -> (String, String) {
    let other = if data_type == "STRING" { "BIGINT" } else { "STRING" };
    if let Some((_, table)) = relation.split_once('.') {
        let before = project.read("jobs.yaml");
        let start = before.find(&format!("\n      {table}:\n        columns:")).expect("the table is declared");
        let line = format!("\n          {column}: ");
        let at = start + before[start..].find(&line).expect("the column is declared") + 1;
        let end = at + before[at..].find('\n').expect("the line ends") + 1;
        let new = match how {
            Mutation::Drop => String::new(),
            Mutation::Rename => format!("          {column}_renamed: {data_type}\n"),
            Mutation::Retype => format!("          {column}: {other}\n"),
        };
        project.write("jobs.yaml", &format!("{}{new}{}", &before[..at], &before[end..]));
        return ("jobs.yaml".to_owned(), before);
    }
    let path = base.manifest.models[relation].config.path.display().to_string();
    let before = project.read(&path);
    let list = match how {
        Mutation::Drop => format!("* EXCEPT ({column})"),
        Mutation::Rename => format!("* EXCEPT ({column}), {column} AS {column}_renamed"),
        Mutation::Retype => format!("* EXCEPT ({column}), CAST({column} AS {other}) AS {column}"),
    };
    project.write(&path, &format!("SELECT {list} FROM (\n{before}\n)\n"));
    (path, before)
}

/// What the check says of it: what is broken, or, of another type, what reads it.
fn said(project: &Project, base: &Base, relation: &str, column: &str, how: Mutation) -> Objects {
    let compiled = compile(project.path());
    if how == Mutation::Retype {
        let (project, manifest) = compiled.unwrap_or_else(|problems| panic!("{relation}.{column}: {problems:?}"));
        let lineage = Lineage::of(&project, &manifest);
        let found = changes(
            State { manifest: &base.manifest, lineage: &base.lineage },
            State { manifest: &manifest, lineage: &lineage },
        );
        let change = found.changed.iter().find(|change| change.name == relation);
        let change = change.unwrap_or_else(|| panic!("that {relation}.{column} has another type was not noticed"));
        let retyped = change.columns.iter().find(|c| c.name == column && matches!(c.act, ColumnAct::Retyped { .. }));
        let readers = &retyped.unwrap_or_else(|| panic!("{relation}.{column}: {:?}", change.columns)).read_by;
        let own = |name: &&kiln::manifest::changes::Named| name.name != relation;
        return readers.iter().filter(own).map(|named| named.name.clone()).collect();
    }
    match compiled {
        Ok(_) => Objects::new(),
        Err(problems) => {
            problems.iter().filter(|p| p.severity == Severity::Error).map(|problem| base.object(problem)).collect()
        }
    }
}

/// The flagship project. Its unit tests name columns too, but they are no part of what is deployed.
fn shop() -> Project {
    let project = Project::flagship(100);
    project.replace("jobs.yaml", "unit_tests: [sql/unit_tests]\n", "");
    project
}

/// A column of the project with what is done to it.
struct Mutant {
    relation: String,
    column: String,
    data_type: String,
    how: Mutation,
}

impl Mutant {
    /// What is tried: all of sources and of what rests on them directly, and some of the marts.
    fn all(base: &Base) -> Vec<Self> {
        let mut mutants = Vec::new();
        for (relation, columns) in &base.relations {
            let is_mart = base
                .manifest
                .models
                .get(relation.as_str())
                .is_some_and(|model| model.config.path.starts_with("sql/marts"));
            let (step, kinds) = match is_mart {
                true => (6, &[Mutation::Rename][..]),
                false => (1, &[Mutation::Drop, Mutation::Rename, Mutation::Retype][..]),
            };
            let columns = columns.iter().filter(|(name, _)| !name.starts_with("_fivetran"));
            for ((column, data_type), how) in
                columns.step_by(step).flat_map(|column| kinds.iter().map(move |how| (column, how)))
            {
                let (relation, column, data_type) = (relation.clone(), column.clone(), data_type.clone());
                mutants.push(Self { relation, column, data_type, how: *how });
            }
        }
        mutants
    }
}

/// Asks the check about all mutants, on all cores: each thread breaks a copy of the project of its own.
fn said_of_all(base: &Arc<Base>, mutants: &Arc<Vec<Mutant>>) -> Vec<std::thread::JoinHandle<Vec<(usize, Objects)>>> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let thread = |first: usize| {
        let (base, mutants) = (Arc::clone(base), Arc::clone(mutants));
        std::thread::spawn(move || {
            let project = shop();
            let own = mutants.iter().enumerate().skip(first).step_by(threads);
            own.map(|(at, Mutant { relation, column, data_type, how })| {
                let (path, before) = mutate(&project, &base, relation, column, data_type, *how);
                let told = said(&project, &base, relation, column, *how);
                project.write(&path, &before);
                (at, told)
            })
            .collect()
        })
    };
    (0..threads).map(thread).collect()
}

#[tokio::test]
async fn a_column_that_is_gone_or_other_is_told_with_all_that_reads_it_and_nothing_else() {
    let begun = Instant::now();
    let project = shop();
    let base = Arc::new(Base::of(project.path()));
    let mutants = Arc::new(Mutant::all(&base));
    let saying = said_of_all(&base, &mutants);

    let warehouse = Warehouse::start(project.path()).await;
    for schema in ["shop_public", "retention"] {
        warehouse.ask(&format!("CREATE SCHEMA IF NOT EXISTS main.{schema}")).await.expect("it can be made");
    }
    for (relation, columns) in &base.relations {
        warehouse.put(relation, columns).await;
    }
    // kiln's own, which dashboards may read and nobody can change.
    let history = HISTORY_COLUMNS.map(|(name, data_type, _)| (name.to_owned(), data_type.to_owned()));
    warehouse.put(HISTORY_TABLE, &history).await;
    let mut known = Vec::new();
    for query in &base.queries {
        known.push(warehouse.columns(&query.sql).await.unwrap_or_else(|why| panic!("{}: {why}", query.object)));
    }
    let mut really: HashMap<(&str, &str), (Objects, Objects)> = HashMap::new();
    for mutant in mutants.iter() {
        let key = (mutant.relation.as_str(), mutant.column.as_str());
        if let Entry::Vacant(place) = really.entry(key) {
            place.insert(warehouse.without(&base, &known, key.0, key.1).await);
        }
    }
    warehouse.server.shutdown().await;
    let told = saying.into_iter().flat_map(|thread| thread.join().expect("it ends"));
    let told: BTreeMap<usize, Objects> = told.collect();

    let (mut expected, mut found) = (0, 0);
    let (mut missed, mut false_ones) = (Vec::new(), Vec::new());
    for (at, Mutant { relation, column, how, .. }) in mutants.iter().enumerate() {
        let (broken, other) = &really[&(relation.as_str(), column.as_str())];
        let reads = |object: &&String| {
            let is_direct = |q: &Query| q.object == **object && q.reads.contains(relation) && q.dataset.is_none();
            base.queries.iter().any(is_direct)
        };
        // A test that shows whole rows does not read all that is in them.
        let passes = |object: &&String| base.lineage.find(NodeKind::Test, object).is_none();
        let readers: Objects = broken.iter().chain(other.iter().filter(passes)).filter(reads).cloned().collect();
        let wanted = if *how == Mutation::Retype { &readers } else { broken };
        let told = &told[&at];
        expected += wanted.len();
        found += wanted.intersection(told).count();
        missed.extend(wanted.difference(told).map(|object| format!("{how:?} {relation}.{column}: {object}")));
        false_ones.extend(told.difference(wanted).map(|object| format!("{how:?} {relation}.{column}: {object}")));
    }
    println!(
        "{} mutants, {expected} breaks: {found} found ({:.1} %), {} told that are none; {:.1} s",
        mutants.len(),
        100.0 * f64::from(u32::try_from(found).unwrap_or_default()) / f64::from(u32::try_from(expected).unwrap_or(1)),
        false_ones.len(),
        begun.elapsed().as_secs_f64()
    );
    assert!(expected > 200, "so few breaks cannot be: {expected}");
    assert!(missed.is_empty() && false_ones.is_empty(), "missed: {missed:#?}\nfalse: {false_ones:#?}");
}
