//! Reads Microsoft Graph's lists for tenants whose Intune posts nothing, with an app registration of their own.
//!
//! At each tick of the schedule, one run is requested on the bus for each tenant with a list that is due. Each run is
//! one invocation, and a lease prevents two runs from reading for the same tenant. A run that had too little time
//! requests another. Records become events through the same modules that read what a customer's own script posts, and
//! are stored in the same way.
//!
//! Must stay true: nothing is written to the customer's directory; one tenant's failure does not affect another tenant.

pub mod check;
pub mod lists;
mod names;
pub mod problem;
mod profiles;
pub mod puller;
mod reading;
pub mod records;
pub mod sign_ins;

pub use check::Checked;
pub use lists::{LISTS, List};
pub use puller::{Puller, RUN, Ran, Read, Which};

use serde::Serialize;
use serde_json::Value;
use vestibule_domain::TenantId;
use vestibule_domain::pull::PullRequest;
use vestibule_graph::{Addresses, NoAddress, Transport};
use vestibule_platform::bus::{GRAPH_PULL_REQUESTED, Outgoing};
use vestibule_platform::{BoxError, Bus};

/// The function.
#[derive(Clone, Debug)]
pub struct GraphPull<T> {
    puller: Puller<T>,
    bus: Bus,
}

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ticked {
    /// Tenants for which a run was requested.
    pub requested: usize,
    /// Tenants with nothing due, or with a run in progress.
    pub waiting: usize,
}

impl<T: Transport> GraphPull<T> {
    /// The function over a puller. It requests runs on `bus`.
    pub const fn new(puller: Puller<T>, bus: Bus) -> Self {
        Self { puller, bus }
    }

    /// The puller.
    pub const fn puller(&self) -> &Puller<T> {
        &self.puller
    }

    /// Handles a tick of the schedule, or a request to read for one tenant.
    ///
    /// # Errors
    /// If the table can't be read or written, or the bus takes nothing. The next tick tries the same again.
    pub async fn handle(&self, event: Value) -> Result<Value, BoxError> {
        if event["detail-type"] != GRAPH_PULL_REQUESTED {
            return Ok(serde_json::to_value(self.tick().await?)?);
        }
        let PullRequest { tenant } = serde_json::from_value(event.get("detail").cloned().unwrap_or_default())?;
        let ran = self.puller.run(&tenant, Which::Due).await?;
        if ran.unfinished {
            self.ask(&[tenant]).await?;
        }
        Ok(serde_json::to_value(ran)?)
    }

    async fn tick(&self) -> Result<Ticked, BoxError> {
        let now = self.puller.now();
        let pulls = self.puller.store.pulls().await?;
        let all = pulls.len();
        let due: Vec<TenantId> = pulls.into_iter().filter(|(_, pull)| pull.is_due(now)).map(|(id, _)| id).collect();
        self.ask(&due).await?;
        Ok(Ticked { requested: due.len(), waiting: all - due.len() })
    }

    async fn ask(&self, tenants: &[TenantId]) -> Result<(), BoxError> {
        let request = |tenant: &TenantId| serde_json::to_string(&PullRequest { tenant: tenant.clone() });
        let details = tenants.iter().map(request).collect::<Result<Vec<_>, _>>()?;
        let outgoing = |detail| Outgoing { detail_type: GRAPH_PULL_REQUESTED, detail };
        Ok(self.bus.put(&details.into_iter().map(outgoing).collect::<Vec<_>>()).await?)
    }
}

/// Reads `GRAPH_URL` and `GRAPH_LOGIN_URL`, which replace the addresses of every cloud if they are set.
///
/// # Errors
/// If only one of them is set, or if one is an address to which no secret may be sent.
pub fn addresses_from_env() -> Result<Option<Addresses>, NoAddress> {
    let read = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    match (read("GRAPH_LOGIN_URL"), read("GRAPH_URL")) {
        (None, None) => Ok(None),
        (login, graph) => Addresses::new(&login.unwrap_or_default(), &graph.unwrap_or_default()).map(Some),
    }
}
