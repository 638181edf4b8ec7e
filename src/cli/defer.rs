//! `--defer`: what another environment has already need not be built in this one.

use super::ProjectArgs;
use super::connect::Environment;
use super::error::Error;
use super::output::Output;
use crate::config::Project;
use crate::manifest::Manifest;
use crate::plan::{self, Elsewhere, Observed};

/// Options of commands that build models.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct DeferArgs {
    /// Read models from this environment, of the same workspace, where they stand there as the project says; only the others
    /// are built here
    #[arg(long, value_name = "ENVIRONMENT")]
    defer: Option<String>,
}

impl DeferArgs {
    /// Returns the environment's name.
    pub(super) fn name(&self) -> Option<&str> {
        self.defer.as_deref()
    }
}

/// Looks at what stands in the environment that is deferred to.
///
/// # Errors
/// It is none, this one itself, or in another workspace; or it cannot be read.
pub(super) async fn elsewhere(
    name: Option<&str>,
    args: &ProjectArgs,
    project: &Project,
    environment: &Environment,
    output: &Output,
) -> Result<Option<Elsewhere>, Error> {
    let Some(name) = name else { return Ok(None) };
    let here = &project.environment;
    if name == here.name {
        return Err(Error::usage(format!("environment `{name}` cannot be read in place of itself"))
            .with_help("Name another one with --defer."));
    }
    let there = args.in_environment(name).load_quietly(output)?.environment;
    if (&there.catalog, &there.schema) == (&here.catalog, &here.schema) {
        let schema = format!("{}.{}", there.catalog, there.schema);
        return Err(Error::usage(format!("environments `{name}` and `{}` have the same schema, {schema}", here.name))
            .with_help("Give one of them a schema of its own."));
    }
    environment.demand_same_workspace(&there).await?;
    let found = environment.tables_in(&there.catalog, &there.schema).await?;
    if !found.schema_exists {
        let schema = format!("{}.{}", there.catalog, there.schema);
        return Err(Error::refused(format!("environment `{name}` has nothing to read: there is no schema {schema}"))
            .with_help("It may also be that you may not see it: ask for USE SCHEMA on it."));
    }
    Ok(Some(Elsewhere { environment: there.name, catalog: there.catalog, schema: there.schema, tables: found.tables }))
}

/// Says in the manifest which models are read from elsewhere.
pub(super) fn with_deferral(
    manifest: &Manifest,
    observed: &Observed,
    elsewhere: Option<&Elsewhere>,
) -> Option<Manifest> {
    let deferral = plan::deferral(manifest, observed, elsewhere?);
    Some(Manifest { deferral: Some(deferral), ..manifest.clone() })
}
