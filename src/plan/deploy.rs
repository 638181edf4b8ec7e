//! The plan of a deploy: what makes the workspace what the project says, and no more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::change::{Act, Change, DeployPlan, Kind};
use super::compare;
use super::connection;
use super::dashboard_schedules;
use super::defer::defer;
use super::details;
use super::marks::NEW_PREFIX;
use super::observed::{Observed, ObservedTable, TableKind};
use super::permissions;
use super::scheduled;
use super::schema_tags;
use super::steps::{Consent, Planner, Standing, dashboard_path, defer_step, expected, foreign, foreign_keys_step};
use crate::config::{Materialization, SyncWishes};
use crate::dashboards::{changed_queries, differences, same_content};
use crate::ids::{ModelName, StepId, quote_identifier};
use crate::manifest::{CompiledDashboard, CompiledModel, Manifest};

/// Plans a deploy.
pub fn deploy(manifest: &Manifest, observed: &Observed, consent: Consent) -> DeployPlan {
    let planner = Planner::new(manifest, observed, consent);
    let mut deploy = Deploy {
        planner,
        changes: Vec::new(),
        unchanged: 0,
        causes: HashMap::new(),
        foreign_keys: BTreeMap::new(),
        renewed_keys: BTreeSet::new(),
    };
    if observed.schema_exists {
        deploy.unchanged += 1;
    } else {
        let step = deploy.planner.add_schema();
        let name = format!("{}.{}", manifest.catalog, manifest.schema);
        deploy.changes.push(Change { step: Some(step), ..Change::new(Kind::Schema, name, Act::Create) });
    }
    deploy.grants();
    deploy.unchanged += schema_tags::plan(&mut deploy.planner, &mut deploy.changes);
    connection::keep(&mut deploy.planner, &mut deploy.changes, &mut deploy.unchanged);
    let wanted: Vec<(&CompiledModel, Option<Change>)> =
        manifest.models.values().map(|model| (model, deploy.judge(model))).collect();
    deploy.sync_what_is_missing(&wanted);
    for (model, change) in wanted {
        deploy.model(model, change);
    }
    deploy.planner.add_foreign_keys(&deploy.foreign_keys, &deploy.renewed_keys);
    for dashboard in manifest.dashboards.values() {
        deploy.dashboard(dashboard);
    }
    deploy.unchanged += permissions::plan(&mut deploy.planner, &mut deploy.changes);
    deploy.unchanged += dashboard_schedules::plan(&mut deploy.planner, &mut deploy.changes);
    // Their tasks would build what is only read here.
    if manifest.deferral.is_none() {
        deploy.jobs();
    }
    deploy.what_left_the_project();
    let Deploy { planner, changes, unchanged, .. } = deploy;
    DeployPlan {
        changes,
        unchanged,
        estimates: BTreeMap::new(),
        lock: observed.lock.clone(),
        run: planner.finish(None),
    }
}

struct Deploy<'a> {
    planner: Planner<'a>,
    changes: Vec<Change>,
    unchanged: usize,
    /// Models that are made anew, each with those that are the cause: itself, or others that it rests on.
    causes: HashMap<&'a ModelName, BTreeSet<&'a ModelName>>,
    /// Models whose foreign keys differ, with the statements that set them.
    foreign_keys: BTreeMap<&'a ModelName, Vec<String>>,
    /// Models whose primary keys are made anew in place.
    renewed_keys: BTreeSet<&'a ModelName>,
}

impl<'a> Deploy<'a> {
    /// Brings the grants on the schema up to date: of the users and groups that the project names, to exactly what it says;
    /// others are left alone.
    fn grants(&mut self) {
        let (manifest, observed) = (self.planner.manifest, self.planner.observed);
        if manifest.grants.is_empty() {
            return;
        }
        let schema = format!("{}.{}", quote_identifier(&manifest.catalog), quote_identifier(&manifest.schema));
        let (mut reasons, mut statements) = (Vec::new(), Vec::new());
        for (who, wanted) in &manifest.grants {
            let held = observed.grants.get(who).cloned().unwrap_or_default();
            let quoted = format!("`{}`", who.replace('`', "``"));
            let list =
                |privileges: Vec<&String>| privileges.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let (gains, loses) = (list(wanted.difference(&held).collect()), list(held.difference(wanted).collect()));
            if !gains.is_empty() {
                reasons.push(format!("{who} gets {gains}"));
                statements.push(format!("GRANT {gains} ON SCHEMA {schema} TO {quoted}"));
            }
            if !loses.is_empty() {
                reasons.push(format!("{who} loses {loses}"));
                statements.push(format!("REVOKE {loses} ON SCHEMA {schema} FROM {quoted}"));
            }
        }
        if statements.is_empty() {
            self.unchanged += 1;
            return;
        }
        let step = self.planner.add_grants(statements);
        let name = format!("on {}.{}", manifest.catalog, manifest.schema);
        self.changes.push(Change { reasons, step: Some(step), ..Change::new(Kind::Grants, name, Act::Update) });
    }

