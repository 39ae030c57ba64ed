//! Messages to people: what a tenant chose, how its rules stand, what came from the bus, what was sent and what was given up.
//!
//! The rules and channels of all tenants are one partition, so that one query finds who has any. What is secret of a
//! channel is in a partition of its own for each tenant, which only the function that sends may read, and is sealed where a
//! deployment has a key for it (`sealing`).
//!
//! Must stay true: an event is noted once, whatever the bus repeats, and stays noted until it was taken. Nothing here names
//! a person or a device. Every lease ends.

use crate::content::{self, CONTENT, Place};
use crate::item::{EXPIRES, Item, item_key, n, s, text};
use crate::keys::{PK, SK, tenant_pk};
use crate::sealing::{SecretKind, only_key};
use crate::{CAPACITY, Cause, Secret, Store, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_notices::{Channel, Event, Keys, Policy, Rule, State};

/// How long a run may take: longer than its function may.
const LEASE: Millis = Millis::from_seconds(65);
/// The partition of all tenants with rules or channels.
const NOTICES: &str = "notices";
/// The partition prefix of what is secret.
const SECRETS: &str = "n#";
const KEYS: &str = "channel#";
const MUTE: &str = "notice-mute";
const STATE: &str = "notices";
const NEWS: &str = "notice-in#";
const SENT: &str = "notice-sent#";
const DEAD: &str = "notice-dead#";
/// How long an event waits to be taken.
const NEWS_KEPT: Millis = Millis::from_days(2);
const SENT_KEPT: Millis = Millis::from_days(90);
const DEAD_KEPT: Millis = Millis::from_days(35);

/// What a tenant chose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notices {
    /// Its rules.
    pub rules: Vec<Rule>,
    /// Its channels.
    pub channels: Vec<Channel>,
    /// When messages may go out.
    pub policy: Policy,
    /// Until when a run works on it, and which.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<(String, Timestamp)>,
}

/// News from the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// An attempt or a session changed.
    Ended(Event),
    /// A file of this instant was published.
    File(String),
}

/// A message that was sent, or was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentNotice {
    /// Its number among the tenant's messages; absent for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The channel's name.
    pub channel: String,
    /// When it was sent, or given up.
    pub at: Timestamp,
    /// What it said, without names and links.
    pub text: String,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

fn place(tenant: &TenantId) -> Place {
    Place { pk: NOTICES.to_owned(), sk: tenant.as_str().to_owned(), cause: Cause::Notices }
}

fn state_place(tenant: &TenantId) -> Place {
    Place { pk: tenant_pk(tenant), sk: STATE.to_owned(), cause: Cause::Notices }
}

fn secret_key(tenant: &TenantId, name: &str) -> Item {
    item_key(&format!("{SECRETS}{tenant}"), name)
}

/// The key of the item that has a tenant's key of links that mute.
pub(crate) fn mute_key_item(tenant: &TenantId) -> Item {
    item_key(&tenant_pk(tenant), MUTE)
}

impl Notices {
    /// The channel of this name.
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == name)
    }

    /// The rule of this name.
    pub fn rule_mut(&mut self, name: &str) -> Option<&mut Rule> {
        self.rules.iter_mut().find(|rule| rule.name == name)
    }
}

/// How [`Keys`] are written into their item: the only text that contains them.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredKeys {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

