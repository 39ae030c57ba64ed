//! Pulls: the directories that are read for tenants, which run is reading, and how far each list was read.
//!
//! There are four kinds of items. One for each tenant, in a partition of all (the app registration, the lease, when
//! something is due: one query answers for all tenants). One for each tenant and list, with its state. Some with the
//! digests of records (`digests`). And the app registration's secret, in its own partition, which only the pulling
//! function may read.
//!
//! Must stay true: every lease ends, whoever held it. A secret is stored only in its own item, and no error contains
//! any of it. Nothing here decides what is stored of a record: losing any of it only costs reads.

mod digests;

pub use digests::{Digest, Digests};

use crate::content::{self, Place};
use crate::item::{Item, item_key, s, text};
use crate::keys::{PK, SK, tenant_pk};
use crate::sealing::SecretKind;
use crate::{CAPACITY, Cause, Secret, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::pull::is_read;
use vestibule_domain::{Millis, TenantId, Timestamp};

/// How long a lease lasts: longer than a function may run. A holder that has not finished by then has died.
pub const PULL_LEASE: Millis = Millis::from_seconds(65);

/// The partition of all tenants that are pulled for.
const PULLS: &str = "pulls";
/// The partition prefix of the secrets.
const SECRETS: &str = "g#";
const SECRET: &str = "app";
const LIST: &str = "pull#";

/// A tenant that is pulled for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// The app registration.
    pub app: PullApp,
    /// Who is reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<PullLease>,
    /// When a list is due.
    pub next_due: Timestamp,
}

/// An app registration, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullApp {
    /// The directory (Entra tenant).
    pub directory: String,
    /// The application's id.
    pub client: String,
    /// The name of the cloud.
    pub cloud: String,
    /// When it was added, or its secret last replaced.
    pub added_at: Timestamp,
    /// When its secret expires, if that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Chosen lists, in addition to those that are always read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub chosen: BTreeSet<String>,
}

/// The right to read for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullLease {
    /// The holder: one run.
    pub owner: String,
    /// The instant at which it ends.
    pub until: Timestamp,
}

/// Whether somebody may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenPull {
    /// Yes.
    Leased(PullApp),
    /// No: another run has it, until then at the latest.
    UnderWay(Timestamp),
    /// No: nothing is pulled for the tenant.
    Nothing,
}

/// The state of a tenant's list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PullList {
    /// When it is next read, apart from failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Timestamp>,
    /// Until when it is skipped after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_until: Option<Timestamp>,
    /// Failures since the last success.
    pub failures: u32,
    /// When it was last read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ok: Option<Timestamp>,
    /// The status of the last answer that was not a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// The last problem, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<Timestamp>,
    /// Records of the last whole reading.
    pub rows: u64,
    /// When the last whole reading began, if not every reading is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole_at: Option<Timestamp>,
    /// Until when it is read without a filter, because the filter was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfiltered_until: Option<Timestamp>,
    /// Where to continue a reading that ran out of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
}

/// A reading that is not at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unfinished {
    /// The next page, as Graph wrote it.
    pub next: String,
    /// Records so far.
    pub rows: u64,
    /// When it began.
    pub began_at: Timestamp,
    /// Whether it reads everything that is kept.
    pub whole: bool,
    /// Records with an earlier date are ignored, if Graph was not asked to leave them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

impl PullList {
    /// When it is next read.
    pub fn due_at(&self) -> Timestamp {
        let next = self.next_due.unwrap_or(Timestamp::MIN);
        next.max(self.backoff_until.unwrap_or(Timestamp::MIN))
    }
}

impl Pull {
    /// Whether something is due at `now` that no run is reading.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next_due <= now && self.lease.as_ref().is_none_or(|lease| lease.until <= now)
    }

    fn take(&mut self, owner: &str, now: Timestamp) -> TakenPull {
        match &self.lease {
            Some(lease) if lease.until > now && lease.owner != owner => TakenPull::UnderWay(lease.until),
            _ => {
                self.lease = Some(PullLease { owner: owner.to_owned(), until: now + PULL_LEASE });
                TakenPull::Leased(self.app.clone())
            }
        }
    }
}

fn place(tenant: &TenantId) -> Place {
    Place { pk: PULLS.to_owned(), sk: tenant.as_str().to_owned(), cause: Cause::Pull }
}

