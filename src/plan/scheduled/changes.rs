//! What a deploy has to do about scheduled jobs.

use std::collections::BTreeMap;

use super::super::change::{Act, Change, Kind};
use super::super::marks::{JobNote, NOTES_TABLE};
use super::super::steps::{Planner, dashboard_path};
use super::files::{self, Work};
use super::{
    Cron, FINGERPRINT_TAG, JOB_TAG, ObservedJob, Runs, ScheduleJob, ScheduledJob, ScheduledTask, UnscheduleJob,
    job_folder, job_name, own_tags,
};
use crate::config::{Job, Schedule, Schedules};
use crate::ids::JobName;

/// Plans all scheduled jobs: those that shall be there, and those that shall not any more. Returns what changes, and how many
/// are as they should be.
pub(in super::super) fn plan(planner: &mut Planner<'_>, prune: bool) -> (Vec<Change>, usize) {
    let (manifest, observed) = (planner.manifest, planner.observed);
    let (mut changes, mut unchanged) = (Vec::new(), 0);
    for (name, job) in &manifest.jobs {
        let Some(schedule) = job.schedule.as_ref().filter(|_| manifest.schedules != Schedules::None) else { continue };
        let mut there = observed.jobs.iter().filter(|there| there.job == *name);
        let first = there.next();
        let step = wanted(planner, name, job, schedule, first.map(|there| there.id));
        let full = step.content.name.clone();
        match first {
            None => {
                let step = planner.add_schedule(step);
                changes.push(change(full, Act::Create, Vec::new(), Some(step)));
            }
            Some(first) => {
                let reasons = first.content.differences(&step.content);
                if reasons.is_empty() {
                    unchanged += 1;
                } else {
                    // It is not what kiln wrote, though kiln would write the same again.
                    let drift = first.fingerprint.as_ref() == Some(&step.content.fingerprint());
                    let step = planner.add_schedule(step);
                    changes.push(Change { drift, ..change(full, Act::Update, reasons, Some(step)) });
                }
            }
        }
        let copies: Vec<&ObservedJob> = there.collect();
        if !copies.is_empty() {
            let reason = "a second copy of it, made when an answer was lost".to_owned();
            let (name, ids) = (copies[0].content.name.clone(), copies.iter().map(|copy| copy.id).collect());
            let copies = UnscheduleJob { job: copies[0].job.clone(), ids, folder: None, forgetting: Vec::new() };
            let step = planner.add_unschedule(copies);
            changes.push(change(name, Act::Drop, vec![reason], Some(step)));
        }
    }
    for (name, jobs) in no_longer_wanted(planner) {
        let act = if prune { Act::Drop } else { Act::Orphan };
        let full = jobs.first().map_or_else(|| name.to_string(), |there| there.content.name.clone());
        let step = prune.then(|| take_away(planner, &name, &jobs));
        changes.push(change(full, act, vec!["no longer in the project".to_owned()], step));
    }
    (changes, unchanged)
}

/// Plans to take all scheduled jobs of a project away.
pub(in super::super) fn destroy(planner: &mut Planner<'_>) -> Vec<Change> {
    let all = own_jobs(planner);
    let drop = |(name, jobs): (JobName, Vec<&ObservedJob>)| {
        let full = jobs.first().map_or_else(|| name.to_string(), |there| there.content.name.clone());
        let step = take_away(planner, &name, &jobs);
        change(full, Act::Drop, Vec::new(), Some(step))
    };
    all.into_iter().map(drop).collect()
}

fn take_away(planner: &mut Planner<'_>, name: &JobName, jobs: &[&ObservedJob]) -> crate::ids::StepId {
    let manifest = planner.manifest;
    let note = JobNote { project: manifest.project.clone(), job: name.clone() };
    let folder = job_folder(&manifest.job_folder, &note, &manifest.catalog, &manifest.schema);
    planner.add_unschedule(UnscheduleJob {
        job: name.clone(),
        ids: jobs.iter().map(|there| there.id).collect(),
        folder: Some(folder),
        forgetting: vec![note.forgetting(&planner.own_table(NOTES_TABLE))],
    })
}

