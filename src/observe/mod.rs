//! Reads what is deployed, in few requests, as the data that plans look at.

mod built;
mod details;
mod fivetran;
mod jobs;
mod schedules;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value};

use crate::databricks::wire::{Table, TableType};
use crate::databricks::{Client, Error, is_current};
use crate::http::Class;
use crate::ids::{DashboardId, DashboardName, Principal, TableName, WarehouseId, workspace_path};
use crate::plan::{Observed, ObservedColumn, ObservedDashboard, ObservedTable, Published, SCHEMA_COMMENT, TableKind};

pub use built::built;
pub use details::details;
pub use fivetran::{connections, replicated};
pub use sizes::sizes;

/// Reads the tables and views of a schema, and what kiln has noted there: one request, or one for each page of the list.
///
/// # Errors
/// If a request fails.
pub async fn tables(client: &Client, warehouse: &WarehouseId, catalog: &str, schema: &str) -> Result<Observed, Error> {
    let mut observed = Observed { warehouse: Some(warehouse.clone()), ..Observed::default() };
    let tables = match client.unity().tables(&catalog.to_lowercase(), &schema.to_lowercase()).await {
        Ok(tables) => tables,
        // Without the schema, or without the right to see it; making it tells which.
        Err(error) if error.class() == Class::NotFound => return Ok(observed),
        Err(error) => return Err(error.into()),
    };
    observed.schema_exists = true;
    for table in tables {
        observed.add_table(&table.name.to_lowercase(), observed_table(&table));
    }
    Ok(observed)
}

/// Tells whether kiln made a schema.
///
/// # Errors
/// If the request fails.
pub async fn made_schema(client: &Client, catalog: &str, schema: &str) -> Result<bool, Error> {
    let schema = client.unity().schema(&catalog.to_lowercase(), &schema.to_lowercase()).await?;
    Ok(schema.and_then(|schema| schema.comment).is_some_and(|comment| comment == SCHEMA_COMMENT))
}

/// Reads what is granted on a schema, in SQL's words; nothing if it does not exist.
///
/// # Errors
/// If a request fails.
pub async fn grants(client: &Client, catalog: &str, schema: &str) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let name = format!("{}.{}", catalog.to_lowercase(), schema.to_lowercase());
    match client.unity().permissions("schema", &name).await {
        Ok(all) => Ok(all
            .into_iter()
            .map(|held| (held.principal, held.privileges.iter().map(|privilege| privilege.replace('_', " ")).collect()))
            .collect()),
        Err(error) if error.class() == Class::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error.into()),
    }
}

