//! Pulls: the directories that are read for tenants, who is reading, and how far each list was read.
//!
//! Four kinds of items. One a tenant in a partition of all (whose app registration, who has the lease, when something is
//! due: one query answers for all tenants). One a tenant and list, with how it stands. Some with the digests of records
//! (`digests`). And the app registration's secret, in a partition of its own that only the function which pulls may read.
//!
//! Must stay true: a lease ends, whoever held it; a secret stands nowhere but in its own item, and no error has any of it;
//! nothing here decides what is stored of a record: what is lost of it costs reads, and no more.

mod digests;

pub use digests::{Digest, Digests};

use crate::content::{self, Place};
use crate::item::{Item, item_key, s, text};
use crate::keys::{PK, SK, tenant_pk};
use crate::{CAPACITY, Cause, Secret, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::pull::is_read;
use vestibule_domain::{Millis, TenantId, Timestamp};

/// How long a lease lasts: longer than a function may run. What its holder has not ended by then has died.
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

/// An app registration, but for its secret.
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
    /// When its secret ends, where that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Lists that were chosen besides those that are always read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub chosen: BTreeSet<String>,
}

/// The right to read for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullLease {
    /// Whose it is: one run.
    pub owner: String,
    /// The instant from which on it is nobody's.
    pub until: Timestamp,
}

/// Whether somebody may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenPull {
    /// Yes.
    Leased(PullApp),
    /// No: somebody else does, until then at the latest.
    UnderWay(Timestamp),
    /// No: nothing is pulled for the tenant.
    Nothing,
}

/// How a list of a tenant stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PullList {
    /// When it is read next, failures apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Timestamp>,
    /// Until when it is left alone after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_until: Option<Timestamp>,
    /// Failures since the last success.
    pub failures: u32,
    /// When it was last read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ok: Option<Timestamp>,
    /// The status of the last answer that was no page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// What was the matter the last time, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<Timestamp>,
    /// Records of the last whole reading.
    pub rows: u64,
    /// When the last reading of all that is kept began, where not each is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole_at: Option<Timestamp>,
    /// Until when it is read without a filter, which was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfiltered_until: Option<Timestamp>,
    /// Where a reading goes on that ran out of time.
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
    /// Whether it is of all that is kept.
    pub whole: bool,
    /// What is dated before this is not of interest, where Graph was not asked to leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

impl PullList {
    /// When it is read next.
    pub fn due_at(&self) -> Timestamp {
        let next = self.next_due.unwrap_or(Timestamp::MIN);
        next.max(self.backoff_until.unwrap_or(Timestamp::MIN))
    }
}

impl Pull {
    /// Whether something is due at `now` that nobody is reading.
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

fn secret_key(tenant: &TenantId) -> Item {
    item_key(&format!("{SECRETS}{tenant}"), SECRET)
}

impl Store {
    /// All tenants that are pulled for, in order.
    ///
    /// # Errors
    /// When the table can't be read.
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
    /// When the table can't be read.
    pub async fn pull(&self, tenant: &TenantId) -> Result<Option<Pull>, StoreError> {
        Ok(self.read_content(&place(tenant)).await?.0)
    }

    /// Pulls for a tenant with this app registration from now on; all its lists are due at `now`. What was read with another
    /// is known still.
    ///
    /// # Errors
    /// When the table can't be written. The secret may then be there, and nothing that uses it.
    pub async fn set_pull(
        &self,
        tenant: &TenantId,
        app: PullApp,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = secret_key(tenant);
        item.insert(content::CONTENT.to_owned(), s(secret.expose()));
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Pull, answer.consumed_capacity.as_slice());
        let lists = self.pull_lists(tenant).await?;
        for list in lists.keys() {
            // What failed with the registration before may work with this one.
            let anew = |list: &mut PullList| (list.next_due, list.backoff_until, list.failures) = (None, None, 0);
            self.change_pull_list(tenant, list, anew).await?;
        }
        let change = |pull: &mut Option<Pull>| {
            let lease = pull.as_ref().and_then(|pull| pull.lease.clone());
            *pull = Some(Pull { app: app.clone(), lease, next_due: now });
        };
        self.change_content(&place(tenant), change).await
    }

    /// Changes which lists are chosen; something is due at `now`. What was read of a list that is chosen no longer stays, and
    /// how far it was read is forgotten. Returns the registration as it is then, or none where nothing is pulled.
    ///
    /// # Errors
    /// When the table can't be read or written; the same again goes on from there.
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
    /// When the table can't be read.
    pub async fn pull_secret(&self, tenant: &TenantId) -> Result<Option<Secret>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        let get = get.set_key(Some(secret_key(tenant))).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Pull, answer.consumed_capacity.as_slice());
        Ok(answer.item.as_ref().and_then(|item| text(item, content::CONTENT)).map(Secret::new))
    }

    /// Pulls nothing more for a tenant, and forgets the registration, its secret, and how far its lists were read. Returns
    /// whether anything was pulled for it.
    ///
    /// # Errors
    /// When the table can't be read or written; the same again goes on from there.
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
    /// When the table can't be read or written.
    pub async fn take_pull(&self, tenant: &TenantId, owner: &str, now: Timestamp) -> Result<TakenPull, StoreError> {
        let take = |pull: &mut Option<Pull>| pull.as_mut().map_or(TakenPull::Nothing, |pull| pull.take(owner, now));
        self.change_content(&place(tenant), take).await
    }

    /// Gives `owner`'s lease back; something is due again at `next_due`.
    ///
    /// # Errors
    /// When the table can't be read or written: the lease then runs out, and the next run finds the same lists due.
    pub async fn finish_pull(&self, tenant: &TenantId, owner: &str, next_due: Timestamp) -> Result<(), StoreError> {
        let finish = |pull: &mut Option<Pull>| {
            if let Some(pull) = pull.as_mut().filter(|pull| pull.lease.as_ref().is_some_and(|it| it.owner == owner)) {
                (pull.lease, pull.next_due) = (None, next_due);
            }
        };
        self.change_content(&place(tenant), finish).await
    }

    /// How a tenant's lists stand, by name.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn pull_lists(&self, tenant: &TenantId) -> Result<BTreeMap<String, PullList>, StoreError> {
        let items = self.query(self.pull_items(tenant, LIST), Cause::Pull, usize::MAX).await?;
        let list = |item| Some((text(item, SK)?.strip_prefix(LIST)?.to_owned(), content::read(item).0));
        Ok(items.iter().filter_map(list).collect())
    }

    /// Changes how a list stands.
    ///
    /// # Errors
    /// When the table can't be read or written.
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
        let old = r#"{"app":{"directory":"d","client":"c","cloud":"global","added_at":1800000000000},"next_due":1800000000000}"#;
        let pull: Pull = serde_json::from_str(old).unwrap();
        assert!(pull.app.chosen.is_empty() && !serde_json::to_string(&pull).unwrap().contains("chosen"));
    }
}
