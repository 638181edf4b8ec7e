//! The plan of a backfill: a range of time of an incremental model is built again, window by window.
//!
//! Each window is a step: its rows are put aside by the whole query, tested together with those that stay, and take the place
//! of the window's old rows in one statement. All windows read the sources at the same versions. A window that is done stays
//! done, so that a backfill of years can be broken off and gone on with.

use std::fmt;
use std::sync::Arc;

use chrono::{Datelike, Days, Months, NaiveDate};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::action::{Action, Alter, Audit, BuildModel, Done, Increment, Refusal, Step};
use super::audit::{count, tests};
use super::compare::differences;
use super::details;
use super::marks::{BACKFILLED, INPUTS, NEW_PREFIX};
use super::observed::{Observed, ObservedTable};
use super::pins::{Gaps, Inputs, Pinned, Query};
use super::statement::{marked_header, marked_statement, properties};
use super::steps::{Consent, Planner, RunPlan, Standing, foreign};
use crate::config::{SchemaChange, Strategy};
use crate::diag::did_you_mean;
use crate::ids::{Fingerprint, ModelName, RunId, StepId, TableName, quote_identifier, string_literal};
use crate::manifest::{CompiledModel, Manifest};

/// What is to be built again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The model.
    pub model: ModelName,
    /// The first day.
    pub from: NaiveDate,
    /// The day after the last.
    pub to: NaiveDate,
    /// How much at once.
    pub batch: Batch,
}

/// How much a backfill builds at once: windows begin where those of the calendar do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Batch {
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
}

/// The most windows of a backfill.
const MOST_WINDOWS: usize = 1_000;

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        })
    }
}

/// As a command.
impl fmt::Display for Backfill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, from, to, batch } = self;
        write!(f, "backfill {model} --from {from} --to {to} --batch {batch}")
    }
}

impl Backfill {
    /// Returns the windows: the first day of each, and the day after its last. The first and the last may be shorter.
    pub fn windows(&self) -> impl Iterator<Item = (NaiveDate, NaiveDate)> + '_ {
        let mut from = self.from;
        std::iter::from_fn(move || {
            let end = self.batch.end(from).unwrap_or(self.to).min(self.to);
            (from < end).then(|| (std::mem::replace(&mut from, end), end))
        })
    }
}

impl Batch {
    /// Returns the day on which the window ends that a day is in.
    fn end(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => day.succ_opt(),
            Self::Week => day.checked_add_days(Days::new(7 - u64::from(day.weekday().num_days_from_monday()))),
            Self::Month => day.with_day(1)?.checked_add_months(Months::new(1)),
        }
    }
}

/// Plans a backfill. `run` marks the table, so that what reads it is built again by the next run.
///
/// # Errors
/// There is no such model, or it cannot be built window by window.
pub fn backfill(manifest: &Manifest, observed: &Observed, wish: &Backfill, run: &RunId) -> Result<RunPlan, Refusal> {
    let model = find(manifest, &wish.model)?;
    let time_column = time_column(model)?;
    if wish.from >= wish.to {
        let message =
            format!("the range from {} to {} holds no day: the last day is the one before --to", wish.from, wish.to);
        return Err(Refusal { message, help: "Give --to a later day.".to_owned() });
    }
    let windows: Vec<_> = wish.windows().take(MOST_WINDOWS + 1).collect();
    if windows.len() > MOST_WINDOWS {
        let message = format!("these would be more than {MOST_WINDOWS} windows");
        return Err(Refusal { message, help: "Take a larger --batch, or a shorter range.".to_owned() });
    }
    let there = match Planner::new(manifest, observed, Consent::default()).standing(model) {
        Standing::Foreign(table) => return Err(foreign(&model.table, table)),
        Standing::Missing => None,
        Standing::Own(table) if differences(model, table).rebuild => {
            let message = format!(
                "{} is not what model `{}` makes now: its query, or something below it, has changed",
                model.table, model.config.name
            );
            let help = format!(
                "Build it as a whole: `kiln sync-and-refresh --select {0}`. Or drop the table first; then the backfill begins \
                 with an empty one.",
                model.config.name
            );
            return Err(Refusal { message, help });
        }
        Standing::Own(table) => Some(table),
    };
    let columns = columns(model, there)?;
    let mut steps: IndexMap<StepId, Step> = IndexMap::new();
    let mut add = |id: StepId, needs: Vec<StepId>, action: Action| {
        steps.insert(id.clone(), Step { id: id.clone(), needs, action });
        id
    };
    let inputs = Inputs::of(manifest, observed, model);
    let mut needs = vec![add(StepId::new(format!("make {}", wish.model)), Vec::new(), making(manifest, model, there))];
    if !inputs.sources.is_empty() {
        needs.push(add(StepId::from("pin sources"), Vec::new(), Action::Pin(inputs.sources.iter().cloned().collect())));
    }
    for window in windows {
        let build =
            Window { manifest, model, there, time_column, columns: &columns, run, from: window.0, to: window.1 };
        let action = Action::Backfill(Box::new(build.build(inputs.clone())));
        let id = add(StepId::new(format!("backfill {} {}", wish.model, window.0)), needs, action);
        // One after the other: they write to one table.
        needs = vec![id];
    }
    Ok(RunPlan {
        project: manifest.project.clone(),
        environment: manifest.environment.clone(),
        job: None,
        catalog: manifest.catalog.clone(),
        schema: manifest.schema.clone(),
        steps,
    })
}

