//! The page as a server on this machine, with filters that work.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chrono::Utc;
use futures::stream::{self, Stream};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::{Changes, PreviewArgs, Shown, Subject, wanted};
use crate::cli::Status;
use crate::cli::connect::kiln_dir;
use crate::cli::error::Error;
use crate::cli::output::{Format, Output};
use crate::cli::watch::Watch;
use crate::dashboards::{LvDash, Selection};

/// What the routes share.
struct Preview {
    args: PreviewArgs,
    output: Output,
    changes: Changes,
    /// The embedded workspace opens for one at a time.
    asking: Mutex<()>,
    /// Who may ask: this machine by its own names. A page of somebody else's that found the port out has another.
    hosts: [String; 2],
}

/// Serves the page until it is told to end.
pub(super) async fn run(args: &PreviewArgs, output: &Output) -> Result<Status, Error> {
    // What is wrong from the start is said here; what breaks later, on the page.
    let subject = Subject::compile(args, output)?;
    wanted(&subject.dashboard.content, &args.filters)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port.unwrap_or(0))).await;
    let listener = listener.map_err(|error| {
        let port = args.port.map(|port| format!("port {port} of ")).unwrap_or_default();
        Error::refused(format!("cannot listen on {port}127.0.0.1: {error}"))
            .with_help("Choose another port with --port, or none to get a free one.")
    })?;
    let address = listener.local_addr().map_err(|error| Error::refused(format!("cannot listen: {error}")))?;
    let changes = Changes::new(tokio::sync::watch::Sender::new(0));
    announce(folders(&subject)?, &changes)?;
    let preview = Arc::new(Preview {
        args: args.clone(),
        output: output.clone(),
        changes,
        asking: Mutex::new(()),
        hosts: [address.to_string(), format!("localhost:{}", address.port())],
    });
    let routes = Router::new()
        .route("/", get(page))
        .route("/changes", get(changed))
        .layer(middleware::from_fn_with_state(Arc::clone(&preview), gate))
        .with_state(preview);
    let url = format!("http://{address}/");
    match output.format {
        Format::Json => output.data(&serde_json::json!({"address": url}).to_string()),
        Format::Text | Format::Github | Format::Sarif => {
            output.data(&url);
            output.status("the page is shown anew when its files change and when a run ends; Ctrl-C ends this");
        }
    }
    tokio::select! {
        served = axum::serve(listener, routes) => {
            served.map_err(|error| Error::refused(format!("the page is no longer served: {error}")))?;
        }
        () = crate::cli::running::termination() => {}
    }
    Ok(Status::Done)
}

/// Counts the changes up whenever a file in one of these folders was written.
fn announce(folders: BTreeSet<PathBuf>, changes: &Changes) -> Result<(), Error> {
    let mut watch = Watch::start()?;
    watch.follow(folders)?;
    let changes = Changes::clone(changes);
    tokio::spawn(async move {
        loop {
            watch.written(|_| true).await;
            changes.send_modify(|count| *count += 1);
        }
    });
    Ok(())
}

/// Where the files are that the page depends on. A run that ends writes its page, and so says that the tables are new.
fn folders(subject: &Subject) -> Result<BTreeSet<PathBuf>, Error> {
    let pages = kiln_dir(&subject.project).join("pages");
    fs_err::create_dir_all(&pages).map_err(|error| Error::refused(error.to_string()))?;
    let file = subject.project.root.join(&subject.dashboard.file.path);
    let beside = file.parent().map(PathBuf::from).unwrap_or_default();
    Ok(BTreeSet::from([subject.project.root.clone(), beside, pages]))
}

async fn gate(State(preview): State<Arc<Preview>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(|host| preview.hosts.iter().any(|own| own == host)) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "this page is for the browser on this machine").into_response()
}

async fn page(State(preview): State<Arc<Preview>>, Query(pairs): Query<Vec<(String, String)>>) -> Response {
    let _alone = preview.asking.lock().await;
    match shown(&preview, &pairs).await {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            preview.output.error(&error);
            (StatusCode::INTERNAL_SERVER_ERROR, Html(refusal(&preview.output.text_of(&error)))).into_response()
        }
    }
}

async fn shown(preview: &Preview, pairs: &[(String, String)]) -> Result<String, Error> {
    let subject = Subject::compile(&preview.args, &preview.output)?;
    let mut chosen = wanted(&subject.dashboard.content, &preview.args.filters)?;
    chosen.extend(selections(&subject.dashboard.content, pairs));
    let shown = Shown::ask(&subject, &chosen, None, true, &preview.output).await?;
    Ok(shown.page(&subject, Utc::now()))
}

/// Reads what was chosen on the page, by the names of the widgets.
fn selections(dash: &LvDash, pairs: &[(String, String)]) -> BTreeMap<String, Selection> {
    let controls = dash.controls().into_iter();
    let chosen = controls.filter_map(|control| {
        let values: Vec<&str> =
            pairs.iter().filter(|(name, _)| *name == control.widget).map(|(_, value)| value.as_str()).collect();
        let selection = (!values.is_empty()).then(|| control.select(&values))?;
        Some((control.widget, selection))
    });
    chosen.collect()
}

/// Tells the page when to show itself anew.
async fn changed(State(preview): State<Arc<Preview>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = preview.changes.subscribe();
    let events = stream::unfold(changes, |mut changes| async move {
        changes.changed().await.ok()?;
        let count = *changes.borrow_and_update();
        Some((Ok(Event::default().data(count.to_string())), changes))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// A page for when there is none: it says why, and waits for the files to be mended.
fn refusal(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>kiln</title><pre style=\"margin:2rem;font-size:1rem;white-space:pre-wrap\">{text}</pre>\
         <script>new EventSource(\"/changes\").onmessage = () => location.reload()</script>\n"
    )
}
