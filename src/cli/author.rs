//! Who carries a run out, where, and from which commit.

use super::connect::Environment;
use super::error::Error;
use super::lookup;
use crate::config::Project;
use crate::databricks::system_programs;
use crate::diag::sentence;
use crate::event::Author;

/// Finds out who carries a run out. `act` is what is done, as a command.
pub(super) async fn author(environment: &Environment, project: &Project, act: String) -> Result<Author, Error> {
    let me = environment.connected.databricks.me().await.map_err(|error| {
        Error::refused(format!("the workspace did not say who we are: {error}")).with_help(sentence(&error.help()))
    })?;
    Ok(Author { act, user: Some(me.me.user_name), machine: machine(), commit: commit(project).await })
}

/// Names this machine, for whoever waits for it.
fn machine() -> String {
    let of_system = || fs_err::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned());
    let named = lookup::env("RUNNER_NAME").or_else(|| lookup::env("HOSTNAME")).or_else(of_system);
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "an unnamed machine".to_owned())
}

/// Returns the commit of the project's files, with `-dirty` if they differ from it; none outside of a repository.
async fn commit(project: &Project) -> Option<String> {
    let root = project.root.display().to_string();
    let args =
        ["-C", &root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"].map(str::to_owned).to_vec();
    let described = system_programs()("git", args).await.ok().filter(|ended| ended.success)?;
    Some(described.stdout.trim().to_owned()).filter(|commit| !commit.is_empty())
}
