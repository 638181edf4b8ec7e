//! Where a command's words go: data to the standard output, all else to the standard error.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::error::Error;
use crate::diag::{Diagnostic, Diagnostics};
use crate::report::diagnostics::{self, Layout};
use crate::report::sarif;

/// How a command reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON object a line, on the standard output
    Json,
    /// As text, with GitHub workflow commands that annotate files
    Github,
    /// One SARIF 2.1.0 document on the standard output; of `kiln check`
    Sarif,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A command's channels.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) format: Format,
    pub(super) color: bool,
    pub(super) interactive: bool,
    /// The project's folder, once it is known: places are shown from where the command was started.
    folder: OnceLock<PathBuf>,
    /// All that was wrong so far, for a form that is written as a whole at the end.
    problems: Arc<Mutex<Diagnostics>>,
    /// Whether somebody has closed a pipe that was written to.
    unread: Arc<AtomicBool>,
}

impl Output {
    pub(super) fn new(format: Format, color: ColorChoice) -> Self {
        let terminal = io::stderr().is_terminal() && super::lookup::env("TERM").as_deref() != Some("dumb");
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && super::lookup::env("NO_COLOR").is_none(),
        };
        console::set_colors_enabled(color);
        console::set_colors_enabled_stderr(color);
        Self {
            format,
            color,
            interactive: terminal && format == Format::Text,
            folder: OnceLock::new(),
            problems: Arc::default(),
            unread: Arc::default(),
        }
    }

    /// Tells whether the standard output may be coloured.
    pub(super) fn stdout_color(&self) -> bool {
        self.color && io::stdout().is_terminal()
    }

    /// Notes the project's folder.
    pub(super) fn set_folder(&self, folder: &Path) {
        // A command works on one project, so the first folder stays.
        let _ = self.folder.set(folder.to_path_buf());
    }

    /// Prints data, for the next program or for reading.
    pub(super) fn data(&self, text: &str) {
        let mut out = io::stdout().lock();
        let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
        // A closed pipe is the reader's way to say that it has seen enough.
        self.heard(out.write_all(text.as_bytes()).and_then(|()| out.write_all(end)));
    }

    /// Tells whether whoever read what is written here has gone.
    pub(super) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    fn heard(&self, written: io::Result<()>) {
        if written.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            self.unread.store(true, Ordering::Relaxed);
        }
    }

    /// Adds Markdown to the summary of the job of GitHub Actions that this runs in; nothing elsewhere.
    pub(super) fn summary(&self, markdown: impl FnOnce() -> String) {
        if self.format != Format::Github {
            return;
        }
        let Some(path) = super::lookup::env("GITHUB_STEP_SUMMARY") else { return };
        let file = fs_err::OpenOptions::new().create(true).append(true).open(&path);
        if let Err(error) = file.and_then(|mut file| writeln!(file, "{}", markdown())) {
            self.status(&format!("warning: the job's summary is incomplete: {error}"));
        }
    }

    /// Prints a line about what was done.
    pub(super) fn status(&self, text: &str) {
        match self.format {
            Format::Json => self.data(&serde_json::json!({"event": "status", "message": text}).to_string()),
            Format::Text | Format::Github | Format::Sarif => self.stderr(text),
        }
    }

    /// Shows problems of the project.
    pub(super) fn diagnostics(&self, problems: &Diagnostics) {
        if problems.is_empty() {
            return;
        }
        let folder = self.folder.get().cloned().unwrap_or_default();
        if self.format == Format::Json {
            self.data(diagnostics::to_json_lines(problems, &folder).trim_end());
            return;
        }
        if self.format == Format::Github {
            self.data(diagnostics::to_github(problems, &folder).trim_end());
        }
        if self.format == Format::Sarif {
            self.problems.lock().unwrap_or_else(PoisonError::into_inner).extend(problems.clone());
        }
        let layout = Layout { width: self.width(), colour: self.color, folder };
        self.stderr(diagnostics::to_terminal(problems, &layout).trim_end());
    }

    /// Writes what is written as a whole, when the command has ended.
    pub(super) fn finish(&self) {
        if self.format == Format::Sarif {
            let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
            self.data(&sarif::document(&problems, &self.folder_from_here()));
        }
    }

    /// Returns the project's folder as seen from the current one. A project that does not lie below is its own root.
    fn folder_from_here(&self) -> PathBuf {
        let folder = self.folder.get().cloned().unwrap_or_default();
        if folder.is_relative() {
            return folder;
        }
        let here = std::env::current_dir().unwrap_or_default();
        folder.strip_prefix(here).map(Path::to_path_buf).unwrap_or_default()
    }

    /// Shows why a command could not do its work.
    pub(super) fn error(&self, error: &Error) {
        match problems(error) {
            Some(problems) => self.diagnostics(&problems),
            None => self.status(INTERRUPTED),
        }
    }

    /// Returns why a command could not do its work, as it would be shown, without colour.
    #[cfg(feature = "local")]
    pub(super) fn text_of(&self, error: &Error) -> String {
        let layout = Layout { width: 100, colour: false, folder: self.folder.get().cloned().unwrap_or_default() };
        problems(error).map_or_else(|| INTERRUPTED.to_owned(), |problems| diagnostics::to_terminal(&problems, &layout))
    }

    /// Returns the width to lay text out for, in columns.
    pub(super) fn width(&self) -> usize {
        let columns = console::Term::stderr().size_checked().map(|(_, columns)| usize::from(columns));
        columns.or_else(|| super::lookup::env("COLUMNS")?.parse().ok()).unwrap_or(100).clamp(40, 200)
    }

    fn stderr(&self, text: &str) {
        self.heard(writeln!(io::stderr().lock(), "{text}"));
    }
}

/// Sends log lines to the standard error: warnings, and with `-v` and `-vv` more; `KILN_LOG` overrides.
pub(super) fn start_logging(verbose: u8, output: &Output) {
    let default = match verbose {
        0 => "off",
        1 => "kiln=info",
        _ => "kiln=debug",
    };
    let filter = super::lookup::env("KILN_LOG").unwrap_or_else(|| default.to_owned());
    // The libraries below the client write whole requests at their finest level; addresses of results are secrets.
    let quiet = ["h2", "hyper", "hyper_util", "reqwest", "rustls"].map(|library| format!(",{library}=info"));
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(filter + &quiet.concat());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(output.color).compact().init();
}

const INTERRUPTED: &str = "interrupted; nothing was done";

/// Returns an error as problems to show; none if it is an interruption.
fn problems(error: &Error) -> Option<Diagnostics> {
    let (code, message) = match error {
        Error::Project(problems) => return Some(problems.clone()),
        Error::Interrupted => return None,
        Error::Usage(message) => ("usage", message),
        Error::Refused(message) => ("environment", message),
    };
    let mut diagnostic = Diagnostic::error(code, message.text.clone());
    diagnostic.help.clone_from(&message.help);
    Some(diagnostic.into())
}
