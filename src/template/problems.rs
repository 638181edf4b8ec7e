//! What Tera says, as diagnostics of the right file and place.
//!
//! Tera's errors are made for a terminal: message, place and an excerpt in one text, several of them joined when names
//! are unknown. They are taken apart here, and the places moved from the text with step counters to the user's file.

use tera::{ErrorKind, Tera};

use super::Scope;
use super::filters::{self, TOO_LARGE, TOO_MANY_STEPS};
use super::instrument::Instrumented;
use super::scan::{self, Kind, Piece};
use crate::diag::{Diagnostic, Diagnostics, Span, did_you_mean};

/// Explains the errors of some templates.
pub(super) struct Problems<'a> {
    files: &'a [&'a Instrumented],
    tera: &'a Tera,
    scope: &'a Scope,
}

/// One of Tera's reports, in parts.
#[derive(Debug, PartialEq)]
struct Report<'t> {
    message: String,
    place: Place<'t>,
    /// Where the failing component was called, inner first.
    called_from: Vec<Place<'t>>,
}

#[derive(Debug, PartialEq)]
struct Place<'t> {
    file: &'t str,
    line: usize,
    column: usize,
    width: usize,
}

impl<'a> Problems<'a> {
    pub(super) fn new(files: &'a [&'a Instrumented], tera: &'a Tera, scope: &'a Scope) -> Self {
        Self { files, tera, scope }
    }

    /// Explains an error that came up with `template`.
    pub(super) fn explain(&self, error: &tera::Error, template: &Instrumented) -> Diagnostics {
        let text = error.to_string();
        let code = match error.kind() {
            ErrorKind::SyntaxError(_) => "template-syntax",
            _ => "template-error",
        };
        let mut diagnostics = Diagnostics::new();
        for report in reports(&text) {
            let Some(span) = self.span(&report.place) else { continue };
            let mut diagnostic = self.describe(code, &report.message, span);
            for place in &report.called_from {
                if let Some(span) = self.span(place) {
                    diagnostic = diagnostic.related(span, "called from here");
                }
            }
            diagnostics.push(diagnostic);
        }
        if diagnostics.is_empty() {
            diagnostics.push(self.without_report(error, &text, template));
        }
        diagnostics
    }

    fn span(&self, place: &Place<'_>) -> Option<Span> {
        let file = self.files.iter().find(|file| file.name == place.file)?;
        Some(file.span(place.line, place.column, place.width))
    }

    fn describe(&self, code: &'static str, message: &str, span: Span) -> Diagnostic {
        if let Some(name) = quoted(message, "Variable `") {
            if self.scope.context.contains_key(name) {
                let message = format!("`{name}` is not defined in this component");
                let help = format!("A component sees only its arguments: pass it, or declare the argument `@{name}`.");
                return Diagnostic::error("undefined-variable", message).at(span).help(help);
            }
            return undefined_variable(name, list(message, "Available variables: ")).at(span);
        }
        if let Some(name) = quoted(message, "Field `") {
            let known = list(message, "Available fields: ");
            return suggest(Diagnostic::error("undefined-variable", format!("undefined field `{name}`")), name, known)
                .at(span);
        }
        for (kind, known) in [
            ("filter", filters::FILTERS.to_vec()),
            ("test", filters::TESTS.to_vec()),
            ("function", filters::FUNCTIONS.to_vec()),
            ("component", self.tera.get_component_names().chain(self.declared()).collect()),
            ("template", self.files.iter().map(|file| file.name.as_str()).collect()),
        ] {
            if let Some(name) = quoted(message, &format!("Unknown {kind} `")) {
                let diagnostic = Diagnostic::error("unknown-name", format!("there is no {kind} `{name}`"));
                return suggest(diagnostic, name, known).at(span);
            }
        }
        match message {
            "Tried to render a variable that is undefined" => {
                let what = span.text().trim_matches(['{', '}', '-', ' ']).to_owned();
                Diagnostic::error("undefined-variable", format!("`{what}` is undefined")).at(span)
            }
            TOO_MANY_STEPS => runaway(message).at(span).help("Does it loop over what is meant?"),
            TOO_LARGE => runaway(message).at(span),
            _ => Diagnostic::error(code, tidy(message)).at(span),
        }
    }

    /// Explains an error that Tera gives no place for.
    fn without_report(&self, error: &tera::Error, text: &str, template: &Instrumented) -> Diagnostic {
        let start = Span::start_of(&template.file);
        match error.kind() {
            ErrorKind::Io(_) => runaway("the rendered text is larger than 16 MiB").at(start),
            ErrorKind::CircularInclude { include_chain: chain, .. } => {
                let diagnostic =
                    Diagnostic::error("template-error", format!("templates include each other: {}", chain.join(" → ")));
                let file = chain.first().and_then(|name| self.files.iter().find(|file| file.name == *name));
                diagnostic.at(file.and_then(|file| tag(file, |name, _| name == "include")).unwrap_or(start))
            }
            ErrorKind::CircularExtend { .. } | ErrorKind::MissingParent { .. } => {
                let span = tag(template, |name, _| name == "extends").unwrap_or(start);
                Diagnostic::error("template-error", tidy(text)).at(span)
            }
            _ if text.starts_with("Maximum render recursion depth") => {
                let span = tag(template, |name, _| name == "<")
                    .or_else(|| piece(template, |piece, text| piece.kind == Kind::Print && text.contains('<')));
                runaway("components call each other more than 20 deep").at(span.unwrap_or(start))
            }
            _ => match quoted(text, "Component `") {
                Some(name) => {
                    self.defined_twice(name).unwrap_or_else(|| Diagnostic::error("template-error", tidy(text)))
                }
                None => Diagnostic::error("template-error", tidy(text)).at(start),
            },
        }
    }

    fn defined_twice(&self, name: &str) -> Option<Diagnostic> {
        let mut places = self.files.iter().filter_map(|file| {
            tag(file, |tag, text| {
                tag == "component" && text.split_once("component").is_some_and(|(_, rest)| first_word(rest) == name)
            })
        });
        let (first, second) = (places.next()?, places.next()?);
        let diagnostic = Diagnostic::error("duplicate-name", format!("component `{name}` is defined twice"));
        Some(diagnostic.at(second).related(first, "first here"))
    }

    /// Walks the names of the components that the files define, also those that Tera refused.
    fn declared(&self) -> impl Iterator<Item = &'a str> {
        self.files.iter().flat_map(|file| {
            file.pieces
                .iter()
                .filter(|piece| piece.kind == Kind::Tag("component".into()))
                .filter_map(|piece| Some(first_word(file.file.text[piece.range.clone()].split_once("component")?.1)))
        })
    }
}

