//! Measures the whole program as its users run it: wall time, CPU time and peak memory of whole processes.
//!
//! ```text
//! cargo bench --profile dev --bench retention               # everything but the ten million orders
//! cargo bench --profile dev --bench retention -- --orders 10000000
//! ```
//!
//! Prints one row a measurement. Peak memory is the process's high-water mark as the kernel keeps it, so this runs on
//! Linux only.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kiln::local::fivetran::sample;

/// Orders that one customer of the sample shop places on average; only for choosing the number of customers.
const ORDERS_PER_CUSTOMER: f64 = 1.71;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let asked = args.iter().position(|a| a == "--orders").and_then(|i| args.get(i + 1)?.parse::<u64>().ok());
    println!("{:<44} {:>9} {:>9} {:>10}", "what", "wall s", "CPU s", "peak MiB");
    if let Some(orders) = asked {
        parquet(orders);
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    median("kiln --version", 5, || run(folder.path(), &["--version"]));
    median("sync-and-refresh, 20,000 customers, first run", 3, || {
        let project = project(None);
        run(project.path(), &["sync-and-refresh"])
    });
    parquet(1_000_000);
}

/// Builds the marts over a shop of about so many orders that lie in Parquet files.
fn parquet(orders: u64) {
    let files = tempfile::tempdir().expect("a temporary folder");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "about")]
    let customers = (orders as f64 / ORDERS_PER_CUSTOMER) as u32;
    let written = sample::write_parquet(files.path(), customers, 7).expect("the files can be written");
    let project = project(Some(files.path()));
    let measured = run(project.path(), &["sync-and-refresh"]);
    print(&format!("sync-and-refresh, {written} orders from Parquet"), &measured);
}

/// Copies the repository's project; with Parquet files in place of the generated shop, if some are given.
fn project(files: Option<&Path>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new("cp")
        .arg("-r")
        .args(["jobs.yaml", "sql", "dashboards"])
        .arg(folder.path())
        .current_dir(root)
        .status();
    assert!(status.is_ok_and(|s| s.success()), "the project can be copied");
    if let Some(files) = files {
        let jobs = folder.path().join("jobs.yaml");
        let text = std::fs::read_to_string(&jobs).expect("jobs.yaml can be read");
        let tables = ["customers", "orders", "order_items", "products"]
            .map(|t| format!("public.{t}: {{path: \"{}/{t}.parquet\", key: [id]}}", files.display()))
            .join(", ");
        let sample = "{sample: {customers: 20000, seed: 7}}";
        assert!(text.contains(sample), "jobs.yaml no longer holds `{sample}`");
        std::fs::write(jobs, text.replace(sample, &format!("{{files: {{{tables}}}}}")))
            .expect("jobs.yaml can be written");
    }
    folder
}

#[derive(Clone, Copy)]
struct Measured {
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
}

/// Runs kiln and watches what the kernel says of it until it has ended.
fn run(folder: &Path, args: &[&str]) -> Measured {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let said = || std::fs::read_to_string(log.path()).unwrap_or_default();
    let start = Instant::now();
    let mut process = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(log.reopen().expect("the file can be written"))
        .spawn()
        .expect("kiln can be started");
    let proc = format!("/proc/{}", process.id());
    let (mut cpu, mut peak_kib) = (Duration::ZERO, 0);
    loop {
        // Both figures only grow, so the last reading is the one that counts.
        cpu = cpu_time(&proc).unwrap_or(cpu);
        peak_kib = high_water(&proc).unwrap_or(peak_kib);
        if let Some(status) = process.try_wait().expect("kiln can be waited for") {
            assert!(status.success(), "kiln {args:?} failed: {status}\n{}", said());
            return Measured { wall: start.elapsed(), cpu, peak_kib };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// User and system time from `/proc/<pid>/stat`, whose unit on Linux is a hundredth of a second.
fn cpu_time(proc: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("{proc}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    (ticks > 0).then(|| Duration::from_millis(ticks * 10))
}

fn high_water(proc: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("{proc}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

fn median(what: &str, times: usize, measure: impl Fn() -> Measured) {
    let mut all: Vec<Measured> = (0..times).map(|_| measure()).collect();
    all.sort_by_key(|m| m.wall);
    print(what, &all[times / 2]);
}

fn print(what: &str, measured: &Measured) {
    println!(
        "{what:<44} {:>9.2} {:>9.2} {:>10}",
        measured.wall.as_secs_f64(),
        measured.cpu.as_secs_f64(),
        measured.peak_kib / 1024
    );
}