/// Lists the project's jobs of the workspace by their names, those that are only noted too.
fn own_jobs<'a>(planner: &Planner<'a>) -> BTreeMap<JobName, Vec<&'a ObservedJob>> {
    let mut all: BTreeMap<JobName, Vec<&ObservedJob>> = BTreeMap::new();
    let own_notes = planner.observed.job_notes.iter().filter(|note| note.project == planner.manifest.project);
    for note in own_notes {
        all.entry(note.job.clone()).or_default();
    }
    for there in &planner.observed.jobs {
        all.entry(there.job.clone()).or_default().push(there);
    }
    all
}

fn no_longer_wanted<'a>(planner: &Planner<'a>) -> BTreeMap<JobName, Vec<&'a ObservedJob>> {
    let manifest = planner.manifest;
    let wanted = |name: &JobName| {
        manifest.schedules != Schedules::None && manifest.jobs.get(name).is_some_and(|job| job.schedule.is_some())
    };
    own_jobs(planner).into_iter().filter(|(name, _)| !wanted(name)).collect()
}

/// Says what a job shall be, and what is needed to make it so.
fn wanted(planner: &Planner<'_>, name: &JobName, job: &Job, schedule: &Schedule, id: Option<i64>) -> ScheduleJob {
    let (manifest, observed) = (planner.manifest, planner.observed);
    let note = JobNote { project: manifest.project.clone(), job: name.clone() };
    let (catalog, schema) = (manifest.catalog.as_str(), manifest.schema.as_str());
    let folder = job_folder(&manifest.job_folder, &note, catalog, schema);
    let warehouse = observed.warehouse.as_ref().map(ToString::to_string).unwrap_or_default();
    let (mut files, mut tasks, mut dashboards) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (key, planned) in files::tasks(manifest, job) {
        let runs = match planned.work {
            Work::Sql(file) => {
                // Named by what it does: what a job refers to is never another query than the one that it was made with.
                let path = format!("{folder}/{key}-{}.sql", &file.fingerprint.as_str()[..12]);
                files.insert(path.clone(), file.text);
                Runs::Sql { path, warehouse: warehouse.clone() }
            }
            Work::Dashboard(dashboard) => {
                let there = observed.dashboards.get(&dashboard);
                let id = there.map(|there| there.id.to_string()).unwrap_or_default();
                dashboards.insert(key.clone(), dashboard_path(&manifest.dashboards[&dashboard]));
                Runs::Dashboard { id, warehouse: warehouse.clone() }
            }
        };
        tasks.insert(key, ScheduledTask { runs, needs: planned.needs, retries: i64::from(schedule.retries) });
    }
    let content = ScheduledJob {
        name: job_name(&manifest.project, name, catalog, schema),
        schedule: Some(Cron {
            quartz: schedule.quartz.clone(),
            timezone: schedule.timezone.clone(),
            paused: schedule.paused || manifest.schedules == Schedules::Paused,
        }),
        tasks,
        timeout_seconds: schedule.timeout.map_or(0, |timeout| i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX)),
        max_concurrent_runs: 1,
        on_failure: schedule.on_failure.clone(),
        on_success: schedule.on_success.clone(),
        run_as: schedule.run_as.clone(),
    };
    let tags = own_tags(&manifest.project, catalog, schema)
        .into_iter()
        .chain([(JOB_TAG, name.to_string()), (FINGERPRINT_TAG, content.fingerprint().to_string())])
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let noting =
        if observed.job_notes.contains(&note) { Vec::new() } else { note.statements(&planner.own_table(NOTES_TABLE)) };
    ScheduleJob { job: name.clone(), id, content, tags, dashboards, folder, files, noting }
}

fn change(name: String, act: Act, reasons: Vec<String>, step: Option<crate::ids::StepId>) -> Change {
    Change { reasons, step, ..Change::new(Kind::Job, name, act) }
}