fn runaway(message: &str) -> Diagnostic {
    Diagnostic::error("template-runaway", message)
}

fn undefined_variable(name: &str, known: Vec<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("undefined-variable", format!("undefined variable `{name}`"));
    match did_you_mean(name, known) {
        Some(near) => diagnostic.help(format!("Did you mean `{near}`?")),
        None => diagnostic.help(format!("Give it a value under `variables` in jobs.yaml, or with --var {name}=VALUE.")),
    }
}

fn suggest(diagnostic: Diagnostic, name: &str, known: Vec<&str>) -> Diagnostic {
    match did_you_mean(name, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("Did you mean `{near}`?")),
        None if known.is_empty() => diagnostic,
        None => diagnostic.help(format!("There is: {}.", known.join(", "))),
    }
}

/// Returns the name in back-quotes that follows a prefix.
fn quoted<'t>(message: &'t str, prefix: &str) -> Option<&'t str> {
    message.strip_prefix(prefix)?.split('`').next()
}

fn list<'t>(message: &'t str, prefix: &str) -> Vec<&'t str> {
    message.split_once(prefix).map(|(_, names)| names.split(", ").collect()).unwrap_or_default()
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(text.len());
    &text[..end]
}

/// Brings a message into the form of the others: lower case, no full stop.
fn tidy(message: &str) -> String {
    let message = message.trim().trim_end_matches('.');
    let mut characters = message.chars();
    let second_is_lower = message.chars().nth(1).is_some_and(|c| !c.is_uppercase());
    match characters.next() {
        Some(first) if second_is_lower => first.to_lowercase().chain(characters).collect(),
        _ => message.to_owned(),
    }
}

fn tag(template: &Instrumented, is_it: impl Fn(&str, &str) -> bool) -> Option<Span> {
    piece(template, |piece, text| matches!(&piece.kind, Kind::Tag(name) if is_it(name, text)))
}

