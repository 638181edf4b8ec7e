//! What commands look at of an environment before they plan.

use std::collections::{BTreeMap, BTreeSet};

use super::connect::{Environment, FIVETRAN_HELP, refused};
use super::error::Error;
use super::runs::table;
use crate::databricks::wire::Table;
use crate::execute::Connected;
use crate::http::Class;
use crate::ids::{ConnectionName, TableName};
use crate::manifest::{CompiledModel, Manifest};
use crate::plan::{self, DeployPlan, Estimate, Observed, Sighting, Sought};
use crate::{databricks, observe};

impl Environment {
    /// Finds the connections that kiln keeps, and reads them.
    pub(super) async fn connections(&self, sought: &[Sought]) -> Result<BTreeMap<ConnectionName, Sighting>, Error> {
        if sought.is_empty() {
            return Ok(BTreeMap::new());
        }
        let Some(client) = &self.clients.fivetran else {
            let text =
                format!("environment `{}` needs Fivetran's credentials, for kiln keeps connections there", self.name);
            return Err(Error::refused(text).with_help(FIVETRAN_HELP));
        };
        let read = observe::connections(client, sought).await;
        read.map_err(|error| refused(format!("environment `{}` could not be read: {error}", self.name), &error.help()))
    }

    /// Reads the tables and views that are there.
    pub(super) async fn tables(&self, manifest: &Manifest) -> Result<Observed, Error> {
        let Connected { databricks, warehouse, .. } = &self.connected;
        let observed = observe::tables(databricks, warehouse, &manifest.catalog, &manifest.schema).await;
        observed.map_err(|error| self.unobservable(&error))
    }

    /// Reads the tables and views of any schema.
    pub(super) async fn tables_in(&self, catalog: &str, schema: &str) -> Result<Observed, Error> {
        let Connected { databricks, warehouse, .. } = &self.connected;
        let observed = observe::tables(databricks, warehouse, catalog, schema).await;
        observed.map_err(|error| self.unobservable(&error))
    }

    /// Reads all that `kiln destroy` looks at.
    pub(super) async fn deployed(&self, manifest: &Manifest) -> Result<Observed, Error> {
        let mut observed = self.tables(manifest).await?;
        self.add_jobs(manifest, &mut observed).await?;
        let made = observe::made_schema(&self.connected.databricks, &manifest.catalog, &manifest.schema).await;
        observed.made_schema = made.map_err(|error| self.unobservable(&error))?;
        Ok(observed)
    }

    /// Reads the jobs that the workspace runs by itself, unless there can be none.
    async fn add_jobs(&self, manifest: &Manifest, observed: &mut Observed) -> Result<(), Error> {
        let noted = observed.job_notes.iter().any(|note| note.project == manifest.project);
        if noted || manifest.jobs.values().any(|job| job.schedule.is_some()) {
            let Manifest { project, catalog, schema, .. } = manifest;
            let jobs = observe::jobs(&self.connected.databricks, project, catalog, schema).await;
            observed.jobs = jobs.map_err(|error| self.unobservable(&error))?;
        }
        Ok(())
    }

