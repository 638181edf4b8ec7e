//! The columns of a new table, as Delta writes them down.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field, Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow as _, TryIntoKernel as _};
use deltalake::kernel::{MetadataValue, StructField, StructType};

use crate::dialect::{ColumnDefinition, CreateTable, DataType, Generated, Rule};
use crate::local::engine::api::TableInfo;
use crate::local::engine::catalog::quoted;
use crate::local::engine::delta::COMMENT;
use crate::local::engine::error::{SqlError, place};
use crate::local::engine::plan::{Planned, Scope};
use crate::local::engine::{features, intervals, types};

/// The columns of `CREATE TABLE … (columns)`.
pub(super) fn defined(table: &CreateTable, scope: &Scope) -> Result<StructType, SqlError> {
    let mut fields = Vec::new();
    for column in &table.columns {
        let mut column = column.clone();
        // A primary key says that its columns are never NULL.
        let keys = table.constraints.iter().filter_map(|constraint| match &constraint.rule {
            Rule::PrimaryKey(columns) => Some(columns),
            _ => None,
        });
        column.not_null |= keys.flatten().any(|name| name.eq_ignore_ascii_case(&column.name));
        fields.push(stored(&column, scope)?);
    }
    checked(fields)
}

/// One column.
pub(super) fn stored(column: &ColumnDefinition, scope: &Scope) -> Result<StructField, SqlError> {
    let at = place(&scope.statement, &column.range);
    let Some(data_type) = &column.data_type else {
        return Err(SqlError::unsupported(&format!("the column {} without a type", column.name)).at(at));
    };
    let arrow = types::to_arrow(data_type).ok_or_else(|| {
        SqlError::unsupported(&format!("columns of the type {data_type}, as in {}", column.name)).at(at)
    })?;
    check_stored(&column.name, &arrow).map_err(|error| error.at(at))?;
    let mut metadata = HashMap::new();
    if let Some(comment) = &column.comment {
        metadata.insert(COMMENT.to_owned(), MetadataValue::String(comment.clone()));
    }
    if let Some(default) = &column.default {
        metadata.insert(features::DEFAULT.to_owned(), MetadataValue::String(default.text().trim().to_owned()));
    }
    match &column.generated {
        None => {}
        Some(Generated::Expression(expression)) => {
            let text = expression.text().trim().to_owned();
            metadata.insert(features::GENERATION.to_owned(), MetadataValue::String(text));
        }
        Some(Generated::Identity { always, start, step }) => {
            if *data_type != DataType::BigInt {
                return Err(SqlError::new(
                    "DELTA_IDENTITY_COLUMNS_UNSUPPORTED_DATA_TYPE",
                    "428H2",
                    format!("DataType {data_type} is not supported for IDENTITY columns; it is BIGINT."),
                )
                .at(at));
            }
            if *step == 0 {
                let text = "IDENTITY column step cannot be 0.";
                return Err(SqlError::new("DELTA_IDENTITY_COLUMNS_ILLEGAL_STEP", "42611", text).at(at));
            }
            metadata.insert(features::IDENTITY_START.to_owned(), MetadataValue::Number(*start));
            metadata.insert(features::IDENTITY_STEP.to_owned(), MetadataValue::Number(*step));
            metadata.insert(features::IDENTITY_OPEN.to_owned(), MetadataValue::Boolean(!always));
        }
    }
    if column.default.is_some() && column.generated.is_some() {
        return Err(SqlError::new(
            "GENERATED_COLUMN_WITH_DEFAULT_VALUE",
            "42623",
            format!("A column cannot have both a default value and a generation expression: {}.", column.name),
        )
        .at(at));
    }
    Ok(field(&column.name, &arrow, !column.not_null)?.with_metadata(metadata))
}

/// The columns of `CREATE TABLE … AS query`.
pub(super) fn selected(planned: &Planned, columns: &[ColumnDefinition], scope: &Scope) -> Result<StructType, SqlError> {
    let fields = planned.plan.schema().fields();
    if !columns.is_empty() && columns.len() != fields.len() {
        return Err(arity(columns.len(), fields.len()));
    }
    let mut stored = Vec::new();
    for (i, name) in planned.names.iter().enumerate() {
        let column = columns.get(i);
        if let Some(column) = column.filter(|c| c.data_type.is_some() || c.not_null || c.default.is_some()) {
            return Err(SqlError::unsupported_statement("CREATE TABLE … AS with types of columns: cast in the query")
                .at(place(&scope.statement, &column.range)));
        }
        let name = column.map_or(name.as_str(), |c| c.name.as_str());
        let comment = column.and_then(|c| c.comment.clone());
        let metadata = comment.map(|comment| (COMMENT.to_owned(), MetadataValue::String(comment)));
        stored.push(of_query(planned, i, name)?.with_metadata(metadata));
    }
    checked(stored)
}

