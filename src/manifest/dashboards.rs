//! Dashboards from their files to what they read, and what is wrong with them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

use super::compile::{Compiler, merge};
use super::history;
use super::memory::Asked;
use super::names::{Target, here, is_history, is_personal, retargeted, target};
use super::{CompiledDashboard, Reads};
use crate::analysis::{Examined, Relation};
use crate::config::{Dashboard, Project};
use crate::dashboards::{LvDash, Tables, resolve, retarget};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::ids::{DashboardName, ModelName};

/// Largest dashboard file that is read, in bytes.
const MAX_DASHBOARD_BYTES: usize = 10 << 20;

/// A dashboard, and what was found in it.
#[derive(Debug)]
pub(super) struct FoundDashboard {
    /// Its file; none if it cannot be read.
    pub(super) file: Option<Arc<SourceFile>>,
    /// None if its file cannot be read.
    pub(super) compiled: Option<CompiledDashboard>,
    pub(super) problems: Diagnostics,
    /// What was examined of each dataset, by its label.
    pub(super) datasets: Vec<(String, Examined)>,
    /// What it asked about.
    pub(super) asked: BTreeSet<ModelName>,
}

/// What the datasets of a dashboard read, and what was examined of each.
struct Datasets {
    reads: Reads,
    reads_history: bool,
    /// Whether a table is named as it is in another environment.
    names_others: bool,
    examined: Vec<(String, Examined)>,
}

impl Compiler<'_> {
    /// Compiles a dashboard, unless it is as it was `before`.
    pub(super) fn dashboard(
        &self,
        name: &DashboardName,
        dashboard: &Dashboard,
        before: Option<&Arc<FoundDashboard>>,
    ) -> Arc<FoundDashboard> {
        let unreadable = |file, problems| {
            Arc::new(FoundDashboard { file, compiled: None, problems, datasets: Vec::new(), asked: BTreeSet::new() })
        };
        let file = match read_dashboard(self.project, dashboard) {
            Ok(file) => file,
            Err(found) => return unreadable(None, (*found).into()),
        };
        if let Some(before) = before
            && before.file.as_ref() == Some(&file)
            && !self.changed.touches(&before.asked)
        {
            return Arc::clone(before);
        }
        let content = match LvDash::parse(&file) {
            Ok(content) => content,
            Err(found) => return unreadable(Some(file), found),
        };
        let mut diagnostics = content.check();
        let asked = Asked::default();
        let Datasets { reads, reads_history, names_others, examined: datasets } =
            self.datasets(&content, &asked, &mut diagnostics);
        let diagnostics = first_of(diagnostics, &file);
        // What is wrong is said of the file as it is written; what is deployed is that with the names of this environment.
        let deployed = names_others.then(|| retarget(&content, &|_, parts| retargeted(self.project, parts))).flatten();
        let (content, retargeted) = deployed.unwrap_or((content, Vec::new()));
        let compiled = CompiledDashboard {
            name: name.clone(),
            title: dashboard.title.clone(),
            folder: self.project.environment.dashboard_folder.as_ref().unwrap_or(&dashboard.folder).clone(),
            embed_credentials: dashboard.embed_credentials,
            permissions: dashboard.permissions.clone(),
            schedules: dashboard.schedules.clone(),
            timeout: dashboard.timeout,
            file: Arc::clone(&file),
            content: Arc::new(content),
            retargeted,
            reads,
            reads_history,
            span: dashboard.span.clone(),
        };
        let (file, asked) = (Some(file), asked.models());
        Arc::new(FoundDashboard { file, compiled: Some(compiled), problems: diagnostics, datasets, asked })
    }

    /// Resolves a dashboard's datasets, and then what its widgets ask of them.
    fn datasets(&self, content: &LvDash, asked: &Asked, diagnostics: &mut Diagnostics) -> Datasets {
        // Models may not read it: a run writes there only when its models are built.
        let relation = |parts: &[String]| {
            let parts = here(self.project, parts);
            match is_history(self.project, &parts) {
                true => Some(Relation::Known(history::columns().into())),
                false => self.relation(&parts, asked),
            }
        };
        let shorter = |parts: &[String]| self.shorter(parts);
        let resolved = resolve(content, &Tables { relation: &relation, known: &self.known, shorter: &shorter });
        diagnostics.extend(resolved.problems);
        let is_wrong = diagnostics.has_errors();
        let (mut reads, mut reads_history, mut names_others, mut examined) =
            (Reads::default(), false, false, Vec::new());
        for (dataset, offered) in content.datasets.iter().zip(&resolved.datasets) {
            // What lints say of a dashboard that is wrong waits until it is right.
            if let Some(parsed) = offered.parsed.as_ref().filter(|_| !offered.is_broken() && !is_wrong) {
                examined.push((dataset.display_name.clone(), self.examine(parsed, None, asked)));
            }
            let mut read_here = offered.reads.clone();
            for read in &mut read_here {
                if let Cow::Owned(parts) = here(self.project, &read.parts) {
                    names_others = true;
                    read.parts = parts;
                }
            }
            reads_history |= read_here.iter().any(|read| is_history(self.project, &read.parts));
            let more = self.reads(&read_here);
            merge(&mut reads.models, more.models);
            merge(&mut reads.connections, more.connections);
            merge(&mut reads.sources, more.sources);
        }
        Datasets { reads, reads_history, names_others, examined }
    }

    /// Returns how a dashboard should name a table whose name, as it is written, somebody else could not know for one of the
    /// project: so it cannot be retargeted.
    fn shorter(&self, parts: &[String]) -> Option<String> {
        if !is_personal(self.project, parts) {
            return None;
        }
        match target(self.project, &here(self.project, parts))? {
            Target::Model(name) => Some(name.to_string()),
            // A source may have a catalog of its own, which no environment says.
            Target::Source(schema, _) if self.project.sources[schema].catalog.is_none() => {
                (parts.len() > 2).then(|| parts[1..].join("."))
            }
            Target::Source(..) | Target::System => None,
        }
    }
}

