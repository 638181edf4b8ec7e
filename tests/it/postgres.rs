//! A real PostgreSQL as the source of the embedded Fivetran: Debian's server, started here. Where there is none, the tests
//! say so and pass.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Project, Ran};
use crate::tables::Tables;

/// The password of the role that reads, which must appear nowhere.
const PASSWORD: &str = "sesame-4711";

/// A running server with a database `shop`; ended when it is dropped.
struct Postgres {
    dir: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

/// Finds the folder of the server's programs.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::env::split_paths(&path).filter(|dir| dir.join("initdb").is_file()).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    found.extend(versions.map(|version| version.path().join("bin")).filter(|dir| dir.join("initdb").is_file()));
    found.pop()
}

impl Postgres {
    fn start() -> Option<Self> {
        let Some(bin) = programs() else {
            crate::skipped::skipped("there is no PostgreSQL server here (Debian's package is `postgresql`)");
            return None;
        };
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { dir, bin, port };
        if is_root() {
            // It refuses to run as root.
            let owned = Command::new("chown").arg("postgres").arg(server.dir.path()).status().unwrap();
            assert!(owned.success(), "there is no user `postgres`");
        }
        let data = server.data();
        server.run("initdb", &["-D", &data, "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "-N"]);
        let folder = server.dir.path().display();
        let options = format!("-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_wal_size=4GB");
        let log = format!("{folder}/log");
        server.run("pg_ctl", &["-D", &data, "-l", &log, "-o", &options, "-w", "start"]);
        server.sql("postgres", "CREATE DATABASE shop");
        server
            .sql("shop", &format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; GRANT pg_read_all_data TO reader"));
        Some(server)
    }

    fn data(&self) -> String {
        self.dir.path().join("data").display().to_string()
    }

    /// Runs a program of the server's as its user.
    fn run(&self, program: &str, args: &[&str]) {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let ran = command.args(args).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
        assert!(ran.success(), "{args:?}");
    }

    /// Runs SQL.
    #[track_caller]
    fn sql(&self, database: &str, sql: &str) {
        let folder = self.dir.path().display().to_string();
        let port = self.port.to_string();
        let args = ["-h", &folder, "-p", &port, "-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-qc", sql];
        let ran = Command::new(self.bin.join("psql")).args(args).output().unwrap();
        assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    fn address(&self) -> String {
        format!("postgresql://reader:{PASSWORD}@127.0.0.1:{}/shop", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        self.run("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout.starts_with(b"0\n"))
}

/// A project that replicates tables of the database.
fn project(tables: &str, more: &str) -> Project {
    let project = Project::empty();
    project.write(
        "jobs.yaml",
        &format!(
            "version: 1\nproject: tiny\nenvironments:\n  local: {{workspace: local, catalog: main, schema: tiny, default: \
             true}}\nconnections:\n  shop:\n    service: google_cloud_postgresql\n    schema_prefix: shop\n    tables: \
             {{public: [{tables}]}}\n    local: {{postgres: \"${{SHOP_DATABASE_URL}}\"{more}}}\njobs:\n  daily: {{steps: \
             [{{sync: shop}}]}}\n"
        ),
    );
    project
}

fn run(project: &Project, address: &str) -> Ran {
    let mut command = project.command(&["sync-and-refresh"]);
    command.env("SHOP_DATABASE_URL", address).env("COLUMNS", "200").output().expect("kiln can be started").into()
}

#[track_caller]
fn sync(project: &Project, server: &Postgres) {
    let ran = run(project, &server.address());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}

#[track_caller]
fn rows(project: &Project, sql: &str) -> Vec<String> {
    let tables = Tables::open(project, "", "shop_public");
    let rows = tables.rows(sql);
    tables.close();
    rows
}

#[test]
fn every_type_lands_as_the_reference_says() {
    let Some(server) = Postgres::start() else { return };
    // Column, its type, a value, the type it lands with and the value as text.
    let columns = [
        ("b", "boolean", "true", "BOOLEAN", "true"),
        ("i2", "smallint", "-32768", "SMALLINT", "-32768"),
        ("i4", "integer", "2147483647", "INT", "2147483647"),
        ("i8", "bigint", "-9223372036854775808", "BIGINT", "-9223372036854775808"),
        ("f4", "real", "1.5", "FLOAT", "1.5"),
        ("f8", "double precision", "-0.25", "DOUBLE", "-0.25"),
        ("money_of", "numeric(12,2)", "-1234567890.05", "DECIMAL(12,2)", "-1234567890.05"),
        ("free", "numeric", "0.12345678905", "DECIMAL(38,10)", "0.1234567891"),
        ("wide", "numeric(50,2)", "1e20", "DOUBLE", "1.0E20"),
        ("round", "numeric(3,-2)", "12300", "DECIMAL(5,0)", "12300"),
        ("t", "text", "'grüße, 日本 \"x\"'", "STRING", "grüße, 日本 \"x\""),
        ("v", "varchar(10)", "''", "STRING", ""),
        ("c", "char(5)", "'ab'", "STRING", "ab"),
        ("d", "date", "'1582-10-15'", "DATE", "1582-10-15"),
        ("d_inf", "date", "'infinity'", "DATE", "-"),
        ("d_bc", "date", "'0044-03-15 BC'", "DATE", "-"),
        ("ts", "timestamp", "'2024-02-29 23:59:59.123456'", "TIMESTAMP", "2024-02-29 23:59:59.123456"),
        ("tz", "timestamptz", "'2024-06-30 12:00:00+02'", "TIMESTAMP", "2024-06-30 10:00:00"),
        ("ts_inf", "timestamp", "'-infinity'", "TIMESTAMP", "-"),
        ("ts_late", "timestamp", "'20000-01-01'", "TIMESTAMP", "-"),
        ("tm", "time", "'08:30:00.5'", "STRING", "08:30:00.5"),
        ("iv", "interval", "'1 day 2 hours'", "STRING", "1 day 02:00:00"),
        ("u", "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "STRING", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("ip", "inet", "'10.1.2.3/8'", "STRING", "10.1.2.3/8"),
        ("j", "json", "'{\"a\": [1, null]}'", "STRING", "{\"a\": [1, null]}"),
        ("jb", "jsonb", "'{\"b\":1,\"a\":2}'", "STRING", "{\"a\": 2, \"b\": 1}"),
        ("a", "integer[]", "'{1,2,NULL}'", "STRING", "[1, 2, null]"),
        ("r", "int4range", "'[1,5)'", "STRING", "\"[1,5)\""),
        ("e", "mood", "'so so'", "STRING", "so so"),
        ("dom", "cents", "99", "DECIMAL(6,2)", "99.00"),
        ("n", "integer", "NULL", "INT", "-"),
    ];
    server.sql("shop", "CREATE TYPE mood AS ENUM ('good', 'so so'); CREATE DOMAIN cents AS numeric(6,2)");
    let list: Vec<String> = columns.iter().map(|(name, data_type, ..)| format!("{name} {data_type}")).collect();
    let values: Vec<&str> = columns.iter().map(|(_, _, value, ..)| *value).collect();
    server.sql("shop", &format!("CREATE TABLE every (id int PRIMARY KEY, {}, by bytea)", list.join(", ")));
    server.sql("shop", &format!("INSERT INTO every VALUES (1, {}, '\\x00ff')", values.join(", ")));
    let project = project("every", "");
    sync(&project, &server);
    let tables = Tables::open(&project, "", "shop_public");
    for (name, data_type, value, landed, text) in columns {
        let sql = format!("SELECT typeof({name}), CAST({name} AS STRING) FROM every");
        assert_eq!(tables.rows(&sql), [format!("{} {text}", landed.to_lowercase())], "{name} {data_type} {value}");
    }
    assert_eq!(tables.rows("SELECT typeof(by), hex(by) FROM every"), ["binary 00FF"]);
    tables.close();

    server.sql("shop", "UPDATE every SET free = 'NaN'");
    run(&project, &server.address()).fails_with(5, &["public.every: row 1: `free` = `NaN` does not fit its column"]);
}

#[test]
fn later_syncs_bring_what_changed_and_mark_what_is_gone() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "shop",
        "CREATE TABLE orders (id int PRIMARY KEY, note text); CREATE TABLE log (line text); \
         CREATE TABLE items (a int, b text, at timestamptz, PRIMARY KEY (b, a)); \
         INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 10) n; INSERT INTO log VALUES ('x'), ('y'); \
         INSERT INTO items VALUES (1, 'p', '2024-01-01'), (2, 'p', '2024-01-01'), (3, 'q', NULL)",
    );
    let project = project("orders, log, items", ", updated_at: {public.items: at}");
    sync(&project, &server);
    let count = "SELECT count(*), sum(CASE WHEN _fivetran_deleted THEN 1 ELSE 0 END) FROM";
    assert_eq!(rows(&project, &format!("{count} orders")), ["10 0"]);
    assert_eq!(rows(&project, &format!("{count} log")), ["2 0"]);
    let version = |table: &str| {
        let log = format!("shop_public/{table}/_delta_log/");
        let is_commit =
            |path: &PathBuf| path.to_string_lossy().contains(&log) && path.extension().is_some_and(|e| e == "json");
        project.files().iter().filter(|path| is_commit(path)).count() - 1
    };
    // Nothing changed, nothing is committed.
    sync(&project, &server);
    assert_eq!((version("orders"), version("log"), version("items")), (0, 0, 0));

    server.sql(
        "shop",
        "DELETE FROM orders WHERE id IN (3, 4); UPDATE orders SET note = 'new' WHERE id = 5; \
         INSERT INTO orders VALUES (11, NULL); DELETE FROM log WHERE line = 'x'; \
         UPDATE items SET b = 'r', at = '2024-02-01' WHERE a = 1; INSERT INTO items VALUES (9, 'late', '2023-01-01')",
    );
    sync(&project, &server);
    assert_eq!(rows(&project, &format!("{count} orders")), ["11 2"]);
    assert_eq!(rows(&project, "SELECT id FROM orders WHERE _fivetran_deleted ORDER BY id"), ["3", "4"]);
    assert_eq!(rows(&project, "SELECT note FROM orders WHERE id IN (5, 11) ORDER BY id"), ["new", "-"]);
    assert_eq!(rows(&project, "SELECT line FROM log WHERE NOT _fivetran_deleted"), ["y"]);
    // A key that changed is a row that went and one that came; a row that came with an old time is not seen that way.
    assert_eq!(
        rows(&project, "SELECT a, b, _fivetran_deleted FROM items ORDER BY a, b"),
        ["1 p true", "1 r false", "2 p false", "3 q false"]
    );

    // A new column brings all rows anew, and a row that returns is there again.
    server
        .sql("shop", "ALTER TABLE orders ADD COLUMN paid boolean DEFAULT true; INSERT INTO orders VALUES (3, 'back')");
    sync(&project, &server);
    assert_eq!(rows(&project, &format!("{count} orders")), ["11 1"]);
    assert_eq!(rows(&project, "SELECT count(*) FROM orders WHERE paid"), ["10"]);
    server.sql("shop", "TRUNCATE orders");
    sync(&project, &server);
    assert_eq!(rows(&project, &format!("{count} orders")), ["11 11"]);
}

#[test]
fn a_transaction_that_was_open_during_a_sync_is_brought_by_the_next() {
    let Some(server) = Postgres::start() else { return };
    server.sql("shop", "CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders VALUES (1, 'a')");
    let project = project("orders", "");
    sync(&project, &server);
    // Opened before, committed after: its number is lower than others' that the sync has seen.
    let folder = server.dir.path().display().to_string();
    let port = server.port.to_string();
    let mut open = Command::new(server.bin.join("psql"))
        .args(["-h", &folder, "-p", &port, "-U", "postgres", "-d", "shop", "-qAt"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = open.stdin.take().unwrap();
    let mut output = std::io::BufReader::new(open.stdout.take().unwrap());
    let say = |input: &mut std::process::ChildStdin, sql: &str| {
        use std::io::Write as _;
        writeln!(input, "{sql}").unwrap();
    };
    say(&mut input, "BEGIN; UPDATE orders SET note = 'slow' WHERE id = 1; SELECT 'begun';");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, "begun\n");
    server.sql("shop", "INSERT INTO orders VALUES (2, 'quick')");
    sync(&project, &server);
    assert_eq!(rows(&project, "SELECT id, note FROM orders ORDER BY id"), ["1 a", "2 quick"]);
    say(&mut input, "COMMIT;");
    drop(input);
    assert!(open.wait().unwrap().success());
    sync(&project, &server);
    assert_eq!(rows(&project, "SELECT id, note FROM orders ORDER BY id"), ["1 slow", "2 quick"]);
}

#[test]
fn what_cannot_be_read_is_said_and_the_password_never() {
    let Some(server) = Postgres::start() else { return };
    server.sql("shop", "CREATE TABLE orders (id int PRIMARY KEY)");
    let project = project("orders, customers", "");
    let ran = run(&project, &server.address());
    ran.fails_with(5, &["the source has no table `public.customers`", "it has public.orders"]);
    let wrong = server.address().replace(PASSWORD, "open-sesame");
    let ran = run(&project, &wrong);
    ran.fails_with(
        5,
        &["cannot connect to the database in `SHOP_DATABASE_URL`: FATAL: password authentication failed"],
    );
    assert!(!ran.stderr.contains("open-sesame"));
    let away = "postgresql://reader:open-sesame@192.0.2.1/shop";
    run(&project, away).fails_with(5, &["names a server on another machine", "Cloud SQL Auth Proxy"]);
    project.kiln(&["check"]).fails_with(1, &["the environment variable `SHOP_DATABASE_URL` is not set"]);
    for file in project.files() {
        let bytes = std::fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(PASSWORD) && !text.contains("open-sesame"), "{}", file.display());
    }
    project.replace("jobs.yaml", "\"${SHOP_DATABASE_URL}\"", &format!("\"{}\"", server.address()));
    let ran = project.kiln(&["check"]);
    ran.fails_with(1, &["`postgres` must be `${NAME}`: a variable of the environment"]);
    assert!(!ran.stderr.contains(PASSWORD));
}

/// Replicates a million orders: to be run alone and read.
#[ignore = "measures time, and so runs alone"]
#[test]
fn a_million_orders() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "shop",
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, ordered_at timestamptz, status text, channel \
         text, country text, discount numeric(10,2), total numeric(12,2), updated_at timestamptz); \
         INSERT INTO orders SELECT n, n % 200000, timestamptz '2020-01-01' + n * interval '1 minute', 'paid', 'web', 'DE', \
         (n % 500) / 100.0, n % 100000 / 100.0, timestamptz '2020-01-01' + n * interval '1 minute' \
         FROM generate_series(1, 1000000) n",
    );
    let project = project("orders", "");
    measured(&project, &server, "first load");
    measured(&project, &server, "nothing changed");
    server.sql(
        "shop",
        "UPDATE orders SET status = 'returned' WHERE id % 100 = 0; DELETE FROM orders WHERE id % 1000 = 1",
    );
    measured(&project, &server, "10,000 changed, 1,000 gone");
    let gone = rows(&project, "SELECT count(*) FROM orders WHERE _fivetran_deleted");
    let changed = rows(&project, "SELECT count(*) FROM orders WHERE status = 'returned'");
    assert_eq!((gone, changed), (vec!["1000".to_owned()], vec!["10000".to_owned()]));
}

/// Syncs, and prints the time and the most memory that it took.
fn measured(project: &Project, server: &Postgres, what: &str) {
    let begin = Instant::now();
    let mut command = project.command(&["sync-and-refresh"]);
    let mut process = command.env("SHOP_DATABASE_URL", server.address()).stderr(Stdio::null()).spawn().unwrap();
    let status = Path::new("/proc").join(process.id().to_string()).join("status");
    let mut peak = String::new();
    let ended = loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM"))
        {
            peak = line.to_owned();
        }
        if let Some(ended) = process.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(ended.success());
    eprintln!("{what}: {:.1} s, {peak}", begin.elapsed().as_secs_f64());
}
