//! Takes what is new into an incremental model: put aside by one statement, tested, and taken in by another.

use super::databricks_alter::run_all;
use super::databricks_audit;
use super::databricks_build::{Built, Fixed, build, explain, inserted, place, statement, thousands};
use super::{Context, Finished, Reporter};
use crate::config::SchemaChange;
use crate::databricks::Error;
use crate::databricks::wire::TableColumn;
use crate::event::{Failure, Outcome};
use crate::ids::quote_identifier;
use crate::plan::{BuildModel, Increment};

pub(super) async fn run(
    model: &BuildModel,
    increment: &Increment,
    from: &Fixed,
    context: &Context,
    reporter: &Reporter,
) -> Finished {
    match take_in(model, increment, from, context, reporter).await {
        Ok(finished) => finished,
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => Finished::failed(explain(&model.model, &error)),
    }
}

async fn take_in(
    model: &BuildModel,
    increment: &Increment,
    from: &Fixed,
    context: &Context,
    reporter: &Reporter,
) -> Result<Finished, Error> {
    let mut gaps = from.gaps();
    if let Some(window) = &increment.window {
        let newest = statement(window.clone(), true, context, reporter).await.result?;
        gaps.since = newest.rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
    }
    let written = increment.statement.write(&increment.query, &gaps);
    let ran = statement(written.text.clone(), false, context, reporter).await;
    let id = ran.id;
    let result = match ran.result {
        Ok(result) => result,
        Err(error @ Error::Interrupted { .. }) => return Err(error),
        Err(error) => {
            let place = place(&error, &written);
            let failure = Failure { place, ..explain(&model.model, &error) };
            return Ok(Finished::failed(failure).with_statement(id));
        }
    };
    let summary = match inserted(&result) {
        Some(1) => format!("1 row {}", increment.verb),
        Some(rows) => format!("{} rows {}", thousands(rows), increment.verb),
        None => increment.verb.to_owned(),
    };
    // Of a column that is new, nothing is said yet.
    let mut after: &[String] = &[];
    gaps.columns = match columns(increment, context).await? {
        Fit::Same => increment.columns.clone(),
        Fit::More(added) if increment.on_schema_change == SchemaChange::Append => {
            run_all(&[add_columns(model, &added)], context, reporter).await?;
            after = &model.after;
            increment.columns.iter().cloned().chain(added.into_iter().map(|column| column.name)).collect()
        }
        _ if increment.on_schema_change == SchemaChange::Rebuild => {
            reporter.progress("its columns have changed; building it as a whole");
            let finished = build(model, from, context, reporter).await;
            if finished.outcome.succeeded() {
                run_all(std::slice::from_ref(&increment.audit.clear), context, reporter).await?;
            }
            return Ok(finished);
        }
        fit => return Ok(Finished::failed(other_columns(model, increment, &fit)).with_statement(id)),
    };
    let mark = increment.mark.write(&increment.query, &gaps).text;
    let built = Built { gaps, summary, adopted: ran.adopted };
    let finished = databricks_audit::run(model, &increment.audit, after, built, context, reporter).await;
    if finished.outcome.succeeded() {
        run_all(&[mark], context, reporter).await?;
    }
    Ok(finished.with_statement(id))
}

/// How the new rows' columns fit those of the table.
enum Fit {
    /// They are the same.
    Same,
    /// There are more.
    More(Vec<TableColumn>),
    /// The table has columns that the new rows lack.
    Fewer(Vec<String>),
    /// Columns of the new rows have another type than those of the table.
    Other(Vec<OtherType>),
}

/// A column that has become of another type.
struct OtherType {
    column: String,
    was: String,
    is: String,
}

async fn columns(increment: &Increment, context: &Context) -> Result<Fit, Error> {
    let found = context.connected.databricks.unity().table(&increment.new).await?;
    // Without the right to see columns nothing can be said of them; the statement that takes the rows in has the last word.
    let Some(found) = found.and_then(|table| table.columns).filter(|columns| !columns.is_empty()) else {
        return Ok(Fit::Same);
    };
    let has = |name: &String| found.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let fewer: Vec<String> = increment.columns.iter().filter(|name| !has(name)).cloned().collect();
    if !fewer.is_empty() {
        return Ok(Fit::Fewer(fewer));
    }
    let of_table = increment.columns.iter().zip(&increment.types);
    let other: Vec<OtherType> = of_table
        .filter_map(|(name, was)| {
            let is = found.iter().find(|column| column.name.eq_ignore_ascii_case(name))?.type_text.as_deref()?;
            let was = was.as_deref()?;
            // Services differ in how they write types, not in what they say.
            let same = |a: &str, b: &str| a.replace(' ', "").eq_ignore_ascii_case(&b.replace(' ', ""));
            let (was, is) = (!same(was, is)).then(|| (was.to_uppercase(), is.to_uppercase()))?;
            Some(OtherType { column: name.clone(), was, is })
        })
        .collect();
    if !other.is_empty() {
        return Ok(Fit::Other(other));
    }
    let is_new = |column: &TableColumn| !increment.columns.iter().any(|name| name.eq_ignore_ascii_case(&column.name));
    let more: Vec<TableColumn> = found.into_iter().filter(is_new).collect();
    Ok(if more.is_empty() { Fit::Same } else { Fit::More(more) })
}

fn add_columns(model: &BuildModel, added: &[TableColumn]) -> String {
    let columns = added.iter().map(|column| {
        let type_text = column.type_text.as_deref().unwrap_or("STRING");
        format!("{} {type_text}", quote_identifier(&column.name))
    });
    format!("ALTER TABLE {} ADD COLUMNS ({})", model.table.to_sql(), columns.collect::<Vec<_>>().join(", "))
}

fn other_columns(model: &BuildModel, increment: &Increment, fit: &Fit) -> Failure {
    let listed = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let others = "and the table's columns are others";
    let what = match fit {
        Fit::Fewer(names) => format!("lack {}, {others}", listed(names.iter().map(String::as_str).collect())),
        Fit::More(columns) => {
            format!("have {} besides, {others}", listed(columns.iter().map(|column| column.name.as_str()).collect()))
        }
        Fit::Other(columns) => {
            let told =
                columns.iter().map(|OtherType { column, was, is }| format!("`{column}` as {is} instead of {was}"));
            format!("have {}", told.collect::<Vec<_>>().join(", "))
        }
        Fit::Same => String::new(),
    };
    Failure {
        message: format!("model `{}`: the new rows {what}", model.model),
        help: Some(format!(
            "Build it as a whole: --full-refresh. Or say what shall be done by `on_schema_change`. {} is as it was, and the \
             new rows are in {}.",
            model.table, increment.new
        )),
        ..Failure::default()
    }
}
