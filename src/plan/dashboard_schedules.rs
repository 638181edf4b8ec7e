//! Schedules of dashboards: what each shall be, what it is, what differs, and what a deploy has to do about it.
//!
//! The service keeps a name for people with each, and by this kiln knows its own. What it did last is noted too, so that one
//! is known also when somebody renamed it, and what a person changed is told from what the project did.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::change::{Act, Change, FieldChange, Kind};
use super::marks::{NOTES_TABLE, forgetting, noting};
use super::observed::Observed;
use super::permissions::is_foreign;
use super::steps::{Planner, dashboard_path};
use crate::config::Schedules;
use crate::ids::{DashboardId, DashboardName, TableName};
use crate::manifest::{CompiledDashboard, Manifest};

pub(super) const SCHEDULE: &str = "kiln.schedule.";

/// The word for one to whom nothing is sent.
const NOBODY: &str = "NONE";

/// When a dashboard is refreshed and sent to its subscribers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// As Quartz writes it.
    pub cron: String,
    /// The name of a time zone.
    pub timezone: String,
    /// Whether it is not.
    pub paused: bool,
}

/// To whom a dashboard is sent, by the workspace's ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// A user.
    User(i64),
    /// A notification destination.
    Destination(String),
}

/// A schedule that kiln made, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedDashboardSchedule {
    /// Its id in the workspace.
    pub id: String,
    /// Its name in the project.
    pub name: String,
    /// When it sends.
    pub timing: Timing,
    /// To whom it sends.
    pub recipients: BTreeSet<Recipient>,
}

/// What kiln has noted of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleNote {
    /// The project that it belongs to.
    pub project: String,
    /// The dashboard's name there.
    pub dashboard: DashboardName,
    /// Its own name there.
    pub schedule: String,
    /// Where it is; empty as long as it is about to be made.
    pub place: SchedulePlace,
    /// Where it was before its dashboard moved, and still may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<SchedulePlace>,
    /// When it sends, as it was made.
    pub timing: Timing,
    /// To whom it sends, as it was made: by the names in the project.
    pub subscribers: BTreeMap<String, Recipient>,
}

/// Where a schedule is in the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePlace {
    /// The dashboard's id.
    pub dashboard: String,
    /// Its own id.
    pub id: String,
}

/// What is needed to bring the schedules of a dashboard in line with the project.
#[derive(Clone, Debug)]
pub struct KeepDashboardSchedules {
    /// The dashboard's name in the project.
    pub dashboard: DashboardName,
    /// Its place in the workspace.
    pub path: String,
    /// Those that there shall be and that are not as they shall be.
    pub keep: Vec<KeepDashboardSchedule>,
    /// Ids of those that there shall not be.
    pub remove: Vec<String>,
    /// Statements that forget those, to be run afterwards.
    pub forgetting: Vec<String>,
    /// The table that things are noted at.
    pub notes_table: TableName,
}

/// What is needed to bring a schedule in line with the project.
#[derive(Clone, Debug)]
pub struct KeepDashboardSchedule {
    /// Its id, if it is there.
    pub id: Option<String>,
    /// Its name for people, by which it is known.
    pub title: String,
    /// To whom nothing is sent any more.
    pub unsubscribe: BTreeSet<Recipient>,
    /// What is noted when it is done, but for its place.
    pub note: ScheduleNote,
}

impl ScheduleNote {
    /// Returns the statements that write it down.
    pub fn statements(&self, notes_table: &TableName) -> Vec<String> {
        noting(notes_table, self.key(), serde_json::to_string(self).expect("a note is JSON"))
    }

    /// Returns the statement that forgets it.
    pub(super) fn forgetting(&self, notes_table: &TableName) -> String {
        forgetting(notes_table, &self.key())
    }

    fn key(&self) -> String {
        format!("{SCHEDULE}{}.{}.{}", self.project, self.dashboard, self.schedule)
    }
}

/// Returns the name for people of a project's schedule.
fn title(project: &str, schedule: &str) -> String {
    format!("{schedule}{}", suffix(project))
}

fn suffix(project: &str) -> String {
    format!(" (kiln {project})")
}

/// Returns the name in the project of a schedule of this name for people; none if it is not the project's.
pub fn schedule_of_title<'a>(project: &str, title: &'a str) -> Option<&'a str> {
    title.strip_suffix(suffix(project).as_str())
}

impl Observed {
    /// Returns the name in the project of a schedule that kiln made for it; none if it did not make it.
    pub fn own_schedule(
        &self,
        project: &str,
        dashboard: &DashboardId,
        id: &str,
        title: Option<&str>,
    ) -> Option<String> {
        let here = |note: &&ScheduleNote| {
            note.project == project && note.place.dashboard == dashboard.as_str() && note.place.id == id
        };
        let noted = self.schedule_notes.iter().find(here).map(|note| note.schedule.clone());
        noted.or_else(|| Some(schedule_of_title(project, title?)?.to_owned()))
    }

