//! `ALTER TABLE` that changes columns: adding, dropping, renaming, moving them, and what holds for them.

use deltalake::kernel::{DataType, MetadataValue, StructField, StructType};
use tokio_util::sync::CancellationToken;

use super::alter::{alter_table, no_column, set_comment};
use super::columns;
use super::tables::{cluster, shown};
use crate::dialect::{AddedColumn, Alteration, ClusterBy, ColumnChange, ColumnPlace};
use crate::ids::TableName;
use crate::local::engine::catalog::quoted;
use crate::local::engine::delta::CLUSTERING;
use crate::local::engine::error::{SqlError, place};
use crate::local::engine::plan::Scope;
use crate::local::engine::rules::{self, Rules};
use crate::local::engine::write::{self, Definition};
use crate::local::engine::{Engine, features, types};

/// Changes the columns of a table.
pub(super) async fn change(
    engine: &Engine,
    scope: &Scope,
    name: &TableName,
    change: Alteration,
    _cancel: &CancellationToken,
) -> Result<(), SqlError> {
    let dir = engine.folder().table_dir(name);
    let table = engine.open_table(name).await?;
    let old = write::definition(&table, &dir)?;
    let mut new = old.clone();
    let (called, told) = match change {
        Alteration::AddColumns(added) => {
            for column in &added {
                new.schema = add(&new.schema, column, &column.inside, scope)?;
            }
            features::map_columns(&mut new, false)?;
            let names: Vec<_> = added.iter().map(|column| column.definition.name.clone()).collect();
            ("ADD COLUMNS", vec![("columns".to_owned(), names.join(", "))])
        }
        Alteration::DropColumns { columns, if_exists } => {
            for column in &columns {
                if at(&new.schema, column).is_none() {
                    if if_exists {
                        continue;
                    }
                    return Err(no_column(&column.join("."), name));
                }
                may_drop(&new, column, name)?;
                new.schema = edited(&new.schema, column, &mut |_| Ok(None))?;
            }
            ("DROP COLUMNS", vec![("columns".to_owned(), told(&columns))])
        }
        Alteration::RenameColumn { from, to } => {
            rename(&mut new, &from, &to, name)?;
            ("RENAME COLUMN", vec![("oldColumnPath".to_owned(), from.join(".")), ("newColumnPath".to_owned(), to)])
        }
        Alteration::ClusterBy(by) => {
            let schema = new.schema.clone();
            if !new.partitions.is_empty() {
                let text = format!("{} is partitioned: CLUSTER BY and PARTITIONED BY exclude each other.", shown(name));
                return Err(SqlError::new(
                    "DELTA_ALTER_TABLE_CLUSTER_BY_ON_PARTITIONED_TABLE_NOT_ALLOWED",
                    "42000",
                    text,
                ));
            }
            let was_clustered = new.properties.iter().any(|(key, _)| key == CLUSTERING);
            cluster(&mut new.properties, Some(&by), |columns: &[String]| {
                let known = |column: &String| at(&schema, std::slice::from_ref(column)).map(|f| f.name().clone());
                columns.iter().map(|c| known(c).ok_or_else(|| no_column(c, name))).collect()
            })?;
            // Delta's domain for it stays, and lists no column.
            if was_clustered && by == ClusterBy::None {
                new.properties.push((CLUSTERING.to_owned(), "[]".to_owned()));
            }
            ("CLUSTER BY", Vec::new())
        }
        Alteration::Columns(changes) => {
            let columns: Vec<Vec<String>> = changes.iter().map(|(column, _)| column.clone()).collect();
            for (column, change) in changes {
                let Some(field) = at(&new.schema, &column) else { return Err(no_column(&column.join("."), name)) };
                if let ColumnChange::NotNull(true) = change {
                    let nulls = nulls(engine, scope, name, &column).await?;
                    if nulls > 0 {
                        return Err(SqlError::new(
                            "DELTA_NEW_NOT_NULL_VIOLATION",
                            "23512",
                            format!(
                                "{nulls} rows in {} violate the new NOT NULL constraint on {}.",
                                shown(name),
                                column.join(".")
                            ),
                        ));
                    }
                }
                change_column(&mut new, &column, &field, change)?;
            }
            let called = if columns.len() == 1 { ("CHANGE COLUMN", "column") } else { ("CHANGE COLUMNS", "columns") };
            (called.0, vec![(called.1.to_owned(), told(&columns))])
        }
        other => return Err(SqlError::internal(format!("{other:?} does not change columns."))),
    };
    // What the table demands must still make sense.
    let rules = Rules::of(&new, columns::arrow(&new.schema)?.as_ref());
    if let Err(error) = rules.check(engine, scope).await {
        let before = Rules::of(&old, columns::arrow(&old.schema)?.as_ref());
        return Err(match before.check(engine, scope).await {
            Ok(()) if error.condition.starts_with("UNRESOLVED_COLUMN") => SqlError::new(
                "DELTA_CONSTRAINT_DEPENDENT_COLUMN_CHANGE",
                "42K09",
                format!(
                    "A CHECK constraint or generated column of {} depends on the column. ({})",
                    shown(name),
                    error.message
                ),
            ),
            _ => error,
        });
    }
    alter_told(engine, name, new, called, told).await
}