    /// Reads all that a deploy looks at.
    pub(super) async fn observe(&self, manifest: &Manifest) -> Result<Observed, Error> {
        let Connected { databricks, warehouse, .. } = &self.connected;
        // Nothing of this needs to know of the other.
        let (mut observed, grants, missing, dashboards, connections) = futures::try_join!(
            self.tables(manifest),
            async {
                if manifest.grants.is_empty() {
                    return Ok(BTreeMap::new());
                }
                let grants = observe::grants(databricks, &manifest.catalog, &manifest.schema).await;
                grants.map_err(|error| self.unobservable(&error))
            },
            async {
                let sources = manifest.models.values().flat_map(|model| &model.reads.sources);
                let missing = observe::missing(databricks, &sources.map(|read| read.table.clone()).collect()).await;
                missing.map_err(|error| self.unobservable(&error))
            },
            async {
                let wanted = manifest.dashboards.iter().map(|(name, d)| (name, d.folder.as_str(), d.title.as_str()));
                let dashboards = observe::dashboards(databricks, wanted).await;
                dashboards.map_err(|error| self.unobservable(&error))
            },
            async { self.connections(&plan::sought(manifest)).await },
        )?;
        observed.grants = grants;
        observed.missing_sources = missing;
        observed.dashboards = dashboards;
        observed.connections = connections;
        let place = (manifest.catalog.as_str(), manifest.schema.as_str());
        let questions = plan::questions(manifest, &observed);
        let details = observe::details(databricks, warehouse, place, questions, &mut observed).await;
        details.map_err(|error| self.unobservable(&error))?;
        self.add_built(manifest, &mut observed).await?;
        let former = observe::former_places(databricks, &plan::former_places(manifest, &observed)).await;
        observed.former_places = former.map_err(|error| self.unobservable(&error))?;
        plan::recognise(manifest, &mut observed);
        let permitted =
            observed.dashboards.iter().filter(|(name, _)| !manifest.dashboards[*name].permissions.is_empty());
        let permissions = observe::permissions(databricks, permitted.map(|(name, there)| (name, &there.id))).await;
        observed.permissions = permissions.map_err(|error| self.unobservable(&error))?;
        self.add_dashboard_schedules(manifest, &mut observed).await?;
        self.add_jobs(manifest, &mut observed).await?;
        observed.warehouse = Some(warehouse.clone());
        Ok(observed)
    }

    /// Asks whether models that are not there were there, if there can be any answer.
    async fn add_built(&self, manifest: &Manifest, observed: &mut Observed) -> Result<(), Error> {
        let is_missing = |model: &CompiledModel| !observed.tables.contains_key(&model.table.name);
        if observed.has_history && manifest.models.values().any(is_missing) {
            let Connected { databricks, warehouse, .. } = &self.connected;
            let built = observe::built(databricks, warehouse, &table(manifest), &manifest.project).await;
            observed.built = built.map_err(|error| self.unobservable(&error))?;
        }
        Ok(())
    }

    /// Reads the schedules of dashboards, and who those are that they shall be sent to.
    async fn add_dashboard_schedules(&self, manifest: &Manifest, observed: &mut Observed) -> Result<(), Error> {
        let databricks = &self.connected.databricks;
        let sent = observed.dashboards.iter().filter(|(name, _)| observed.may_have_schedules(manifest, name));
        let sent = sent.map(|(name, there)| (name, &there.id));
        let schedules = observe::schedules(databricks, &manifest.project, observed, sent).await;
        let unknown = plan::unknown_subscribers(manifest, observed);
        let recipients = observe::recipients(databricks, &unknown).await;
        observed.dashboard_schedules = schedules.map_err(|error| self.unobservable(&error))?;
        observed.recipients = recipients.map_err(|error| self.unobservable(&error))?;
        Ok(())
    }

    /// Tells what the tables that a plan builds read.
    pub(super) async fn estimate(&self, manifest: &Manifest, plan: &mut DeployPlan) -> Result<(), Error> {
        let reads = plan::reads(manifest, plan);
        let tables: BTreeSet<TableName> = reads.values().flatten().cloned().collect();
        let Connected { databricks, warehouse, .. } = &self.connected;
        let sizes = observe::sizes(databricks, warehouse, &tables).await;
        let sizes = sizes.map_err(|error| self.unobservable(&error))?;
        plan.estimates = reads.into_iter().map(|(name, tables)| (name, Estimate::of(&tables, &sizes))).collect();
        Ok(())
    }

    /// Reads all tables of a schema with their columns; none if there is no such schema.
    pub(super) async fn tables_of(&self, catalog: &str, schema: &str) -> Result<Vec<Table>, Error> {
        let tables = self.connected.databricks.unity().tables(&catalog.to_lowercase(), &schema.to_lowercase()).await;
        match tables {
            Ok(tables) => Ok(tables),
            Err(error) if error.class() == Class::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.unobservable(&error.into())),
        }
    }

    /// Says that the workspace could not be read.
    pub(super) fn unobservable(&self, error: &databricks::Error) -> Error {
        refused(format!("environment `{}` could not be read: {error}", self.name), &error.help())
    }
}