impl Store {
    /// All tenants with rules or channels.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn all_notices(&self) -> Result<Vec<(TenantId, Notices)>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(NOTICES));
        let items = self.query(query, Cause::Notices, usize::MAX).await?;
        let read = |item| Some((TenantId::parse(text(item, SK)?).ok()?, content::read(item).0));
        Ok(items.iter().filter_map(read).collect())
    }

    /// What a tenant chose.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn notices(&self, tenant: &TenantId) -> Result<Notices, StoreError> {
        Ok(self.read_content(&place(tenant)).await?.0)
    }

    /// Changes what a tenant chose. `change` may be called again with what another writer left.
    ///
    /// # Errors
    /// If the table can't be read or written.
    pub async fn change_notices<T>(
        &self,
        tenant: &TenantId,
        change: impl Fn(&mut Notices) -> T,
    ) -> Result<T, StoreError> {
        self.change_content(&place(tenant), change).await
    }

    /// Takes the right to work on a tenant's messages for `owner`, a name that no other run has; `None` if another run has
    /// it.
    ///
    /// # Errors
    /// If the table can't be read or written.
    pub async fn take_notices(
        &self,
        tenant: &TenantId,
        owner: &str,
        now: Timestamp,
    ) -> Result<Option<Notices>, StoreError> {
        let take = |notices: &mut Notices| {
            let is_anothers = |(other, until): &(String, Timestamp)| other != owner && *until > now;
            if notices.lease.as_ref().is_some_and(is_anothers) {
                return None;
            }
            notices.lease = Some((owner.to_owned(), now + LEASE));
            Some(notices.clone())
        };
        self.change_notices(tenant, take).await
    }

    /// Returns `owner`'s right.
    ///
    /// # Errors
    /// If the table can't be read or written; it then ends by itself.
    pub async fn leave_notices(&self, tenant: &TenantId, owner: &str) -> Result<(), StoreError> {
        let leave = |notices: &mut Notices| {
            if notices.lease.as_ref().is_some_and(|(own, _)| own == owner) {
                notices.lease = None;
            }
        };
        self.change_notices(tenant, leave).await
    }

    /// Stores what is secret of a channel.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn set_channel_keys(&self, tenant: &TenantId, channel: &str, keys: &Keys) -> Result<(), StoreError> {
        let mut item = secret_key(tenant, &format!("{KEYS}{channel}"));
        let Keys { url, signing, password } = keys.clone();
        let clear = json(&StoredKeys { url, signing, password })?;
        self.put_secret(&mut item, (tenant, SecretKind::Messages), &clear).await?;
        self.put_notice(item).await
    }

    /// What is secret of a channel.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn channel_keys(&self, tenant: &TenantId, channel: &str) -> Result<Option<Keys>, StoreError> {
        let item = self.notice_item(secret_key(tenant, &format!("{KEYS}{channel}"))).await?;
        let Some(item) = item else { return Ok(None) };
        let clear = self.secret_in(&item, (tenant, SecretKind::Messages)).await?;
        let stored: Option<StoredKeys> = clear.and_then(|clear| serde_json::from_str(&clear).ok());
        Ok(stored.map(|StoredKeys { url, signing, password }| Keys { url, signing, password }))
    }

    /// The keys of the items with what is secret of channels.
    pub(crate) async fn channel_key_items(&self, tenant: &TenantId) -> Result<Vec<Item>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(format!("{SECRETS}{tenant}")))
            .consistent_read(true);
        let items = self.query(query, Cause::Notices, usize::MAX).await?;
        Ok(items.iter().map(only_key).collect())
    }

    /// Forgets a channel, and what is secret of it. Rules go on without it. Returns whether it was there.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues from there.
    pub async fn remove_channel(&self, tenant: &TenantId, channel: &str) -> Result<bool, StoreError> {
        self.delete_notice(secret_key(tenant, &format!("{KEYS}{channel}"))).await?;
        let remove = |notices: &mut Notices| {
            let before = notices.channels.len();
            notices.channels.retain(|one| one.name != channel);
            for rule in &mut notices.rules {
                rule.channels.remove(channel);
            }
            notices.channels.len() < before
        };
        self.change_notices(tenant, remove).await
    }

    /// The key of the links that mute; none before there was a message.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn mute_key(&self, tenant: &TenantId) -> Result<Option<Secret>, StoreError> {
        let Some(item) = self.notice_item(mute_key_item(tenant)).await? else { return Ok(None) };
        Ok(self.secret_in(&item, (tenant, SecretKind::Mutes)).await?.map(Secret::new))
    }

    /// Stores the key of the links that mute, for a tenant that has none.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn set_mute_key(&self, tenant: &TenantId, key: &Secret) -> Result<(), StoreError> {
        let mut item = mute_key_item(tenant);
        self.put_secret(&mut item, (tenant, SecretKind::Mutes), key.expose()).await?;
        self.put_notice(item).await
    }

    /// How a tenant's rules stand.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn notice_state(&self, tenant: &TenantId) -> Result<State, StoreError> {
        Ok(self.read_content(&state_place(tenant)).await?.0)
    }

    /// Changes how a tenant's rules stand. `change` may be called again with what another writer left.
    ///
    /// # Errors
    /// If the table can't be read or written.
    pub async fn change_notice_state<T>(
        &self,
        tenant: &TenantId,
        change: impl Fn(&mut State) -> T,
    ) -> Result<T, StoreError> {
        self.change_content(&state_place(tenant), change).await
    }

    /// Notes news from the bus; `id` is the event's own, so that one that is repeated is one.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn note_news(&self, tenant: &TenantId, id: &str, news: &News, now: Timestamp) -> Result<(), StoreError> {
        let key = item_key(&tenant_pk(tenant), &format!("{NEWS}{id}"));
        self.put_notice(self::item(key, news, now + NEWS_KEPT)?).await
    }

    /// The news that nobody has taken, at most `most`, each with what forgets it.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn news(&self, tenant: &TenantId, most: usize) -> Result<Vec<(String, News)>, StoreError> {
        let items = self.notice_items(tenant, NEWS, most, true).await?;
        let read = |item: &Item| Some((text(item, SK)?.to_owned(), content_of(item)?));
        Ok(items.iter().take(most).filter_map(read).collect())
    }

    /// Forgets news that were taken.
    ///
    /// # Errors
    /// If the table can't be written; they are then taken again, which changes nothing.
    pub async fn forget_news(&self, tenant: &TenantId, taken: &str) -> Result<(), StoreError> {
        self.delete_notice(item_key(&tenant_pk(tenant), taken)).await
    }

    /// Keeps what was sent, or given up if it has a problem.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn keep_notice(&self, tenant: &TenantId, sent: &SentNotice) -> Result<(), StoreError> {
        let (prefix, kept) = if sent.problem.is_some() { (DEAD, DEAD_KEPT) } else { (SENT, SENT_KEPT) };
        // A test has no number, and one channel is not tried twice in a millisecond.
        let name = sent.number.map_or_else(|| sent.channel.clone(), |number| number.to_string());
        let key = item_key(&tenant_pk(tenant), &format!("{prefix}{:015}#{name}", sent.at.millis()));
        self.put_notice(item(key, sent, sent.at + kept)?).await
    }

    /// What was sent in the last months, newest first, at most `most`.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn sent_notices(&self, tenant: &TenantId, most: usize) -> Result<Vec<SentNotice>, StoreError> {
        let items = self.notice_items(tenant, SENT, most, false).await?;
        Ok(items.iter().take(most).filter_map(content_of).collect())
    }

    /// What was given up in the last weeks, newest first, at most `most`.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn dead_notices(&self, tenant: &TenantId, most: usize) -> Result<Vec<SentNotice>, StoreError> {
        let items = self.notice_items(tenant, DEAD, most, false).await?;
        Ok(items.iter().take(most).filter_map(content_of).collect())
    }

    async fn notice_items(
        &self,
        tenant: &TenantId,
        prefix: &str,
        most: usize,
        forward: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(tenant_pk(tenant)))
            .expression_attribute_values(":prefix", s(prefix))
            .scan_index_forward(forward)
            .consistent_read(true);
        self.query(query, Cause::Notices, most).await
    }

    async fn notice_item(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table).set_key(Some(key)).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Notices, answer.consumed_capacity.as_slice());
        Ok(answer.item)
    }

    async fn put_notice(&self, item: Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Notices, answer.consumed_capacity.as_slice());
        Ok(())
    }

    async fn delete_notice(&self, key: Item) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(&*self.table).set_key(Some(key));
        let answer = delete.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Notices, answer.consumed_capacity.as_slice());
        Ok(())
    }
}

fn json(content: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(content).map_err(|error| StoreError::corrupt(NOTICES, error))
}

fn item(mut key: Item, content: &impl Serialize, expires: Timestamp) -> Result<Item, StoreError> {
    key.insert(CONTENT.to_owned(), s(json(content)?));
    key.insert(EXPIRES.to_owned(), n(expires.seconds()));
    Ok(key)
}

/// What can't be read is passed over: it is a message, and must not hold up the others.
fn content_of<C: DeserializeOwned>(item: &Item) -> Option<C> {
    serde_json::from_str(text(item, CONTENT)?).ok()
}
