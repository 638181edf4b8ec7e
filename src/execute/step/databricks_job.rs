//! Puts a job in its place, which the workspace then runs by itself, or takes it away.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use super::databricks_alter::run_all;
use super::{Context, Finished, Reporter, failure};
use crate::databricks::Error;
use crate::databricks::wire::{
    CronSchedule, DashboardTask, EmailNotifications, ExportFormat, Job, JobSettings, PauseStatus, RunAs, SqlFile,
    SqlTask, Task, TaskDependency,
};
use crate::event::Outcome;
use crate::http::{self, Class};
use crate::plan::{FINGERPRINT_TAG, Runs, ScheduleJob, ScheduledJob, ScheduledTask, UnscheduleJob};

pub(super) async fn schedule(job: &ScheduleJob, context: &Context, reporter: &Reporter) -> Finished {
    match put(job, context, reporter).await {
        Ok(made) => Finished::succeeded(if made { "created" } else { "updated" }),
        Err(error) => failed(job.job.as_str(), &error),
    }
}

pub(super) async fn unschedule(job: &UnscheduleJob, context: &Context, reporter: &Reporter) -> Finished {
    match take_away(job, context, reporter).await {
        Ok(()) => Finished::succeeded("deleted"),
        Err(error) => failed(job.job.as_str(), &error),
    }
}

fn failed(job: &str, error: &Error) -> Finished {
    match error {
        Error::Interrupted { .. } => Finished::new(Outcome::Cancelled),
        error => Finished::failed(failure(format!("job `{job}`: {error}"), error.help(), error.class())),
    }
}

/// Uploads the job's files, and then makes the job refer to them, in one request; tells whether it was not there before.
async fn put(job: &ScheduleJob, context: &Context, reporter: &Reporter) -> Result<bool, Error> {
    let client = &context.connected.databricks;
    run_all(&job.noting, context, reporter).await?;
    let mut wanted = job.content.clone();
    let mut tags = job.tags.clone();
    for (key, path) in &job.dashboards {
        let found = client.lakeview().find(path).await?;
        let found = found.ok_or_else(|| Error::DashboardMissing { path: path.clone() })?;
        if let Some(Runs::Dashboard { id, .. }) = wanted.tasks.get_mut(key).map(|task| &mut task.runs) {
            *id = found.to_string();
        }
    }
    // What was planned before a dashboard had an id is another content now.
    tags.insert(FINGERPRINT_TAG.to_owned(), wanted.fingerprint().to_string());
    upload(job, context, reporter).await?;
    let existing = match job.id {
        Some(id) => client.jobs().get(id).await?,
        None => None,
    };
    // An earlier deploy may have made it without learning so.
    let existing = match existing {
        Some(existing) => Some(existing),
        None => find(job, &wanted, context).await?,
    };
    let before = existing.as_ref().map(|job| files_of(&job.settings)).unwrap_or_default();
    let refused = |error: http::Error| match &wanted.run_as {
        Some(run_as) if error.class() == Class::Permission => Error::RunAs { run_as: run_as.clone(), source: error },
        _ => Error::from(error),
    };
    let made = match existing {
        Some(existing) => {
            let settings = settings(&wanted, tags, Some(&existing));
            client.jobs().reset(existing.job_id, settings).await.map_err(refused)?;
            false
        }
        None => match client.jobs().create(&settings(&wanted, tags, None)).await {
            Ok(_) => true,
            Err(error) if error.may_have_arrived() => match find(job, &wanted, context).await? {
                Some(_) => true,
                None => return Err(error.into()),
            },
            Err(error) => return Err(refused(error)),
        },
    };
    tidy(job, &before, context, reporter).await;
    Ok(made)
}

/// Finds the job by its name and tags.
async fn find(job: &ScheduleJob, wanted: &ScheduledJob, context: &Context) -> Result<Option<Job>, Error> {
    let jobs = context.connected.databricks.jobs();
    let is_own = |other: &Job| {
        let tags = &other.settings.tags;
        job.tags.iter().filter(|(key, _)| *key != FINGERPRINT_TAG).all(|(key, value)| tags.get(key) == Some(value))
    };
    let named = jobs.named(&wanted.name).await?;
    match named.into_iter().filter(is_own).map(|job| job.job_id).min() {
        Some(id) => Ok(jobs.get(id).await?),
        None => Ok(None),
    }
}

/// Writes the files that are not there: each is named by its content.
async fn upload(job: &ScheduleJob, context: &Context, reporter: &Reporter) -> Result<(), Error> {
    let workspace = context.connected.databricks.workspace();
    let there: BTreeSet<String> = names(&workspace.list(&job.folder).await?);
    if there.is_empty() {
        workspace.mkdirs(&job.folder).await?;
    }
    let missing: Vec<(&String, &String)> = job.files.iter().filter(|(path, _)| !there.contains(*path)).collect();
    for (n, (path, text)) in missing.iter().enumerate() {
        reporter.progress(format!("file {} of {}", n + 1, missing.len()));
        workspace.import(path, text.as_bytes(), ExportFormat::Auto).await?;
    }
    Ok(())
}

