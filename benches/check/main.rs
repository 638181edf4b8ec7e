//! Measures `kiln check` on generated projects of 10 to 5,000 models, with a dashboard for each ten, at most a hundred.
//!
//! ```text
//! cargo bench --no-default-features --bench check            # all sizes
//! cargo bench --no-default-features --bench check -- 1000    # one size
//! cargo bench --no-default-features --bench check -- --write FOLDER 1000
//! ```
//!
//! First whole processes; then the phases, one after the other on one thread, to see where the time goes; then a second check
//! in the same process, as `kiln check --watch` makes them. Linux only.

#[path = "../measured/mod.rs"]
mod measured;
mod project;

use std::path::Path;
use std::time::{Duration, Instant};

use kiln::analysis;
use kiln::config::{self, LoadOptions};
use kiln::dashboards::LvDash;
use kiln::diag::SourceFile;
use kiln::manifest::{self, Memory};
use kiln::template::Templates;

use measured::{head, median, run};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [write, folder, models] = args.as_slice()
        && write == "--write"
    {
        project::write(Path::new(folder), models.parse().expect("a number of models"));
        return;
    }
    let asked: Vec<usize> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![10, 100, 1_000, 5_000] } else { asked };
    let projects: Vec<(usize, tempfile::TempDir)> = sizes
        .into_iter()
        .map(|models| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            project::write(folder.path(), models);
            (models, folder)
        })
        .collect();
    head();
    for (models, folder) in &projects {
        median(&format!("kiln check, {models} models"), 5, || run(folder.path(), &["check"]));
    }
    println!("\n{:<44} {:>9} {:>9}", "phase, on one thread", "ms", "share");
    for (models, folder) in &projects {
        phases(*models, folder.path());
    }
    println!("\n{:<44} {:>9}", "second check, of five the middle one", "ms");
    for (models, folder) in &projects {
        second(*models, folder.path());
    }
}

/// Checks again after one file has changed: one that other models rest on, first in a comment, then in its columns.
fn second(models: usize, root: &Path) {
    let options = LoadOptions { environment: None, overrides: &[], env: &|_| None };
    let mut memory = Memory::default();
    let mut check = || {
        let (project, _) = config::load(root, &options).expect("the project can be read");
        manifest::compile_with(&mut memory, &project).expect("it compiles")
    };
    check();
    let file = root.join("sql/layer0/m00000.sql");
    let text = std::fs::read_to_string(&file).expect("the model can be read");
    for (what, edit) in [
        ("a comment changed", (|round, text| format!("{text}\n-- {round}\n")) as fn(usize, &str) -> String),
        ("a column came", |round, text| text.replacen("SELECT", &format!("SELECT\n  {round} AS round_{round},"), 1)),
    ] {
        let mut times: Vec<Duration> = (0..5)
            .map(|round| {
                std::fs::write(&file, edit(round, &text)).expect("the model can be written");
                time(&mut check).1
            })
            .collect();
        times.sort();
        println!("{:<44} {:>9.1}", format!("{models} models: {what}"), times[2].as_secs_f64() * 1e3);
    }
    std::fs::write(&file, text).expect("the model can be written");
}

/// Does what `kiln check` does step by step.
fn phases(models: usize, root: &Path) {
    let options = LoadOptions { environment: None, overrides: &[], env: &|_| None };
    let (project, load) = time(|| config::load(root, &options).expect("the project can be read").0);
    let templates = Templates::new(&project).expect("the components can be read");
    let (rendered, render) = time(|| {
        let render = |model: &config::Model| templates.render_model(&model.path, "`main`.`shop`.`t`", false);
        project.models.values().map(|model| render(model).expect("it renders")).collect::<Vec<_>>()
    });
    let (parsed, parse) =
        time(|| rendered.iter().map(|text| analysis::parse(text).expect("it parses")).collect::<Vec<_>>());
    drop(parsed);
    let (dashboards, read) = time(|| {
        let read = |dashboard: &config::Dashboard| {
            let text = std::fs::read_to_string(root.join(&dashboard.file)).expect("the dashboard can be read");
            LvDash::parse(&SourceFile::new(&dashboard.file, text)).expect("it parses").check()
        };
        project.dashboards.values().map(read).collect::<Vec<_>>()
    });
    drop(dashboards);
    let (_, with_dashboards) = time(|| manifest::compile(&project).expect("it compiles"));
    let mut without = project.clone();
    without.dashboards.clear();
    let (_, only_models) = time(|| manifest::compile(&without).expect("it compiles"));
    let parts = [
        ("reading jobs.yaml and finding files", load),
        ("rendering templates", render),
        ("parsing SQL", parse),
        ("reading dashboards", read),
    ];
    let all: Duration = parts.iter().map(|(_, time)| *time).sum();
    for (what, time) in parts {
        let share = 100.0 * time.as_secs_f64() / all.as_secs_f64();
        println!("{:<44} {:>9.1} {share:>8.0}%", format!("{models} models: {what}"), time.as_secs_f64() * 1e3);
    }
    for (what, time) in [("compiling all, on all cores", with_dashboards), ("the same without dashboards", only_models)]
    {
        println!("{:<44} {:>9.1}", format!("{models} models: {what}"), time.as_secs_f64() * 1e3);
    }
}

fn time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let made = work();
    (made, begin.elapsed())
}
