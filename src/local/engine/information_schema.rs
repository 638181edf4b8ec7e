//! `information_schema`: what SQL can ask about the catalog, computed when it is asked.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::api::{ColumnInfo, NamespaceInfo, TableInfo, TableType};
use super::catalog::{About, quoted};
use super::error::SqlError;
use super::features::CONSTRAINT;
use super::{Engine, plan, types};
use crate::ids::TableName;

/// The schema's name.
pub(super) const NAME: &str = "information_schema";

/// The tables of the schema.
pub(super) const TABLES: &[&str] = &[
    "catalog_privileges",
    "catalog_tags",
    "catalogs",
    "check_constraints",
    "column_tags",
    "columns",
    "constraint_column_usage",
    "constraint_table_usage",
    "information_schema_catalog_name",
    "key_column_usage",
    "referential_constraints",
    "schema_privileges",
    "schema_tags",
    "schemata",
    "table_constraints",
    "table_privileges",
    "table_tags",
    "tables",
    "views",
];

/// Reads one of the tables.
pub(super) async fn table(engine: &Engine, name: &TableName) -> Result<RecordBatch, SqlError> {
    let known = Known::of(engine, &name.catalog).await?;
    let rows = match name.name.as_str() {
        "information_schema_catalog_name" => known.one_name(),
        "catalogs" => known.catalogs(),
        "schemata" => known.schemata(),
        "tables" => known.tables(),
        "views" => known.views(),
        "columns" => known.columns(),
        "table_constraints" => known.table_constraints(),
        "check_constraints" => known.check_constraints(),
        "key_column_usage" => known.key_column_usage(),
        "constraint_column_usage" => known.constraint_column_usage(),
        "constraint_table_usage" => known.constraint_table_usage(),
        "referential_constraints" => known.referential_constraints(),
        "catalog_tags" => known.tags(1),
        "schema_tags" => known.tags(2),
        "table_tags" => known.tags(3),
        "column_tags" => known.column_tags(),
        "catalog_privileges" => known.privileges(1),
        "schema_privileges" => known.privileges(2),
        "table_privileges" => known.privileges(3),
        other => return Err(SqlError::table_not_found(&quoted(&[&name.catalog, NAME, other]))),
    };
    rows.batch()
}

/// What is known of a catalog when the question comes.
struct Known {
    catalog: NamespaceInfo,
    about: About,
    schemas: Vec<(NamespaceInfo, About)>,
    tables: Vec<(TableInfo, About)>,
}

/// A cell.
enum Cell {
    Text(Option<String>),
    Number(Option<i32>),
    Time(chrono::DateTime<chrono::Utc>),
}

/// Rows under named columns; all cells of a column are of one kind.
struct Rows {
    columns: &'static [(&'static str, Kind)],
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Time,
}

use Kind::{Number, Text, Time};

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(Some(text.into()))
}

fn yes(truth: bool) -> Cell {
    text(if truth { "YES" } else { "NO" })
}

fn null() -> Cell {
    Cell::Text(None)
}

fn names(name: &TableName) -> [Cell; 3] {
    name.parts().map(text)
}

impl Rows {
    fn batch(self) -> Result<RecordBatch, SqlError> {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (i, (name, kind)) in self.columns.iter().enumerate() {
            let cells = self.rows.iter().map(|row| &row[i]);
            let array: ArrayRef = match kind {
                Text => Arc::new(StringArray::from_iter(cells.map(|cell| match cell {
                    Cell::Text(text) => text.clone(),
                    _ => None,
                }))),
                Number => Arc::new(Int32Array::from_iter(cells.map(|cell| match cell {
                    Cell::Number(number) => *number,
                    _ => None,
                }))),
                Time => {
                    let times = cells.map(|cell| match cell {
                        Cell::Time(time) => Some(time.timestamp_micros()),
                        _ => None,
                    });
                    let array = TimestampMicrosecondArray::from_iter(times);
                    Arc::new(array.with_data_type(types::timestamp()))
                }
            };
            let data_type = match kind {
                Text => DataType::Utf8,
                Number => DataType::Int32,
                Time => types::timestamp(),
            };
            fields.push(Field::new(*name, data_type, true));
            arrays.push(array);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|e| SqlError::internal(e.to_string()))
    }
}