fn piece(template: &Instrumented, is_it: impl Fn(&Piece, &str) -> bool) -> Option<Span> {
    let file = &template.file;
    let found = template.pieces.iter().find(|piece| is_it(piece, &file.text[piece.range.clone()]))?;
    Some(Span::new(file, found.range.clone()))
}

/// Takes Tera's text apart.
fn reports(text: &str) -> Vec<Report<'_>> {
    let mut reports: Vec<Report<'_>> = Vec::new();
    let mut message: Option<String> = None;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(partial) = &mut message {
            if let Some(place) = line.trim_start().strip_prefix("--> ").and_then(|rest| place(rest, &mut lines)) {
                reports.push(Report { message: std::mem::take(partial), place, called_from: Vec::new() });
                message = None;
            } else {
                partial.push('\n');
                partial.push_str(line);
            }
        } else if let Some(start) = line.strip_prefix("error: ") {
            message = Some(start.to_owned());
        } else if let Some(rest) = line.strip_prefix("note: called from ")
            && let Some(place) = place(rest, &mut lines)
            && let Some(report) = reports.last_mut()
        {
            report.called_from.push(place);
        }
    }
    reports
}

/// Reads `file:line:column` and, from the excerpt that follows, how many characters are underlined.
fn place<'t>(text: &'t str, lines: &mut impl Iterator<Item = &'t str>) -> Option<Place<'t>> {
    let mut parts = text.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let file = parts.next()?;
    let underline = lines.nth(2).unwrap_or_default();
    Some(Place { file, line, column, width: underline.matches('^').count() })
}

/// Finds the variables that a template uses and nobody defines: all of them, before it is rendered.
///
/// A variable that the template asks about (`is defined`, `| default`) or loops with is left alone: if it is undefined
/// where it matters, rendering fails there.
pub(super) fn undefined_variables(template: &Instrumented, tera: &Tera, scope: &Scope) -> Diagnostics {
    let mut found = Vec::new();
    for name in tera.get_template_variables(&template.name).unwrap_or_default() {
        if scope.context.contains_key(name) || template.assigned.iter().any(|assigned| assigned == name) {
            continue;
        }
        let uses = uses(template, name);
        if let Some(first) = uses.first()
            && uses.iter().all(|(_, asked)| !asked)
        {
            found.push((name, first.0.clone()));
        }
    }
    found.sort_by_key(|(_, span)| span.range.start);
    let mut diagnostics = Diagnostics::new();
    for (name, span) in found {
        let known = scope.names.iter().map(String::as_str).collect();
        diagnostics.push(undefined_variable(name, known).at(span));
    }
    diagnostics
}

/// Finds where the code of a template, components' definitions left out, names a variable, and whether it defines the
/// variable there, or only asks whether it is defined.
fn uses(template: &Instrumented, name: &str) -> Vec<(Span, bool)> {
    let text = &template.file.text;
    let mut uses = Vec::new();
    let mut in_component = false;
    for piece in &template.pieces {
        match &piece.kind {
            Kind::Tag(tag) if tag == "component" => in_component = true,
            Kind::Tag(tag) if tag == "endcomponent" => in_component = false,
            Kind::Tag(_) | Kind::Print if !in_component => {}
            _ => continue,
        }
        if in_component {
            continue;
        }
        let code = scan::without_strings(&text[piece.range.clone()]);
        for (at, _) in code.match_indices(name) {
            let (before, after) = (code[..at].trim_end(), &code[at + name.len()..]);
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if code[..at].ends_with(is_word) || after.starts_with(is_word) {
                continue;
            }
            let after = after.trim_start();
            let is_field = before.ends_with('.') && !before.ends_with("...");
            let is_argument = after.starts_with('=') && !after.starts_with("==");
            if is_field || is_argument || after.starts_with('(') || before.ends_with('|') {
                continue;
            }
            let next: Vec<&str> = after.splitn(4, |c: char| c.is_whitespace()).collect();
            let asked = matches!(
                next.as_slice(),
                ["is", "defined" | "undefined", ..] | ["is", "not", "defined" | "undefined", ..]
            ) || after.strip_prefix('|').is_some_and(|rest| first_word(rest) == "default");
            let is_loop_variable =
                piece.kind == Kind::Tag("for".into()) && code.find(" in ").is_some_and(|keyword| at < keyword);
            let start = piece.range.start + at;
            uses.push((Span::new(&template.file, start..start + name.len()), asked || is_loop_variable));
        }
    }
    uses
}
