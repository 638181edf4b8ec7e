//! The page as a file: as it is, or printed by a browser that is installed here.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::cli::error::Error;

/// What the page is written as, by the file's extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Pdf,
}

/// Names of the browsers that print without a window, in the order in which they are tried.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// How long a browser may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of its own time the page gets to draw its charts, in milliseconds; the browser skips what is idle in it.
const DRAWING: &str = "--virtual-time-budget=20000";

impl Form {
    /// Tells what a file is meant to be.
    pub(super) fn of(file: &Path) -> Result<Self, Error> {
        let extension = file.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("html" | "htm") => Ok(Self::Html),
            Some("pdf") => Ok(Self::Pdf),
            _ => Err(Error::usage(format!("`{}`: the page can be written as .html or as .pdf", file.display()))),
        }
    }
}

/// Writes the page beside its place and moves it there, so that nobody ever opens half of it.
pub(super) async fn write(file: &Path, form: Form, html: &str) -> Result<(), Error> {
    let refused = |error: std::io::Error| Error::refused(format!("the page could not be written: {error}"));
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside the file, not in the system's folder: some browsers may not read that one, and a move is only whole within a disk.
    let beside = tempfile::Builder::new().prefix(".kiln-export-").tempdir_in(folder).map_err(refused)?;
    let page = beside.path().join("page.html");
    fs_err::write(&page, html).map_err(refused)?;
    let made = match form {
        Form::Html => page,
        Form::Pdf => {
            let made = beside.path().join("page.pdf");
            print(&fs_err::canonicalize(&page).map_err(refused)?, &made, beside.path()).await?;
            made
        }
    };
    fs_err::rename(&made, file).map_err(refused)
}

/// Lets a browser print a page into a file.
async fn print(page: &Path, pdf: &Path, scratch: &Path) -> Result<(), Error> {
    let missing = || {
        Error::refused("a PDF is printed by a browser, and none was found here")
            .with_help("Install Chromium or Chrome, or export an .html file and print that.")
    };
    for browser in BROWSERS {
        let mut command = Command::new(browser);
        command
            .args(["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", DRAWING])
            .arg("--no-pdf-header-footer")
            .arg(format!("--user-data-dir={}", scratch.join("profile").display()))
            .arg(format!("--print-to-pdf={}", pdf.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if is_root() {
            // It refuses to run as root otherwise. The page is our own, and may load nothing.
            command.arg("--no-sandbox");
        }
        command.arg(format!("file://{}", page.display()));
        let output = match tokio::time::timeout(PATIENCE, command.output()).await {
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Ok(Err(error)) => return Err(Error::refused(format!("`{browser}` could not be started: {error}"))),
            Ok(Ok(output)) => output,
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                return Err(Error::refused(format!("`{browser}` had not printed the page after {seconds} s")));
            }
        };
        if pdf.is_file() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
        return Err(Error::refused(format!("`{browser}` did not print the page: {last}"))
            .with_help("Export an .html file and print that."));
    }
    Err(missing())
}

/// Tells whether this process is root's.
fn is_root() -> bool {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
    }
    #[cfg(not(target_os = "linux"))]
    false
}
