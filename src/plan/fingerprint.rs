//! What a plan comes to, so that a run is resumed only by the plan that it began with.

use super::action::{Action, Step};
use super::steps::RunPlan;
use crate::ids::Fingerprint;

impl RunPlan {
    /// Takes the fingerprint of what the project asks for. What depends on what is there at the moment is left out: a run
    /// changes that itself.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut parts: Vec<String> =
            [&self.project, &self.environment, &self.catalog, &self.schema].map(String::clone).into();
        for step in self.steps.values() {
            add(step, &mut parts);
        }
        Fingerprint::of(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Takes the fingerprint of all that is carried out, what depends on what is there at the moment included: two plans of one
    /// content do the same, however little of it is told of each change.
    pub fn content(&self) -> Fingerprint {
        let mut parts = vec![self.fingerprint().to_string()];
        for step in self.steps.values() {
            parts.extend(match &step.action {
                Action::Build(model) => {
                    Some(format!("{:?} {:?} {:?} {}", model.before, model.after, model.tidy, model.increment.is_some()))
                }
                Action::Schedule(job) => Some(job.content.fingerprint().to_string()),
                Action::Keep(keep) => Some(format!("{keep:?}")),
                Action::Grant(grant) => Some(format!("{grant:?}")),
                Action::Send(send) => Some(format!("{send:?}")),
                Action::Alter(alter) => Some(format!("{alter:?}")),
                _ => None,
            });
        }
        Fingerprint::of(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

fn add(step: &Step, parts: &mut Vec<String>) {
    parts.push(step.id.to_string());
    parts.push(format!("{:?}", step.needs));
    parts.push(step.action.to_string());
    match &step.action {
        Action::CreateSchema { statement } => parts.push(statement.clone()),
        Action::Sync(sync) => parts.push(format!("{sync:?}")),
        Action::Pin(tables) => parts.push(format!("{tables:?}")),
        Action::Build(model) => {
            // Whether it takes in what is new or is built as a whole depends on what is there.
            parts.extend([model.fingerprint.to_string(), model.insist.to_string()]);
        }
        Action::Backfill(model) => parts.push(model.fingerprint.to_string()),
        Action::Publish(dashboard) => {
            parts.extend([&dashboard.title, &dashboard.folder, &dashboard.content].map(String::clone));
            parts.push(dashboard.embed_credentials.to_string());
        }
        Action::Query(query) => parts.extend(query.statements.iter().map(|statement| statement.sql.clone())),
        Action::Defer(defer) => parts.push(defer.from.to_string()),
        Action::Restore(restore) => parts.push(format!("{restore:?}")),
        Action::Keep(_)
        | Action::Remove(_)
        | Action::Alter(_)
        | Action::Send(_)
        | Action::Grant(_)
        | Action::Trash(_)
        | Action::Schedule(_)
        | Action::Unschedule(_)
        | Action::Refuse(_) => {}
    }
}
