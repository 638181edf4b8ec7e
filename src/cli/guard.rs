//! What a protected environment asks for before anything in it is changed: committed files, the right branch, and a yes.

use std::io::{self, BufRead, IsTerminal, Write};

use super::error::Error;
use super::lookup;
use crate::config::{Project, Protection};
use crate::databricks::{NotRun, RunProgram, system_programs};

/// Refuses to go on if the environment is protected and something it asks for is missing. `act` says what would be done:
/// `deploy to`.
pub(super) async fn pass(project: &Project, yes: bool, act: &str) -> Result<(), Error> {
    if project.environment.protected.is_none() {
        return Ok(());
    }
    let name = &project.environment.name;
    files(project).await?;
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Error::usage(format!("environment `{name}` is protected, and nobody is here to be asked"))
            .with_help("Say --yes."));
    }
    let mut stderr = io::stderr().lock();
    // If the question cannot be shown, it is not answered either.
    let _ = write!(stderr, "{act} `{name}`, which is protected? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Error::usage("nothing was done: the answer was not yes"))
}

/// Refuses to go on if the environment is protected and what is here is not what it takes. For runs that nobody has to be
/// asked about, for they make of the environment what its repository says.
pub(super) async fn files(project: &Project) -> Result<(), Error> {
    match &project.environment.protected {
        Some(protection) => checkout(project, protection, &system_programs()).await,
        None => Ok(()),
    }
}

/// Checks that what is deployed is what is committed, on the branch that may be.
async fn checkout(project: &Project, protection: &Protection, run: &RunProgram) -> Result<(), Error> {
    let name = &project.environment.name;
    let changed = git(project, run, &["status", "--porcelain", "--", ".", ":(exclude).kiln"]).await?;
    if let Some(first) = changed.lines().next() {
        let more = changed.lines().count() - 1;
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let text =
            format!("environment `{name}` is protected, and files here are not committed: {}{more}", first.trim());
        return Err(Error::usage(text).with_help("Commit them, or put them back."));
    }
    let Some(wanted) = &protection.branch else { return Ok(()) };
    let mut branch = git(project, run, &["rev-parse", "--abbrev-ref", "HEAD"]).await?.trim().to_owned();
    if branch == "HEAD" {
        // A checkout of GitHub Actions is of a commit; the branch is told beside it.
        branch = lookup::env("GITHUB_REF_NAME").unwrap_or(branch);
    }
    if branch != *wanted {
        let text = format!("environment `{name}` takes the branch `{wanted}` alone, and here is `{branch}`");
        return Err(Error::usage(text).with_help(format!("Merge, and check out `{wanted}`.")));
    }
    Ok(())
}

async fn git(project: &Project, run: &RunProgram, args: &[&str]) -> Result<String, Error> {
    let root = project.root.display().to_string();
    let args = ["-C", root.as_str()].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    let why = match run("git", args).await {
        Ok(ended) if ended.success => return Ok(ended.stdout),
        Ok(ended) => ended.stderr.lines().next().unwrap_or_default().to_owned(),
        Err(NotRun::NotFound) => "there is no program `git`".to_owned(),
        Err(NotRun::Failed(why)) => why,
    };
    let text = format!(
        "environment `{}` is protected, and git does not say whether all is committed",
        project.environment.name
    );
    Err(Error::usage(format!("{text}: {why}")).with_help("Change it from a checkout of the repository."))
}
