//! `dashboards`, and the `jobs` that tie connections, models and dashboards together.

use std::ops::Range;
use std::path::Path;

use indexmap::IndexMap;

use super::load::Names;
use super::walk::Walk;
use super::yaml::{Node, Value};
use super::{
    Dashboard, Job, JobStep, Model, SyncStep, dashboard_schedules, files, notify, permissions, schedule, select, syncs,
};
use crate::diag::{Diagnostic, Spanned, did_you_mean};
use crate::ids::{ConnectionName, DashboardName, JobName, ModelName};

/// Keys of a dashboard.
pub(super) const KEYS: [&str; 7] = ["file", "title", "folder", "publish", "permissions", "schedules", "timeout"];
/// Keys of `publish`.
pub(super) const PUBLISH_KEYS: [&str; 1] = ["embed_credentials"];
/// Keys of a job.
pub(super) const JOB_KEYS: [&str; 4] = ["steps", "schedule", "notify", "all_or_nothing"];
/// What a step does.
pub(super) const STEPS: [&str; 3] = ["sync", "build", "publish"];
/// Keys of a step: what it does, and beside `sync` how.
pub(super) const STEP_KEYS: [&str; 8] =
    ["sync", "build", "publish", "ensure_fresh", "observe", "when_running", "deadline", "historical_deadline"];

pub(super) fn read(walk: &mut Walk<'_>, root: &Path, node: &Node) -> IndexMap<DashboardName, Dashboard> {
    let mut dashboards = IndexMap::new();
    for (key, node) in walk.entries_or_empty(node, "`dashboards`").unwrap_or_default() {
        walk.check_name(&key.text, &key.range, "a dashboard");
        let Some(fields) = walk.fields(node, &format!("dashboard `{}`", key.text), &KEYS) else { continue };
        let file = walk.require(&fields, "file").and_then(|node| {
            let text = walk.text(node, "`file`")?;
            let path = files::relative(walk, &text, &node.range)?;
            files::check(walk, root, &text, &node.range, "dashboard file")?;
            Some(path)
        });
        let title = match fields.get("title") {
            Some(node) => walk.text(node, "`title`"),
            None => Some(key.text.clone()),
        };
        let folder = walk.require(&fields, "folder").and_then(|node| {
            let text = walk.text(node, "`folder`")?;
            workspace_folder(walk, &text, &node.range)
        });
        let mut embed_credentials = false;
        if let Some(node) = fields.get("publish")
            && let Some(fields) = walk.fields(node, "`publish`", &PUBLISH_KEYS)
            && let Some(node) = fields.get("embed_credentials")
        {
            embed_credentials = walk.boolean(node, "`embed_credentials`").unwrap_or_default();
        }
        let permissions = fields.get("permissions").map(|node| permissions::read(walk, node)).unwrap_or_default();
        let schedules = fields.get("schedules").map(|node| dashboard_schedules::read(walk, node)).unwrap_or_default();
        let timeout = fields.get("timeout").and_then(|node| syncs::duration(walk, node, "`timeout`"));
        let (Some(file), Some(title), Some(folder)) = (file, title, folder) else { continue };
        let span = walk.span(&key.range);
        let dashboard = Dashboard { file, title, folder, embed_credentials, permissions, schedules, timeout, span };
        dashboards.insert(DashboardName::new(&key.text), dashboard);
    }
    dashboards
}

/// Reads a folder of the workspace, written in full.
pub(super) fn workspace_folder(walk: &mut Walk<'_>, text: &str, range: &Range<usize>) -> Option<String> {
    let trimmed = text.trim_end_matches('/');
    let fits = trimmed.len() > 1
        && trimmed.starts_with('/')
        && trimmed.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..");
    if !fits {
        let diagnostic = Diagnostic::error("bad-path", format!("`{text}` is not a folder of the workspace"))
            .help("Write it in full, beginning with a slash, such as `/Shared/Retention`.");
        walk.report(diagnostic, range);
        return None;
    }
    Some(trimmed.to_owned())
}