    /// Tells whether schedules of a dashboard are to be looked for: it has some in the project, or had.
    pub fn may_have_schedules(&self, manifest: &Manifest, dashboard: &DashboardName) -> bool {
        let wanted = manifest.schedules != Schedules::None
            && manifest.dashboards.get(dashboard).is_some_and(|dashboard| !dashboard.schedules.is_empty());
        wanted || self.notes_of(&manifest.project, dashboard).next().is_some()
    }

    /// Returns what is noted of the schedules of a dashboard.
    pub(super) fn notes_of<'a>(
        &'a self,
        project: &'a str,
        dashboard: &'a DashboardName,
    ) -> impl Iterator<Item = &'a ScheduleNote> {
        self.schedule_notes.iter().filter(move |note| note.project == project && note.dashboard == *dashboard)
    }

    fn schedule_note(&self, project: &str, dashboard: &DashboardName, schedule: &str) -> Option<&ScheduleNote> {
        let fits =
            |note: &&ScheduleNote| note.project == project && note.dashboard == *dashboard && note.schedule == schedule;
        self.schedule_notes.iter().find(fits)
    }
}

/// Returns the subscribers of which it has to be looked up who they are: those of which nothing is noted.
pub fn unknown_subscribers(manifest: &Manifest, observed: &Observed) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    if manifest.schedules == Schedules::None {
        return unknown;
    }
    for dashboard in manifest.dashboards.values() {
        for (name, schedule) in &dashboard.schedules {
            let note = observed.schedule_note(&manifest.project, &dashboard.name, name);
            let is_known = |who: &&String| note.is_some_and(|note| note.subscribers.contains_key(*who));
            unknown.extend(schedule.subscribers.iter().filter(|who| !is_known(who)).cloned());
        }
    }
    unknown
}

/// Plans the schedules of all dashboards. Returns how many are as they should be.
pub(super) fn plan(planner: &mut Planner<'_>, changes: &mut Vec<Change>) -> usize {
    let manifest = planner.manifest;
    let mut unchanged = 0;
    for dashboard in manifest.dashboards.values() {
        if !is_foreign(changes, &dashboard_path(dashboard)) {
            unchanged += of_dashboard(planner, dashboard, changes);
        }
    }
    unchanged
}

fn of_dashboard(planner: &mut Planner<'_>, dashboard: &CompiledDashboard, changes: &mut Vec<Change>) -> usize {
    let (manifest, observed) = (planner.manifest, planner.observed);
    let path = dashboard_path(dashboard);
    let notes_table = planner.own_table(NOTES_TABLE);
    let mut work = KeepDashboardSchedules {
        dashboard: dashboard.name.clone(),
        path: path.clone(),
        keep: Vec::new(),
        remove: Vec::new(),
        forgetting: Vec::new(),
        notes_table,
    };
    let there = observed.dashboard_schedules.get(&dashboard.name).map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<Change> = Vec::new();
    let mut unchanged = 0;
    let is_wanted = |name: &str| manifest.schedules != Schedules::None && dashboard.schedules.contains_key(name);
    for (name, schedule) in dashboard.schedules.iter().filter(|(name, _)| is_wanted(name)) {
        let timing = Timing {
            cron: schedule.quartz.clone(),
            timezone: schedule.timezone.clone(),
            paused: schedule.paused || manifest.schedules == Schedules::Paused,
        };
        let wanted = Wanted { name, timing, subscribers: &schedule.subscribers };
        match wanted.judge(planner, dashboard, there.iter().find(|there| there.name == *name)) {
            None => unchanged += 1,
            Some((change, keep)) => {
                work.keep.extend(keep);
                found.push(change);
            }
        }
    }
    // Second copies, and those that the project no longer has.
    let mut seen = BTreeSet::new();
    let mut gone: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in there {
        if !is_wanted(&one.name) {
            gone.entry(&one.name).or_default().push(&one.id);
        } else if !seen.insert(&one.name) {
            work.remove.push(one.id.clone());
            let reasons = vec!["a second copy of it, made when an answer was lost".to_owned()];
            found.push(Change { reasons, ..change(&path, &one.name, Act::Drop) });
        }
    }
    for note in observed.notes_of(&manifest.project, &dashboard.name).filter(|note| !is_wanted(&note.schedule)) {
        // It may be gone by itself, or be left at a former place.
        gone.entry(&note.schedule).or_default();
    }
    for (name, ids) in gone {
        let note = observed.schedule_note(&manifest.project, &dashboard.name, name);
        let reasons = vec!["no longer in the project".to_owned()];
        if planner.consent.prune {
            work.remove.extend(ids.into_iter().map(str::to_owned));
            work.forgetting.extend(note.map(|note| note.forgetting(&work.notes_table)));
            found.push(Change { reasons, ..change(&path, name, Act::Drop) });
        } else {
            found.push(Change { reasons, ..change(&path, name, Act::Orphan) });
        }
    }
    if !work.keep.is_empty() || !work.remove.is_empty() || !work.forgetting.is_empty() {
        let step = planner.add_dashboard_schedules(work);
        for change in found.iter_mut().filter(|change| change.act.acts()) {
            change.step = Some(step.clone());
        }
    }
    changes.extend(found);
    unchanged
}