impl Known {
    async fn of(engine: &Engine, catalog: &str) -> Result<Self, SqlError> {
        let folder = engine.folder();
        let (mut schemas, mut tables) = (Vec::new(), Vec::new());
        for schema in engine.schemas(catalog).await? {
            for table in engine.tables(catalog, &schema.name).await? {
                let about = folder.about(&table.name.parts())?;
                tables.push((table, about));
            }
            let about = folder.about(&[catalog, &schema.name])?;
            schemas.push((schema, about));
        }
        Ok(Self { catalog: folder.catalog(catalog)?, about: folder.about(&[catalog])?, schemas, tables })
    }

    fn one_name(&self) -> Rows {
        Rows { columns: &[("catalog_name", Text)], rows: vec![vec![text(&self.catalog.name)]] }
    }

    fn catalogs(&self) -> Rows {
        Rows {
            columns: &[
                ("catalog_name", Text),
                ("catalog_owner", Text),
                ("comment", Text),
                ("created", Time),
                ("created_by", Text),
                ("last_altered", Time),
                ("last_altered_by", Text),
            ],
            rows: vec![described(&self.catalog, &self.about, vec![text(&self.catalog.name)])],
        }
    }

    fn schemata(&self) -> Rows {
        let rows = self
            .schemas
            .iter()
            .map(|(schema, about)| described(schema, about, vec![text(&self.catalog.name), text(&schema.name)]));
        Rows {
            columns: &[
                ("catalog_name", Text),
                ("schema_name", Text),
                ("schema_owner", Text),
                ("comment", Text),
                ("created", Time),
                ("created_by", Text),
                ("last_altered", Time),
                ("last_altered_by", Text),
            ],
            rows: rows.collect(),
        }
    }

    fn tables(&self) -> Rows {
        let row = |(table, about): &(TableInfo, About)| {
            let mut row = names(&table.name).into_iter().collect::<Vec<_>>();
            let is_view = table.table_type == TableType::View;
            row.extend([
                text(table.table_type.as_str()),
                yes(table.table_type == TableType::Managed),
                text("PRESERVE"),
                text(owner(about)),
                Cell::Text(table.comment.clone()),
                Cell::Time(table.created_at),
                text(plan::USER),
                Cell::Time(table.updated_at),
                text(plan::USER),
                if is_view { null() } else { text("DELTA") },
                Cell::Text(table.storage_location.as_ref().map(|path| path.display().to_string())),
            ]);
            row
        };
        Rows {
            columns: &[
                ("table_catalog", Text),
                ("table_schema", Text),
                ("table_name", Text),
                ("table_type", Text),
                ("is_insertable_into", Text),
                ("commit_action", Text),
                ("table_owner", Text),
                ("comment", Text),
                ("created", Time),
                ("created_by", Text),
                ("last_altered", Time),
                ("last_altered_by", Text),
                ("data_source_format", Text),
                ("storage_path", Text),
            ],
            rows: self.tables.iter().map(row).collect(),
        }
    }

    fn views(&self) -> Rows {
        let views = self.tables.iter().filter(|(table, _)| table.view_definition.is_some());
        let rows = views.map(|(table, _)| {
            let mut row = names(&table.name).into_iter().collect::<Vec<_>>();
            row.extend([
                Cell::Text(table.view_definition.clone()),
                text("NONE"),
                yes(false),
                yes(false),
                yes(table.table_type == TableType::MaterializedView),
            ]);
            row
        });
        Rows {
            columns: &[
                ("table_catalog", Text),
                ("table_schema", Text),
                ("table_name", Text),
                ("view_definition", Text),
                ("check_option", Text),
                ("is_updatable", Text),
                ("is_insertable_into", Text),
                ("is_materialized", Text),
            ],
            rows: rows.collect(),
        }
    }

