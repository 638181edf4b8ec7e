//! Statements that look after the files and versions of a table: `OPTIMIZE`, `VACUUM` and `RESTORE`.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use deltalake::operations::optimize::{MetricDetails, OptimizeType};
use deltalake::operations::vacuum::VacuumMode;
use deltalake::{DeltaTable, DeltaTableError};
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::descriptions::{answer, table_only};
use crate::dialect::{Name, TableVersion};
use crate::local::engine::api::Output;
use crate::local::engine::catalog::quoted;
use crate::local::engine::delta::{CLUSTERING, explain};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{Scope, Version};
use crate::local::engine::{Engine, write};

/// The hours of a thousand years: more than any table's age, and far from where times overflow.
const MOST_HOURS: f64 = 24.0 * 366.0 * 1000.0;

/// What `OPTIMIZE` tells.
const METRICS: &str = "STRUCT<numFilesAdded: BIGINT, numFilesRemoved: BIGINT, \
    filesAdded: STRUCT<min: BIGINT, max: BIGINT, avg: DOUBLE, totalFiles: BIGINT, totalSize: BIGINT>, \
    filesRemoved: STRUCT<min: BIGINT, max: BIGINT, avg: DOUBLE, totalFiles: BIGINT, totalSize: BIGINT>, \
    partitionsOptimized: BIGINT, numBatches: BIGINT, totalConsideredFiles: BIGINT, totalFilesSkipped: BIGINT>";

/// `OPTIMIZE`
pub(super) async fn optimize(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    zorder: Vec<String>,
) -> Result<Output, SqlError> {
    let name = table_only(engine, scope, written, "OPTIMIZE")?;
    let _writing = engine.write_lock(&name).await;
    let table = engine.open_table(&name).await?;
    let dir = engine.table_dir(&name);
    let definition = write::definition(&table, &dir)?;
    let place = scope.place(written);
    if !zorder.is_empty() && definition.properties.iter().any(|(key, _)| key == CLUSTERING) {
        let text = "OPTIMIZE for a table with clustering columns doesn't support ZORDER BY.";
        return Err(SqlError::new("DELTA_CLUSTERING_WITH_ZORDER_BY", "42613", text).at(place));
    }
    let mut columns = Vec::new();
    for wanted in &zorder {
        let Some(field) = definition.schema.fields().find(|field| field.name().eq_ignore_ascii_case(wanted)) else {
            let text = format!("The table has no column {} to order by.", quoted(&[wanted]));
            return Err(SqlError::new("DELTA_ZORDERING_COLUMN_DOES_NOT_EXIST", "42703", text).at(place));
        };
        if definition.partitions.contains(field.name()) {
            let text = format!("{} is a partition column: ZORDER BY takes data columns.", quoted(&[wanted]));
            return Err(SqlError::new("DELTA_ZORDERING_ON_PARTITION_COLUMN", "42P10", text).at(place));
        }
        columns.push(field.name().clone());
    }
    let kind = if columns.is_empty() { OptimizeType::Compact } else { OptimizeType::ZOrder(columns) };
    let (_, metrics) = table.optimize().with_type(kind).await.map_err(|e| write::commit_error(&dir, &e))?;
    let told = json!({
        "numFilesAdded": metrics.num_files_added.to_string(),
        "numFilesRemoved": metrics.num_files_removed.to_string(),
        "filesAdded": details(&metrics.files_added),
        "filesRemoved": details(&metrics.files_removed),
        "partitionsOptimized": metrics.partitions_optimized.to_string(),
        "numBatches": metrics.num_batches.to_string(),
        "totalConsideredFiles": metrics.total_considered_files.to_string(),
        "totalFilesSkipped": metrics.total_files_skipped.to_string(),
    });
    let row = vec![Some(dir.display().to_string()), Some(told.to_string())];
    Ok(answer("OPTIMIZE", &[("path", "STRING"), ("metrics", METRICS)], vec![row]))
}

/// Sizes of files; least and greatest of none are NULL.
fn details(of: &MetricDetails) -> Value {
    let known = |n: i64| if of.total_files == 0 { Value::Null } else { Value::String(n.to_string()) };
    json!({
        "min": known(of.min),
        "max": known(of.max),
        "avg": format!("{:?}", of.avg),
        "totalFiles": of.total_files.to_string(),
        "totalSize": of.total_size.to_string(),
    })
}

