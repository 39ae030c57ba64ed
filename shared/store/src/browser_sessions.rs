//! Sessions of browsers: one item each, which names the credential that the session was made from.
//!
//! A session has no role of its own. Whoever reads one looks up its credential again, so that a session allows what the
//! credential allows now.
//!
//! Must stay true: the table has only the hash of a session's secret. The clock ends a session, on time; time-to-live
//! only removes what has ended. A session that was ended does not come back, and none outlives its credential.

use crate::item::{EXPIRES, Item, item_key, n, number, s, text};
use crate::keys::{PK, SK};
use crate::lost::There;
use crate::{CAPACITY, Cause, MOST_AHEAD, Role, Store, StoreError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use serde::{Deserialize, Serialize};
use vestibule_domain::{Millis, TenantId, Timestamp};

/// The longest time that a session lasts.
pub const SESSION_LASTS: Millis = Millis::from_minutes(12 * 60);
/// How long a session lasts without being used.
pub const SESSION_IDLE: Millis = Millis::from_minutes(2 * 60);
/// Most sessions of one credential. A further one ends the one that was used longest ago.
pub const MOST_SESSIONS: usize = 50;
/// How often a use is noted. Every request would else be a write.
const NOTED_EVERY: Millis = Millis::from_minutes(1);
/// Digits of the hash that name a session: enough that no two sessions of a tenant share a name.
const ID_DIGITS: usize = 16;

const CONTENT: &str = "c";
const USED_AT: &str = "u";

/// What a session was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Credential {
    /// An API token of the tenant.
    Token {
        /// The token's SHA-256, in hexadecimal.
        sha256: String,
    },
    /// A person who signed in at the deployment's issuer. Their token is not kept, so its claims stand here.
    Person {
        /// The issuer's name of the person.
        subject: String,
        /// What the token allowed.
        role: Role,
        /// The issuer, the audience and the claim by which the token was believed.
        issuer: String,
        /// The key that signed the token, if it named one.
        key_id: Option<String>,
    },
}

impl Credential {
    /// Whether both are of the same token, or of the same person.
    pub fn is_of_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Person { subject, issuer, .. }, Self::Person { subject: theirs, issuer: other, .. }) => {
                subject == theirs && issuer == other
            }
            _ => self == other,
        }
    }
}

/// A session of a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserSession {
    /// SHA-256 of its secret, in hexadecimal.
    pub sha256: String,
    /// What it was made from.
    pub credential: Credential,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub ends_at: Timestamp,
    /// The browser, in words of ours; `None` if it did not say.
    pub browser: Option<String>,
    /// When it was last used, to the minute.
    #[serde(skip)]
    pub used_at: Timestamp,
}

impl BrowserSession {
    /// A session that begins now, of a credential that ends at `credential_ends`; `None` means never.
    pub fn new(
        sha256: String,
        credential: Credential,
        credential_ends: Option<Timestamp>,
        browser: Option<String>,
        now: Timestamp,
    ) -> Self {
        let longest = now + SESSION_LASTS;
        let ends_at = credential_ends.map_or(longest, |end| end.min(longest));
        Self { sha256, credential, created_at: now, ends_at, browser, used_at: now }
    }

    /// Its name, which is no secret.
    pub fn id(&self) -> &str {
        session_id(&self.sha256)
    }

    /// Whether it is valid at `now`, as far as it says itself; its credential must be valid, too.
    pub fn is_good(&self, now: Timestamp) -> bool {
        // One that was made while a clock was ahead would else last until the clock is there again.
        let is_of_the_future = self.created_at > now + MOST_AHEAD;
        now < self.ends_at && now < self.used_at + SESSION_IDLE && !is_of_the_future
    }