    fn columns(&self) -> Rows {
        let each = self.tables.iter().flat_map(|(table, _)| table.columns.iter().map(move |column| (table, column)));
        Rows {
            columns: &[
                ("table_catalog", Text),
                ("table_schema", Text),
                ("table_name", Text),
                ("column_name", Text),
                ("ordinal_position", Number),
                ("column_default", Text),
                ("is_nullable", Text),
                ("full_data_type", Text),
                ("data_type", Text),
                ("numeric_precision", Number),
                ("numeric_precision_radix", Number),
                ("numeric_scale", Number),
                ("datetime_precision", Number),
                ("is_generated", Text),
                ("generation_expression", Text),
                ("is_identity", Text),
                ("identity_generation", Text),
                ("is_updatable", Text),
                ("partition_ordinal_position", Number),
                ("comment", Text),
            ],
            rows: each.map(|(table, column)| column_row(table, column)).collect(),
        }
    }

    /// The constraints: table, name, type, and condition or columns.
    fn constraints(&self) -> impl Iterator<Item = (&TableName, String, &'static str, Option<&String>)> {
        self.tables.iter().flat_map(|(table, about)| {
            let checks = table.properties.iter().filter_map(|(key, condition)| {
                Some((&table.name, key.strip_prefix(CONSTRAINT)?.to_owned(), "CHECK", Some(condition)))
            });
            let keys = about.keys.iter().map(|key| {
                let kind = if key.references.is_some() { "FOREIGN KEY" } else { "PRIMARY KEY" };
                (&table.name, key.name.clone(), kind, None)
            });
            checks.chain(keys).collect::<Vec<_>>()
        })
    }

    fn table_constraints(&self) -> Rows {
        let rows = self.constraints().map(|(table, name, kind, _)| {
            let mut row = vec![text(&table.catalog), text(&table.schema), text(name)];
            row.extend(names(table));
            row.extend([text(kind), yes(false), yes(false), yes(kind == "CHECK")]);
            row
        });
        Rows {
            columns: &[
                ("constraint_catalog", Text),
                ("constraint_schema", Text),
                ("constraint_name", Text),
                ("table_catalog", Text),
                ("table_schema", Text),
                ("table_name", Text),
                ("constraint_type", Text),
                ("is_deferrable", Text),
                ("initially_deferred", Text),
                ("enforced", Text),
            ],
            rows: rows.collect(),
        }
    }

    fn check_constraints(&self) -> Rows {
        let rows = self.constraints().filter_map(|(table, name, _, condition)| {
            Some(vec![text(&table.catalog), text(&table.schema), text(name), text(condition?)])
        });
        Rows {
            columns: &[
                ("constraint_catalog", Text),
                ("constraint_schema", Text),
                ("constraint_name", Text),
                ("check_clause", Text),
            ],
            rows: rows.collect(),
        }
    }

    fn key_column_usage(&self) -> Rows {
        let mut rows = Vec::new();
        for (table, about) in &self.tables {
            for key in &about.keys {
                for (i, column) in (1..).zip(&key.columns) {
                    let mut row = vec![text(&table.name.catalog), text(&table.name.schema), text(&key.name)];
                    row.extend(names(&table.name));
                    let position = key.references.is_some().then_some(i);
                    row.extend([text(column), Cell::Number(Some(i)), Cell::Number(position)]);
                    rows.push(row);
                }
            }
        }
        Rows {
            columns: &[
                ("constraint_catalog", Text),
                ("constraint_schema", Text),
                ("constraint_name", Text),
                ("table_catalog", Text),
                ("table_schema", Text),
                ("table_name", Text),
                ("column_name", Text),
                ("ordinal_position", Number),
                ("position_in_unique_constraint", Number),
            ],
            rows,
        }
    }

    /// What the keys refer to: their own columns, and for a foreign key those of the other table.
    fn constraint_column_usage(&self) -> Rows {
        let mut rows = Vec::new();
        for (table, about) in &self.tables {
            for key in &about.keys {
                let (of, columns) = match &key.references {
                    Some((of, columns)) => (of, columns),
                    None => (&table.name, &key.columns),
                };
                for column in columns {
                    let mut row = names(of).into_iter().collect::<Vec<_>>();
                    let name = &table.name;
                    row.extend([text(column), text(&name.catalog), text(&name.schema), text(&key.name)]);
                    rows.push(row);
                }
            }
        }
        Rows {
            columns: &[
                ("table_catalog", Text),
                ("table_schema", Text),
                ("table_name", Text),
                ("column_name", Text),
                ("constraint_catalog", Text),
                ("constraint_schema", Text),
                ("constraint_name", Text),
            ],
            rows,
        }
    }