/// Deletes files that neither the job nor the one before it refers to: a run of that may still be under way.
async fn tidy(job: &ScheduleJob, before: &BTreeSet<String>, context: &Context, reporter: &Reporter) {
    let workspace = context.connected.databricks.workspace();
    let Ok(there) = workspace.list(&job.folder).await else { return };
    for path in names(&there).iter().filter(|path| !job.files.contains_key(*path) && !before.contains(*path)) {
        if let Err(error) = workspace.delete(path, false).await {
            // They do no harm; the next deploy tries again.
            reporter.progress(format!("{path} is left behind: {error}"));
            return;
        }
    }
}

fn names(objects: &[crate::databricks::wire::Object]) -> BTreeSet<String> {
    objects.iter().map(|object| crate::ids::workspace_path(&object.path).to_owned()).collect()
}

fn files_of(settings: &JobSettings) -> BTreeSet<String> {
    let files = settings.tasks.iter().filter_map(|task| task.sql_task.as_ref()?.file.as_ref());
    files.map(|file| crate::ids::workspace_path(&file.path).to_owned()).collect()
}

async fn take_away(job: &UnscheduleJob, context: &Context, reporter: &Reporter) -> Result<(), Error> {
    let client = &context.connected.databricks;
    for id in &job.ids {
        client.jobs().delete(*id).await?;
    }
    if let Some(folder) = &job.folder
        && client.workspace().get_status(folder).await?.is_some()
    {
        match client.workspace().delete(folder, true).await {
            // Its answer was lost, and it was done.
            Err(error) if error.class() == Class::NotFound => {}
            ended => ended?,
        }
    }
    run_all(&job.forgetting, context, reporter).await
}

/// Writes a job as the service takes it. What a person added to it, and kiln knows nothing of, stays.
fn settings(wanted: &ScheduledJob, tags: BTreeMap<String, String>, existing: Option<&Job>) -> JobSettings {
    let before = existing.map(|job| &job.settings);
    let mut other = before.map(|settings| settings.other.clone()).unwrap_or_default();
    // Two triggers exclude each other, and this one is ours; the other is ignored on write.
    for key in ["continuous", "trigger", "format"] {
        other.remove(key);
    }
    let mut all_tags = before.map(|settings| settings.tags.clone()).unwrap_or_default();
    all_tags.extend(tags);
    let mails = before.and_then(|settings| settings.email_notifications.clone()).unwrap_or_default();
    let mails =
        EmailNotifications { on_failure: wanted.on_failure.clone(), on_success: wanted.on_success.clone(), ..mails };
    let run_as = wanted.run_as.as_ref().map(|name| match name.contains('@') {
        true => RunAs { user_name: Some(name.clone()), ..RunAs::default() },
        false => RunAs { service_principal_name: Some(name.clone()), ..RunAs::default() },
    });
    JobSettings {
        name: wanted.name.clone(),
        description: Some("Kept by kiln: change it in the project's jobs.yaml".to_owned()),
        tags: all_tags,
        tasks: wanted.tasks.iter().map(|(key, task)| self::task(key, task, before)).collect(),
        schedule: wanted.schedule.as_ref().map(|cron| CronSchedule {
            quartz_cron_expression: cron.quartz.clone(),
            timezone_id: cron.timezone.clone(),
            pause_status: Some(if cron.paused { PauseStatus::Paused } else { PauseStatus::Unpaused }),
        }),
        max_concurrent_runs: Some(wanted.max_concurrent_runs),
        timeout_seconds: Some(wanted.timeout_seconds),
        email_notifications: (mails != EmailNotifications::default()).then_some(mails),
        run_as: run_as.or_else(|| before.and_then(|settings| settings.run_as.clone())),
        other,
    }
}

fn task(key: &str, wanted: &ScheduledTask, before: Option<&JobSettings>) -> Task {
    let before = before.and_then(|settings| settings.tasks.iter().find(|task| task.task_key == key));
    let same_kind = before.filter(|task| match wanted.runs {
        Runs::Sql { .. } => task.sql_task.is_some(),
        _ => task.dashboard_task.is_some(),
    });
    let (mut sql_task, mut dashboard_task) = (None, None);
    match &wanted.runs {
        Runs::Sql { path, warehouse } => {
            let file = SqlFile { path: format!("/Workspace{path}"), source: Some("WORKSPACE".to_owned()) };
            let other = same_kind.and_then(|task| Some(task.sql_task.as_ref()?.other.clone()));
            sql_task =
                Some(SqlTask { warehouse_id: warehouse.clone(), file: Some(file), other: other.unwrap_or_default() });
        }
        Runs::Dashboard { id, warehouse } => {
            let other = same_kind.and_then(|task| Some(task.dashboard_task.as_ref()?.other.clone()));
            dashboard_task = Some(DashboardTask {
                dashboard_id: id.clone(),
                warehouse_id: Some(warehouse.clone()),
                other: other.unwrap_or_default(),
            });
        }
        Runs::Other(_) => {}
    }
    Task {
        task_key: key.to_owned(),
        depends_on: wanted.needs.iter().map(|need| TaskDependency { task_key: need.clone(), outcome: None }).collect(),
        run_if: None,
        sql_task,
        dashboard_task,
        max_retries: Some(wanted.retries),
        timeout_seconds: None,
        other: same_kind.map_or_else(Map::new, |task| task.other.clone()),
    }
}
