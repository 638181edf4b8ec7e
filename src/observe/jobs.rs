//! Jobs that the workspace runs by itself, as plans look at them.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::AT_ONCE;
use crate::databricks::wire::{Job, JobSettings, PauseStatus, RunAs, Task};
use crate::databricks::{Client, Error};
use crate::ids::{Fingerprint, JobName, workspace_path};
use crate::plan::{Cron, FINGERPRINT_TAG, JOB_TAG, ObservedJob, Runs, ScheduledJob, ScheduledTask, own_tags};

/// Reads the jobs that kiln made for a project's schema: one request for each 100 jobs of the workspace, and one or more for
/// each of its own. Of a name, the oldest comes first.
///
/// # Errors
/// If a request fails.
pub async fn jobs(client: &Client, project: &str, catalog: &str, schema: &str) -> Result<Vec<ObservedJob>, Error> {
    let own = own_tags(project, catalog, schema);
    let is_own = |settings: &JobSettings| own.iter().all(|(key, value)| settings.tags.get(*key) == Some(value));
    let listed = client.jobs().list().await?.into_iter().filter(|job| is_own(&job.settings));
    let read = listed.map(async |listed| client.jobs().get(listed.job_id).await);
    let read: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    let observed = read.into_iter().flatten().filter_map(|job| {
        Some(ObservedJob {
            id: job.job_id,
            job: JobName::new(job.settings.tags.get(JOB_TAG)?),
            fingerprint: job.settings.tags.get(FINGERPRINT_TAG).map(Fingerprint::new),
            content: content(&job),
        })
    });
    let mut found: Vec<ObservedJob> = observed.collect();
    found.sort_by(|a, b| (&a.job, a.id).cmp(&(&b.job, b.id)));
    Ok(found)
}

fn content(job: &Job) -> ScheduledJob {
    let settings = &job.settings;
    let mails = settings.email_notifications.clone().unwrap_or_default();
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    ScheduledJob {
        name: settings.name.clone(),
        schedule: settings.schedule.as_ref().map(|schedule| Cron {
            quartz: schedule.quartz_cron_expression.clone(),
            timezone: schedule.timezone_id.clone(),
            paused: schedule.pause_status == Some(PauseStatus::Paused),
        }),
        tasks: settings.tasks.iter().map(|it| (it.task_key.clone(), task(it))).collect(),
        timeout_seconds: settings.timeout_seconds.unwrap_or(0),
        max_concurrent_runs: settings.max_concurrent_runs.unwrap_or(1),
        on_failure: sorted(mails.on_failure),
        on_success: sorted(mails.on_success),
        run_as: settings
            .run_as
            .clone()
            .and_then(|RunAs { user_name, service_principal_name }| service_principal_name.or(user_name))
            .or_else(|| job.run_as_user_name.clone()),
    }
}

fn task(task: &Task) -> ScheduledTask {
    let mut needs: Vec<String> = task.depends_on.iter().map(|other| other.task_key.clone()).collect();
    needs.sort();
    let file = task.sql_task.as_ref().and_then(|sql| Some((sql, sql.file.as_ref()?)));
    let runs = match (file, &task.dashboard_task) {
        (Some((sql, file)), _) => {
            Runs::Sql { path: workspace_path(&file.path).to_owned(), warehouse: sql.warehouse_id.clone() }
        }
        (None, Some(dashboard)) => Runs::Dashboard {
            id: dashboard.dashboard_id.clone(),
            warehouse: dashboard.warehouse_id.clone().unwrap_or_default(),
        },
        (None, None) => {
            let kind = task.other.keys().find_map(|key| key.strip_suffix("_task"));
            Runs::Other(kind.unwrap_or("task of another kind").to_owned())
        }
    };
    ScheduledTask { runs, needs, retries: task.max_retries.unwrap_or(0) }
}