/// `VACUUM`
pub(super) async fn vacuum(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    lite: bool,
    retain: Option<f64>,
    dry_run: bool,
) -> Result<Output, SqlError> {
    let name = table_only(engine, scope, written, "VACUUM")?;
    let _writing = engine.write_lock(&name).await;
    let table = engine.open_table(&name).await?;
    let dir = engine.table_dir(&name);
    let mode = if lite { VacuumMode::Lite } else { VacuumMode::Full };
    let mut vacuum = table.vacuum().with_mode(mode).with_dry_run(dry_run);
    if let Some(hours) = retain {
        // The literal has no sign, so it is no less than nothing.
        #[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
        let milliseconds = (hours.min(MOST_HOURS) * 3_600_000.0) as i64;
        vacuum = vacuum.with_retention_period(TimeDelta::milliseconds(milliseconds));
    }
    let (_, metrics) = vacuum.await.map_err(|error| {
        if !error.to_string().contains("Invalid retention period") {
            return write::commit_error(&dir, &error);
        }
        SqlError::new(
            "DELTA_VACUUM_RETENTION_PERIOD_TOO_SHORT",
            "22003",
            format!(
                "The retention of {} hours is shorter than the table's delta.deletedFileRetentionDuration (168 hours \
                 unless the table was made with another): running readers could lose their files.",
                retain.unwrap_or_default()
            ),
        )
        .at(scope.place(written))
    })?;
    let mut paths = vec![dir.display().to_string()];
    if dry_run {
        paths = metrics.files_deleted.iter().map(|file| dir.join(file).display().to_string()).collect();
        paths.sort();
    }
    Ok(answer("VACUUM", &[("path", "STRING")], paths.into_iter().map(|path| vec![Some(path)]).collect()))
}

/// `RESTORE TABLE`
pub(super) async fn restore(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    version: TableVersion,
) -> Result<Output, SqlError> {
    let name = table_only(engine, scope, written, "RESTORE")?;
    let _writing = engine.write_lock(&name).await;
    let table = engine.open_table(&name).await?;
    let dir = engine.table_dir(&name);
    let last = table.version().unwrap_or(0);
    let (wanted, late) = match version {
        TableVersion::Number(wanted) => {
            let text = format!("Cannot restore table to version {wanted}. Available versions: [0, {last}].");
            (wanted, SqlError::new("DELTA_CANNOT_RESTORE_TABLE_VERSION", "22003", text))
        }
        TableVersion::Time(at) => {
            let text = format!("Cannot restore table to timestamp ({at}): no later version has changed it since.");
            let opened = engine.open_version(&name, &Version::Time(at)).await;
            let opened = opened.map_err(|e| e.at(scope.place(written)))?;
            let error = SqlError::new("DELTA_CANNOT_RESTORE_TIMESTAMP_GREATER", "22003", text);
            (opened.version().unwrap_or(0), error)
        }
    };
    if wanted >= last {
        return Err(late.at(scope.place(written)));
    }
    let before = sizes(&table, &dir).await?;
    let (restored, _) = table
        .restore()
        .with_version_to_restore(wanted)
        .with_commit_properties(write::saying([]))
        .await
        .map_err(|e| write::commit_error(&dir, &e))?;
    let after = sizes(&restored, &dir).await?;
    let only = |these: &BTreeMap<String, i64>, others: &BTreeMap<String, i64>| {
        let sizes: Vec<i64> = these.iter().filter(|(file, _)| !others.contains_key(*file)).map(|(_, n)| *n).collect();
        (sizes.len().to_string(), sizes.iter().sum::<i64>().to_string())
    };
    let ((removed, removed_size), (added, added_size)) = (only(&before, &after), only(&after, &before));
    let counts = [
        ("table_size_after_restore", after.values().sum::<i64>().to_string()),
        ("num_of_files_after_restore", after.len().to_string()),
        ("num_removed_files", removed),
        ("num_restored_files", added),
        ("removed_files_size", removed_size),
        ("restored_files_size", added_size),
    ];
    let columns: Vec<_> = counts.iter().map(|(name, _)| (*name, "BIGINT")).collect();
    Ok(answer("RESTORE", &columns, vec![counts.iter().map(|(_, n)| Some(n.clone())).collect()]))
}

/// The files of a table, and how many bytes each has.
async fn sizes(table: &DeltaTable, dir: &Path) -> Result<BTreeMap<String, i64>, SqlError> {
    let fail = |e: DeltaTableError| explain(dir, &e);
    let store = table.log_store();
    let files = table.snapshot().map_err(fail)?.snapshot().file_views(&store, None);
    files.map_ok(|file| (file.path().into_owned(), file.size())).try_collect().await.map_err(fail)
}