fn find<'m>(manifest: &'m Manifest, name: &ModelName) -> Result<&'m CompiledModel, Refusal> {
    manifest.models.get(name).ok_or_else(|| {
        let near = did_you_mean(name.as_str(), manifest.models.keys().map(ModelName::as_str));
        let help = near.map_or_else(
            || "A model is named by its file, without `.sql`.".to_owned(),
            |near| format!("Did you mean `{near}`?"),
        );
        Refusal { message: format!("there is no model `{name}`"), help }
    })
}

fn time_column(model: &CompiledModel) -> Result<&str, Refusal> {
    match model.config.incremental.as_ref().map(|incremental| &incremental.strategy) {
        Some(Strategy::InsertOverwrite { time_column, .. }) => Ok(time_column),
        _ => Err(Refusal {
            message: format!("model `{}` has no windows of time that could be built again", model.config.name),
            help: "A backfill needs `materialized: incremental` with a `time_column`. Build other models as a whole: \
                   --full-refresh."
                .to_owned(),
        }),
    }
}

/// Returns the columns of the table, in order.
fn columns(model: &CompiledModel, there: Option<&ObservedTable>) -> Result<Vec<String>, Refusal> {
    let names = |there: &ObservedTable| there.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let seen = there.map(names).filter(|columns| !columns.is_empty());
    let told = || model.columns.as_ref().map(|columns| columns.iter().map(|column| column.name.clone()).collect());
    seen.or_else(told).ok_or_else(|| Refusal {
        message: format!("the columns of model `{}` are not known", model.config.name),
        help: "Declare the columns of its sources, or build it once as a whole.".to_owned(),
    })
}

/// Makes an empty table where there is none.
fn making(manifest: &Manifest, model: &CompiledModel, there: Option<&ObservedTable>) -> Action {
    let statements = match there {
        Some(_) => Vec::new(),
        None => {
            let none = Pinned::default().own("\nWHERE false");
            let whole = Pinned::default().pinned_query(manifest, Query::whole(model), none);
            let statement = marked_header(manifest, model).then(whole);
            let made = statement.write(&model.query, &Gaps::default()).text;
            std::iter::once(made).chain(details::after(model, details::Before::Known(None))).collect()
        }
    };
    Action::Alter(Alter { object: model.table.to_string(), statements, drops: false, only_after: Vec::new() })
}

/// A window of a model.
struct Window<'a> {
    manifest: &'a Manifest,
    model: &'a CompiledModel,
    there: Option<&'a ObservedTable>,
    time_column: &'a str,
    columns: &'a [String],
    run: &'a RunId,
    from: NaiveDate,
    to: NaiveDate,
}

