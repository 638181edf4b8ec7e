//! `kiln init`.

use std::path::{Path, PathBuf};

use super::Status;
use super::error::Error;
use super::output::Output;

/// Make a new project that runs at once, here, with no account
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; it is made if it is not there
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// The files of a new project, which is also an example of the repository.
const FILES: [(&str, &str); 5] = [
    ("jobs.yaml", include_str!("../../examples/starter/jobs.yaml")),
    ("sql/staging/stg_orders.sql", include_str!("../../examples/starter/sql/staging/stg_orders.sql")),
    ("sql/marts/monthly_orders.sql", include_str!("../../examples/starter/sql/marts/monthly_orders.sql")),
    ("dashboards/orders.lvdash.json", include_str!("../../examples/starter/dashboards/orders.lvdash.json")),
    (".gitignore", ".kiln/\n"),
];

pub(super) fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let folder = &args.folder;
    // All or nothing, and nothing of anybody's is written over.
    if let Some((name, _)) = FILES.iter().find(|(name, _)| *name != ".gitignore" && folder.join(name).exists()) {
        return Err(Error::usage(format!("{} is there already", folder.join(name).display()))
            .with_help("Name another folder: kiln init FOLDER."));
    }
    let name = project_name(folder);
    for (path, text) in FILES {
        let path = folder.join(path);
        if path.exists() {
            continue;
        }
        let text = text.replace("project: starter", &format!("project: {name}"));
        let text = text.replace("schema: starter", &format!("schema: {}", name.replace('-', "_")));
        let parent = path.parent().unwrap_or(Path::new("."));
        let written = fs_err::create_dir_all(parent).and_then(|()| fs_err::write(&path, text));
        written.map_err(|error| Error::usage(format!("the project could not be made: {error}")))?;
    }
    let place = if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
    output.status(&format!("made the project `{name}`; run it: {place}kiln sync-and-refresh"));
    Ok(Status::Done)
}

/// Makes a project's name of its folder's: lower case, with dashes for what a name cannot hold.
fn project_name(folder: &Path) -> String {
    let full = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let stem = full.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name.to_owned() } else { "starter".to_owned() }
}