    fn read(item: &Item) -> Result<Self, StoreError> {
        let corrupt =
            |problem: &str| StoreError::corrupt(text(item, PK).unwrap_or("?"), format!("browser session: {problem}"));
        let content = text(item, CONTENT).ok_or_else(|| corrupt("no content"))?;
        // Serde's message could repeat the content, so only the place is given.
        let mut session: Self =
            serde_json::from_str(content).map_err(|error| corrupt(&format!("column {}", error.column())))?;
        session.used_at = number(item, USED_AT).map(Timestamp::from_millis).ok_or_else(|| corrupt("no use"))?;
        Ok(session)
    }
}

/// The name of the session whose secret has this SHA-256.
pub fn session_id(sha256: &str) -> &str {
    sha256.get(..ID_DIGITS).unwrap_or(sha256)
}

/// Sessions have a partition of their own, so that listing them reads nothing else.
fn partition(tenant: &TenantId) -> String {
    format!("s#{tenant}")
}

impl Store {
    /// Stores a new session.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another session has its name; if the table can't be written.
    pub async fn begin_browser_session(&self, tenant: &TenantId, session: &BrowserSession) -> Result<(), StoreError> {
        let content = serde_json::to_string(session).map_err(|error| StoreError::corrupt(tenant.as_str(), error))?;
        let mut item = item_key(&partition(tenant), session.id());
        item.insert(CONTENT.to_owned(), s(content));
        item.insert(USED_AT.to_owned(), n(session.used_at.millis()));
        item.insert(EXPIRES.to_owned(), n(session.ends_at.seconds()));
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item.clone()));
        let put = put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK);
        match put.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::BrowserSessions, answer.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                // The hash is of a secret that only this writer has.
                Some(PutItemError::ConditionalCheckFailedException(_)) => {
                    match self.what_is_there(&item, Cause::BrowserSessions).await? {
                        There::Same => Ok(()),
                        There::Other | There::Nothing => Err(StoreError::Conflict),
                    }
                }
                _ => Err(error.into()),
            },
        }
    }

    /// The session of that name, whether it is still valid or not.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn browser_session(&self, tenant: &TenantId, id: &str) -> Result<Option<BrowserSession>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        // Consistent, so that a session that was ended is not found again.
        let get = get.set_key(Some(item_key(&partition(tenant), id))).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::BrowserSessions, answer.consumed_capacity.as_slice());
        answer.item.as_ref().map(BrowserSession::read).transpose()
    }

    /// A tenant's sessions that are valid at `now`, the one used last first. Their credentials may have ended.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn browser_sessions(&self, tenant: &TenantId, now: Timestamp) -> Result<Vec<BrowserSession>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(partition(tenant)))
            .consistent_read(true);
        let items = self.query(query, Cause::BrowserSessions, usize::MAX).await?;
        let read = |item: &Item| {
            // One that can't be read opens nothing, and must not hide the others.
            let session = BrowserSession::read(item);
            session.inspect_err(|error| tracing::warn!(%error, id = text(item, SK), "a session can't be read")).ok()
        };
        let mut sessions: Vec<_> = items.iter().filter_map(read).filter(|session| session.is_good(now)).collect();
        sessions.sort_by(|one, other| (other.used_at, other.id()).cmp(&(one.used_at, one.id())));
        Ok(sessions)
    }

    /// Notes that a session was used, unless that was noted less than a minute ago. A session that was ended meanwhile
    /// stays ended.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn note_browser_session(
        &self,
        tenant: &TenantId,
        session: &BrowserSession,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if now - session.used_at < NOTED_EVERY {
            return Ok(());
        }
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(item_key(&partition(tenant), session.id())))
            .update_expression("SET #u = :now")
            .condition_expression("#u < :now")
            .expression_attribute_names("#u", USED_AT)
            .expression_attribute_values(":now", n(now.millis()));
        match update.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::BrowserSessions, answer.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                    self.meter.failed_condition(Cause::BrowserSessions);
                    Ok(())
                }
                _ => Err(error.into()),
            },
        }
    }

    /// Ends the session of that name, if there is one.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn end_browser_session(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(&*self.table);
        let delete = delete.set_key(Some(item_key(&partition(tenant), id)));
        let answer = delete.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::BrowserSessions, answer.consumed_capacity.as_slice());
        Ok(())
    }
}