/// Reads `jobs`. What their steps name must exist. Without models nothing is said of what builds match.
pub(super) fn jobs(
    walk: &mut Walk<'_>,
    node: &Node,
    names: &Names<'_>,
    models: Option<&IndexMap<ModelName, Model>>,
) -> IndexMap<JobName, Job> {
    let mut jobs = IndexMap::new();
    for (key, node) in walk.entries_or_empty(node, "`jobs`").unwrap_or_default() {
        walk.check_name(&key.text, &key.range, "a job");
        let Some(fields) = walk.fields(node, &format!("job `{}`", key.text), &JOB_KEYS) else { continue };
        let schedule = fields.get("schedule").and_then(|node| schedule::read(walk, node));
        let notify = fields.get("notify").map(|node| notify::read(walk, node)).unwrap_or_default();
        let all_or_nothing = fields.get("all_or_nothing").and_then(|node| walk.boolean(node, "`all_or_nothing`"));
        let Some(node) = walk.require(&fields, "steps") else { continue };
        let Some(items) = walk.list(node, "`steps`") else { continue };
        if items.is_empty() {
            let diagnostic = Diagnostic::error("empty-value", format!("job `{}` has no steps", key.text))
                .help("A step is `{sync: CONNECTION}`, `{build: PATHS}` or `{publish: DASHBOARD}`.");
            walk.report(diagnostic, &node.range);
        }
        let mut steps: Vec<Spanned<JobStep>> = Vec::new();
        for item in items {
            let Some((step, range)) = step(walk, item) else { continue };
            match &step {
                JobStep::Sync(sync) if !names.connections.contains(&sync.connection.as_str()) => {
                    let name = sync.connection.as_str();
                    walk.unknown_name(&range, "connection", name, names.connections.iter().copied());
                }
                JobStep::Publish(name) if !names.dashboards.contains(&name.as_str()) => {
                    walk.unknown_name(&range, "dashboard", name.as_str(), names.dashboards.iter().copied());
                }
                JobStep::Build(pattern) => check_build(walk, &range, pattern, models),
                _ => {}
            }
            match steps.iter().find(|other| is_same(&other.value, &step)) {
                Some(other) => {
                    let first = other.span.clone();
                    let diagnostic = Diagnostic::error("duplicate-step", "this step stands twice in the job")
                        .related(first, "first here")
                        .help("The order of steps does not matter: each runs as soon as what it reads is there.");
                    walk.report(diagnostic, &range);
                }
                None => steps.push(Spanned { value: step, span: walk.span(&range) }),
            }
        }
        let (all_or_nothing, span) = (all_or_nothing.unwrap_or(false), walk.span(&key.range));
        jobs.insert(JobName::new(&key.text), Job { steps, schedule, notify, all_or_nothing, span });
    }
    jobs
}

/// Reads one step; returns it with the place of its argument.
fn step(walk: &mut Walk<'_>, node: &Node) -> Option<(JobStep, Range<usize>)> {
    let fields = walk.fields(node, "a step", &STEP_KEYS)?;
    let given: Vec<_> = STEPS.iter().filter_map(|kind| Some((*kind, fields.get(kind)?))).collect();
    let [(kind, argument)] = given.as_slice() else {
        // An unknown key has been reported already.
        let lost = syncs::KEYS.iter().any(|key| fields.get(key).is_some());
        if given.len() > 1 || lost || matches!(&node.value, Value::Mapping(entries) if entries.is_empty()) {
            let diagnostic = Diagnostic::error("bad-step", "a step does exactly one thing")
                .help("Write one list entry for each: `{sync: CONNECTION}`, `{build: PATHS}`, `{publish: DASHBOARD}`.");
            walk.report(diagnostic, &node.range);
        }
        return None;
    };
    let text = walk.text(argument, &format!("`{kind}`"))?;
    if *kind != "sync" {
        for (key, _) in syncs::KEYS.iter().filter_map(|key| fields.entry(key)) {
            let message = format!("`{}` belongs to a sync, and this step is a `{kind}`", key.text);
            walk.report(Diagnostic::error("bad-step", message).help("Put it beside `sync: CONNECTION`."), &key.range);
        }
    }
    let step = match *kind {
        "sync" => {
            let wishes = syncs::read(walk, &fields);
            JobStep::Sync(SyncStep { connection: ConnectionName::new(text), wishes })
        }
        "build" => JobStep::Build(text),
        _ => JobStep::Publish(DashboardName::new(text)),
    };
    Some((step, argument.range.clone()))
}

/// Tells whether two steps do the same, if perhaps in another manner.
fn is_same(one: &JobStep, other: &JobStep) -> bool {
    match (one, other) {
        (JobStep::Sync(one), JobStep::Sync(other)) => one.connection == other.connection,
        (one, other) => one == other,
    }
}

fn check_build(walk: &mut Walk<'_>, range: &Range<usize>, pattern: &str, models: Option<&IndexMap<ModelName, Model>>) {
    let selection = match select::Selection::new(pattern) {
        Ok(selection) => selection,
        Err(why) => {
            return walk.error("bad-pattern", range, format!("`{pattern}` is not a pattern of paths: {why}"));
        }
    };
    let Some(models) = models else { return };
    if models.values().any(|model| selection.matches(model)) {
        return;
    }
    let mut folders: Vec<String> = models
        .values()
        .flat_map(|model| model.path.ancestors().skip(1).map(files::display).filter(|path| !path.is_empty()))
        .collect();
    folders.sort();
    folders.dedup();
    let bare = pattern.trim_end_matches(['*', '/']);
    let near = did_you_mean(bare, folders.iter().map(String::as_str).chain(models.keys().map(ModelName::as_str)));
    let diagnostic = Diagnostic::error("empty-build", format!("no model matches `{pattern}`"));
    let help = match near {
        Some(near) => format!("Did you mean `{near}{}`?", &pattern[bare.len()..]),
        None if models.is_empty() => "The project has no models: name their folders under `models`.".into(),
        None => format!("Models are in: {}.", folders.join(", ")),
    };
    walk.report(diagnostic.help(help), range);
}
