//! What was made of a project's files, kept for the next time: what depends on nothing that has changed is taken over.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::compile::FoundModel;
use super::dashboards::FoundDashboard;
use super::data_tests::FoundTests;
use super::parse::ParsedModel;
use crate::config::Project;
use crate::ids::{DashboardName, Fingerprint, ModelName};
use crate::template::Templates;

/// What compiling a project made, for compiling it again after some of its files changed. At first there is nothing in it.
///
/// Everything that is kept follows from what the project says ([`Project::written`]), the component library, the list of
/// models, the thing's own file, and what it asked of other models. Where all of these are as they were, so is the thing.
#[derive(Default)]
pub struct Memory {
    written: Option<Fingerprint>,
    /// The models with their files. Suggestions are made from all names, and a name means a model only if there is one.
    listed: Vec<(ModelName, PathBuf)>,
    pub(super) templates: Option<Arc<Templates>>,
    pub(super) parsed: HashMap<ModelName, Arc<ParsedModel>>,
    pub(super) models: HashMap<ModelName, Arc<FoundModel>>,
    pub(super) tests: HashMap<ModelName, Arc<FoundTests>>,
    pub(super) dashboards: HashMap<DashboardName, Arc<FoundDashboard>>,
}

impl Memory {
    /// Returns a memory for a project that holds nothing yet.
    pub(super) fn for_project(project: &Project) -> Self {
        let listed = project.models.values().map(|model| (model.name.clone(), model.path.clone()));
        Self { written: Some(project.written.clone()), listed: listed.collect(), ..Self::default() }
    }

    /// Forgets what cannot be so any more, given what the project says now.
    pub(super) fn trimmed_to(self, now: &Self) -> Self {
        if self.written != now.written {
            return Self::default();
        }
        if self.listed != now.listed {
            return Self { templates: self.templates, parsed: self.parsed, ..Self::default() };
        }
        self
    }
}

/// The models that something asked about while it was compiled: what it knows of them is part of what it is made from.
#[derive(Debug, Default)]
pub(super) struct Asked(RefCell<BTreeSet<ModelName>>);

impl Asked {
    pub(super) fn note(&self, model: &ModelName) {
        let mut asked = self.0.borrow_mut();
        if !asked.contains(model) {
            asked.insert(model.clone());
        }
    }

    pub(super) fn models(self) -> BTreeSet<ModelName> {
        self.0.into_inner()
    }
}

/// Models of which something else is known than before.
#[derive(Debug, Default)]
pub(super) struct Changed(HashSet<ModelName>);

impl Changed {
    pub(super) fn note(&mut self, model: &ModelName) {
        self.0.insert(model.clone());
    }

    /// Notes the models that something was known of, and that are not among those that can be compiled now.
    pub(super) fn note_missing<'n>(&mut self, before: &Memory, now: impl Iterator<Item = &'n ModelName>) {
        let now: HashSet<&ModelName> = now.collect();
        self.0.extend(before.models.keys().filter(|model| !now.contains(model)).cloned());
    }

    /// Tells whether any of these models is among them.
    pub(super) fn touches(&self, asked: &BTreeSet<ModelName>) -> bool {
        !self.0.is_empty() && asked.iter().any(|model| self.0.contains(model))
    }
}