    fn constraint_table_usage(&self) -> Rows {
        let mut rows = Vec::new();
        for (table, about) in &self.tables {
            for key in &about.keys {
                let of = key.references.as_ref().map_or(&table.name, |(of, _)| of);
                let mut row = names(of).into_iter().collect::<Vec<_>>();
                row.extend([text(&table.name.catalog), text(&table.name.schema), text(&key.name)]);
                rows.push(row);
            }
        }
        Rows {
            columns: &[
                ("table_catalog", Text),
                ("table_schema", Text),
                ("table_name", Text),
                ("constraint_catalog", Text),
                ("constraint_schema", Text),
                ("constraint_name", Text),
            ],
            rows,
        }
    }

    fn referential_constraints(&self) -> Rows {
        let mut rows = Vec::new();
        for (table, about) in &self.tables {
            for key in &about.keys {
                let Some((of, _)) = &key.references else { continue };
                let other = self.tables.iter().find(|(table, _)| table.name == *of);
                let primary = other.and_then(|(_, about)| about.keys.iter().find(|key| key.references.is_none()));
                rows.push(vec![
                    text(&table.name.catalog),
                    text(&table.name.schema),
                    text(&key.name),
                    text(&of.catalog),
                    text(&of.schema),
                    Cell::Text(primary.map(|key| key.name.clone())),
                    text("FULL"),
                    text("NO ACTION"),
                    text("NO ACTION"),
                ]);
            }
        }
        Rows {
            columns: &[
                ("constraint_catalog", Text),
                ("constraint_schema", Text),
                ("constraint_name", Text),
                ("unique_constraint_catalog", Text),
                ("unique_constraint_schema", Text),
                ("unique_constraint_name", Text),
                ("match_option", Text),
                ("update_rule", Text),
                ("delete_rule", Text),
            ],
            rows,
        }
    }

    /// What is known of each catalog (1), schema (2) or table (3), under its name.
    fn securables(&self, depth: usize) -> Vec<(Vec<&str>, &About)> {
        let catalog = self.catalog.name.as_str();
        match depth {
            1 => vec![(vec![catalog], &self.about)],
            2 => self.schemas.iter().map(|(schema, about)| (vec![catalog, schema.name.as_str()], about)).collect(),
            _ => self.tables.iter().map(|(table, about)| (table.name.parts().to_vec(), about)).collect(),
        }
    }

    fn tags(&self, depth: usize) -> Rows {
        const COLUMNS: [&[(&str, Kind)]; 3] = [
            &[("catalog_name", Text), ("tag_name", Text), ("tag_value", Text)],
            &[("catalog_name", Text), ("schema_name", Text), ("tag_name", Text), ("tag_value", Text)],
            &[
                ("catalog_name", Text),
                ("schema_name", Text),
                ("table_name", Text),
                ("tag_name", Text),
                ("tag_value", Text),
            ],
        ];
        let mut rows = Vec::new();
        for (path, about) in self.securables(depth) {
            for (tag, value) in &about.tags {
                rows.push(path.iter().copied().chain([tag.as_str(), value]).map(text).collect());
            }
        }
        Rows { columns: COLUMNS[depth - 1], rows }
    }

    fn column_tags(&self) -> Rows {
        let mut rows = Vec::new();
        for (table, about) in &self.tables {
            for (column, tags) in &about.column_tags {
                for (tag, value) in tags {
                    let path = table.name.parts();
                    rows.push(path.into_iter().chain([column.as_str(), tag, value]).map(text).collect());
                }
            }
        }
        Rows {
            columns: &[
                ("catalog_name", Text),
                ("schema_name", Text),
                ("table_name", Text),
                ("column_name", Text),
                ("tag_name", Text),
                ("tag_value", Text),
            ],
            rows,
        }
    }