    /// Says what has to happen to a model's table or view; nothing if it is as it should be.
    fn judge(&mut self, model: &'a CompiledModel) -> Option<Change> {
        let kind = kind_of(model.config.materialized);
        let change = |act| Change::new(kind, model.table.to_string(), act);
        let there = match self.planner.standing(model) {
            Standing::Missing if self.is_deferred(model) => return self.judge_deferred(model, None),
            Standing::Missing => {
                self.causes.insert(&model.config.name, BTreeSet::from([&model.config.name]));
                if let Some(at) = self.planner.observed.dropped(&model.config.name) {
                    let at = at.format("%Y-%m-%d %H:%M:%S UTC");
                    let reasons = vec![format!("it was built last {at}, and dropped since")];
                    return Some(Change { reasons, drift: true, ..change(Act::Create) });
                }
                let former = self.former_name(model);
                let reasons = former.map(|old| format!("it has the definition of `{old}`, which left the project"));
                return Some(Change { reasons: reasons.into_iter().collect(), ..change(Act::Create) });
            }
            Standing::Foreign(table) => {
                let refusal = foreign(&model.table, table);
                return Some(Change { reasons: vec![refusal.message], ..change(Act::Foreign) });
            }
            Standing::Own(there) if self.is_deferred(model) => return self.judge_deferred(model, Some(there)),
            Standing::Own(there) => there,
        };
        let mut found = compare::differences(model, there);
        if found.rebuild {
            let own = !found.reasons.is_empty();
            let mut causes = self.causes_below(model);
            if !causes.is_empty() {
                found.reasons.push(format!("it rests on {}", which_change(&causes)));
            } else if !own {
                found.reasons.push("what it reads has changed since it was built".to_owned());
            }
            if own || causes.is_empty() {
                causes.insert(&model.config.name);
            }
            self.causes.insert(&model.config.name, causes);
            let act = match (&there.kind, model.config.materialized) {
                (TableKind::View, Materialization::View) => Act::Update,
                (TableKind::Table, Materialization::Table) => Act::Rebuild,
                _ => Act::Replace,
            };
            return Some(Change { reasons: found.reasons, drift: found.drift, diff: found.diff, ..change(act) });
        }
        let details::InPlace { reasons, drift, .. } = details::in_place(model, there);
        (!reasons.is_empty()).then(|| Change { reasons, drift, ..change(Act::Update) })
    }

