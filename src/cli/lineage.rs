//! `kiln lineage`.

use std::path::PathBuf;

use super::error::Error;
use super::output::{Format, Output};
use super::{ProjectArgs, Status};
use crate::diag::Diagnostics;
use crate::manifest::lineage::{Direction, Lineage};
use crate::report::lineage::{self, View};

/// Show where columns come from and where they go: from sources through models to the widgets of dashboards
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A model, a source as SCHEMA.TABLE, a dashboard, or DASHBOARD/WIDGET; with .COLUMN behind it one column
    /// [default: everything]
    #[arg(value_name = "NODE[.COLUMN]")]
    node: Option<String>,
    /// Only where it comes from
    #[arg(long, requires = "node")]
    up: bool,
    /// Only where it goes
    #[arg(long, requires = "node")]
    down: bool,
    /// At most so many steps away
    #[arg(long, value_name = "N", requires = "node", value_parser = clap::value_parser!(u16).range(1..))]
    depth: Option<u16>,
    /// Print it as a tree, or as a Mermaid flowchart for Markdown
    #[arg(long, value_enum, default_value_t = Form::Tree, conflicts_with = "html")]
    format: Form,
    /// Write it as a page that needs no network, on which each column can be clicked
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    project: ProjectArgs,
}

/// How lineage is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people
    Tree,
    /// A flowchart
    Mermaid,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    if args.format == Form::Mermaid && output.format == Format::Json {
        return Err(
            Error::usage("--format mermaid and --output json are two forms").with_help("Leave one of them away.")
        );
    }
    let (project, manifest) = args.project.compile(output)?;
    let lineage = Lineage::of(&project, &manifest);
    let asked = match &args.node {
        Some(text) => Some(lineage.lookup(text).map_err(|problem| Error::Project(Diagnostics::from(*problem)))?),
        None => None,
    };
    let directions: &[Direction] = match (args.up, args.down) {
        (true, false) => &[Direction::Up],
        (false, true) => &[Direction::Down],
        _ => &[Direction::Up, Direction::Down],
    };
    let depth = args.depth.map_or(usize::MAX, usize::from);
    let view = View::new(&lineage, asked.as_ref(), directions, depth);
    if let Some(path) = &args.html {
        let page = lineage::html(&view, &project.name, &project.environment.name);
        fs_err::write(path, page).map_err(|error| Error::usage(error.to_string()))?;
        output.status(&format!("wrote {}", path.display()));
        return Ok(Status::Done);
    }
    output.data(&match (output.format, args.format) {
        (Format::Json, _) => lineage::json(&view),
        (_, Form::Mermaid) => lineage::mermaid(&view),
        (Format::Text | Format::Github | Format::Sarif, Form::Tree) => {
            lineage::text(&view, output.width(), output.stdout_color())
        }
    });
    Ok(Status::Done)
}
