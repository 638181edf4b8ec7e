//! A webhook's delivery, given to a job: whether it counts, and for which of the job's connections.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::lookup;
use crate::config::{Job, JobStep};
use crate::fivetran::sync::Delivered;
use crate::fivetran::webhook::{self, Refused};
use crate::ids::ConnectionName;
use crate::manifest::Manifest;
use crate::plan::schema_of;
use crate::secret::Secret;

/// The variable that holds the secret of the webhook.
const SECRET: &str = "FIVETRAN_WEBHOOK_SECRET";

/// Deliveries are a few hundred bytes long.
const MOST_BYTES: u64 = 1 << 20;

/// What was delivered.
#[derive(Debug, clap::Args)]
pub(super) struct WebhookArgs {
    /// Take the end of a sync that Fivetran delivered to a webhook for the sync of its connection, and trigger none: the body
    /// as it came, in a file, or `-` for the standard input
    #[arg(long, value_name = "FILE", requires = "webhook_signature")]
    webhook: Option<PathBuf>,
    /// The delivery's header X-Fivetran-Signature-256; the webhook's secret is in FIVETRAN_WEBHOOK_SECRET
    #[arg(long, value_name = "HEX", requires = "webhook")]
    webhook_signature: Option<String>,
}

impl WebhookArgs {
    /// Reads what was delivered, if something was, and finds the connection of the job that it tells of.
    pub(super) fn take(&self, manifest: &Manifest, job: &Job) -> Result<Option<(ConnectionName, Delivered)>, Error> {
        let (Some(path), Some(signature)) = (&self.webhook, &self.webhook_signature) else { return Ok(None) };
        let Some(secret) = lookup::env(SECRET).map(Secret::new) else {
            let help = format!("Set {SECRET} to the secret that the webhook was made with.");
            return Err(Error::usage("a webhook counts only with its secret").with_help(help));
        };
        let body = read(path)?;
        let delivery = webhook::read(&body, signature, &secret).map_err(|refused| {
            let help = match &refused {
                Refused::NoSignature => {
                    "Give the value of the header X-Fivetran-Signature-256 as it came: a webhook without secret has none."
                        .to_owned()
                }
                Refused::WrongSignature => format!(
                    "Pass the body on byte for byte, and check {SECRET}. If both are right, somebody else sent it: do not use it."
                ),
                Refused::Malformed(_) => "Fivetran's webhooks may have changed; please report it.".to_owned(),
                Refused::OtherEvent(_) => "Have the webhook deliver `sync_end`, and pass only that on.".to_owned(),
            };
            Error::usage(format!("the webhook was refused: {refused}")).with_help(help)
        })?;
        let synced: Vec<&ConnectionName> = job
            .steps
            .iter()
            .filter_map(|step| match &step.value {
                JobStep::Sync(sync) => Some(&sync.connection),
                JobStep::Build(_) | JobStep::Publish(_) => None,
            })
            .collect();
        let meant = synced.iter().find(|name| {
            manifest.connections.get(**name).is_some_and(|connection| match &connection.id {
                Some(id) => id.value == delivery.sync.connection.as_str(),
                None => delivery.schema.as_ref() == Some(&schema_of(connection)),
            })
        });
        if let Some(name) = meant {
            return Ok(Some(((*name).clone(), delivery.sync)));
        }
        let schema = delivery.schema.map(|schema| format!(" (`{schema}`)")).unwrap_or_default();
        let text = format!(
            "the webhook was refused: it tells of connection {}{schema}, which the job does not sync",
            delivery.sync.connection
        );
        let names: Vec<&str> = synced.iter().map(|name| name.as_str()).collect();
        let help = match names.as_slice() {
            [] => "The job syncs nothing at all.".to_owned(),
            names => format!("It syncs {}. Is it the webhook of another job or group?", names.join(", ")),
        };
        Err(Error::usage(text).with_help(help))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut body)
    } else {
        fs_err::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut body))
    };
    read.map_err(|error| Error::usage(format!("the webhook's body cannot be read: {error}")))?;
    if body.len() as u64 > MOST_BYTES {
        return Err(Error::usage("the webhook's body is larger than 1 MiB").with_help("Is it the right file?"));
    }
    Ok(body)
}
