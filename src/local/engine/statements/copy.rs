//! `COPY INTO`: the rows of files that the table has not taken yet.
//!
//! Which files a table has taken stands in the commits that took them, so that a file is taken with its rows or not at
//! all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::file_format::options::{CsvReadOptions, JsonReadOptions, ParquetReadOptions};
use datafusion::prelude::SessionContext;
use tokio_util::sync::CancellationToken;

use super::rows::{counters, target};
use super::{columns, evolve};
use crate::dialect::CopyInto;
use crate::local::engine::api::Output;
use crate::local::engine::delta;
use crate::local::engine::error::{SqlError, line_column};
use crate::local::engine::plan::{self, Planned, Scope};
use crate::local::engine::rules::{By, Rules};
use crate::local::engine::{Engine, files, write};

/// `COPY INTO`
pub(super) async fn copy_into(
    engine: &Engine,
    scope: &Scope,
    copy: CopyInto,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(&copy.table)?;
    let _writing = engine.write_lock(&name).await;
    let (name, table) = target(engine, scope, &copy.table).await?;
    let dir = engine.table_dir(&name);
    let at = Some(line_column(&scope.statement, copy.range.start));
    let option = |options: &[(String, String)], key: &str| {
        options.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value.clone())
    };
    let is_on = |options: &[(String, String)], key: &str| {
        option(options, key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    for (key, _) in &copy.copy_options {
        if !["force", "mergeschema"].contains(&key.to_lowercase().as_str()) {
            return Err(SqlError::unsupported(&format!("the copy option {key}")).at(at));
        }
    }
    let known: &[&str] = match copy.format.as_str() {
        "CSV" => &["header", "inferschema", "delimiter", "sep", "quote", "escape", "mergeschema", "encoding"],
        "JSON" => &["inferschema", "mergeschema"],
        "PARQUET" => &["mergeschema"],
        other => return Err(SqlError::unsupported(&format!("COPY INTO from files of the format {other}")).at(at)),
    };
    if let Some((key, _)) = copy.format_options.iter().find(|(key, _)| !known.contains(&key.to_lowercase().as_str())) {
        return Err(SqlError::unsupported(&format!("the format option {key}")).at(at));
    }

    let taken = taken(&table, &dir).await?;
    let force = is_on(&copy.copy_options, "force");
    let files: Vec<PathBuf> = found(&copy).map_err(|e| e.at(at))?;
    let fresh: Vec<String> =
        files.iter().map(|file| file.display().to_string()).filter(|file| force || !taken.contains(file)).collect();
    if fresh.is_empty() {
        return Ok(counters(
            "COPY",
            &[("num_affected_rows", 0), ("num_inserted_rows", 0), ("num_skipped_corrupt_files", 0)],
        ));
    }

    let mut definition = write::definition(&table, &dir)?;
    let mut schema = columns::arrow(&definition.schema)?;
    let rows = read(engine, &copy, &fresh, &schema).await.map_err(|e| e.at(at))?;
    let rows = match &copy.select {
        None => rows,
        Some(select) => {
            // The files' columns by their names, as the expressions know them.
            let named: Vec<_> = rows
                .names
                .iter()
                .enumerate()
                .map(|(i, name)| format!("`c{i}` AS {}", crate::ids::quote_identifier(name)))
                .collect();
            let text =
                format!("SELECT {} FROM (SELECT {} FROM {}) AS files", select.text(), named.join(", "), plan::ROWS);
            plan::over(engine, &text, scope, &rows).await?
        }
    };
    let known = definition.schema.fields().count();
    if is_on(&copy.copy_options, "mergeSchema") {
        evolve::with_columns_of(&mut definition, &rows, 0)?;
        schema = columns::arrow(&definition.schema)?;
    }
    let given: Vec<Option<usize>> = schema
        .fields()
        .iter()
        .map(|field| rows.names.iter().position(|name| name.eq_ignore_ascii_case(field.name())))
        .collect();
    if let Some(strange) =
        rows.names.iter().find(|name| schema.fields().iter().all(|f| !f.name().eq_ignore_ascii_case(name)))
    {
        return Err(SqlError::new(
            "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE",
            "42KDG",
            format!(
                "The files have a column {strange} that {} does not have. Set COPY_OPTIONS ('mergeSchema' = 'true') to \
                 add it.",
                name.to_sql()
            ),
        )
        .at(at));
    }
    let rules = Rules::of(&definition, &schema);
    let planned = rules.applied(engine, scope, rows, &given, By::Insert).await?;
    let mut written = files::write(&planned, &dir, &schema, &definition.partitions, cancel).await?;
    let count = written.rows;
    if let Some(counted) = rules.counted(&definition, &given, By::Insert, count)? {
        written.also = write::redefinition(&table, &counted, &dir)?;
    } else if definition.schema.fields().count() > known {
        written.also = write::redefinition(&table, &definition, &dir)?;
    }
    write::copied(&table, &dir, written, &fresh).await?;
    Ok(counters(
        "COPY",
        &[("num_affected_rows", count), ("num_inserted_rows", count), ("num_skipped_corrupt_files", 0)],
    ))
}

/// The files that commits of the table say they took.
async fn taken(table: &deltalake::DeltaTable, dir: &Path) -> Result<BTreeSet<String>, SqlError> {
    let mut all = BTreeSet::new();
    for (_, info) in delta::history(table, dir).await? {
        if let Some(serde_json::Value::Array(files)) = info.info.get(write::COPIED) {
            all.extend(files.iter().filter_map(|file| file.as_str()).map(str::to_owned));
        }
    }
    Ok(all)
}

/// The files that the statement means, by name.
fn found(copy: &CopyInto) -> Result<Vec<PathBuf>, SqlError> {
    let text = copy.path.strip_prefix("file://").or_else(|| copy.path.strip_prefix("file:")).unwrap_or(&copy.path);
    if text.contains("://") {
        return Err(SqlError::unsupported(&format!("reading {}: the files must be on this machine", copy.path)));
    }
    let path = Path::new(text);
    let missing = || SqlError::new("PATH_NOT_FOUND", "42K03", format!("Path does not exist: {}.", path.display()));
    if !path.exists() {
        return Err(missing());
    }
    let pattern = match &copy.pattern {
        None => None,
        Some(pattern) => Some(glob(pattern)?),
    };
    let mut found = Vec::new();
    if path.is_file() {
        found.push(path.to_path_buf());
    } else if !copy.files.is_empty() {
        for file in &copy.files {
            let file = path.join(file);
            if !file.is_file() {
                return Err(SqlError::new(
                    "PATH_NOT_FOUND",
                    "42K03",
                    format!("Path does not exist: {}.", file.display()),
                ));
            }
            found.push(file);
        }
    } else {
        let mut folders = vec![path.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries = fs_err::read_dir(&folder).map_err(|e| SqlError::io(format!("{e}.")))?;
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with(['.', '_']) {
                    continue;
                }
                if entry.path().is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                let inside = entry.path().strip_prefix(path).map(|p| p.to_string_lossy().into_owned()).unwrap_or(name);
                if pattern.as_ref().is_none_or(|pattern| pattern.is_match(&inside)) {
                    found.push(entry.path());
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A pattern of file names: `*`, `?`, `[…]` and `{a,b}`.
fn glob(pattern: &str) -> Result<regex::Regex, SqlError> {
    let mut text = String::from("^");
    let mut depth = 0;
    for c in pattern.chars() {
        match c {
            '*' => text.push_str("[^/]*"),
            '?' => text.push_str("[^/]"),
            '{' => {
                depth += 1;
                text.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                text.push(')');
            }
            ',' if depth > 0 => text.push('|'),
            '[' | ']' | '-' => text.push(c),
            c => text.push_str(&regex::escape(&c.to_string())),
        }
    }
    text.push('$');
    regex::Regex::new(&text).map_err(|_| SqlError::unsupported(&format!("the pattern '{pattern}'")))
}

/// The rows of the files. Columns of CSV are text unless their types are asked for; without a header they are the
/// table's, in order.
async fn read(engine: &Engine, copy: &CopyInto, files: &[String], table: &Schema) -> Result<Planned, SqlError> {
    let context = SessionContext::new_with_state(engine.state().clone());
    let option = |key: &str| {
        copy.format_options.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    };
    let byte = |key: &str| option(key).and_then(|text| text.bytes().next());
    let is_on = |key: &str| option(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let paths: Vec<String> = files.to_vec();
    let extension = Path::new(&files[0]).extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let schema;
    let frame = match copy.format.as_str() {
        "CSV" => {
            let header = is_on("header");
            let mut options = CsvReadOptions::new().has_header(header).file_extension(&extension);
            if let Some(delimiter) = byte("delimiter").or_else(|| byte("sep")) {
                options = options.delimiter(delimiter);
            }
            if let Some(quote) = byte("quote") {
                options = options.quote(quote);
            }
            if let Some(escape) = byte("escape") {
                options = options.escape(escape);
            }
            if header && is_on("inferSchema") {
                context.read_csv(paths, options).await
            } else {
                let names: Vec<String> = if header {
                    let inferred = context.read_csv(paths.clone(), options.clone()).await.map_err(plan::explain)?;
                    inferred.schema().fields().iter().map(|field| field.name().clone()).collect()
                } else {
                    table.fields().iter().map(|field| field.name().clone()).collect()
                };
                let fields: Vec<_> = names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
                schema = Schema::new(fields);
                context.read_csv(paths, options.schema(&schema)).await
            }
        }
        "JSON" => {
            let options = JsonReadOptions::default().file_extension(&extension);
            context.read_json(paths, options).await
        }
        _ => {
            let options = ParquetReadOptions::default().file_extension(&extension);
            context.read_parquet(paths, options).await
        }
    };
    let frame = frame.map_err(|e| {
        let error = plan::explain(e);
        SqlError::new("FAILED_READ_FILE.NO_HINT", "KD001", format!("The files cannot be read: {}", error.message))
    })?;
    let plan = frame.into_unoptimized_plan();
    let names = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    Ok(Planned { plan, names, state: engine.state().clone() })
}
