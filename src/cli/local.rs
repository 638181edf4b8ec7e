//! `kiln local serve`.

use std::path::PathBuf;
use std::sync::Arc;

use super::connect;
use super::error::Error;
use super::output::{Format, Output};
use super::{ProjectArgs, Status, lookup};
use crate::local::{CLIENT_ID, Server, Settings};
use crate::secret::Secret;

/// The embedded workspace as a server
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: LocalCommand,
}

#[derive(Debug, clap::Subcommand)]
enum LocalCommand {
    Serve(ServeArgs),
}

/// Serve the embedded workspace to any Databricks or Fivetran client, until SIGTERM or Ctrl-C
///
/// In a project's folder it serves that project's local data, with the connections that the project declares. Clients must
/// send a token: the one in KILN_LOCAL_TOKEN, or else a random one, which is printed.
#[derive(Debug, clap::Args)]
struct ServeArgs {
    /// Port on 127.0.0.1 [default: a free one]
    #[arg(long)]
    port: Option<u16>,
    /// Folder of the tables and all else it keeps [default: .kiln/local in the project's folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    project: ProjectArgs,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let LocalCommand::Serve(args) = &args.command;
    let project = match &args.data {
        Some(_) if !args.project.is_given() => None,
        _ => Some(args.project.load(output)?),
    };
    let data_dir = match (&args.data, &project) {
        (Some(dir), _) => dir.clone(),
        (None, Some(project)) => connect::data_dir(project),
        (None, None) => return Err(Error::usage("name the data folder with --data, or a project with --project")),
    };
    // Not an argument: those can be read by every user of the machine.
    let token = lookup::env("KILN_LOCAL_TOKEN").map(Secret::new);
    let settings = Settings { port: args.port, token, ..Settings::new(data_dir, Arc::new(chrono::Utc::now)) };
    let server = Server::start(settings).await.map_err(|error| connect::start_error(&error))?;
    if let Some(project) = &project {
        connect::ensure_connections(&server, project)?;
    }
    announce(&server, output);
    super::running::termination().await;
    server.shutdown().await;
    Ok(Status::Done)
}

/// Prints where the server listens. The token is shown because it guards nothing but this folder's own data, on
/// loopback, and a client cannot do without it.
fn announce(server: &Server, output: &Output) {
    let (url, token) = (server.url(), server.token().expose());
    match output.format {
        Format::Json => {
            output.data(&serde_json::json!({"address": url, "token": token, "warehouse": "local"}).to_string())
        }
        Format::Text | Format::Github | Format::Sarif => output.data(&format!(
            "serving the embedded workspace\n  address    {url}\n  token      {token}\n  warehouse  local\n\
             Databricks clients: DATABRICKS_HOST={url} DATABRICKS_TOKEN={token}\n\
             with OAuth instead: DATABRICKS_CLIENT_ID={CLIENT_ID} DATABRICKS_CLIENT_SECRET={token}\n\
             Fivetran clients: the same address, key `local`, secret = the token"
        )),
    }
}