    /// Returns the name that a model which is not there yet had before, as far as that can be told: of the one table or view
    /// that left the project and has the same definition. It is not renamed in place, for what reads the old name would find
    /// nothing until it is changed too.
    fn former_name(&self, model: &CompiledModel) -> Option<&'a str> {
        let Planner { manifest, observed, .. } = &self.planner;
        let mut same = observed.tables.iter().filter(|(name, table)| {
            let marks = table.marks.as_ref().filter(|marks| marks.project == manifest.project);
            marks.is_some_and(|marks| marks.definition.as_ref() == Some(&model.definition))
                && !manifest.models.contains_key(name.as_str())
        });
        let (name, _) = same.next()?;
        same.next().is_none().then_some(name.as_str())
    }

    fn is_deferred(&self, model: &CompiledModel) -> bool {
        self.planner.manifest.deferred(&model.config.name).is_some()
    }

    /// Says what has to happen so that a model is read from another environment; nothing if it is.
    fn judge_deferred(&self, model: &CompiledModel, there: Option<&ObservedTable>) -> Option<Change> {
        let manifest = self.planner.manifest;
        let defer = defer(manifest, model, there).filter(|defer| !defer.statements.is_empty())?;
        let environment = manifest.deferral.as_ref().map(|deferral| deferral.environment.as_str()).unwrap_or_default();
        let reasons = vec![format!("read from {} of `{environment}`, where it is as the project says", defer.from)];
        let change = Change::new(kind_of(model.config.materialized), model.table.to_string(), Act::Defer);
        Some(Change { reasons, ..change })
    }

    /// Returns the models that are the cause of change below a model.
    fn causes_below(&self, model: &CompiledModel) -> BTreeSet<&'a ModelName> {
        model.reads.models.iter().filter_map(|read| self.causes.get(read)).flatten().copied().collect()
    }

    /// Plans to sync the connections whose tables are not there yet though something that is built reads them.
    fn sync_what_is_missing(&mut self, wanted: &[(&CompiledModel, Option<Change>)]) {
        let manifest = self.planner.manifest;
        for name in manifest.connections.keys() {
            let mut missing: Vec<String> = Vec::new();
            for (model, _) in wanted.iter().filter(|(model, _)| self.causes.contains_key(&model.config.name)) {
                let reads = model.reads.sources.iter().filter(|read| read.connection.as_ref() == Some(name));
                for read in reads.filter(|read| self.planner.observed.missing_sources.contains(&read.table)) {
                    let table = read.table.to_string();
                    if !missing.contains(&table) {
                        missing.push(table);
                    }
                }
            }
            if missing.is_empty() {
                continue;
            }
            let step = self.planner.add_sync(name, SyncWishes::default());
            let verb = if missing.len() == 1 { "is" } else { "are" };
            let reason = format!("{} {verb} not there yet", missing.join(", "));
            let change = Change::new(Kind::Connection, name.to_string(), Act::Sync);
            self.changes.push(Change { reasons: vec![reason], step, ..change });
        }
    }

    fn model(&mut self, model: &'a CompiledModel, change: Option<Change>) {
        let Some(mut change) = change else {
            self.unchanged += 1;
            self.left_aside(model);
            return;
        };
        change.step = match change.act {
            Act::Foreign => None,
            Act::Defer => {
                self.planner.add_defer(model);
                Some(defer_step(&model.config.name))
            }
            Act::Update if !self.causes.contains_key(&model.config.name) => self.alter(model),
            _ => Some(self.planner.add_build(model)),
        };
        self.changes.push(change);
    }

    /// Finds the version of a model that a run was broken off before it took it away, though it had been published. One that is
    /// newer than what is published did not pass its tests, and stays for people to look at.
    fn left_aside(&mut self, model: &CompiledModel) {
        let observed = self.planner.observed;
        let name = format!("{NEW_PREFIX}{}", model.config.name);
        let (Some(aside), Some(there)) = (observed.waiting.get(&name), observed.tables.get(&model.table.name)) else {
            return;
        };
        if aside.made_at.zip(there.updated_at).is_none_or(|(made, published)| made > published) {
            return;
        }
        let manifest = self.planner.manifest;
        let kind = if aside.kind == TableKind::View { Kind::View } else { Kind::Table };
        let step = self.planner.add_drop(&name, &aside.kind);
        let full = format!("{}.{}.{name}", manifest.catalog, manifest.schema);
        let reasons = vec!["a run was broken off before it took it away".to_owned()];
        self.changes.push(Change { reasons, step: Some(step), ..Change::new(kind, full, Act::Drop) });
    }

    /// Changes a model's table or view in place.
    fn alter(&mut self, model: &'a CompiledModel) -> Option<StepId> {
        let Standing::Own(there) = self.planner.standing(model) else { return None };
        let name = &model.config.name;
        let found = details::in_place(model, there);
        if found.primary_key {
            self.renewed_keys.insert(name);
        }
        let sets_keys = !found.foreign_keys.is_empty();
        if sets_keys {
            self.foreign_keys.insert(name, found.foreign_keys);
        }
        match found.statements.is_empty() && sets_keys {
            true => Some(foreign_keys_step(name)),
            false => Some(self.planner.add_alter(name, &model.table, found.statements)),
        }
    }

    fn dashboard(&mut self, dashboard: &CompiledDashboard) {
        let observed = self.planner.observed;
        let path = dashboard_path(dashboard);
        let expected = expected(self.planner.manifest, dashboard);
        let renamed = self.planner.observed.renamed.get(&dashboard.name);
        let old_name = self.planner.observed.renamed_in_project.get(&dashboard.name);
        let mut change = Change::new(Kind::Dashboard, path.clone(), Act::Create);
        if let Some(there) = observed.dashboards.get(&dashboard.name) {
            let same = same_content(&there.content, &expected);
            if same && there.warehouse == observed.warehouse {
                let as_wanted = there.published.as_ref().is_some_and(|published| {
                    published.embed_credentials == dashboard.embed_credentials
                        && published.warehouse == observed.warehouse
                });
                if as_wanted && renamed.is_none() && old_name.is_none() {
                    self.unchanged += 1;
                    return;
                }
                change.act = if renamed.is_some() || as_wanted { Act::Update } else { Act::Publish };
                if !as_wanted {
                    change.reasons = vec![match there.published {
                        None => "the published copy is missing or older than the draft".to_owned(),
                        Some(_) => "it is published with another warehouse or other credentials".to_owned(),
                    }];
                }
            } else {
                change.act = Act::Update;
                change.reasons = differences(&there.content, &expected);
                let queries = changed_queries(&there.content, &expected);
                let diffs =
                    queries.iter().map(|(name, before, after)| format!("{name}\n{}", compare::unified(before, after)));
                change.diff = Some(diffs.collect::<String>()).filter(|diff| !diff.is_empty());
                if same {
                    change.reasons.push("it has another warehouse".to_owned());
                }
                let note = observed.note(&self.planner.manifest.project, &dashboard.name);
                let note = note.filter(|note| note.path == path || renamed.is_some());
                let ours = note.is_some_and(|note| note.has_sent(&there.content));
                let agreed = self.planner.consent.overwrite_edits || self.planner.consent.adopt;
                if !same && !ours && !agreed {
                    change.act = if note.is_some() { Act::Edited } else { Act::Foreign };
                    change.drift = note.is_some();
                    self.changes.push(change);
                    return;
                }
                change.drift = !same && !ours;
            }
        }
        if let Some(old) = old_name {
            change.reasons.insert(0, format!("it was `{old}` in jobs.yaml"));
        }
        if let Some(old) = renamed {
            change.reasons.insert(0, format!("it is renamed from {old}, and keeps its address"));
        }
        change.step = Some(self.planner.add_publish(dashboard));
        self.changes.push(change);
    }

    fn jobs(&mut self) {
        let prune = self.planner.consent.prune;
        let (changes, unchanged) = scheduled::plan(&mut self.planner, prune);
        self.changes.extend(changes);
        self.unchanged += unchanged;
    }

    /// Finds objects of this project's that it no longer has.
    fn what_left_the_project(&mut self) {
        let (manifest, observed, prune) = (self.planner.manifest, self.planner.observed, self.planner.consent.prune);
        let act = if prune { Act::Drop } else { Act::Orphan };
        for (name, table) in &observed.tables {
            let own = table.marks.as_ref().is_some_and(|marks| marks.project == manifest.project);
            if !own || manifest.models.contains_key(name.as_str()) {
                continue;
            }
            let kind = if table.kind == TableKind::View { Kind::View } else { Kind::Table };
            let full = format!("{}.{}.{name}", manifest.catalog, manifest.schema);
            let step = prune.then(|| self.planner.add_drop(name, &table.kind));
            let reasons = vec!["no longer in the project".to_owned()];
            self.changes.push(Change { reasons, step, ..Change::new(kind, full, act) });
        }
        for note in observed.notes.iter().filter(|note| note.project == manifest.project) {
            let moved_to = manifest.dashboards.get(&note.dashboard).map(dashboard_path);
            let places = note.former.iter().chain(std::iter::once(&note.path));
            let is_gone = |path: &String| {
                // It may have another name in the project now.
                let taken = manifest.dashboards.values().any(|other| dashboard_path(other) == *path);
                let renamed = observed.renamed.get(&note.dashboard) == Some(path);
                taken || renamed || moved_to.is_some() && matches!(observed.former_places.get(path), Some(None))
            };
            let left: Vec<String> =
                places.filter(|path| moved_to.as_ref() != Some(path) && !is_gone(path)).cloned().collect();
            if left.is_empty() {
                continue;
            }
            let reason = match &moved_to {
                Some(path) => format!("it is {path} now"),
                None => "no longer in the project".to_owned(),
            };
            let step = prune.then(|| match manifest.dashboards.get(&note.dashboard) {
                Some(successor) => self.planner.add_trash(successor, left.clone()),
                None => self.planner.add_forget(note, left.clone()),
            });
            for path in left {
                let change = Change::new(Kind::Dashboard, path, act);
                self.changes.push(Change { reasons: vec![reason.clone()], step: step.clone(), ..change });
            }
        }
    }
}

fn kind_of(materialized: Materialization) -> Kind {
    match materialized {
        Materialization::View => Kind::View,
        Materialization::Table => Kind::Table,
    }
}

/// Names models: `a`, which changes; `a`, `b` and `c`, which change.
fn which_change(models: &BTreeSet<&ModelName>) -> String {
    let names: Vec<String> = models.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [one] => format!("{one}, which changes"),
        [most @ .., last] => format!("{} and {last}, which change", most.join(", ")),
        [] => String::new(),
    }
}