    fn privileges(&self, depth: usize) -> Rows {
        const COLUMNS: [&[(&str, Kind)]; 3] = [
            &[
                ("grantor", Text),
                ("grantee", Text),
                ("catalog_name", Text),
                ("privilege_type", Text),
                ("is_grantable", Text),
                ("inherited_from", Text),
            ],
            &[
                ("grantor", Text),
                ("grantee", Text),
                ("catalog_name", Text),
                ("schema_name", Text),
                ("privilege_type", Text),
                ("is_grantable", Text),
                ("inherited_from", Text),
            ],
            &[
                ("grantor", Text),
                ("grantee", Text),
                ("table_catalog", Text),
                ("table_schema", Text),
                ("table_name", Text),
                ("privilege_type", Text),
                ("is_grantable", Text),
                ("inherited_from", Text),
            ],
        ];
        let mut rows = Vec::new();
        for (path, about) in self.securables(depth) {
            for (grantee, privileges) in &about.grants {
                for privilege in privileges {
                    let mut row = vec![text(plan::USER), text(grantee)];
                    row.extend(path.iter().copied().map(text));
                    row.extend([text(privilege.replace(' ', "_")), yes(false), text("NONE")]);
                    rows.push(row);
                }
            }
        }
        Rows { columns: COLUMNS[depth - 1], rows }
    }
}

fn owner(about: &About) -> &str {
    about.owner.as_deref().unwrap_or(plan::USER)
}

/// The row of a catalog or schema, behind its names.
fn described(info: &NamespaceInfo, about: &About, mut row: Vec<Cell>) -> Vec<Cell> {
    row.extend([
        text(owner(about)),
        Cell::Text(info.comment.clone()),
        Cell::Time(info.created_at),
        text(plan::USER),
        Cell::Time(info.updated_at),
        text(plan::USER),
    ]);
    row
}

fn column_row(table: &TableInfo, column: &ColumnInfo) -> Vec<Cell> {
    let number = |n: usize| Cell::Number(i32::try_from(n).ok());
    let (precision, radix) = match column.column.type_name.as_str() {
        "BYTE" => (Some(8), Some(2)),
        "SHORT" => (Some(16), Some(2)),
        "INT" => (Some(32), Some(2)),
        "LONG" => (Some(64), Some(2)),
        "FLOAT" => (Some(24), Some(2)),
        "DOUBLE" => (Some(53), Some(2)),
        "DECIMAL" => (column.column.precision.map(i32::from), Some(10)),
        _ => (None, None),
    };
    let scale = match column.column.type_name.as_str() {
        "BYTE" | "SHORT" | "INT" | "LONG" => Some(0),
        _ => column.column.scale.map(i32::from),
    };
    let time = match column.column.type_name.as_str() {
        "DATE" => Some(0),
        "TIMESTAMP" | "TIMESTAMP_NTZ" => Some(6),
        _ => None,
    };
    let identity = column.generated.as_deref().filter(|text| text.contains("AS IDENTITY"));
    let expression = column.generated.as_deref().filter(|_| identity.is_none());
    let expression =
        expression.map(|text| text.trim_start_matches("GENERATED ALWAYS AS (").trim_end_matches(')').trim());
    let generation = identity.map(|text| if text.contains("BY DEFAULT") { "BY DEFAULT" } else { "ALWAYS" });
    let mut row = names(&table.name).into_iter().collect::<Vec<_>>();
    row.extend([
        text(&column.column.name),
        number(column.position),
        Cell::Text(column.default.clone()),
        yes(column.nullable),
        text(column.column.type_text.to_lowercase()),
        text(&column.column.type_name),
        Cell::Number(precision),
        Cell::Number(radix),
        Cell::Number(scale),
        Cell::Number(time),
        text(if expression.is_some() { "ALWAYS" } else { "NEVER" }),
        Cell::Text(expression.map(str::to_owned)),
        yes(identity.is_some()),
        Cell::Text(generation.map(str::to_owned)),
        yes(table.table_type == TableType::Managed),
        column.partition_index.map_or(Cell::Number(None), |index| number(index + 1)),
        Cell::Text(column.comment.clone()),
    ]);
    row
}
