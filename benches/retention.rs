//! Measures the whole program as its users run it: wall time, CPU time and peak memory of whole processes.
//!
//! ```text
//! cargo bench --profile dev --bench retention               # everything but the ten million orders
//! cargo bench --profile dev --bench retention -- --orders 10000000
//! ```
//!
//! Prints one row a measurement. Peak memory is the process's high-water mark as the kernel keeps it, so this runs on
//! Linux only.

mod measured;

use std::path::Path;
use std::process::Command;

use kiln::local::fivetran::sample;

use measured::{head, median, print, run};

/// Orders that one customer of the sample shop places on average; only for choosing the number of customers.
const ORDERS_PER_CUSTOMER: f64 = 1.71;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let asked = args.iter().position(|a| a == "--orders").and_then(|i| args.get(i + 1)?.parse::<u64>().ok());
    head();
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
