//! What lints found in the queries of the project, less what the project allows.

use std::collections::HashSet;

use crate::analysis::{Allow, Examined, Known};
use crate::config::{DataTestRule, Model, Project, Strategy};
use crate::diag::{Diagnostic, Diagnostics, Span, lint, nearest_code};

/// Folders and beginnings of names by which models that take sources as they are can be told.
const STAGING: [&str; 8] = ["staging", "stage", "stg", "raw", "base", "bronze", "landing", "sources"];

/// Names of the variable that holds the zone in which a project counts its days.
const ZONES: [&str; 3] = ["time_zone", "timezone", "tz"];

/// A place, for comparing: spans compare their whole texts.
type Place = (std::path::PathBuf, usize, usize);

fn place(span: &Span) -> Place {
    (span.path().to_path_buf(), span.range.start, span.range.end)
}

/// Gathers what was found.
#[derive(Default)]
pub(super) struct Lints {
    found: Vec<Diagnostic>,
    seen: HashSet<(&'static str, Place)>,
    allows: Vec<Allow>,
    /// Entries of `allow` in jobs.yaml that allowed something.
    used: HashSet<(&'static str, Place)>,
}

impl Lints {
    /// Takes what was found in the forms of a model's query, and what is wrong with it as a whole.
    pub(super) fn take_model(&mut self, model: &Model, examined: &[Examined], lint: Option<&Diagnostic>) {
        let (mut unknown, mut broken) = (Vec::new(), false);
        for (i, one) in examined.iter().enumerate() {
            broken |= i == 0 && one.problems.has_errors();
            unknown.extend_from_slice(&one.unknown);
            self.take(Some(model), one);
        }
        if let Some(lint) = lint {
            self.whole(model, lint.clone());
        }
        if !broken {
            self.unknown(&format!("`{}`", model.name), unknown);
        }
    }

    /// Takes what was found in a dataset that is not broken.
    pub(super) fn take_dataset(&mut self, label: &str, examined: &Examined) {
        self.take(None, examined);
        self.unknown(&format!("the dataset `{label}`"), examined.unknown.clone());
    }

    /// Takes what was found in one form of a query. What follows from a mistake is left out.
    fn take(&mut self, model: Option<&Model>, examined: &Examined) {
        let broken = examined.problems.has_errors();
        for allow in &examined.allows {
            let used = allow.used | broken;
            match self.allows.iter_mut().find(|known| place(&known.span) == place(&allow.span)) {
                Some(known) => known.used |= used,
                None => self.allows.push(Allow { used, ..allow.clone() }),
            }
        }
        for lint in &examined.lints {
            let allowed = self.allowed(model, lint.code);
            if !broken && !allowed {
                self.push(lint.clone());
            }
        }
        if broken && let Some(model) = model {
            self.used.extend(model.allow.iter().map(|allow| (allow.value, place(&allow.span))));
        }
    }

    /// Takes a lint that is about a model as a whole.
    fn whole(&mut self, model: &Model, lint: Diagnostic) {
        let mut allowed = self.allowed(Some(model), lint.code);
        let file = lint.primary.as_ref().map(|(span, _)| span.path().to_path_buf());
        for allow in self.allows.iter_mut().filter(|a| a.whole && Some(a.span.path()) == file.as_deref()) {
            if crate::diag::lint(&allow.name).is_some_and(|code| code.name == lint.code) {
                (allow.used, allowed) = (true, true);
            }
        }
        if !allowed {
            self.push(lint);
        }
    }

    /// Says once what of a query could not be analysed.
    fn unknown(&mut self, what: &str, mut unknown: Vec<(Span, String)>) {
        const MOST: usize = 6;
        unknown.dedup_by(|a, b| place(&a.0) == place(&b.0));
        let count = unknown.len();
        let mut places = unknown.into_iter();
        let Some((span, words)) = places.next() else { return };
        let message = match count {
            1 => format!("not all of {what} is checked: kiln does not know {words}"),
            _ => format!("not all of {what} is checked: kiln does not know {words}, and {} more", count - 1),
        };
        let mut note = Diagnostic::note("not-analysed", message).at(span);
        for (span, words) in places.take(MOST) {
            note = note.related(span, format!("nor {words}"));
        }
        self.found.push(note.help(
            "What is read through it is first checked by the warehouse. Declare the columns of sources in jobs.yaml.",
        ));
    }

    fn allowed(&mut self, model: Option<&Model>, code: &'static str) -> bool {
        let mut allowed = false;
        for allow in model.iter().flat_map(|model| &model.allow).filter(|allow| allow.value == code) {
            self.used.insert((code, place(&allow.span)));
            allowed = true;
        }
        allowed
    }

    fn push(&mut self, lint: Diagnostic) {
        // Both forms of an incremental model have it.
        let new = match &lint.primary {
            Some((span, _)) => self.seen.insert((lint.code, place(span))),
            None => true,
        };
        if new {
            self.found.push(lint);
        }
    }

    /// Returns all that was found, with what was allowed for nothing.
    pub(super) fn finish(mut self, project: &Project) -> Diagnostics {
        for allow in std::mem::take(&mut self.allows) {
            match lint(&allow.name) {
                None => self.found.push(unknown_allow(&allow)),
                Some(_) if allow.used => {}
                Some(lint) => self.found.push(unused(lint.name, allow.span)),
            }
        }
        let mut told = HashSet::new();
        for allow in project.models.values().flat_map(|model| &model.allow) {
            let entry = (allow.value, place(&allow.span));
            if !self.used.contains(&entry) && told.insert(entry) {
                self.found.push(unused(allow.value, allow.span.clone()));
            }
        }
        // In the order of reading.
        self.found.sort_by_cached_key(|problem| problem.primary.as_ref().map(|(span, _)| place(span)));
        let mut found = Diagnostics::new();
        self.found.into_iter().for_each(|problem| found.push(problem));
        found
    }
}

fn unused(name: &str, span: Span) -> Diagnostic {
    Diagnostic::warning("unused-allow", format!("`{name}` is allowed here, and there is no such thing to allow"))
        .at(span)
        .help("Take it out. A comment holds for its line, or for the next one if it stands alone, or for all at the top of the text.")
}

fn unknown_allow(allow: &Allow) -> Diagnostic {
    let message = match crate::diag::code(&allow.name) {
        Some(code) => format!("`{}` is no lint, and cannot be allowed", code.name),
        None => format!("there is no lint `{}`", allow.name),
    };
    let help = match nearest_code(&allow.name).filter(|near| lint(near).is_some()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => "`kiln explain` lists all lints.".to_owned(),
    };
    Diagnostic::warning("unknown-allow", message).at(allow.span.clone()).help(help)
}

/// Tells whether a model belongs to the layer that takes sources as they are.
pub(super) fn is_staging(model: &Model) -> bool {
    let name = model.name.as_str();
    let by_name = name.split_once('_').is_some_and(|(start, _)| STAGING.contains(&start));
    let folder = |part: std::path::Component<'_>| {
        let part = part.as_os_str().to_string_lossy().to_lowercase();
        STAGING.contains(&part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_'))
    };
    by_name || model.path.parent().is_some_and(|path| path.components().any(folder))
}

/// Returns the zone in which the project counts its days, if that is not UTC.
pub(super) fn time_zone(project: &Project) -> Option<&str> {
    let zone = ZONES.iter().find_map(|name| project.variables.get(*name)?.as_str())?;
    (!["utc", "etc/utc", "z", "gmt", "etc/gmt", ""].contains(&zone.to_lowercase().as_str())).then_some(zone)
}

/// Adds to what is known of a model's rows what its tests hold.
pub(super) fn tested(model: &Model, mut known: Known) -> Known {
    let set = |columns: &[String]| columns.iter().map(|c| c.to_lowercase()).collect();
    for test in model.tests.iter().filter(|test| !test.warns) {
        match &test.rule {
            DataTestRule::Unique(columns) => known.keys.push(set(columns)),
            DataTestRule::NotNull(columns) => known.not_null.extend(columns.iter().map(|c| c.to_lowercase())),
            DataTestRule::RowCount { max: Some(0 | 1), .. } => known.one_row = true,
            _ => {}
        }
    }
    if let Some(Strategy::Merge { unique_key, .. }) = model.incremental.as_ref().map(|i| &i.strategy) {
        known.keys.push(set(unique_key));
    }
    known.is_model = true;
    known
}