async fn alter_told(
    engine: &Engine,
    name: &TableName,
    new: Definition,
    called: &str,
    told: Vec<(String, String)>,
) -> Result<(), SqlError> {
    alter_table(engine, name, called, |definition| {
        *definition = new;
        Ok(told)
    })
    .await
}

fn told(columns: &[Vec<String>]) -> String {
    columns.iter().map(|column| column.join(".")).collect::<Vec<_>>().join(", ")
}

/// How many rows have no value in a column.
async fn nulls(engine: &Engine, scope: &Scope, name: &TableName, column: &[String]) -> Result<u64, SqlError> {
    let parts: Vec<&str> = column.iter().map(String::as_str).collect();
    let condition = format!("{} IS NOT NULL", quoted(&parts));
    rules::broken(engine, scope, name, &condition).await
}

fn internal(error: impl std::fmt::Display) -> SqlError {
    SqlError::internal(error.to_string())
}

/// The column at a path.
fn at(schema: &StructType, path: &[String]) -> Option<StructField> {
    let (first, rest) = path.split_first()?;
    let field = schema.fields().find(|field| field.name().eq_ignore_ascii_case(first))?;
    match (rest.is_empty(), field.data_type()) {
        (true, _) => Some(field.clone()),
        (false, DataType::Struct(inner)) => at(inner, rest),
        _ => None,
    }
}

/// The schema with the column at a path changed, or without it.
fn edited(
    schema: &StructType,
    path: &[String],
    change: &mut dyn FnMut(&StructField) -> Result<Option<StructField>, SqlError>,
) -> Result<StructType, SqlError> {
    let Some((first, rest)) = path.split_first() else { return Ok(schema.clone()) };
    let mut fields = Vec::new();
    for field in schema.fields() {
        if !field.name().eq_ignore_ascii_case(first) {
            fields.push(field.clone());
        } else if rest.is_empty() {
            fields.extend(change(field)?);
        } else if let DataType::Struct(inner) = field.data_type() {
            let inner = edited(inner, rest, change)?;
            fields.push(like(field, field.name(), DataType::from(inner), field.is_nullable()));
        }
    }
    StructType::try_new(fields).map_err(internal)
}

/// A column with what is known of another.
fn like(field: &StructField, name: &str, data_type: DataType, nullable: bool) -> StructField {
    StructField::new(name, data_type, nullable).with_metadata(field.metadata().clone())
}