impl Window<'_> {
    fn build(&self, inputs: Inputs) -> BuildModel {
        let Self { manifest, model, .. } = self;
        BuildModel {
            model: model.config.name.clone(),
            table: model.table.clone(),
            materialized: model.config.materialized,
            before: Vec::new(),
            statement: marked_statement(manifest, model),
            after: Vec::new(),
            audit: None,
            increment: Some(Box::new(self.increment())),
            replaces: true,
            insist: true,
            fingerprint: Fingerprint::of(&[model.fingerprint.as_str(), &self.from.to_string(), &self.to.to_string()]),
            query: Arc::clone(&model.query),
            inputs,
            done: Done::Never,
            timeout: model.config.timeout,
            tidy: None,
        }
    }

    fn increment(&self) -> Increment {
        let Self { manifest, model, there, .. } = *self;
        let new = TableName::new(&manifest.catalog, &manifest.schema, &format!("{NEW_PREFIX}{}", model.config.name));
        let (table, aside, within) = (model.table.to_sql(), new.to_sql(), self.within());
        let comment =
            string_literal(&format!("New rows of {}, which wait for its tests or did not pass them", model.table));
        let rows = Pinned::default().own("SELECT ").columns();
        let rows = rows.own(format!(" FROM {table} WHERE NOT coalesce({within}, false)\nUNION ALL\nSELECT ")).columns();
        let rows = rows.own(format!(" FROM {aside}"));
        let filter = Pinned::default().own(format!("\nWHERE {within}"));
        let publish = Pinned::default().own(format!("INSERT INTO {table} REPLACE WHERE {within}\nSELECT ")).columns();
        // Neither what is there was built from one version of the sources, nor may what reads it take it for what it was.
        let marks =
            [(INPUTS.to_owned(), format!("backfill {}", self.run)), (BACKFILLED.to_owned(), self.run.to_string())];
        Increment {
            window: None,
            statement: Pinned::default()
                .own(format!("CREATE OR REPLACE TABLE {aside} COMMENT {comment} AS\n"))
                .pinned_query(manifest, Query::whole(model), filter),
            query: Arc::clone(&model.query),
            audit: Audit {
                count: count(model, there, &rows, &[]),
                tests: tests(model, there, &rows),
                room: Vec::new(),
                publish: publish.own(format!(" FROM {aside}")),
                clear: format!("DROP TABLE IF EXISTS {aside}"),
            },
            new,
            columns: self.columns.to_vec(),
            types: Vec::new(),
            on_schema_change: SchemaChange::Fail,
            mark: Pinned::default().own(format!("ALTER TABLE {table} SET TBLPROPERTIES {}", properties(&marks))),
            verb: "replaced",
        }
    }

    /// The condition for rows of the window. Rows without a time are in none.
    fn within(&self) -> String {
        let column = quote_identifier(self.time_column);
        let Self { from, to, .. } = self;
        format!("({column} >= TIMESTAMP '{from} 00:00:00' AND {column} < TIMESTAMP '{to} 00:00:00')")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(from: &str, to: &str, batch: Batch) -> Vec<String> {
        let wish = Backfill { model: "m".into(), from: from.parse().unwrap(), to: to.parse().unwrap(), batch };
        wish.windows().map(|(from, to)| format!("{from}..{to}")).collect()
    }

    #[test]
    fn windows_follow_the_calendar_and_leave_nothing_out() {
        assert_eq!(
            windows("2024-01-15", "2024-03-02", Batch::Month),
            ["2024-01-15..2024-02-01", "2024-02-01..2024-03-01", "2024-03-01..2024-03-02"]
        );
        // The first of January 2024 is a Monday.
        assert_eq!(
            windows("2023-12-30", "2024-01-09", Batch::Week),
            ["2023-12-30..2024-01-01", "2024-01-01..2024-01-08", "2024-01-08..2024-01-09"]
        );
        assert_eq!(
            windows("2024-02-28", "2024-03-01", Batch::Day),
            ["2024-02-28..2024-02-29", "2024-02-29..2024-03-01"]
        );
        assert_eq!(windows("2024-12-31", "2025-01-01", Batch::Month), ["2024-12-31..2025-01-01"]);
        assert!(windows("2024-01-02", "2024-01-02", Batch::Day).is_empty());
        assert!(windows("2024-01-02", "2024-01-01", Batch::Day).is_empty());
        for batch in [Batch::Day, Batch::Week, Batch::Month] {
            let wish = Backfill {
                model: "m".into(),
                from: "2023-05-17".parse().unwrap(),
                to: "2025-02-03".parse().unwrap(),
                batch,
            };
            let all: Vec<_> = wish.windows().collect();
            assert_eq!((all[0].0, all[all.len() - 1].1), (wish.from, wish.to));
            assert!(all.windows(2).all(|pair| pair[0].1 == pair[1].0), "{batch}");
        }
    }
}
