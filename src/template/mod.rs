//! SQL templates: text + variables → rendered text with a map back to file and line.
//!
//! Tera does the rendering. It keeps no map from its output to the template, so every template is rendered twice: as it
//! is, and with a mark (one private-use character) before each piece of text and each `{{ … }}`. The marks that arrive
//! in the second text say where its pieces come from; see [`instrument`] and [`Rendered`].

mod filters;
mod instrument;
mod problems;
mod rendered;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tera::{Context, Tera};

use crate::config::Project;
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span};

pub use rendered::Rendered;

use instrument::{Instrumented, Marks};
use problems::Problems;
use scan::Kind;

/// Largest template, in bytes.
const MAX_TEMPLATE_BYTES: usize = 4 << 20;
/// Largest rendered text, in bytes.
const MAX_RENDERED_BYTES: usize = 16 << 20;

/// The project's templates: its component library, variables and root folder, ready to render files.
pub struct Templates {
    root: PathBuf,
    library: Vec<Instrumented>,
    /// Knows the library as it is.
    plain: Tera,
    /// Knows the library with marks in it; none if the marks do not fit into some file.
    marked: Option<(Tera, Marks)>,
    scope: Scope,
}

/// What templates see.
#[derive(Clone, Default)]
struct Scope {
    context: Context,
    /// The names in it, for suggestions.
    names: Vec<String>,
}

impl Scope {
    /// Gathers what every template of a project sees.
    fn new(project: &Project) -> Self {
        let mut scope = Self::default();
        for (name, value) in &project.variables {
            scope.insert(name, value);
        }
        let environment = &project.environment;
        scope.insert(
            "environment",
            &json!({"name": environment.name, "catalog": environment.catalog, "schema": environment.schema}),
        );
        scope.insert("project", &json!(project.name));
        scope
    }

    fn insert(&mut self, name: &str, value: &Value) {
        self.context.insert(name.to_owned(), value);
        self.names.push(name.to_owned());
    }
}

impl Templates {
    /// Reads and compiles the component library (`macros` of `jobs.yaml`).
    ///
    /// Fails with all the files that cannot be read, or with what Tera has to say against them.
    pub fn new(project: &Project) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut library = Vec::new();
        let mut marks = Marks::default();
        for path in project.macros.values() {
            match read(&project.root, path) {
                Ok(file) => library.push(Instrumented::new(&file, &mut marks)),
                Err(unreadable) => problems.extend(unreadable),
            }
        }
        if problems.has_errors() {
            return Err(problems);
        }
        let scope = Scope::new(project);
        let known: Vec<&Instrumented> = library.iter().collect();
        let mut plain = filters::engine();
        for part in &library {
            // One by one, to see the syntax errors of all; names are looked at when all are there.
            if let Err(error) = filters::engine().add_raw_template(&part.name, &part.plain)
                && matches!(error.kind(), tera::ErrorKind::SyntaxError(_))
            {
                problems.extend(Problems::new(&known, &plain, &scope).explain(&error, part));
            }
        }
        if problems.has_errors() {
            return Err(problems);
        }
        let texts = library.iter().map(|part| (&part.name, &part.plain));
        if let (Err(error), Some(first)) = (plain.add_raw_templates(texts), library.first()) {
            return Err(Problems::new(&known, &plain, &scope).explain(&error, first));
        }
        let mut marked = filters::engine();
        let fits = marked.add_raw_templates(library.iter().map(|part| (&part.name, &part.marked))).is_ok();

