//! `kiln explain`.

use super::Status;
use super::error::Error;
use super::output::{Format, Output};
use crate::diag::{self, Code};
use crate::report::codes;

/// Explain the codes of errors, warnings and notes
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A code by number (K303) or name (unknown-column) [default: list all]
    code: Option<String>,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let Some(name) = &args.code else {
        show(&diag::codes().collect::<Vec<_>>(), output);
        return Ok(Status::Done);
    };
    // As it is copied from a message: `error[K303 unknown-column]`.
    let name = name.rsplit_once('[').map_or(name.as_str(), |(_, rest)| rest).trim_matches([' ', ']', ':']);
    let found = diag::code(name).or_else(|| diag::code(name.split_whitespace().next()?));
    match found {
        Some(code) if output.format == Format::Json => output.data(&codes::to_json(code).to_string()),
        Some(code) => output.data(&codes::to_terminal(code, output.width())),
        None => return Err(unknown(name)),
    }
    Ok(Status::Done)
}

fn show(found: &[&Code], output: &Output) {
    if output.format == Format::Json {
        for code in found {
            output.data(&codes::to_json(code).to_string());
        }
    } else {
        output.data(&codes::list(found));
    }
}

fn unknown(name: &str) -> Error {
    let names = |codes: &[&Code]| codes.iter().map(|code| code.name).collect::<Vec<_>>().join(", ");
    let help = match (diag::nearest_code(name), diag::codes_mentioning(name)) {
        (Some(near), _) => format!("Did you mean `{near}`?"),
        (None, some) if !some.is_empty() && name.len() > 2 => format!("These have the word: {}.", names(&some)),
        _ => "`kiln explain` lists all codes.".to_owned(),
    };
    Error::usage(format!("there is no code `{name}`")).with_help(help)
}
