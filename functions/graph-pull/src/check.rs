//! What an app registration may read: one page of each list, of which nothing is stored.

use crate::lists::{Becomes, LISTS, List};
use crate::problem::Problem;
use crate::puller::Puller;
use serde::Serialize;
use std::time::Duration;
use vestibule_domain::{Millis, TenantId};
use vestibule_graph::{Failure, Target, Transport};
use vestibule_platform::BoxError;
use vestibule_store::{PullApp, Secret};

/// An answer takes no longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// So much of a list that can be asked by date is asked for.
const SINCE: Millis = Millis::from_minutes(60);

/// What was found of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// Its name.
    pub list: &'static str,
    /// Whether it can be read.
    pub ok: bool,
    /// In words: `ok`, or what is missing.
    pub found: String,
}

impl<T: Transport> Puller<T> {
    /// Asks for a page of each list with the tenant's app registration.
    ///
    /// # Errors
    /// When nothing is pulled for the tenant, or the table can't be read.
    pub async fn check(&self, id: &TenantId) -> Result<Vec<Checked>, BoxError> {
        let pull =
            self.store.pull(id).await?.ok_or_else(|| format!("nothing is pulled for {id}: `graph add` it first"))?;
        let secret =
            self.store.pull_secret(id).await?.ok_or("the app registration has no secret: `graph rotate` it")?;
        Ok(self.check_app(&pull.app, &secret).await)
    }

    /// The same for a registration that is not added yet.
    pub async fn check_app(&self, app: &PullApp, secret: &Secret) -> Vec<Checked> {
        let mut found = Vec::new();
        let graph = self.graph_of(app, secret.expose());
        for list in &LISTS {
            let checked = match &graph {
                Ok(graph) => match graph.page(&self.target(list), self.now(), PATIENCE).await {
                    Ok(_) => Ok("ok"),
                    // Read without a filter, then.
                    Err(Failure::NotUnderstood { .. }) if is_by_date(list) => {
                        let target = Target::First { path: list.path, query: Vec::new() };
                        let page = graph.page(&target, self.now(), PATIENCE).await;
                        page.map(|_| "ok, read as a whole each hour: the filter by date is refused")
                            .map_err(Problem::from)
                    }
                    Err(failure) => Err(failure.into()),
                },
                Err(problem) => Err(*problem),
            };
            found.push(match checked {
                Ok(words) => Checked { list: list.name, ok: true, found: words.to_owned() },
                Err(problem) => Checked { list: list.name, ok: false, found: problem.words(list) },
            });
        }
        found
    }

    fn target(&self, list: &List) -> Target {
        let mut query: Vec<(&'static str, String)> =
            list.query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        if let Becomes::Events(records) = &list.becomes
            && records.by_date
        {
            query.insert(0, ("$filter", format!("{} ge {}", records.dated, self.now() - SINCE)));
        }
        Target::First { path: list.path, query }
    }
}

const fn is_by_date(list: &List) -> bool {
    matches!(&list.becomes, Becomes::Events(records) if records.by_date)
}
