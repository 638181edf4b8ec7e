//! What the end-to-end tests share: projects in temporary folders, and the binary run in them.

#[cfg(feature = "local")]
pub(crate) mod chrome;
pub(crate) mod killer;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A project in a folder of its own, thrown away afterwards.
pub(crate) struct Project {
    dir: TempDir,
}

/// What a run of the binary left.
#[derive(Debug)]
#[must_use = "look at the status and what was printed"]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `jobs.yaml` of [`Project::tiny`].
pub(crate) const TINY_JOBS: &str = "\
version: 1
project: tiny
environments:
  local: {workspace: local, catalog: main, schema: tiny, default: true}
connections:
  shop:
    service: google_cloud_postgresql
    schema_prefix: shop
    tables: {public: [orders]}
    local: {files: {public.orders: {path: data/orders.csv, key: [id], columns: {id: BIGINT, amount: \"DECIMAL(12,2)\"}}}}
sources:
  shop_public: {connection: shop, tables: {orders: {columns: {id: BIGINT, customer: STRING, amount: \"DECIMAL(12,2)\"}}}}
models:
  sql: {materialized: table}
  sql/staging: {materialized: view}
jobs:
  daily: {steps: [{sync: shop}, {build: sql/**}]}
";

impl Project {
    /// Makes an empty folder.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Makes a small project: one source table from a CSV file, a view over it, a table over that.
    pub(crate) fn tiny() -> Self {
        let project = Self::empty();
        project.write("jobs.yaml", TINY_JOBS);
        project.write("data/orders.csv", "id,customer,amount\n1,ann,10.50\n2,bob,20.00\n3,ann,4.25\n");
        project.write(
            "sql/staging/stg_orders.sql",
            "SELECT id, customer, amount\nFROM shop_public.orders\nWHERE NOT coalesce(_fivetran_deleted, false)\n",
        );
        project.write(
            "sql/totals.sql",
            "SELECT customer, sum(amount) AS total, count(*) AS orders\nFROM stg_orders\nGROUP BY customer\n",
        );
        project
    }

    /// Copies the repository's own project, with a smaller shop.
    pub(crate) fn flagship(customers: u32) -> Self {
        let project = Self::empty();
        for part in ["jobs.yaml", "sql", "dashboards"] {
            copy(&repository().join(part), &project.path().join(part));
        }
        let jobs = project.read("jobs.yaml");
        assert!(jobs.contains("customers: 20000"), "jobs.yaml no longer says `customers: 20000`");
        project.write("jobs.yaml", &jobs.replace("customers: 20000", &format!("customers: {customers}")));
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        std::fs::write(path, text).expect("the file can be written");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).expect("the file can be read")
    }

    /// Replaces text in a file, which must hold it.
    pub(crate) fn replace(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "{path} does not hold {old:?}");
        self.write(path, &text.replace(old, new));
    }

    /// Puts an environment of this server in the place of the local one; credentials come from the process environment.
    pub(crate) fn point_at(&self, served: &Served) {
        self.point_to(&served.url, "tiny");
    }

    /// The same for whatever answers at an address, and another schema.
    pub(crate) fn point_to(&self, url: &str, schema: &str) {
        self.replace(
            "jobs.yaml",
            "  local: {workspace: local, catalog: main, schema: tiny, default: true}",
            &format!(
                "  prod: {{host: \"{url}\", fivetran: \"{url}\", catalog: main, schema: {schema}, default: true}}"
            ),
        );
    }

    /// Prepares the binary in this folder, with an environment that holds nothing of the developer's.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("kiln"));
        command.args(args).current_dir(self.path()).env_clear().stdin(Stdio::null());
        command.envs(["PATH", "HOME", "TMPDIR"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command
    }

    /// Runs the binary in this folder.
    pub(crate) fn kiln(&self, args: &[&str]) -> Ran {
        self.command(args).output().expect("kiln can be started").into()
    }

    /// Runs the main job and expects it to succeed.
    pub(crate) fn sync_and_refresh(&self) -> Ran {
        let ran = self.kiln(&["sync-and-refresh"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran
    }
}

/// Prepares the binary in a project's folder, with the credentials of a workspace.
pub(crate) fn command_at(project: &Project, served: &Served, args: &[&str]) -> Command {
    let mut command = project.command(args);
    command.env("DATABRICKS_TOKEN", &served.token);
    command.env("FIVETRAN_API_KEY", "local").env("FIVETRAN_API_SECRET", &served.token);
    command
}

/// Runs the binary in a project's folder, with the credentials of a workspace.
pub(crate) fn kiln_at(project: &Project, served: &Served, args: &[&str]) -> Ran {
    command_at(project, served, args).output().expect("kiln can be started").into()
}

/// Deploys and expects the plan to be empty afterwards: what a deploy leaves is what the project says. Returns what it told.
#[track_caller]
pub(crate) fn deploy_at(project: &Project, served: &Served, args: &[&str]) -> String {
    let ran = kiln_at(project, served, &[&["deploy"], args].concat());
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    let plan = kiln_at(project, served, &["plan"]);
    assert!(plan.stdout.starts_with("nothing to do"), "after the deploy, the plan says:\n{}", plan.stdout);
    ran.stderr
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("the output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("the output is UTF-8"),
        }
    }
}

impl Ran {
    /// Expects an exit status and texts on the standard error.
    #[track_caller]
    pub(crate) fn fails_with(&self, status: i32, texts: &[&str]) {
        assert_eq!(self.status, status, "stderr:\n{}\nstdout:\n{}", self.stderr, self.stdout);
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is not in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of real data beside the repository; none, with a message, where it is absent.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = repository().join("../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    crate::skipped::skipped(&format!("{} is not here", path.display()));
    None
}

/// Copies a file or a folder with all in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        std::fs::create_dir_all(to.parent().expect("a file has a folder")).expect("the folder can be made");
        std::fs::copy(from, to).expect("the file can be copied");
        return;
    }
    for entry in std::fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

impl Project {
    /// Returns every file of every table with its size: what readers could see. What tells of runs is left out: documents
    /// beside the tables, such as the connections' state and the query history, and the table of runs.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, u64> {
        let root = self.path().join(".kiln/local");
        files(&root)
            .into_iter()
            .filter(|path| {
                path.iter().any(|part| part == "_delta_log") || path.extension().is_some_and(|e| e == "parquet")
            })
            .filter(|path| path.iter().all(|part| part != "_kiln_runs"))
            .map(|path| {
                (path.strip_prefix(&root).expect("it is below").to_owned(), path.metadata().map_or(0, |m| m.len()))
            })
            .collect()
    }

    /// Lists every file of the folder.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files(self.path())
    }

    /// Finds the one file below `.kiln` whose path ends so.
    #[track_caller]
    pub(crate) fn find(&self, end: &str) -> PathBuf {
        let mut found: Vec<PathBuf> =
            files(&self.path().join(".kiln")).into_iter().filter(|path| path.ends_with(end)).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    /// Starts `kiln local serve` in this folder and waits until it listens.
    pub(crate) fn serve(&self, args: &[&str]) -> Served {
        let mut command = self.command(&["--output", "json", "local", "serve"]);
        command.args(args);
        Served::start(command)
    }

    /// Starts `kiln local serve` in this folder with a token of the caller's, and waits until it listens.
    pub(crate) fn serve_with_token(&self, token: &str) -> Served {
        let mut command = self.command(&["--output", "json", "local", "serve"]);
        command.env("KILN_LOCAL_TOKEN", token);
        Served::start(command)
    }
}

/// A running `kiln local serve`; ended when it is dropped.
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) token: String,
    process: Child,
}

impl Served {
    fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("it says where");
        if line.is_empty() {
            let mut stderr = String::new();
            let _ = process.stderr.take().expect("it is piped").read_to_string(&mut stderr);
            panic!("kiln local serve did not start: {stderr}");
        }
        let said: serde_json::Value = serde_json::from_str(&line).expect("it speaks JSON");
        let text = |key: &str| said[key].as_str().expect("it is a text").to_owned();
        Self { url: text("address"), token: text("token"), process }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks it, as anybody with the token may, and returns the status and the body.
    fn ask(&self, method: reqwest::Method, path: &str, body: Option<&serde_json::Value>) -> (u16, serde_json::Value) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let mut request =
                reqwest::Client::new().request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = request.send().await.expect("it answers");
            (answer.status().as_u16(), answer.json().await.expect("it speaks JSON"))
        })
    }

    /// Reads something of it.
    pub(crate) fn get(&self, path: &str) -> (u16, serde_json::Value) {
        self.ask(reqwest::Method::GET, path, None)
    }

    /// Makes something in it, or has it do something, and returns the status and the body.
    pub(crate) fn post(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        self.ask(reqwest::Method::POST, path, Some(body))
    }

    /// Changes something of it.
    #[track_caller]
    pub(crate) fn patch(&self, path: &str, body: &serde_json::Value) {
        let (status, answer) = self.ask(reqwest::Method::PATCH, path, Some(body));
        assert_eq!(status, 200, "{answer}");
    }

    /// Replaces something in it.
    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: &serde_json::Value) {
        let (status, answer) = self.ask(reqwest::Method::PUT, path, Some(body));
        assert_eq!(status, 200, "{answer}");
    }

    /// Deletes something in it.
    #[track_caller]
    pub(crate) fn delete(&self, path: &str) {
        let (status, answer) = self.ask(reqwest::Method::DELETE, path, None);
        assert_eq!(status, 200, "{answer}");
    }

    /// Asks it to do something, which must succeed, and returns the answer.
    #[track_caller]
    pub(crate) fn ask_for(&self, path: &str, body: &serde_json::Value) -> serde_json::Value {
        let (status, answer) = self.ask(reqwest::Method::POST, path, Some(body));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Runs a statement, which must succeed, and returns its rows.
    #[track_caller]
    pub(crate) fn sql(&self, statement: &str) -> serde_json::Value {
        let body = serde_json::json!({"statement": statement, "warehouse_id": "local", "wait_timeout": "50s"});
        let (_, answer) = self.ask(reqwest::Method::POST, "/api/2.0/sql/statements", Some(&body));
        assert_eq!(answer["status"]["state"], "SUCCEEDED", "{statement}: {answer}");
        let rows = &answer["result"]["data_array"];
        if rows.is_null() { serde_json::json!([]) } else { rows.clone() }
    }

    /// Returns the newest version of a table.
    #[track_caller]
    pub(crate) fn version(&self, table: &str) -> serde_json::Value {
        self.sql(&format!("DESCRIBE HISTORY {table} LIMIT 1"))[0][0].clone()
    }

    /// Returns the log of the requests that it got.
    pub(crate) fn requests(&self) -> Vec<serde_json::Value> {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let log = reqwest::Client::new().get(format!("{}/_kiln/requests", self.url)).bearer_auth(&self.token);
            log.send().await.expect("it answers").json().await.expect("it is a list")
        })
    }

    /// Asks it to end, as a service manager would, and returns its exit status.
    pub(crate) fn terminate(mut self) -> i32 {
        let asked = Command::new("kill").arg(self.pid().to_string()).status().expect("kill is there");
        assert!(asked.success());
        self.process.wait().expect("it ends").code().unwrap_or(-1)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lists all files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
