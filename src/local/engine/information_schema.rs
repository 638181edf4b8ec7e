//! `information_schema` of each catalog: schemata, tables, columns and views, made up when they are read.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::Engine;
use super::api::{TableInfo, TableType};
use super::catalog::quoted;
use super::error::SqlError;
use crate::ids::TableName;

/// The schema's name.
pub(super) const NAME: &str = "information_schema";

/// Reads one of the tables.
pub(super) async fn table(engine: &Engine, name: &TableName) -> Result<RecordBatch, SqlError> {
    match name.name.as_str() {
        "schemata" => schemata(engine, &name.catalog).await,
        "tables" => {
            let all = relations(engine, &name.catalog).await?;
            let cell = |f: fn(&TableInfo) -> Option<String>| all.iter().map(f).collect::<Vec<_>>();
            batch(&[
                ("table_catalog", cell(|t| Some(t.name.catalog.clone()))),
                ("table_schema", cell(|t| Some(t.name.schema.clone()))),
                ("table_name", cell(|t| Some(t.name.name.clone()))),
                (
                    "table_type",
                    cell(|t| Some(if t.table_type == TableType::View { "VIEW" } else { "MANAGED" }.to_owned())),
                ),
                ("is_insertable_into", cell(|t| Some(yes(t.table_type == TableType::Managed)))),
                ("comment", cell(|t| t.comment.clone())),
                ("data_source_format", cell(|t| (t.table_type == TableType::Managed).then(|| "DELTA".to_owned()))),
            ])
        }
        "views" => {
            let mut all = relations(engine, &name.catalog).await?;
            all.retain(|t| t.table_type == TableType::View);
            let cell = |f: fn(&TableInfo) -> Option<String>| all.iter().map(f).collect::<Vec<_>>();
            batch(&[
                ("table_catalog", cell(|t| Some(t.name.catalog.clone()))),
                ("table_schema", cell(|t| Some(t.name.schema.clone()))),
                ("table_name", cell(|t| Some(t.name.name.clone()))),
                ("view_definition", cell(|t| t.view_definition.clone())),
            ])
        }
        "columns" => columns(engine, &name.catalog).await,
        other => Err(SqlError::table_not_found(&quoted(&[&name.catalog, NAME, other]))),
    }
}

async fn schemata(engine: &Engine, catalog: &str) -> Result<RecordBatch, SqlError> {
    let all = engine.schemas(catalog).await?;
    batch(&[
        ("catalog_name", all.iter().map(|_| Some(catalog.to_owned())).collect()),
        ("schema_name", all.iter().map(|s| Some(s.name.clone())).collect()),
        ("comment", all.iter().map(|s| s.comment.clone()).collect()),
    ])
}

async fn relations(engine: &Engine, catalog: &str) -> Result<Vec<TableInfo>, SqlError> {
    let mut all = Vec::new();
    for schema in engine.schemas(catalog).await? {
        all.extend(engine.tables(catalog, &schema.name).await?);
    }
    Ok(all)
}

async fn columns(engine: &Engine, catalog: &str) -> Result<RecordBatch, SqlError> {
    let all = relations(engine, catalog).await?;
    let each: Vec<_> = all.iter().flat_map(|t| t.columns.iter().map(move |c| (t, c))).collect();
    let text = |f: &dyn Fn(usize) -> Option<String>| (0..each.len()).map(f).collect::<Vec<_>>();
    let names = batch(&[
        ("table_catalog", text(&|i| Some(each[i].0.name.catalog.clone()))),
        ("table_schema", text(&|i| Some(each[i].0.name.schema.clone()))),
        ("table_name", text(&|i| Some(each[i].0.name.name.clone()))),
        ("column_name", text(&|i| Some(each[i].1.column.name.clone()))),
        ("is_nullable", text(&|i| Some(yes(each[i].1.nullable)))),
        ("full_data_type", text(&|i| Some(each[i].1.column.type_text.to_lowercase()))),
        ("data_type", text(&|i| Some(each[i].1.column.type_name.clone()))),
        ("comment", text(&|i| each[i].1.comment.clone())),
    ])?;
    let position: Int32Array = each.iter().map(|(_, c)| i32::try_from(c.position).ok()).collect();
    let mut fields: Vec<Field> = names.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Field::new("ordinal_position", DataType::Int32, true));
    let mut arrays = names.columns().to_vec();
    arrays.push(Arc::new(position));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|e| SqlError::internal(e.to_string()))
}

fn yes(truth: bool) -> String {
    if truth { "YES" } else { "NO" }.to_owned()
}

fn batch(columns: &[(&str, Vec<Option<String>>)]) -> Result<RecordBatch, SqlError> {
    let fields: Vec<_> = columns.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, true)).collect();
    let arrays = columns.iter().map(|(_, cells)| Arc::new(StringArray::from(cells.clone())) as ArrayRef).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|e| SqlError::internal(e.to_string()))
}
