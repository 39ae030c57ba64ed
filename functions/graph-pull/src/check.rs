//! Finds out which lists an app registration may read: it asks for one page of each and stores nothing.

use crate::lists::{Becomes, List};
use crate::problem::Problem;
use crate::puller::Puller;
use serde::Serialize;
use std::time::Duration;
use vestibule_domain::{Millis, TenantId};
use vestibule_graph::{Failure, Target, Transport};
use vestibule_platform::BoxError;
use vestibule_store::{PullApp, Secret};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How far back a list that can be filtered by date is asked for.
const SINCE: Millis = Millis::from_minutes(60);

/// The result for one list.
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
    /// If nothing is pulled for the tenant, or the table can't be read.
    pub async fn check(&self, id: &TenantId) -> Result<Vec<Checked>, BoxError> {
        let pull =
            self.store.pull(id).await?.ok_or_else(|| format!("nothing is pulled for {id}: `graph add` it first"))?;
        let secret =
            self.store.pull_secret(id).await?.ok_or("the app registration has no secret: `graph rotate` it")?;
        Ok(self.check_app(&pull.app, &secret).await)
    }

    /// The same for a registration that has not been added yet.
    pub async fn check_app(&self, app: &PullApp, secret: &Secret) -> Vec<Checked> {
        let mut found = Vec::new();
        let graph = self.graph_of(app, secret.expose());
        for list in List::read_with(&app.chosen) {
            let checked = match &graph {
                Ok(graph) => match graph.page(&self.target(list, true), self.now(), PATIENCE).await {
                    Ok(_) => Ok("ok"),
                    // Graph refuses the filter, so the list is read without it.
                    Err(failure) => match without_filter(list) {
                        Some(words) if matches!(failure, Failure::NotUnderstood { .. }) => {
                            let page = graph.page(&self.target(list, false), self.now(), PATIENCE).await;
                            page.map(|_| words).map_err(Problem::from)
                        }
                        _ => Err(failure.into()),
                    },
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

    /// The first page of a list, with the filter that most readings use or without it.
    fn target(&self, list: &List, filtered: bool) -> Target {
        let since = self.now() - SINCE;
        let filter = match &list.becomes {
            Becomes::Events(records) => (records.by_date && filtered).then(|| format!("{} ge {since}", records.dated)),
            Becomes::SignIns(sign_ins) => Some(sign_ins.filter(since, filtered)),
            Becomes::Profiles | Becomes::AppNames => None,
        };
        let others = list.query.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Target::First {
            path: list.path,
            query: filter.map(|filter| ("$filter", filter)).into_iter().chain(others).collect(),
        }
    }
}

/// How a list is read when Graph refuses its filter; `None` if it is never filtered.
const fn without_filter(list: &List) -> Option<&'static str> {
    match &list.becomes {
        Becomes::Events(records) if records.by_date => {
            Some("ok, read as a whole each hour: the filter by date is refused")
        }
        Becomes::SignIns(_) => Some("ok, all of them read each hour: the filter by app and code is refused"),
        Becomes::Events(_) | Becomes::Profiles | Becomes::AppNames => None,
    }
}