/// Keeps so many problems of a file that somebody could read them, the worst first where there are more.
fn first_of(problems: Diagnostics, file: &Arc<SourceFile>) -> Diagnostics {
    const MOST: usize = 200;
    let count = problems.iter().count();
    if count <= MOST {
        return problems;
    }
    let mut all: Vec<Diagnostic> = problems.into_iter().collect();
    all.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let mut kept = Diagnostics::new();
    all.into_iter().take(MOST).for_each(|problem| kept.push(problem));
    let message = format!("{} more problems of this file are not shown", count - MOST);
    kept.push(Diagnostic::warning("more-problems", message).at(Span::start_of(file)));
    kept
}

fn read_dashboard(project: &Project, dashboard: &Dashboard) -> Result<Arc<SourceFile>, Box<Diagnostic>> {
    let unreadable = |message: String| {
        Diagnostic::error("unreadable-file", message)
            .at(dashboard.span.clone())
            .help("The file must exist, be readable, and be UTF-8.")
    };
    let path = project.root.join(&dashboard.file);
    let mut text = String::new();
    let most = MAX_DASHBOARD_BYTES as u64 + 1;
    Err(Box::new(match fs_err::File::open(&path).and_then(|file| file.take(most).read_to_string(&mut text)) {
        Ok(_) if text.len() <= MAX_DASHBOARD_BYTES => return Ok(SourceFile::new(&dashboard.file, text)),
        // A text that is cut within a character is no UTF-8, and too long all the same.
        Err(error) if fs_err::metadata(&path).is_ok_and(|file| file.len() < most) => unreadable(error.to_string()),
        _ => unreadable(format!("{} is larger than {} MiB", dashboard.file.display(), MAX_DASHBOARD_BYTES >> 20))
            .help("Is it the right file? The largest dashboards are a tenth of that."),
    }))
}
