//! Asks what the widgets of a published dashboard show, so that the run can say it and nobody finds an empty one first.

use futures::stream::{self, StreamExt};

use super::databricks_build::statement;
use super::{Context, Finished, Reporter};
use crate::databricks::Error;
use crate::event::{EventKind, Failure, Outcome, QueryResult};
use crate::plan::{QueryDashboard, WidgetStatement};

/// Queries of one dashboard that are asked at once; the warehouse's own limit holds besides.
const AT_ONCE: usize = 8;

pub(super) async fn run(query: &QueryDashboard, context: &Context, reporter: &Reporter) -> Finished {
    if query.reads_history
        && let Err(error) = reporter.keep(EventKind::RunSoFar { step: reporter.step().clone() }).await
    {
        return Finished::failed(Failure { message: error, ..Failure::default() });
    }
    let total = query.statements.len();
    let mut answers = stream::iter(query.statements.clone())
        .map(|widget| async move {
            let answer = ask(&widget, context, reporter).await;
            (widget, answer)
        })
        .buffered(AT_ONCE);
    let mut broken = Vec::new();
    let mut done = 0;
    while let Some((widget, answer)) = answers.next().await {
        let result = match answer {
            Ok(rows) => Ok(rows),
            Err(Error::Interrupted { .. }) => return Finished::new(Outcome::Cancelled),
            Err(error) => {
                broken.push((widget.widget.clone(), error.to_string()));
                Err(error.to_string())
            }
        };
        reporter
            .tell(EventKind::WidgetQueried {
                step: reporter.step().clone(),
                dashboard: query.dashboard.clone(),
                widget: widget.widget.clone(),
                query: widget.query.clone(),
                result,
            })
            .await;
        done += 1;
        reporter.progress(format!("{done} of {total} queries"));
    }
    match broken.first() {
        None => Finished::succeeded(format!("{total} queries")),
        Some((widget, error)) => Finished::failed(Failure {
            message: format!(
                "dashboard `{}` is published, but {} of its {total} queries failed; widget `{}`: {error}",
                query.dashboard,
                broken.len(),
                widget
            ),
            help: Some(
                "Its viewers see the same error. Correct the dataset or the widget, then run this again.".to_owned(),
            ),
            ..Failure::default()
        }),
    }
}

async fn ask(widget: &WidgetStatement, context: &Context, reporter: &Reporter) -> Result<QueryResult, Error> {
    let result = statement(widget.sql.clone(), true, context, reporter).await.result?;
    Ok(QueryResult {
        columns: result.columns.into_iter().map(|c| (c.name, c.type_text)).collect(),
        rows: result.rows,
        truncated: result.truncated,
    })
}
