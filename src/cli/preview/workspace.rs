//! What the served page asks the workspace: a query at most once at a time, and again only when something may have changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared, ready};
use tokio_util::sync::CancellationToken;

use super::{Subject, ask};
use crate::cli::connect::Environment;
use crate::cli::error::Error;
use crate::cli::output::Output;
use crate::config::Workspace as Place;
use crate::event::QueryResult;

/// What became of a query.
pub(super) type Answer = Arc<Result<QueryResult, String>>;

/// A query that is being asked, for all who want to know; cancelled when nobody does any more.
type Asked = Shared<BoxFuture<'static, Answer>>;

/// Rows that are kept of earlier answers, all together.
const MOST_KEPT: usize = 500_000;

/// The workspace as the page's requests share it.
pub(super) struct Workspace {
    output: Output,
    open: tokio::sync::Mutex<Open>,
    known: Mutex<Known>,
}

/// The environment while somebody asks it. The embedded workspace serves one process at a time, and a run shall be possible while
/// the page is open: it is let go of as soon as nobody does. A workspace elsewhere stays connected.
#[derive(Default)]
struct Open {
    environment: Option<Arc<Environment>>,
    users: usize,
    /// The state of the files that it was connected by.
    state: u64,
}

/// Answers to the queries of one state of the files.
#[derive(Default)]
struct Known {
    state: u64,
    answered: HashMap<String, Answer>,
    rows: usize,
    asked: HashMap<String, WeakShared<BoxFuture<'static, Answer>>>,
}

impl Known {
    /// Forgets what was said of another state.
    fn keep_to(&mut self, state: u64) {
        if self.state != state {
            *self = Self { state, ..Self::default() };
        }
    }
}

impl Workspace {
    pub(super) fn new(output: Output) -> Self {
        Self { output, open: tokio::sync::Mutex::default(), known: Mutex::default() }
    }

    /// Says what went wrong as the page shows it.
    pub(super) fn words(&self, error: &Error) -> String {
        self.output.text_of(error)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all answers: somebody loads the page to see what there is now. What is being asked right now is just that.
    pub(super) fn forget(&self) {
        let mut known = self.known();
        known.answered.clear();
        known.rows = 0;
    }

    /// Connects, or joins those who are connected. Whoever enters leaves again.
    pub(super) async fn enter(&self, subject: &Subject) -> Result<Arc<Environment>, Error> {
        let mut open = self.open.lock().await;
        let embedded = matches!(subject.project.environment.workspace, Place::Embedded);
        if let Some(environment) = open.environment.clone().filter(|_| embedded || open.state == subject.state) {
            open.users += 1;
            return Ok(environment);
        }
        let environment = Arc::new(Environment::connect(&subject.project, &self.output).await?);
        open.environment = Some(Arc::clone(&environment));
        open.state = subject.state;
        open.users += 1;
        Ok(environment)
    }

    /// Lets go of the environment, if nobody else needs it.
    pub(super) async fn leave(&self, environment: Arc<Environment>, subject: &Subject) {
        let mut open = self.open.lock().await;
        drop(environment);
        open.users -= 1;
        if open.users == 0
            && matches!(subject.project.environment.workspace, Place::Embedded)
            && let Some(environment) = open.environment.take().and_then(Arc::into_inner)
        {
            environment.close().await;
        }
    }

    /// Asks a query, or waits with whoever has asked it already. What is dropped before it is answered, by all, is cancelled.
    pub(super) fn answer(self: &Arc<Self>, subject: &Arc<Subject>, sql: &str) -> Asked {
        let mut known = self.known();
        known.keep_to(subject.state);
        if let Some(answer) = known.answered.get(sql) {
            return ready(Arc::clone(answer)).boxed().shared();
        }
        if let Some(asked) = known.asked.get(sql).and_then(WeakShared::upgrade) {
            return asked;
        }
        let (workspace, subject, text) = (Arc::clone(self), Arc::clone(subject), sql.to_owned());
        let asked = async move {
            let cancel = CancellationToken::new();
            let unless_wanted = cancel.clone().drop_guard();
            let (this, about, asked) = (Arc::clone(&workspace), Arc::clone(&subject), text.clone());
            // It goes on by itself, so that the environment is left in any case.
            let work = tokio::spawn(async move {
                let environment = this.enter(&about).await.map_err(|error| this.words(&error))?;
                let answer = ask(&environment, &about, asked, &cancel).await;
                this.leave(environment, &about).await;
                answer
            });
            let answer = Arc::new(work.await.unwrap_or_else(|error| Err(format!("the query was not asked: {error}"))));
            unless_wanted.disarm();
            workspace.keep(&subject, text, &answer);
            answer
        };
        let asked = asked.boxed().shared();
        if let Some(weak) = asked.downgrade() {
            known.asked.insert(sql.to_owned(), weak);
        }
        asked
    }

    /// Keeps an answer for as long as it holds. What failed is asked again.
    fn keep(&self, subject: &Subject, sql: String, answer: &Answer) {
        let mut known = self.known();
        if known.state != subject.state {
            return;
        }
        known.asked.remove(&sql);
        let Ok(result) = &**answer else { return };
        if known.rows + result.rows.len() > MOST_KEPT {
            known.answered.clear();
            known.rows = 0;
        }
        known.rows += result.rows.len();
        known.answered.insert(sql, Arc::clone(answer));
    }
}
