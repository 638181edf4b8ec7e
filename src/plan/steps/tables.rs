//! Steps for tables and views: what is built, read from elsewhere, changed in place and dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::action::{Action, Alter, BuildModel, Done, Refusal};
use super::super::audit::{audit, new_version};
use super::super::compare::differences;
use super::super::defer::defer;
use super::super::details;
use super::super::increment::increment;
use super::super::marks::{self, NEW_PREFIX};
use super::super::observed::{ObservedTable, TableKind};
use super::super::pins::Inputs;
use super::super::statement::marked_statement;
use super::{
    Planner, Standing, alter_step, build_step, defer_step, foreign_keys_step, pin_step, schema_step, sync_step,
};
use crate::config::Materialization;
use crate::ids::{ConnectionName, Fingerprint, ModelName, StepId, TableName};
use crate::manifest::CompiledModel;

impl Planner<'_> {
    pub(in crate::plan) fn add_build(&mut self, model: &CompiledModel) -> StepId {
        let step = build_step(&model.config.name);
        let action = match self.standing(model) {
            Standing::Foreign(table) => Action::Refuse(foreign(&model.table, table)),
            Standing::Own(table) => self.build(model, Some(table)),
            Standing::Missing => self.build(model, None),
        };
        self.add(step.clone(), action);
        self.need_if_planned(&step, &schema_step());
        self.need_reads(&step, &model.reads);
        self.pin_inputs(&step);
        step
    }

    /// Lets a model be read from another environment.
    pub(in crate::plan) fn add_defer(&mut self, model: &CompiledModel) {
        let step = defer_step(&model.config.name);
        let there = match self.standing(model) {
            Standing::Foreign(table) => {
                self.add(step, Action::Refuse(foreign(&model.table, table)));
                return;
            }
            Standing::Own(table) => Some(table),
            Standing::Missing => None,
        };
        if let Some(defer) = defer(self.manifest, model, there) {
            self.add(step.clone(), Action::Defer(defer));
            self.need_if_planned(&step, &schema_step());
        }
    }

    fn build(&self, model: &CompiledModel, there: Option<&ObservedTable>) -> Action {
        let room = |table: &TableName, there: Option<&TableKind>| match (there, model.config.materialized) {
            (Some(TableKind::Table), Materialization::View) => Some(format!("DROP TABLE IF EXISTS {}", table.to_sql())),
            (Some(TableKind::View), Materialization::Table) => Some(format!("DROP VIEW IF EXISTS {}", table.to_sql())),
            _ => None,
        };
        let making_room = room(&model.table, there.map(|there| &there.kind));
        let new = self.own_table(&format!("{NEW_PREFIX}{}", model.config.name));
        let aside = self.observed.waiting.get(&new.name).map(|waiting| &waiting.kind);
        let tidy = aside.map(|kind| drop_statement(&new, kind));
        let (before, statement, audit) = if model.tests.is_empty() && making_room.is_none() {
            (Vec::new(), marked_statement(self.manifest, model), None)
        } else {
            // What is of another kind cannot be replaced in one step: it goes only when the new one is there and has passed its
            // tests.
            let before = room(&new, aside).into_iter().collect();
            let making_room = making_room.into_iter().collect();
            let audit = audit(self.manifest, model, &new, there, making_room);
            (before, new_version(self.manifest, model, &new), Some(audit))
        };
        let mut after = details::after(model, details::Before::Known(there));
        if audit.is_none() {
            // What is built in one step would not take away what a run left aside that was to replace another kind of thing.
            after.extend(tidy.clone());
        }
        let insist = self.full_refresh && model.increment.is_some();
        let taking_in = there.filter(|there| self.reuse && !insist && !differences(model, there).rebuild);
        Action::Build(Box::new(BuildModel {
            increment: taking_in.and_then(|there| increment(self.manifest, model, there)).map(Box::new),
            replaces: there.is_some_and(|there| there.kind == TableKind::Table),
            insist,
            fingerprint: Fingerprint::of(&[
                model.fingerprint.as_str(),
                marks::of_tests(model).as_str(),
                details::fingerprint(model).as_str(),
                &model.config.cluster_by.join(", "),
                model.config.materialized.as_str(),
            ]),
            model: model.config.name.clone(),
            table: model.table.clone(),
            materialized: model.config.materialized,
            before,
            statement,
            after,
            audit,
            query: Arc::clone(&model.query),
            inputs: Inputs::of(self.manifest, self.observed, model),
            tidy,
            done: there.filter(|_| self.reuse).map_or(Done::Never, |there| done(model, there)),
            timeout: model.config.timeout,
        }))
    }

    /// Has the versions of a model's sources fixed before it is built: those of each connection after its sync.
    fn pin_inputs(&mut self, step: &StepId) {
        let Some(Action::Build(build)) = self.actions.get(step) else { return };
        if build.materialized == Materialization::View {
            return;
        }
        for table in build.inputs.sources.clone() {
            let connection = self.landing(&table);
            let pin = pin_step(connection.as_ref());
            match self.actions.entry(pin.clone()).or_insert_with(|| Action::Pin(Vec::new())) {
                Action::Pin(tables) if !tables.contains(&table) => tables.push(table),
                _ => {}
            }
            self.graph.add(pin.clone());
            if let Some(connection) = connection {
                self.need_if_planned(&pin, &sync_step(&connection));
            }
            self.graph.need(step.clone(), pin);
        }
    }

    /// Returns the connection that lands a table.
    fn landing(&self, table: &TableName) -> Option<ConnectionName> {
        let (_, source) = self.manifest.sources.iter().find(|(schema, source)| {
            let catalog = source.catalog.as_ref().unwrap_or(&self.manifest.catalog);
            schema.eq_ignore_ascii_case(&table.schema) && catalog.eq_ignore_ascii_case(&table.catalog)
        })?;
        source.connection.as_ref().map(|connection| connection.value.clone())
    }

    /// Lets models wait for what their tests read.
    pub(super) fn need_what_tests_read(&mut self) {
        let manifest = self.manifest;
        for model in manifest.models.values() {
            let step = build_step(&model.config.name);
            if self.actions.contains_key(&step) {
                for test in &model.tests {
                    self.need_reads(&step, &test.reads);
                }
            }
        }
    }

    /// Changes a table in place.
    pub(in crate::plan) fn add_alter(
        &mut self,
        model: &ModelName,
        table: &TableName,
        statements: Vec<String>,
    ) -> StepId {
        let step = alter_step(model);
        // What a run that died has left beside it goes too.
        let new = self.own_table(&format!("{NEW_PREFIX}{model}"));
        let aside = self.observed.waiting.get(&new.name).map(|waiting| &waiting.kind);
        let tidy = aside.map(|kind| drop_statement(&new, kind));
        let statements = statements.into_iter().chain(tidy).collect();
        self.add(
            step.clone(),
            Action::Alter(Alter { object: table.to_string(), statements, drops: false, only_after: Vec::new() }),
        );
        step
    }

    /// Sets foreign keys when the tables on both sides are as they shall be: of models that are built, of those whose keys
    /// differ (`differing`, with the statements that set them), and of those that refer to a primary key that is made anew,
    /// be it by a build or in place (`renewed`).
    pub(in crate::plan) fn add_foreign_keys(
        &mut self,
        differing: &BTreeMap<&ModelName, Vec<String>>,
        renewed: &BTreeSet<&ModelName>,
    ) {
        let manifest = self.manifest;
        let is_built =
            |planner: &Self, name: &ModelName| matches!(planner.actions.get(&build_step(name)), Some(Action::Build(_)));
        for (name, model) in &manifest.models {
            let there = match self.standing(model) {
                Standing::Own(there) => Some(there),
                Standing::Missing | Standing::Foreign(_) => None,
            };
            let others: Vec<&ModelName> = model.foreign_keys.iter().map(|key| &key.model).collect();
            let stand = |name: &ModelName| {
                let model = manifest.models.get(name);
                is_built(self, name) || model.is_some_and(|model| matches!(self.standing(model), Standing::Own(_)))
            };
            if !stand(name) || !others.iter().all(|other| stand(other)) {
                continue;
            }
            let built = is_built(self, name);
            let made: Vec<&ModelName> =
                std::iter::once(name).chain(others.iter().copied()).filter(|name| is_built(self, name)).collect();
            let in_place = others.iter().any(|other| renewed.contains(other));
            let statements = match differing.get(name) {
                Some(statements) if !built => statements.clone(),
                None if !built && made.is_empty() && !in_place => continue,
                _ => details::foreign_keys(model, there),
            };
            if statements.is_empty() {
                continue;
            }
            let step = foreign_keys_step(name);
            let only_after = match differing.contains_key(name) || in_place {
                true => Vec::new(),
                false => made.iter().map(|name| (*name).clone()).collect(),
            };
            let object = model.table.to_string();
            self.add(step.clone(), Action::Alter(Alter { object, statements, drops: false, only_after }));
            for other in std::iter::once(name).chain(others) {
                self.need_if_planned(&step, &build_step(other));
                self.need_if_planned(&step, &alter_step(other));
            }
        }
    }

    /// Drops a table or view with a version of it that waits aside, when all that could still read it is built, and all that is
    /// noted in it is taken away.
    pub(in crate::plan) fn add_drop(&mut self, name: &str, kind: &TableKind) -> StepId {
        let table = self.own_table(name);
        let new = self.own_table(&format!("{NEW_PREFIX}{name}"));
        let aside = self.observed.waiting.get(&new.name).map(|waiting| drop_statement(&new, &waiting.kind));
        let statements = std::iter::once(drop_statement(&table, kind)).chain(aside).collect();
        let step = StepId::new(format!("drop {name}"));
        self.add(
            step.clone(),
            Action::Alter(Alter { object: table.to_string(), statements, drops: true, only_after: Vec::new() }),
        );
        let earlier: Vec<StepId> = self
            .actions
            .iter()
            .filter(|(_, action)| matches!(action, Action::Build(_) | Action::Trash(_) | Action::Unschedule(_)))
            .map(|(id, _)| id.clone())
            .collect();
        for other in earlier {
            self.graph.need(step.clone(), other);
        }
        step
    }
}

