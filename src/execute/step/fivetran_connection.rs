//! Makes a connection or brings it in line with what is declared: its config with the setup tests, then what it replicates,
//! then its schedule, so that no sync begins before its tables are chosen. Also takes one away.
//!
//! Each part is read back where its answer was lost, and a step that was killed is done again by the next plan, from what
//! is there then.

use indexmap::IndexMap;

use super::{Context, Finished, Reporter, failure};
use crate::event::{Failure, Outcome};
use crate::fivetran::wire::{
    ColumnConfig, Connection, CreateConnection, SchemaConfig, SchemaNode, SetupTest, TableConfig, UpdateConnection,
};
use crate::fivetran::{Client, ConfigSecret, Error, Tested};
use crate::http;
use crate::ids::ConnectionId;
use crate::observe::replicated;
use crate::plan::{KeepConnection, RemoveConnection, Replicated, ReplicationWish, SentConfig, Settings};

pub(super) async fn keep(action: &KeepConnection, context: &Context, reporter: &Reporter) -> Finished {
    let secrets = match action.config.as_ref().map(|config| look_up(config, context)).transpose() {
        Ok(secrets) => secrets.unwrap_or_default(),
        Err(variable) => return Finished::failed(unset(action, &variable)),
    };
    let Some(client) = &context.connected.fivetran else { return no_client(&action.connection.to_string()) };
    let kept = Keeping { action, client, secrets, context, reporter, said: Vec::new() };
    let redact = kept.redaction();
    let finished = match kept.run().await {
        Ok(finished) => finished,
        Err(error) => {
            let message = format!("connection `{}`: {error}", action.connection);
            Finished::failed(failure(message, help(&error), error.class()))
        }
    };
    redact(finished)
}

/// Takes a connection away.
pub(super) async fn remove(action: &RemoveConnection, context: &Context) -> Finished {
    let Some(client) = &context.connected.fivetran else { return no_client(&action.connection.to_string()) };
    match client.remove_connection(&action.id).await {
        Ok(()) => Finished::succeeded(format!("{} is gone; what it had landed stays", action.id)),
        Err(error) => {
            let message = format!("connection `{}`: {error}", action.connection);
            Finished::failed(failure(message, error.help(), error.class()))
        }
    }
}

fn no_client(connection: &str) -> Finished {
    Finished::failed(Failure {
        message: format!("connection `{connection}` cannot be changed without Fivetran's credentials"),
        help: Some("Set FIVETRAN_API_KEY and FIVETRAN_API_SECRET.".to_owned()),
        unreachable: true,
        ..Failure::default()
    })
}

/// Looks the secrets of a config up; the error names the variable that is not set.
fn look_up(config: &SentConfig, context: &Context) -> Result<Vec<ConfigSecret>, String> {
    let one = |(pointer, variable): (&String, &String)| {
        let secret = (context.connected.secrets)(variable).ok_or_else(|| variable.clone())?;
        Ok(ConfigSecret { pointer: pointer.clone(), secret })
    };
    config.secrets.iter().map(one).collect()
}

fn unset(action: &KeepConnection, variable: &str) -> Failure {
    Failure {
        message: format!("connection `{}`: the environment variable `{variable}` is not set", action.connection),
        help: Some(format!("Set it, as in `export {variable}=…`: its value is sent to Fivetran.")),
        ..Failure::default()
    }
}

fn help(error: &Error) -> String {
    match error {
        Error::Http(error)
            if error.message().contains("in-progress sync") || error.class() == http::Class::Conflict =>
        {
            "a sync is running, and Fivetran could not stop it: run this again when it has ended".to_owned()
        }
        error => error.help(),
    }
}

/// A connection that is being kept.
struct Keeping<'a> {
    action: &'a KeepConnection,
    client: &'a Client,
    secrets: Vec<ConfigSecret>,
    context: &'a Context,
    reporter: &'a Reporter,
    /// What was done, for the summary.
    said: Vec<String>,
}

