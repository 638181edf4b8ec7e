//! Changes of connections, each known to have been made or not: where an answer is lost, the connection is read before
//! anything is sent again.

use std::time::Duration;

use super::client::{Client, ConfigSecret};
use super::error::Error;
use super::wire::{Connection, CreateConnection, SchemaConfig, SetupTest, UpdateConnection};
use crate::http::Class;
use crate::ids::ConnectionId;

/// When a connection whose making was not answered is looked for: setup tests may take a minute there.
const LOOKS: [Duration; 4] = [Duration::ZERO, Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(40)];

/// How often a change is sent at most.
const ATTEMPTS: u32 = 3;

/// A connection with the results of its setup tests.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The connection.
    pub connection: Connection,
    /// The results; empty if no tests were run.
    pub tests: Vec<SetupTest>,
}

impl From<Connection> for Tested {
    fn from(mut connection: Connection) -> Self {
        let tests = connection.setup_tests.take().unwrap_or_default();
        Self { connection, tests }
    }
}

/// Tells whether a change may have been made although an error came back.
fn is_open(error: &Error) -> bool {
    matches!(error, Error::Http(error) if error.may_have_arrived())
}

impl Client {
    /// Makes a connection, once: after a lost answer one of its schema is looked for in its group, and only if there is
    /// none it is sent again. `schema` is that by which Fivetran knows it.
    ///
    /// # Errors
    /// If the request fails for good.
    pub async fn make_connection(
        &self,
        body: &CreateConnection,
        secrets: &[ConfigSecret],
        schema: &str,
    ) -> Result<Tested, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.create_connection(body, secrets).await {
                Ok(made) => return Ok(made.into()),
                Err(error) => error,
            };
            // The second time an earlier one may be in the way, which arrived after all.
            let in_the_way = attempts > 1 && matches!(error.class(), Class::Conflict | Class::Invalid);
            if !is_open(&error) && !in_the_way {
                return Err(error);
            }
            tracing::warn!(%error, "the answer to making a connection was lost; looking for it");
            for pause in LOOKS {
                self.http().clock().sleep(pause).await;
                let found = self.connections(Some(schema)).await?;
                if let Some(found) = found.into_iter().find(|other| other.group_id == body.group_id) {
                    return self.test_connection(&ConnectionId::new(found.id)).await.map(Tested::from);
                }
            }
            if attempts >= ATTEMPTS || in_the_way {
                return Err(error);
            }
        }
    }

    /// Changes a connection. After a lost answer it is read, and sent again unless `is_done`; where setup tests were to run,
    /// they are run then.
    ///
    /// # Errors
    /// If the request fails for good.
    pub async fn change_connection(
        &self,
        id: &ConnectionId,
        body: &UpdateConnection,
        secrets: &[ConfigSecret],
        is_done: impl Fn(&Connection) -> bool,
    ) -> Result<Tested, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.update_connection(id, body, secrets).await {
                Ok(changed) => return Ok(changed.into()),
                Err(error) => error,
            };
            if !is_open(&error) {
                return Err(error);
            }
            tracing::warn!(%error, "the answer to a change was lost; reading the connection");
            let connection = self.connection(id).await?;
            // Whether a secret arrived cannot be seen; the same once more does no harm.
            if secrets.is_empty() && is_done(&connection) {
                return match body.run_setup_tests {
                    Some(false) => Ok(connection.into()),
                    _ => self.test_connection(id).await.map(Tested::from),
                };
            }
            if attempts >= ATTEMPTS {
                return Err(error);
            }
        }
    }

    /// Changes which tables are replicated. After a lost answer that is read; `remaining` says what is left to be changed
    /// then, nothing if all is as wanted.
    ///
    /// # Errors
    /// If the request fails for good.
    pub async fn change_schemas(
        &self,
        id: &ConnectionId,
        mut body: SchemaConfig,
        remaining: impl Fn(&SchemaConfig) -> Option<SchemaConfig>,
    ) -> Result<(), Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.update_schemas(id, &body).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if !is_open(&error) {
                return Err(error);
            }
            tracing::warn!(%error, "the answer to a change of tables was lost; reading them");
            match self.schemas(id).await? {
                Some(there) => match remaining(&there) {
                    Some(left) => body = left,
                    None => return Ok(()),
                },
                None => return Err(error),
            }
            if attempts >= ATTEMPTS {
                return Err(error);
            }
        }
    }

    /// Takes a connection away; one that is gone already counts as taken away.
    ///
    /// # Errors
    /// If the request fails for good.
    pub async fn remove_connection(&self, id: &ConnectionId) -> Result<(), Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.delete_connection(id).await {
                Ok(()) => return Ok(()),
                Err(error) if error.class() == Class::NotFound => return Ok(()),
                Err(error) if error.may_have_arrived() && attempts < ATTEMPTS => {
                    tracing::warn!(%error, "the answer to taking a connection away was lost; sending it again");
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
