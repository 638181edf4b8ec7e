//! `kiln render`.

use super::error::Error;
use super::output::Output;
use super::{ProjectArgs, Status};
use crate::diag::{Diagnostic, did_you_mean};
use crate::ids::ModelName;

/// Print the SQL of a model as it would be sent, or of all models in the order of building
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model
    model: Option<String>,
    /// Of an incremental model, print the query for what is new
    #[arg(long, requires = "model")]
    incremental: bool,
    #[command(flatten)]
    project: ProjectArgs,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (_, manifest) = args.project.compile(output)?;
    match &args.model {
        Some(name) => {
            let name = name.to_lowercase();
            let model = manifest.models.get(name.as_str()).ok_or_else(|| {
                let near = did_you_mean(&name, manifest.models.keys().map(ModelName::as_str));
                let diagnostic = Diagnostic::error("unknown-model", format!("there is no model `{name}`"));
                Error::Project(match near {
                    Some(near) => diagnostic.help(format!("Did you mean `{near}`?")).into(),
                    None => diagnostic.into(),
                })
            })?;
            if args.incremental {
                let increment = model.increment.as_ref().ok_or_else(|| {
                    Error::usage(format!("model `{name}` is not incremental")).with_help("Leave --incremental away.")
                })?;
                output.data(&increment.query.text);
                return Ok(Status::Done);
            }
            output.data(&crate::plan::statement(model));
        }
        None => {
            for model in manifest.models.values() {
                output.data(&format!(
                    "-- {}\n{};\n",
                    model.config.path.display(),
                    crate::plan::statement(model).trim_end()
                ));
            }
        }
    }
    Ok(Status::Done)
}