        let marked = fits.then_some((marked, marks));
        Ok(Self { root: project.root.clone(), library, plain, marked, scope })
    }

    /// Tells whether the library is still as it was read.
    pub fn is_current(&self, project: &Project) -> bool {
        let same =
            |(path, part): (&PathBuf, &Instrumented)| read(&project.root, path).is_ok_and(|file| file == part.file);
        project.macros.len() == self.library.len() && project.macros.values().zip(&self.library).all(same)
    }

    /// Reads one SQL file, given by its path relative to the project's root.
    pub fn read(&self, path: &Path) -> Result<Arc<SourceFile>, Diagnostics> {
        read(&self.root, path)
    }

    /// Renders one SQL file, given by its path relative to the project's root.
    ///
    /// The file sees the project's variables, `environment` (`name`, `catalog`, `schema`), `project` (its name) and
    /// `model` (`name`). Components see only their arguments.
    pub fn render(&self, path: &Path) -> Result<Rendered, Diagnostics> {
        self.render_source(&read(&self.root, path)?)
    }

    /// Renders a model's SQL file. Besides, it sees `this`, the full name of the model's table, and `incremental`: whether
    /// only what is new is wanted.
    pub fn render_model(&self, path: &Path, this: &str, incremental: bool) -> Result<Rendered, Diagnostics> {
        let more = [("this", json!(this)), ("incremental", json!(incremental))];
        self.render_with(&read(&self.root, path)?, &more)
    }

    /// Renders a text that has been read already.
    pub fn render_source(&self, file: &Arc<SourceFile>) -> Result<Rendered, Diagnostics> {
        self.render_with(file, &[])
    }

    /// Renders models' SQL files, each as [`Self::render_model`] would, in less time than one by one.
    pub fn render_models(&self, wanted: &[Wanted<'_>]) -> Vec<Result<Rendered, Diagnostics>> {
        let mut engines = self.engines(wanted.iter().map(|wanted| wanted.file));
        let rendered = wanted.iter().map(|Wanted { file, this, incremental }| {
            let more = [("this", json!(this)), ("incremental", json!(incremental))];
            match engines.prepared.get(&file.path).cloned() {
                Some(prepared) => self.render_prepared(&mut engines, &prepared, &more),
                None => self.render_with(file, &more),
            }
        });
        rendered.collect()
    }

    /// Compiles templates together: making an engine and looking its names up costs the same for one as for many. Those that
    /// could see each other's parts, or that have mistakes, are left out, to be rendered each on its own.
    fn engines<'f>(&self, files: impl Iterator<Item = &'f Arc<SourceFile>>) -> Engines {
        let alone = |template: &Instrumented| {
            let tags = ["block", "component", "extends", "include"];
            template.pieces.iter().any(|piece| matches!(&piece.kind, Kind::Tag(name) if tags.contains(&name.as_str())))
        };
        let mut prepared = HashMap::new();
        for file in files.filter(|file| scan::is_template(&file.text)) {
            // Both forms of an incremental model come from one file.
            if prepared.contains_key(&file.path) {
                continue;
            }
            let one = self.prepare(file);
            if !alone(&one.template) {
                prepared.insert(file.path.clone(), Arc::new(one));
            }
        }
        let mut engines = Engines { plain: self.plain.clone(), marked: None, prepared };
        let all = || engines.prepared.values();
        let plain = engines.plain.add_raw_templates(all().map(|one| (&one.template.name, &one.template.plain)));
        if let Some((marked, _)) = &self.marked {
            let mut marked = marked.clone();
            let added = marked.add_raw_templates(all().map(|one| (&one.template.name, &one.template.marked)));
            engines.marked = added.is_ok().then_some(marked);
        }
        if plain.is_err() || (engines.marked.is_none() && self.marked.is_some()) {
            engines.prepared.clear();
        }
        engines
    }

    fn prepare(&self, file: &Arc<SourceFile>) -> Prepared {
        let mut marks = self.marked.as_ref().map(|(_, marks)| marks.clone()).unwrap_or_default();
        let template = Instrumented::new(file, &mut marks);
        Prepared { template, marks }
    }

    fn render_with(&self, file: &Arc<SourceFile>, more: &[(&str, Value)]) -> Result<Rendered, Diagnostics> {
        if !scan::is_template(&file.text) {
            return Ok(Rendered::plain(file));
        }
        let one = self.prepare(file);
        let mut plain = self.plain.clone();
        if let Err(error) = plain.add_raw_template(&one.template.name, &one.template.plain) {
            let known: Vec<&Instrumented> = self.library.iter().chain([&one.template]).collect();
            return Err(Problems::new(&known, &plain, &self.scope).explain(&error, &one.template));
        }
        let marked = self.marked.as_ref().and_then(|(marked, _)| {
            let mut marked = marked.clone();
            marked.add_raw_template(&one.template.name, &one.template.marked).ok()?;
            Some(marked)
        });
        self.render_prepared(&mut Engines { plain, marked, prepared: HashMap::new() }, &one, more)
    }

    /// Renders a template that the engines know.
    fn render_prepared(
        &self,
        engines: &mut Engines,
        Prepared { template, marks }: &Prepared,
        more: &[(&str, Value)],
    ) -> Result<Rendered, Diagnostics> {
        let file = &template.file;
        let mut scope = self.scope.clone();
        let stem = file.path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        scope.insert("model", &json!({ "name": stem }));
        for (name, value) in more {
            scope.insert(name, value);
        }
        let undefined = problems::undefined_variables(template, &engines.plain, &scope);
        if undefined.has_errors() {
            return Err(undefined);
        }
        let text = run(&mut engines.plain, template, &scope.context).map_err(|error| {
            let known: Vec<&Instrumented> = self.library.iter().chain([template]).collect();
            Problems::new(&known, &engines.plain, &scope).explain(&error, template)
        })?;
        let segments = engines
            .marked
            .as_mut()
            .and_then(|marked| marks.locate(&run(marked, template, &scope.context).ok()?, &text));
        Ok(match segments {
            Some(segments) => Rendered::new(file, text, segments),
            // The template looks at its own text (its length, say), so that marks change what it does.
            None => Rendered::by_lines(file, text),
        })
    }
}

