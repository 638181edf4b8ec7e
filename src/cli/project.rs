//! Options of the commands that work on a project, and finding it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::connect::kiln_dir_of;
use super::error::Error;
use super::lookup;
use super::output::Output;
use crate::config::{self, LoadOptions, Project};
use crate::diag::Diagnostics;
use crate::manifest::{self, Manifest};

/// Options of every command that works on a project.
#[derive(Clone, Debug, clap::Args)]
pub struct ProjectArgs {
    /// The project's folder [default: the nearest one upwards that holds a jobs.yaml]
    #[arg(short = 'C', long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// The environment [default: the one marked `default: true`]
    #[arg(short, long, value_name = "NAME")]
    env: Option<String>,
    /// Set a variable of the project for this call; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_variable)]
    vars: Vec<(String, String)>,
}

impl ProjectArgs {
    /// Chooses the environment, unless the command line does.
    pub(super) fn or_environment(&self, name: &str) -> Self {
        Self { env: self.env.clone().or_else(|| Some(name.to_owned())), ..self.clone() }
    }

    /// Means another environment.
    pub(super) fn in_environment(&self, name: &str) -> Self {
        Self { env: Some(name.to_owned()), ..self.clone() }
    }

    /// Sets variables beside those of the command line; values are YAML.
    #[cfg(feature = "local")]
    pub(super) fn with_variables(&self, variables: &[(String, String)]) -> Self {
        let mut project = self.clone();
        project.vars.extend_from_slice(variables);
        project
    }

    /// Reads and compiles the project without telling what it is warned of.
    #[cfg(feature = "local")]
    pub(super) fn compile_quietly(&self) -> Result<(Project, Manifest), Error> {
        let (project, _) = self.load_from(&self.root()?)?;
        let (manifest, _) = manifest::compile(&project)?;
        Ok((project, manifest))
    }

    /// Returns the folder in which the project keeps what kiln writes, without reading the project.
    pub(super) fn kiln_dir(&self) -> Result<PathBuf, Error> {
        Ok(kiln_dir_of(&self.root()?))
    }

    /// Reads the project.
    pub(super) fn load(&self, output: &Output) -> Result<Project, Error> {
        let (project, warnings) = self.read(output)?;
        output.diagnostics(&warnings);
        Ok(project)
    }

    /// Reads the project without showing its warnings: whoever reads it once more shows them.
    pub(super) fn load_quietly(&self, output: &Output) -> Result<Project, Error> {
        let root = self.root()?;
        output.set_folder(&root);
        Ok(self.load_from(&root)?.0)
    }

    /// Reads the project in another folder, for the same environment.
    pub(super) fn load_from(&self, root: &Path) -> Result<(Project, Diagnostics), Diagnostics> {
        self.load_noting(root, &mut BTreeSet::new())
    }

    /// Reads the project in a folder, and notes the files and folders that were looked for.
    pub(super) fn load_noting(
        &self,
        root: &Path,
        looked_at: &mut BTreeSet<PathBuf>,
    ) -> Result<(Project, Diagnostics), Diagnostics> {
        let options =
            LoadOptions { environment: self.env.as_deref(), overrides: &self.vars, env: &|name| lookup::env(name) };
        config::load_noting(root, &options, looked_at)
    }

    /// Reads and compiles the project. Notes are left to `kiln check`.
    pub(super) fn compile(&self, output: &Output) -> Result<(Project, Manifest), Error> {
        let project = self.load(output)?;
        let without_notes = |mut problems: Diagnostics| {
            problems.drop_notes();
            problems
        };
        let (manifest, warnings) = manifest::compile(&project).map_err(without_notes)?;
        output.diagnostics(&without_notes(warnings));
        Ok((project, manifest))
    }

    fn read(&self, output: &Output) -> Result<(Project, Diagnostics), Error> {
        let root = self.root()?;
        output.set_folder(&root);
        Ok(self.load_from(&root)?)
    }

    /// Tells whether a project was named.
    #[cfg(feature = "local")]
    pub(super) fn is_given(&self) -> bool {
        self.project.is_some()
    }

    /// Finds the project's folder.
    pub(super) fn root(&self) -> Result<PathBuf, Error> {
        if let Some(dir) = &self.project {
            return Ok(dir.clone());
        }
        let here =
            std::env::current_dir().map_err(|e| Error::refused(format!("cannot read the current folder: {e}")))?;
        let found = here.ancestors().find(|dir| dir.join("jobs.yaml").is_file());
        // Without a project the loader says what is missing, and where.
        Ok(found.map_or_else(|| PathBuf::from("."), |dir| relative(dir, &here)))
    }
}

/// Returns `.` for the current folder itself, so that messages show short paths.
fn relative(dir: &Path, here: &Path) -> PathBuf {
    if dir == here { PathBuf::from(".") } else { dir.to_path_buf() }
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
