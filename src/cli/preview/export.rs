//! The page as a file: as it is, or printed or pictured by a browser that is installed here.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::cli::error::Error;

/// What the page is written as, by the file's extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Pdf,
    Png,
}

/// Names of the browsers that work without a window, in the order in which they are tried.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// How long a browser may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of its own time the page gets to draw its charts, in milliseconds; the browser skips what is idle in it.
const DRAWING: &str = "--virtual-time-budget=20000";

/// Width of a picture, in the page's pixels; the picture has two for each.
const WIDTH: u32 = 1400;

/// The tallest picture, in the page's pixels: browsers draw no larger ones.
const TALLEST: u32 = 8000;

impl Form {
    /// Tells what a file is meant to be.
    pub(super) fn of(file: &Path) -> Result<Self, Error> {
        let extension = file.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("html" | "htm") => Ok(Self::Html),
            Some("pdf") => Ok(Self::Pdf),
            Some("png") => Ok(Self::Png),
            _ => Err(Error::usage(format!("`{}`: the page can be written as .html, .pdf or .png", file.display()))),
        }
    }
}

/// Writes the page beside its place and moves it there, so that nobody ever opens half of it. Of pictures there is one for
/// each page of the dashboard, whose titles are given. Returns the files.
pub(super) async fn write(file: &Path, form: Form, html: &str, pages: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let refused = |error: std::io::Error| Error::refused(format!("the page could not be written: {error}"));
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside the file, not in the system's folder: some browsers may not read that one, and a move is only whole within a disk.
    let beside = tempfile::Builder::new().prefix(".kiln-export-").tempdir_in(folder).map_err(refused)?;
    let page = beside.path().join("page.html");
    fs_err::write(&page, html).map_err(refused)?;
    let browser = Browser { page: fs_err::canonicalize(&page).map_err(refused)?, scratch: beside.path() };
    let made = match form {
        Form::Html => vec![(page, file.to_owned())],
        Form::Pdf => {
            let made = beside.path().join("page.pdf");
            let print = ["--no-pdf-header-footer".to_owned(), format!("--print-to-pdf={}", made.display())];
            browser.make("a PDF is printed", &print, "", &made).await?;
            vec![(made, file.to_owned())]
        }
        Form::Png => {
            let mut made = Vec::new();
            for (index, height) in browser.heights().await?.into_iter().enumerate() {
                let picture = beside.path().join(format!("{index}.png"));
                let take = [
                    format!("--window-size={WIDTH},{}", height.clamp(1, TALLEST)),
                    "--hide-scrollbars".to_owned(),
                    "--force-device-scale-factor=2".to_owned(),
                    format!("--screenshot={}", picture.display()),
                ];
                browser.make("a picture is taken", &take, &format!("#{}-whole", index + 1), &picture).await?;
                made.push((picture, named(file, pages, index)));
            }
            made
        }
    };
    made.into_iter()
        .map(|(made, file)| fs_err::rename(&made, &file).map(|()| file))
        .collect::<Result<Vec<_>, _>>()
        .map_err(refused)
}

/// Names the picture of a page: `board.png`, or `board-2-cohorts.png` where there are several.
fn named(file: &Path, pages: &[&str], index: usize) -> PathBuf {
    if pages.len() < 2 {
        return file.to_owned();
    }
    let title = pages.get(index).copied().unwrap_or_default().to_lowercase();
    let words: Vec<&str> = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = [stem.into_owned(), (index + 1).to_string()].into_iter().chain(words.into_iter().map(str::to_owned));
    file.with_file_name(format!("{}.png", name.collect::<Vec<_>>().join("-")))
}

/// A browser, and the page that it is given.
struct Browser<'a> {
    page: PathBuf,
    /// Where it may keep what it likes.
    scratch: &'a Path,
}

impl Browser<'_> {
    /// Lets it make a file of the page.
    async fn make(&self, what: &str, args: &[String], fragment: &str, file: &Path) -> Result<(), Error> {
        let (browser, output) = self.open(what, args, fragment).await?;
        if file.is_file() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
        Err(Error::refused(format!("`{browser}` made nothing of the page: {last}"))
            .with_help("Export an .html file, open it, and print it from there."))
    }

    /// Asks it how tall each page of the dashboard is.
    async fn heights(&self) -> Result<Vec<u32>, Error> {
        let args = ["--dump-dom".to_owned(), format!("--window-size={WIDTH},200"), "--hide-scrollbars".to_owned()];
        let (browser, output) = self.open("a picture is taken", &args, "#measure").await?;
        let dom = String::from_utf8_lossy(&output.stdout);
        let told = dom.split_once("data-heights=\"").and_then(|(_, rest)| rest.split('"').next());
        let heights: Option<Vec<u32>> = told.and_then(|told| told.split(' ').map(|text| text.parse().ok()).collect());
        heights.ok_or_else(|| {
            Error::refused(format!("`{browser}` did not lay the page out"))
                .with_help("Export an .html file and look at it.")
        })
    }

    /// Opens the page in the first browser that is here, and waits until it is done.
    async fn open(
        &self,
        what: &str,
        args: &[String],
        fragment: &str,
    ) -> Result<(&'static str, std::process::Output), Error> {
        for browser in BROWSERS {
            let mut command = Command::new(browser);
            command
                .args(["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", DRAWING])
                .args(args)
                .arg(format!("--user-data-dir={}", self.scratch.join("profile").display()))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true);
            if is_root() {
                // It refuses to run as root otherwise. The page is our own, and may load nothing.
                command.arg("--no-sandbox");
            }
            command.arg(format!("file://{}{fragment}", self.page.display()));
            match tokio::time::timeout(PATIENCE, command.output()).await {
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
                Ok(Err(error)) => return Err(Error::refused(format!("`{browser}` could not be started: {error}"))),
                Ok(Ok(output)) => return Ok((browser, output)),
                Err(_) => {
                    let seconds = PATIENCE.as_secs();
                    return Err(Error::refused(format!("`{browser}` was not done with the page after {seconds} s")));
                }
            }
        }
        Err(Error::refused(format!("{what} by a browser, and none was found here"))
            .with_help("Install Chromium or Chrome, or export an .html file and print that."))
    }
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