/// A model's file to render, and what it sees besides what all files see: see [`Templates::render_model`].
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The file.
    pub file: &'a Arc<SourceFile>,
    /// The full name of the model's table.
    pub this: &'a str,
    /// Whether only what is new is wanted.
    pub incremental: bool,
}

/// Engines that know some templates besides the library.
struct Engines {
    plain: Tera,
    marked: Option<Tera>,
    /// By their files' paths.
    prepared: HashMap<PathBuf, Arc<Prepared>>,
}

/// A template with its marks.
struct Prepared {
    template: Instrumented,
    marks: Marks,
}

/// Renders within the limits of steps and size.
fn run(tera: &mut Tera, template: &Instrumented, context: &Context) -> Result<String, tera::Error> {
    filters::limit_steps(tera, template.assigned.clone());
    let mut out = Limited(Vec::new());
    tera.render_to(&template.name, context, &mut out)?;
    String::from_utf8(out.0).map_err(tera::Error::from)
}

/// A buffer that refuses to grow beyond [`MAX_RENDERED_BYTES`].
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED_BYTES {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a file, of one that is too large no more than shows that it is.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    // Anything else, such as a pipe, could keep us waiting for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_TEMPLATE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read(root: &Path, path: &Path) -> Result<Arc<SourceFile>, Diagnostics> {
    let problem = |what: String| {
        let file = SourceFile::new(path, "");
        Diagnostic::error("unreadable-file", what).at(Span::start_of(&file))
    };
    let bytes =
        read_limited(&root.join(path)).map_err(|error| problem(format!("cannot read {}: {error}", path.display())))?;
    if bytes.len() > MAX_TEMPLATE_BYTES {
        let limit = MAX_TEMPLATE_BYTES >> 20;
        return Err(problem(format!("{} is larger than {limit} MiB", path.display())).into());
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| problem(format!("{} is not UTF-8", path.display())).help("Save it with the encoding UTF-8."))?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(SourceFile::new(path, text))
}