/// The column of a query at this place, as a table stores it.
pub(super) fn of_query(planned: &Planned, place: usize, name: &str) -> Result<StructField, SqlError> {
    let arrow = types::canonical(planned.plan.schema().field(place).data_type());
    check_stored(name, &arrow)?;
    field(name, &arrow, true)
}

/// The columns of a view, for a table like it.
pub(super) fn of_view(view: &TableInfo) -> Result<StructType, SqlError> {
    let fields = view.columns.iter().map(|column| {
        let arrow = DataType::parse(&column.column.type_text).as_ref().and_then(types::to_arrow);
        field(&column.column.name, &arrow.unwrap_or(Arrow::Null), true)
    });
    checked(fields.collect::<Result<_, _>>()?)
}

/// The columns as nobody has used them yet: identities at their start, names in files not given.
pub(super) fn unused(schema: &StructType) -> Result<StructType, SqlError> {
    let fields = schema.fields().map(|field| {
        let mut metadata = field.metadata().clone();
        metadata.retain(|key, _| !key.starts_with("delta.columnMapping.") && key != features::IDENTITY_MARK);
        let bare = StructField::new(field.name(), field.data_type().clone(), field.is_nullable());
        bare.with_metadata(metadata)
    });
    StructType::try_new(fields).map_err(|e| SqlError::internal(e.to_string()))
}

/// The columns as batches have them.
pub(super) fn arrow(schema: &StructType) -> Result<SchemaRef, SqlError> {
    let schema: Schema = schema.try_into_arrow().map_err(|e| SqlError::internal(format!("{e}.")))?;
    Ok(Arc::new(schema))
}

pub(super) fn arity(wanted: usize, given: usize) -> SqlError {
    let (condition, what) = if wanted > given {
        ("CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "not enough data columns")
    } else {
        ("CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "too many data columns")
    };
    SqlError::new(
        condition,
        "21S01",
        format!("Cannot create it, the reason is {what}: {wanted} are named, the query has {given}."),
    )
}

/// The error for a default of a table that does not allow them.
pub(super) fn defaults_not_allowed() -> SqlError {
    SqlError::new(
        "WRONG_COLUMN_DEFAULTS_FOR_DELTA_FEATURE_NOT_ENABLED",
        "0AKDE",
        format!(
            "A column has a default, but the table does not allow them. Set the table property '{}' to 'supported'.",
            features::DEFAULTS_ALLOWED
        ),
    )
}

/// Refuses types that Delta tables do not have.
fn check_stored(name: &str, arrow: &Arrow) -> Result<(), SqlError> {
    let shown = types::from_arrow(arrow);
    if intervals::are_in(arrow) {
        let text = format!("Tables have no columns of the data type {shown}, as in `{name}`: cast it to another.");
        return Err(SqlError::new("DELTA_UNSUPPORTED_DATA_TYPES", "0AKDC", text));
    }
    if !is_stored(arrow) {
        return Err(SqlError::unsupported(&format!("columns of the type {shown}, as in {name}: cast it")));
    }
    Ok(())
}

fn is_stored(arrow: &Arrow) -> bool {
    match arrow {
        Arrow::Null | Arrow::Interval(_) | Arrow::Duration(_) => false,
        Arrow::List(field) => is_stored(field.data_type()),
        Arrow::Map(field, _) => is_stored(field.data_type()),
        Arrow::Struct(fields) => fields.iter().all(|f| is_stored(f.data_type())),
        _ => true,
    }
}

fn field(name: &str, arrow: &Arrow, nullable: bool) -> Result<StructField, SqlError> {
    let field = Field::new(name, arrow.clone(), nullable);
    (&field).try_into_kernel().map_err(|e| SqlError::unsupported(&format!("this schema in Delta: {e}")))
}

/// Refuses a name that comes twice, and names that Delta does not store.
pub(super) fn checked(fields: Vec<StructField>) -> Result<StructType, SqlError> {
    if fields.is_empty() {
        return Err(SqlError::unsupported_statement("CREATE TABLE without columns and without a query"));
    }
    let mut seen = HashSet::new();
    for field in &fields {
        if !seen.insert(field.name().to_lowercase()) {
            return Err(twice(field.name()));
        }
        if field.name().is_empty() || field.name().contains([' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '=']) {
            return Err(SqlError::new(
                "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES",
                "42K05",
                format!(
                    "Found invalid character(s) among ' ,;{{}}()\\n\\t=' in the column names of your schema: {}. Give \
                     the column an alias.",
                    field.name()
                ),
            ));
        }
    }
    StructType::try_new(fields).map_err(|e| SqlError::unsupported(&format!("this schema in Delta: {e}")))
}

pub(super) fn twice(name: &str) -> SqlError {
    SqlError::new(
        "COLUMN_ALREADY_EXISTS",
        "42711",
        format!("The column {} already exists. Choose another name or rename the existing column.", quoted(&[name])),
    )
}