fn drop_statement(table: &TableName, kind: &TableKind) -> String {
    let word = if *kind == TableKind::View { "VIEW" } else { "TABLE" };
    format!("DROP {word} IF EXISTS {}", table.to_sql())
}

/// Says when a model need not be built where something of its own stands.
fn done(model: &CompiledModel, there: &ObservedTable) -> Done {
    let found = differences(model, there);
    if found.rebuild || !details::in_place(model, there).reasons.is_empty() {
        return Done::Never;
    }
    let marks = there.marks.as_ref();
    match model.config.materialized {
        // What its tests find depends on what it reads, and a view bears no mark of that.
        Materialization::View if model.tests.is_empty() => Done::Already,
        Materialization::View => Done::Never,
        Materialization::Table => marks
            .filter(|marks| marks.tests.as_ref() == Some(&marks::of_tests(model)))
            .and_then(|marks| marks.inputs.clone())
            .map_or(Done::Never, Done::IfFrom),
    }
}

/// Says that a table or view is not ours.
pub(in crate::plan) fn foreign(name: &TableName, table: &ObservedTable) -> Refusal {
    let owner = table.owner.as_ref().map(|owner| format!(", owned by {owner}")).unwrap_or_default();
    let (what, help) = match (&table.kind, &table.marks) {
        (TableKind::Other(kind), _) => (
            format!("a {} stands under the name {name}{owner}", kind.to_lowercase().replace('_', " ")),
            "Rename the model, or move that thing away.",
        ),
        (kind, marks) => {
            let kind = if *kind == TableKind::View { "view" } else { "table" };
            let whose = match marks {
                Some(marks) => format!("belongs to the project `{}`", marks.project),
                None => "was not made by kiln".to_owned(),
            };
            (
                format!("{kind} {name} {whose}{owner}"),
                "Rename the model, choose another schema, or let kiln replace what is there: `kiln deploy --adopt`.",
            )
        }
    };
    Refusal { message: what, help: help.to_owned() }
}