fn list_place(tenant: &TenantId, list: &str) -> Place {
    Place { pk: tenant_pk(tenant), sk: format!("{LIST}{list}"), cause: Cause::Pull }
}

pub(crate) fn secret_key(tenant: &TenantId) -> Item {
    item_key(&format!("{SECRETS}{tenant}"), SECRET)
}

impl Store {
    /// All tenants that are pulled for, in order.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn pulls(&self) -> Result<Vec<(TenantId, Pull)>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(PULLS));
        let items = self.query(query, Cause::Pull, usize::MAX).await?;
        let pull = |item| Some((TenantId::parse(text(item, SK)?).ok()?, content::read::<Option<Pull>>(item).0?));
        Ok(items.iter().filter_map(pull).collect())
    }

    /// What is pulled for a tenant.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn pull(&self, tenant: &TenantId) -> Result<Option<Pull>, StoreError> {
        Ok(self.read_content(&place(tenant)).await?.0)
    }

    /// Starts pulling for a tenant with this app registration; all its lists are due at `now`. What was read with
    /// another registration stays known.
    ///
    /// # Errors
    /// If the table can't be written. The secret may then exist, but nothing uses it.
    pub async fn set_pull(
        &self,
        tenant: &TenantId,
        app: PullApp,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = secret_key(tenant);
        self.put_secret(&mut item, (tenant, SecretKind::Directories), secret.expose()).await?;
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Pull, answer.consumed_capacity.as_slice());
        let lists = self.pull_lists(tenant).await?;
        for list in lists.keys() {
            // What failed with the previous registration may work with this one.
            let anew = |list: &mut PullList| (list.next_due, list.backoff_until, list.failures) = (None, None, 0);
            self.change_pull_list(tenant, list, anew).await?;
        }
        let change = |pull: &mut Option<Pull>| {
            let lease = pull.as_ref().and_then(|pull| pull.lease.clone());
            *pull = Some(Pull { app: app.clone(), lease, next_due: now });
        };
        self.change_content(&place(tenant), change).await
    }

    /// Changes which lists are chosen; something is due at `now`. Records read from a list that is no longer chosen
    /// stay stored, and how far it was read is forgotten. Returns the changed registration, or `None` if nothing is
    /// pulled.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues from there.
    pub async fn choose_pull_lists(
        &self,
        tenant: &TenantId,
        change: impl Fn(&mut BTreeSet<String>),
        now: Timestamp,
    ) -> Result<Option<PullApp>, StoreError> {
        let choose = |pull: &mut Option<Pull>| {
            let pull = pull.as_mut()?;
            let before = pull.app.chosen.clone();
            change(&mut pull.app.chosen);
            if pull.app.chosen != before {
                pull.next_due = pull.next_due.min(now);
            }
            Some(pull.app.clone())
        };
        let Some(app) = self.change_content(&place(tenant), choose).await? else { return Ok(None) };
        for list in self.pull_lists(tenant).await?.keys().filter(|list| !is_read(list, &app.chosen)) {
            let mut keys = vec![item_key(&tenant_pk(tenant), &format!("{LIST}{list}"))];
            keys.extend(self.pull_keys(tenant, &digests::prefix(list)).await?);
            self.delete_pull_items(keys).await?;
        }
        Ok(Some(app))
    }

    /// The secret of a tenant's app registration.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn pull_secret(&self, tenant: &TenantId) -> Result<Option<Secret>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        let get = get.set_key(Some(secret_key(tenant))).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Pull, answer.consumed_capacity.as_slice());
        let Some(item) = answer.item else { return Ok(None) };
        Ok(self.secret_in(&item, (tenant, SecretKind::Directories)).await?.map(Secret::new))
    }

    /// Stops pulling for a tenant, and forgets the registration, its secret, and how far its lists were read. Returns
    /// whether anything was pulled for it.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues from there.
    pub async fn remove_pull(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let was = self.pull(tenant).await?.is_some();
        let mut keys = vec![item_key(PULLS, tenant.as_str()), secret_key(tenant)];
        for prefix in [LIST, digests::PREFIX] {
            keys.extend(self.pull_keys(tenant, prefix).await?);
        }
        self.delete_pull_items(keys).await?;
        Ok(was)
    }

    async fn pull_keys(&self, tenant: &TenantId, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let items = self.query(self.pull_items(tenant, prefix), Cause::Pull, usize::MAX).await?;
        let sort_keys = items.iter().filter_map(|item| text(item, SK));
        Ok(sort_keys.map(|sk| item_key(&tenant_pk(tenant), sk)).collect())
    }

    async fn delete_pull_items(&self, keys: Vec<Item>) -> Result<(), StoreError> {
        for key in keys {
            let delete = self.client.delete_item().table_name(&*self.table).set_key(Some(key));
            let answer = delete.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.wrote(Cause::Pull, answer.consumed_capacity.as_slice());
        }
        Ok(())
    }

    /// Takes the lease for `owner`, a name that no other run has.
    ///
    /// # Errors
    /// If the table can't be read or written.
    pub async fn take_pull(&self, tenant: &TenantId, owner: &str, now: Timestamp) -> Result<TakenPull, StoreError> {
        let take = |pull: &mut Option<Pull>| pull.as_mut().map_or(TakenPull::Nothing, |pull| pull.take(owner, now));
        self.change_content(&place(tenant), take).await
    }

    /// Returns `owner`'s lease; something is due again at `next_due`.
    ///
    /// # Errors
    /// If the table can't be read or written; the lease then runs out, and the next run finds the same lists due.
    pub async fn finish_pull(&self, tenant: &TenantId, owner: &str, next_due: Timestamp) -> Result<(), StoreError> {
        let finish = |pull: &mut Option<Pull>| {
            if let Some(pull) = pull.as_mut().filter(|pull| pull.lease.as_ref().is_some_and(|it| it.owner == owner)) {
                (pull.lease, pull.next_due) = (None, next_due);
            }
        };
        self.change_content(&place(tenant), finish).await
    }

    /// The state of a tenant's lists, by name.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn pull_lists(&self, tenant: &TenantId) -> Result<BTreeMap<String, PullList>, StoreError> {
        let items = self.query(self.pull_items(tenant, LIST), Cause::Pull, usize::MAX).await?;
        let list = |item| Some((text(item, SK)?.strip_prefix(LIST)?.to_owned(), content::read(item).0));
        Ok(items.iter().filter_map(list).collect())
    }

    /// Changes the state of a list.
    ///
    /// # Errors
    /// If the table can't be read or written.
    pub async fn change_pull_list(
        &self,
        tenant: &TenantId,
        list: &str,
        change: impl Fn(&mut PullList),
    ) -> Result<(), StoreError> {
        self.change_content(&list_place(tenant, list), change).await
    }

    fn pull_items(
        &self,
        tenant: &TenantId,
        prefix: &str,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.client
            .query()
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(tenant_pk(tenant)))
            .expression_attribute_values(":prefix", s(prefix))
            .consistent_read(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn of_two_runs_one_has_the_lease_until_it_ends_it_or_dies() {
        let at = |seconds: i64| Timestamp::from_millis(1_800_000_000_000) + Millis::from_seconds(seconds);
        let app = PullApp {
            directory: "d".to_owned(),
            client: "c".to_owned(),
            cloud: "global".to_owned(),
            added_at: at(0),
            expires_at: None,
            chosen: BTreeSet::new(),
        };
        let mut pull = Pull { app: app.clone(), lease: None, next_due: at(0) };
        assert!(pull.is_due(at(0)));
        assert_eq!(pull.take("a", at(0)), TakenPull::Leased(app.clone()));
        assert!(!pull.is_due(at(64)));
        assert_eq!(pull.take("b", at(1)), TakenPull::UnderWay(at(65)));
        assert_eq!(pull.take("a", at(2)), TakenPull::Leased(app.clone()), "its holder may ask again");
        assert!(pull.is_due(at(67)), "the holder died");
        assert_eq!(pull.take("b", at(67)), TakenPull::Leased(app));
    }

    #[test]
    fn an_item_without_chosen_lists_is_one_that_chose_none() {
        let old = r#"{"app":{"directory":"d","client":"c","cloud":"global","added_at":1793491200000},
            "next_due":1793491200000}"#;
        let pull: Pull = serde_json::from_str(old).unwrap();
        assert!(pull.app.chosen.is_empty() && !serde_json::to_string(&pull).unwrap().contains("chosen"));
    }
}