fn add(schema: &StructType, added: &AddedColumn, inside: &[String], scope: &Scope) -> Result<StructType, SqlError> {
    if let Some((first, rest)) = inside.split_first() {
        let mut result = Ok(());
        let changed = edited(schema, std::slice::from_ref(first), &mut |field| {
            let DataType::Struct(inner) = field.data_type() else {
                result = Err(SqlError::unsupported(&format!("adding a field to {}, which is no struct", field.name())));
                return Ok(Some(field.clone()));
            };
            let inner = add(inner, added, rest, scope)?;
            Ok(Some(like(field, field.name(), DataType::from(inner), field.is_nullable())))
        })?;
        return result.map(|()| changed);
    }
    let definition = &added.definition;
    let at = place(&scope.statement, &definition.range);
    if definition.default.is_some() {
        return Err(SqlError::new(
            "WRONG_COLUMN_DEFAULTS_FOR_DELTA_ALTER_TABLE_ADD_COLUMN_NOT_SUPPORTED",
            "0AKDC",
            "A column with a DEFAULT cannot be added to a table with rows. Add the column, then ALTER COLUMN … SET DEFAULT.",
        )
        .at(at));
    }
    if definition.not_null || definition.generated.is_some() {
        let what = if definition.not_null { "NOT NULL" } else { "GENERATED" };
        return Err(SqlError::unsupported(&format!("adding a column with {what}: the rows there have no value")).at(at));
    }
    if schema.fields().any(|field| field.name().eq_ignore_ascii_case(&definition.name)) {
        return Err(SqlError::new(
            "FIELD_ALREADY_EXISTS",
            "42710",
            format!("Cannot add the column {}, because it already exists.", quoted(&[&definition.name])),
        )
        .at(at));
    }
    let mut fields: Vec<StructField> = schema.fields().cloned().collect();
    let index = index(schema, added.place.as_ref(), fields.len()).map_err(|e| e.at(at))?;
    fields.insert(index, columns::stored(definition, scope)?);
    columns::checked(fields)
}

fn index(schema: &StructType, place: Option<&ColumnPlace>, last: usize) -> Result<usize, SqlError> {
    match place {
        None => Ok(last),
        Some(ColumnPlace::First) => Ok(0),
        Some(ColumnPlace::After(neighbour)) => {
            let found = schema.fields().position(|field| field.name().eq_ignore_ascii_case(neighbour));
            found.map(|i| i + 1).ok_or_else(|| {
                let text = format!("The column {} cannot be found.", quoted(&[neighbour]));
                SqlError::new("FIELD_NOT_FOUND", "42704", text)
            })
        }
    }
}

/// Files call a column by its name, unless the table maps names.
fn require_mapping(definition: &Definition, condition: &str, what: &str) -> Result<(), SqlError> {
    if features::is_mapped(definition) {
        return Ok(());
    }
    Err(SqlError::new(
        condition,
        "0AKDC",
        format!(
            "{what} is not supported for this table: its files call columns by their names. Run ALTER TABLE … SET \
             TBLPROPERTIES ('{}' = 'name') first.",
            features::MAPPING
        ),
    ))
}

fn may_drop(definition: &Definition, column: &[String], table: &TableName) -> Result<(), SqlError> {
    require_mapping(definition, "DELTA_UNSUPPORTED_DROP_COLUMN", "DROP COLUMN")?;
    let [single] = column else { return Ok(()) };
    if definition.partitions.iter().any(|name| name.eq_ignore_ascii_case(single)) {
        let text = format!("{} is partitioned by the column {single}.", shown(table));
        return Err(SqlError::new("DELTA_UNSUPPORTED_DROP_PARTITION_COLUMN", "0AKDC", text));
    }
    if clustering(definition).iter().any(|name| name.eq_ignore_ascii_case(single)) {
        let text = format!("{} is clustered by the column {single}.", shown(table));
        return Err(SqlError::new("DELTA_UNSUPPORTED_DROP_CLUSTERING_COLUMN", "0AKDC", text));
    }
    if definition.schema.fields().count() == 1 {
        let text = format!("{single} is the only column of {}.", shown(table));
        return Err(SqlError::new("DELTA_DROP_COLUMN_ON_SINGLE_FIELD_SCHEMA", "0AKDC", text));
    }
    Ok(())
}

fn clustering(definition: &Definition) -> Vec<String> {
    let text = definition.properties.iter().find(|(key, _)| key == CLUSTERING).map(|(_, text)| text.as_str());
    let columns = text.and_then(|text| serde_json::from_str::<Vec<Vec<String>>>(text).ok()).unwrap_or_default();
    columns.into_iter().map(|path| path.join(".")).collect()
}