/// Finds which of the tables do not exist: one request for each of their schemas.
///
/// # Errors
/// If a request fails.
pub async fn missing(client: &Client, tables: &BTreeSet<TableName>) -> Result<BTreeSet<TableName>, Error> {
    let schemas: BTreeSet<(&str, &str)> = tables.iter().map(|t| (t.catalog.as_str(), t.schema.as_str())).collect();
    let mut missing = tables.clone();
    for (catalog, schema) in schemas {
        let there = match client.unity().table_summaries(catalog, schema).await {
            Ok(there) => there,
            Err(error) if error.class() == Class::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let there: BTreeSet<String> = there.into_iter().map(|table| table.full_name.to_lowercase()).collect();
        missing.retain(|table| !there.contains(&table.to_string()));
    }
    Ok(missing)
}

/// Reads the dashboard at a folder and title, up to three requests; nothing if there is none.
///
/// # Errors
/// If a request fails, or something else than a dashboard stands there.
pub async fn dashboard(client: &Client, folder: &str, title: &str) -> Result<Option<ObservedDashboard>, Error> {
    match client.lakeview().find(&dashboard_path(folder, title)).await? {
        Some(id) => read_dashboard(client, id).await,
        None => Ok(None),
    }
}

fn dashboard_path(folder: &str, title: &str) -> String {
    format!("{}/{title}.lvdash.json", workspace_path(folder))
}

/// Reads a dashboard by two requests at once; nothing if it is in the trash. No list of the service tells when a draft was
/// changed or what was published, so these two cannot be left out.
async fn read_dashboard(client: &Client, id: DashboardId) -> Result<Option<ObservedDashboard>, Error> {
    let lakeview = client.lakeview();
    let (draft, published) = futures::try_join!(lakeview.get(&id), lakeview.get_published(&id))?;
    let Some(draft) = draft else { return Ok(None) };
    let published = published.filter(|published| is_current(&draft, published));
    Ok(Some(ObservedDashboard {
        id,
        content: draft.content(),
        warehouse: draft.warehouse_id.map(WarehouseId::new),
        published_at: published.as_ref().and_then(|published| published.revision_create_time),
        published: published.map(|published| Published {
            warehouse: published.warehouse_id.map(WarehouseId::new),
            embed_credentials: published.embed_credentials,
        }),
    }))
}

/// Reads dashboards by their names in the project, each with its folder and title: one request for each folder, and two
/// for each dashboard that is there.
///
/// # Errors
/// As [`dashboard`].
pub async fn dashboards<'a>(
    client: &Client,
    wanted: impl Iterator<Item = (&'a DashboardName, &'a str, &'a str)>,
) -> Result<BTreeMap<DashboardName, ObservedDashboard>, Error> {
    let mut folders: BTreeMap<&str, Vec<(&DashboardName, String)>> = BTreeMap::new();
    for (name, folder, title) in wanted {
        folders.entry(workspace_path(folder)).or_default().push((name, dashboard_path(folder, title)));
    }
    let located = folders.into_iter().map(async |(folder, wanted)| {
        let (names, paths): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
        let ids = client.lakeview().find_in(folder, &paths).await?;
        Ok::<_, Error>(names.into_iter().zip(ids))
    });
    let located: Vec<_> = stream::iter(located).buffered(AT_ONCE).try_collect().await?;
    let there = located.into_iter().flatten().filter_map(|(name, id)| Some((name, id?)));
    let found = there.map(async |(name, id)| {
        let there = read_dashboard(client, id).await?;
        Ok::<_, Error>(there.map(|there| (name.clone(), there)))
    });
    let found: Vec<_> = stream::iter(found).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// How many things are read at the same time.
const AT_ONCE: usize = 8;

/// Reads what is at paths where dashboards were, up to three requests for each; none where there is no dashboard.
///
/// # Errors
/// If a request fails.
pub async fn former_places(
    client: &Client,
    paths: &BTreeSet<String>,
) -> Result<BTreeMap<String, Option<ObservedDashboard>>, Error> {
    let places = paths.iter().filter_map(|path| {
        let (folder, name) = path.rsplit_once('/')?;
        Some((path, folder, name.strip_suffix(".lvdash.json")?))
    });
    let found = places.map(async |(path, folder, title)| match dashboard(client, folder, title).await {
        Err(Error::PathTaken { .. }) => Ok((path.clone(), None)),
        there => Ok::<_, Error>((path.clone(), there?)),
    });
    stream::iter(found).buffered(AT_ONCE).try_collect().await
}

/// Reads what each has on dashboards themselves, one request for each.
///
/// # Errors
/// If a request fails.
pub async fn permissions(
    client: &Client,
    dashboards: impl Iterator<Item = (&DashboardName, &DashboardId)>,
) -> Result<BTreeMap<DashboardName, BTreeMap<Principal, String>>, Error> {
    let found = dashboards.map(async |(name, id)| {
        let held = client.permissions().of_dashboard(id).await?;
        Ok::<_, Error>((name.clone(), held))
    });
    stream::iter(found).buffered(AT_ONCE).try_collect().await
}

pub use jobs::jobs;
pub use schedules::{recipient, recipients, schedules, timing};

fn observed_table(table: &Table) -> ObservedTable {
    let columns = table.columns.iter().flatten().map(|column| ObservedColumn {
        name: column.name.clone(),
        type_text: column.type_text.clone(),
        comment: column.comment.clone(),
        nullable: column.nullable.unwrap_or(true),
    });
    ObservedTable {
        kind: match &table.table_type {
            Some(TableType::View) => TableKind::View,
            Some(TableType::Managed) | None => TableKind::Table,
            Some(other) => TableKind::Other(other.as_str().to_owned()),
        },
        comment: table.comment.clone().filter(|comment| !comment.is_empty()),
        columns: columns.collect(),
        properties: texts(table.properties.as_ref()),
        tags: None,
        column_tags: None,
        grants: None,
        keys: None,
        marks: None,
        definition: table.view_definition.clone(),
        owner: table.owner.clone(),
        updated_at: table.updated_at.or(table.created_at).and_then(DateTime::from_timestamp_millis),
    }
}

fn texts(properties: Option<&Map<String, Value>>) -> BTreeMap<String, String> {
    let all = properties.into_iter().flatten();
    all.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