/// A schedule as it shall be.
struct Wanted<'a> {
    name: &'a str,
    timing: Timing,
    subscribers: &'a BTreeSet<String>,
}

impl Wanted<'_> {
    /// Says what has to change, and what is needed for that; nothing if it is as it shall be.
    fn judge(
        &self,
        planner: &Planner<'_>,
        dashboard: &CompiledDashboard,
        there: Option<&ObservedDashboardSchedule>,
    ) -> Option<(Change, Option<KeepDashboardSchedule>)> {
        let (manifest, observed) = (planner.manifest, planner.observed);
        let path = dashboard_path(dashboard);
        let noted = observed.schedule_note(&manifest.project, &dashboard.name, self.name);
        let id = observed.dashboards.get(&dashboard.name).map(|there| there.id.as_str().to_owned());
        // What is noted of another place says nothing of this one.
        let note = noted.filter(|note| !note.place.id.is_empty() && Some(&note.place.dashboard) == id.as_ref());
        let mut subscribers = BTreeMap::new();
        let mut strangers = Vec::new();
        for who in self.subscribers {
            let known = noted.and_then(|note| note.subscribers.get(who)).cloned();
            match known.or_else(|| observed.recipients.get(who).cloned().flatten()) {
                Some(recipient) => {
                    subscribers.insert(who.clone(), recipient);
                }
                None => strangers.push(stranger(who)),
            }
        }
        if !strangers.is_empty() {
            return Some((Change { reasons: strangers, ..change(&path, self.name, Act::Mismatch) }, None));
        }
        let (mut fields, mut drift) = self.differing_timing(there.map(|there| &there.timing), note);
        let is_sent = |to: &Recipient| there.is_some_and(|there| there.recipients.contains(to));
        for (who, _) in subscribers.iter().filter(|(_, to)| !is_sent(to)) {
            drift |= note.is_some_and(|note| note.subscribers.contains_key(who));
            fields.push(field(&format!("subscriber {who}"), None, json!("subscribed")));
        }
        let mut unsubscribe = BTreeSet::new();
        for (who, to) in note.iter().flat_map(|note| &note.subscribers) {
            if !subscribers.contains_key(who) && is_sent(to) {
                unsubscribe.insert(to.clone());
                fields.push(field(&format!("subscriber {who}"), Some(json!("subscribed")), json!(NOBODY)));
            }
        }
        if there.is_some() && fields.is_empty() && note.is_some_and(|note| note.former.is_none()) {
            return None;
        }
        let mut reasons = Vec::new();
        let mut former = noted.and_then(|note| note.former.clone());
        if let Some(noted) = noted.filter(|noted| note.is_none() && !noted.place.id.is_empty()) {
            reasons.push("it moves with its dashboard".to_owned());
            former = Some(noted.place.clone());
        } else if there.is_none() && note.is_some() {
            reasons.push("it was deleted in the workspace".to_owned());
            drift = true;
        } else if fields.is_empty() {
            reasons.push("an earlier deploy broke off when it was made".to_owned());
        }
        let act = if there.is_some() { Act::Update } else { Act::Create };
        let note = ScheduleNote {
            project: manifest.project.clone(),
            dashboard: dashboard.name.clone(),
            schedule: self.name.to_owned(),
            place: SchedulePlace::default(),
            former,
            timing: self.timing.clone(),
            subscribers,
        };
        let keep = KeepDashboardSchedule {
            id: there.map(|there| there.id.clone()),
            title: title(&manifest.project, self.name),
            unsubscribe,
            note,
        };
        Some((Change { reasons, fields, drift, ..change(&path, self.name, act) }, Some(keep)))
    }

    /// Says what differs of when it sends, and whether a person has changed that.
    fn differing_timing(&self, there: Option<&Timing>, note: Option<&ScheduleNote>) -> (Vec<FieldChange>, bool) {
        let of = |timing: &Timing| [json!(timing.cron), json!(timing.timezone), json!(timing.paused)];
        let (wanted, noted) = (of(&self.timing), note.map(|note| of(&note.timing)));
        let there = there.map(of);
        let (mut fields, mut drift) = (Vec::new(), false);
        for (n, (key, wanted)) in ["cron", "timezone", "paused"].into_iter().zip(wanted).enumerate() {
            let now = there.as_ref().map(|there| there[n].clone());
            // One that is about to be made runs, unless it is said that it does not.
            if now.as_ref() == Some(&wanted) || now.is_none() && wanted == json!(false) {
                continue;
            }
            drift |= now.is_some() && noted.as_ref().is_some_and(|noted| noted[n] == wanted);
            fields.push(field(key, now, wanted));
        }
        (fields, drift)
    }
}

fn stranger(who: &str) -> String {
    match who.contains('@') {
        true => format!("the workspace has no user `{who}`"),
        false => format!("the workspace has no notification destination `{who}`"),
    }
}

fn field(field: &str, there: Option<Value>, wanted: Value) -> FieldChange {
    FieldChange { field: field.to_owned(), there, wanted }
}

fn change(path: &str, name: &str, act: Act) -> Change {
    Change::new(Kind::Schedule, format!("{path}: {name}"), act)
}