impl Keeping<'_> {
    async fn run(mut self) -> Result<Finished, Error> {
        let tested = match (&self.action.id, &self.action.config) {
            (None, config) => {
                self.reporter.progress("making it and running its setup tests");
                let tested = self.make(config.as_ref()).await?;
                self.said.push(format!("made as {}", tested.connection.id));
                tested
            }
            (Some(id), Some(config)) => {
                self.reporter.progress("changing its config and running its setup tests");
                let tested = self.configure(id, config).await?;
                self.said.push("config changed".to_owned());
                tested
            }
            (Some(id), None) if self.action.tests => {
                self.reporter.progress("running its setup tests");
                self.client.test_connection(id).await?.into()
            }
            (Some(id), None) => {
                let id = id.clone();
                return self.go_on(&id).await;
            }
        };
        let id = ConnectionId::new(&tested.connection.id);
        if let Some(failure) = self.judge(&tested) {
            return Ok(Finished::failed(failure));
        }
        self.go_on(&id).await
    }

    /// What comes after config and tests: the tables, and then the settings.
    async fn go_on(mut self, id: &ConnectionId) -> Result<Finished, Error> {
        if self.context.cancel.is_cancelled() {
            return Ok(Finished::new(Outcome::Cancelled));
        }
        if let Some(wish) = &self.action.replication
            && let Some(failure) = self.choose(id, wish).await?
        {
            return Ok(Finished::failed(failure));
        }
        if self.context.cancel.is_cancelled() {
            return Ok(Finished::new(Outcome::Cancelled));
        }
        self.set(id).await?;
        Ok(Finished::succeeded(self.said.join("; ")))
    }

    async fn make(&self, config: Option<&SentConfig>) -> Result<Tested, Error> {
        let settings = &self.action.settings;
        let body = CreateConnection {
            group_id: self.action.group.clone(),
            service: self.action.service.clone(),
            config: config.map(|config| config.values.clone()),
            paused: Some(settings.paused == Some(true)),
            // Whoever is to start its syncs later: none begins before its tables are chosen.
            schedule_type: Some("manual".into()),
            sync_frequency: settings.sync_frequency,
            daily_sync_time: settings.daily_sync_time.clone(),
            run_setup_tests: Some(true),
            ..CreateConnection::default()
        };
        self.client.make_connection(&body, &self.secrets, &self.action.schema).await
    }

    async fn configure(&self, id: &ConnectionId, config: &SentConfig) -> Result<Tested, Error> {
        let body = UpdateConnection {
            config: Some(config.values.clone()),
            run_setup_tests: Some(true),
            ..UpdateConnection::default()
        };
        let done = |there: &Connection| {
            config
                .values
                .iter()
                .all(|(key, value)| there.config.as_ref().is_some_and(|all| all.get(key) == Some(value)))
        };
        self.client.change_connection(id, &body, &self.secrets, done).await
    }

    /// Says which setup tests passed, and why the step fails if one did not.
    fn judge(&mut self, tested: &Tested) -> Option<Failure> {
        let of = |wanted: &[&str]| -> Vec<&SetupTest> {
            let is = |test: &&SetupTest| wanted.iter().any(|status| test.status.eq_ignore_ascii_case(status));
            tested.tests.iter().filter(is).collect()
        };
        let told = |tests: &[&SetupTest]| {
            let one = |test: &&SetupTest| match &test.message {
                Some(message) if !message.is_empty() => format!("`{}`: {message}", test.title),
                _ => format!("`{}`", test.title),
            };
            tests.iter().map(one).collect::<Vec<_>>().join("; ")
        };
        let failed = of(&["FAILED", "JOB_FAILED"]);
        if !failed.is_empty() {
            let done = if self.said.is_empty() { String::new() } else { format!("{}, but ", self.said.join("; ")) };
            let what = if failed.len() == 1 { "a setup test" } else { "setup tests" };
            return Some(Failure {
                message: format!("connection `{}`: {done}{what} failed: {}", self.action.connection, told(&failed)),
                help: Some(
                    "Correct its `config`, its secrets or the source, and deploy again: the tests are run again then."
                        .to_owned(),
                ),
                link: self.client.link(&ConnectionId::new(&tested.connection.id)),
                ..Failure::default()
            });
        }
        let passed = of(&["PASSED"]);
        if !passed.is_empty() {
            let titles: Vec<String> = passed.iter().map(|test| format!("`{}`", test.title)).collect();
            self.said.push(format!("setup tests passed: {}", titles.join(", ")));
        }
        let warned = of(&["WARNING"]);
        if !warned.is_empty() {
            self.said.push(format!("warnings of setup tests: {}", told(&warned)));
        }
        None
    }

    /// Brings what is replicated in line with what is wanted.
    async fn choose(&mut self, id: &ConnectionId, wish: &ReplicationWish) -> Result<Option<Failure>, Error> {
        let known = match (self.action.reload, self.client.schemas(id).await?) {
            (false, Some(known)) => known,
            _ => {
                self.reporter.progress("asking the source for its tables");
                self.client.reload_schemas(id).await?
            }
        };
        let known = replicated(&known);
        let found = wish.changes(&known);
        let name = &self.action.connection;
        if !found.unknown.is_empty() {
            let message = format!("connection `{name}`: the source has no table {}", found.unknown.join(", "));
            let help = format!("Correct `tables` in jobs.yaml, names with their case. {}", has(&known));
            let link = self.client.link(id);
            return Ok(Some(Failure { message, help: Some(help), link, ..Failure::default() }));
        }
        if let Some(why) = found.refused.first() {
            let message = format!("connection `{name}`: {why}");
            let help = "Take it out of jobs.yaml, or see in Fivetran what stands against it.".to_owned();
            return Ok(Some(Failure { message, help: Some(help), link: self.client.link(id), ..Failure::default() }));
        }
        if found.fields.is_empty() {
            return Ok(None);
        }
        self.reporter.progress("choosing tables and columns");
        let remaining = |there: &SchemaConfig| {
            let left = wish.changes(&replicated(there));
            (!left.fields.is_empty()).then(|| wire(&left.patch))
        };
        self.client.change_schemas(id, wire(&found.patch), remaining).await?;
        let changes = found.fields.len();
        self.said.push(format!("{changes} {} of tables and columns", if changes == 1 { "change" } else { "changes" }));
        Ok(None)
    }

    /// Changes the settings that differ; at a connection that was just made, those that it was not made with.
    async fn set(&mut self, id: &ConnectionId) -> Result<(), Error> {
        let mut settings = self.action.settings.clone();
        if self.action.id.is_none() {
            let schedule_type = settings.schedule_type.filter(|kind| kind != "manual");
            settings = Settings { schedule_type, ..Settings::default() };
        }
        if settings.is_empty() {
            return Ok(());
        }
        self.reporter.progress("changing its settings");
        let body = UpdateConnection {
            paused: settings.paused,
            schedule_type: settings.schedule_type.as_deref().map(Into::into),
            sync_frequency: settings.sync_frequency,
            daily_sync_time: settings.daily_sync_time.clone(),
            // They say nothing about the source.
            run_setup_tests: Some(false),
            ..UpdateConnection::default()
        };
        let done = |there: &Connection| {
            let is = |wanted: Option<&str>, there: Option<&str>| wanted.is_none() || wanted == there;
            settings.paused.is_none_or(|paused| there.paused == paused)
                && settings.sync_frequency.is_none_or(|minutes| there.sync_frequency == Some(minutes))
                && is(settings.schedule_type.as_deref(), there.schedule_type.as_ref().map(|kind| kind.as_str()))
                && is(settings.daily_sync_time.as_deref(), there.daily_sync_time.as_deref())
        };
        self.client.change_connection(id, &body, &[], done).await?;
        if self.action.id.is_some() {
            self.said.push("settings changed".to_owned());
        }
        Ok(())
    }

    /// Takes the secrets out of all that a step says: a source's own words may hold them.
    fn redaction(&self) -> impl Fn(Finished) -> Finished + use<> {
        let secrets: Vec<_> = self.secrets.iter().map(|secret| secret.secret.clone()).collect();
        move |finished| {
            let clean = |text: &str| http::redact(text, &secrets);
            let outcome = match finished.outcome {
                Outcome::Succeeded { summary } => Outcome::Succeeded { summary: clean(&summary) },
                Outcome::Failed { failure } => {
                    Outcome::Failed { failure: Failure { message: clean(&failure.message), ..failure } }
                }
                other => other,
            };
            Finished { outcome, ..finished }
        }
    }
}

