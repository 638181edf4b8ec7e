//! `CREATE TABLE … CLONE`: a table with the definition and rows of another at one of its versions.

use deltalake::ObjectStore as _;
use deltalake::kernel::{Action, Add};
use futures::TryStreamExt;

use super::descriptions::{answer, table_only};
use super::tables::{exists, wrong_kind};
use crate::dialect::{CloneTable, TableVersion};
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{About, Kind, check_name};
use crate::local::engine::delta::{address, explain};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{Scope, Version};
use crate::local::engine::write;
use crate::local::engine::{Engine, features, files};

/// `CREATE [OR REPLACE] TABLE … CLONE …`
pub(super) async fn clone(engine: &Engine, scope: &Scope, statement: CloneTable) -> Result<Output, SqlError> {
    let name = scope.table(&statement.name)?;
    let at = scope.place(&statement.name);
    check_name(&name.name).map_err(|e| e.at(at))?;
    engine.folder().require_schema(&name.catalog, &name.schema)?;
    let source = table_only(engine, scope, &statement.source, "CLONE")?;
    let _writing = engine.write_lock(&name).await;
    match engine.folder().kind(&name) {
        Some(Kind::View) => return Err(wrong_kind(&name, "table", "view").at(at)),
        Some(Kind::Table) if statement.if_not_exists => return Ok(counts([0; 6])),
        Some(Kind::Table) if !statement.or_replace => return Err(exists(&name).at(at)),
        _ => {}
    }
    if source == name {
        return Err(SqlError::unsupported("cloning a table into itself: use RESTORE").at(at));
    }
    let table = match statement.version {
        None => engine.open_table(&source).await?,
        Some(TableVersion::Number(n)) => engine.open_version(&source, &Version::Number(n)).await?,
        Some(TableVersion::Time(text)) => engine.open_version(&source, &Version::Time(text)).await?,
    };
    let (from, to) = (engine.table_dir(&source), engine.table_dir(&name));
    let mut definition = write::definition(&table, &from)?;
    for (key, value) in statement.properties {
        definition.properties.retain(|(known, _)| *known != key);
        definition.properties.push((key, value));
    }
    features::check(&definition.properties).map_err(|e| e.at(at))?;
    let store = table.log_store();
    let snapshot = table.snapshot().map_err(|e| explain(&from, &e))?.snapshot();
    let views: Vec<_> = snapshot.file_views(&store, None).try_collect().await.map_err(|e| explain(&from, &e))?;
    let sizes: i64 = views.iter().map(|file| file.size()).sum();
    let base = address(&from)?;
    let mut cloned = files::Files::beside(&to);
    let (read, written) = (store.object_store(None), files::log_store(&to)?.object_store(None));
    for file in &views {
        let mut add = Add {
            path: file.path().into_owned(),
            partition_values: file.partition_values_map(),
            size: file.size(),
            modification_time: file.modification_time(),
            data_change: true,
            stats: file.stats(),
            ..Add::default()
        };
        if statement.shallow {
            add.path = base.join(&add.path).map_err(|e| SqlError::internal(e.to_string()))?.to_string();
        } else if add.path.contains("://") {
            return Err(
                SqlError::unsupported("a deep clone of a shallow clone: clone the table it was made from").at(at)
            );
        } else {
            let place = file.object_store_path();
            let failed = |e: &dyn std::fmt::Display| SqlError::io(format!("A file of {source} cannot be copied: {e}."));
            let bytes = read
                .get_opts(&place, Default::default())
                .await
                .map_err(|e| failed(&e))?
                .bytes()
                .await
                .map_err(|e| failed(&e))?;
            written.put_opts(&place, bytes.into(), Default::default()).await.map_err(|e| failed(&e))?;
        }
        cloned.also.push(Action::Add(add));
    }
    let files = views.len();
    let replaced = match engine.folder().kind(&name) {
        Some(_) => {
            let current = engine.open_table(&name).await?;
            let old = current.snapshot().map_err(|e| explain(&to, &e))?.log_data().num_files();
            write::replace(&current, &to, definition, Some(cloned)).await?;
            old
        }
        None => {
            engine.folder().put_about(&name.parts(), &About::default())?;
            write::create(&to, definition, Some(cloned)).await?;
            0
        }
    };
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let copied = if statement.shallow { (0, 0) } else { (count(files), sizes) };
    Ok(counts([sizes, count(files), count(replaced), copied.0, 0, copied.1]))
}

fn counts(numbers: [i64; 6]) -> Output {
    let columns = [
        ("source_table_size", "BIGINT"),
        ("source_num_of_files", "BIGINT"),
        ("num_removed_files", "BIGINT"),
        ("num_copied_files", "BIGINT"),
        ("removed_files_size", "BIGINT"),
        ("copied_files_size", "BIGINT"),
    ];
    answer("CREATE", &columns, vec![numbers.map(|n| Some(n.to_string())).to_vec()])
}