fn rename(definition: &mut Definition, from: &[String], to: &str, table: &TableName) -> Result<(), SqlError> {
    let Some(old) = at(&definition.schema, from) else { return Err(no_column(&from.join("."), table)) };
    require_mapping(definition, "DELTA_UNSUPPORTED_RENAME_COLUMN", "RENAME COLUMN")?;
    let mut sibling: Vec<String> = from.to_vec();
    sibling.pop();
    sibling.push(to.to_owned());
    if !old.name().eq_ignore_ascii_case(to) && at(&definition.schema, &sibling).is_some() {
        return Err(SqlError::new(
            "FIELD_ALREADY_EXISTS",
            "42710",
            format!("Cannot rename to {}, because a column of that name already exists.", quoted(&[to])),
        ));
    }
    definition.schema = edited(&definition.schema, from, &mut |field| {
        Ok(Some(like(field, to, field.data_type().clone(), field.is_nullable())))
    })?;
    if from.len() == 1 {
        for name in definition.partitions.iter_mut().filter(|name| *name == old.name()) {
            to.clone_into(name);
        }
        let columns: Vec<Vec<String>> = clustering(definition)
            .into_iter()
            .map(|name| vec![if name == *old.name() { to.to_owned() } else { name }])
            .collect();
        if let Some((_, text)) = definition.properties.iter_mut().find(|(key, _)| key == CLUSTERING) {
            *text = serde_json::to_string(&columns).map_err(internal)?;
        }
    }
    columns::checked(definition.schema.fields().cloned().collect()).map(drop)
}

fn change_column(
    definition: &mut Definition,
    path: &[String],
    field: &StructField,
    change: ColumnChange,
) -> Result<(), SqlError> {
    let mut metadata = field.metadata().clone();
    let mut nullable = field.is_nullable();
    match change {
        ColumnChange::Comment(comment) => set_comment(&mut metadata, Some(comment)),
        ColumnChange::NotNull(not_null) => nullable = !not_null,
        ColumnChange::Default(None) => drop(metadata.remove(features::DEFAULT)),
        ColumnChange::Default(Some(default)) => {
            if !definition.properties.iter().any(|(key, _)| key == features::DEFAULTS_ALLOWED) {
                return Err(columns::defaults_not_allowed());
            }
            let text = MetadataValue::String(default.text().trim().to_owned());
            metadata.insert(features::DEFAULT.to_owned(), text);
        }
        ColumnChange::Type(wanted) => {
            let has = types::from_arrow(
                columns::arrow(&StructType::try_new([field.clone()]).map_err(internal)?)?.field(0).data_type(),
            );
            if has != wanted {
                return Err(SqlError::new(
                    "DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP",
                    "42837",
                    format!(
                        "ALTER TABLE CHANGE COLUMN is not supported for changing column {} from {has} to {wanted}. Make \
                         the table anew: CREATE OR REPLACE TABLE … AS SELECT with a CAST.",
                        path.join(".")
                    ),
                ));
            }
        }
        ColumnChange::Place(place) => {
            let (_, above) = path.split_last().unwrap_or((&path[0], &[]));
            let moved = |schema: &StructType| -> Result<StructType, SqlError> {
                let others = schema.fields().filter(|other| other.name() != field.name()).cloned();
                let rest = StructType::try_new(others).map_err(internal)?;
                let mut fields: Vec<StructField> = rest.fields().cloned().collect();
                fields.insert(index(&rest, Some(&place), fields.len())?, field.clone());
                StructType::try_new(fields).map_err(internal)
            };
            definition.schema = if above.is_empty() {
                moved(&definition.schema)?
            } else {
                edited(&definition.schema, above, &mut |outer| match outer.data_type() {
                    DataType::Struct(inner) => {
                        Ok(Some(like(outer, outer.name(), DataType::from(moved(inner)?), outer.is_nullable())))
                    }
                    _ => Ok(Some(outer.clone())),
                })?
            };
            return Ok(());
        }
        ColumnChange::Tags(_) => {}
    }
    definition.schema = edited(&definition.schema, path, &mut |field| {
        let changed = StructField::new(field.name(), field.data_type().clone(), nullable);
        Ok(Some(changed.with_metadata(metadata.clone())))
    })?;
    Ok(())
}