/// Says which tables a source has.
fn has(known: &Replicated) -> String {
    const MOST: usize = 12;
    let all: Vec<String> = known
        .schemas
        .iter()
        .flat_map(|(schema, node)| node.tables.keys().map(move |table| format!("{schema}.{table}")))
        .collect();
    match all.len() {
        0 => "It has none that Fivetran may read.".to_owned(),
        count if count > MOST => format!("It has {} and {} more.", all[..MOST].join(", "), count - MOST),
        _ => format!("It has {}.", all.join(", ")),
    }
}

/// Writes changes as Fivetran wants them.
fn wire(patch: &Replicated) -> SchemaConfig {
    let schemas: IndexMap<String, SchemaNode> = patch
        .schemas
        .iter()
        .map(|(name, schema)| {
            let tables: IndexMap<String, TableConfig> = schema
                .tables
                .iter()
                .map(|(name, table)| {
                    let columns: IndexMap<String, ColumnConfig> = table
                        .columns
                        .iter()
                        .map(|(name, column)| {
                            let (enabled, hashed) = (column.enabled, column.hashed);
                            (name.clone(), ColumnConfig { enabled, hashed, ..ColumnConfig::default() })
                        })
                        .collect();
                    let columns = (!columns.is_empty()).then_some(columns);
                    (name.clone(), TableConfig { enabled: table.enabled, columns, ..TableConfig::default() })
                })
                .collect();
            let tables = (!tables.is_empty()).then_some(tables);
            (name.clone(), SchemaNode { enabled: schema.enabled, tables, ..SchemaNode::default() })
        })
        .collect();
    SchemaConfig {
        schema_change_handling: patch.handling.as_deref().map(Into::into),
        schemas: (!schemas.is_empty()).then_some(schemas),
        ..SchemaConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::{ReplicatedColumn, ReplicatedSchema, ReplicatedTable};

    #[test]
    fn only_what_changes_is_sent() {
        let column = ReplicatedColumn { hashed: Some(true), ..ReplicatedColumn::default() };
        let customers =
            ReplicatedTable { columns: [("email".to_owned(), column)].into(), ..ReplicatedTable::default() };
        let audit = ReplicatedTable { enabled: Some(false), ..ReplicatedTable::default() };
        let tables = [("customers".to_owned(), customers), ("audit".to_owned(), audit)].into();
        let patch = Replicated {
            handling: Some("BLOCK_ALL".to_owned()),
            schemas: [("public".to_owned(), ReplicatedSchema { enabled: None, tables })].into(),
        };
        let sent: Value = serde_json::to_value(wire(&patch)).unwrap();
        assert_eq!(
            sent,
            json!({"schema_change_handling": "BLOCK_ALL", "schemas": {"public": {"tables": {
                "customers": {"columns": {"email": {"hashed": true}}}, "audit": {"enabled": false}}}}})
        );
    }
}
