//! The table's keys.
//!
//! An enrollment's key is made from a hash of the identifier by which it was first known: short, of one length, and
//! never a serial number itself. The same key space holds links, so that any identifier leads to its enrollment by one
//! read. The identifier's kind comes before the hash, so that keys are ordered like identifiers, best kind first.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use vestibule_domain::{Identifier, Millis, TenantId};

/// Partition key.
pub(crate) const PK: &str = "pk";
/// Sort key.
pub(crate) const SK: &str = "sk";
/// Sort key of an enrollment's head, or of a link to it.
pub(crate) const HEAD: &str = "h";
/// Shards of the due index: a partition takes 1 000 writes a second, and every opening and closing is one write.
pub const DUE_SHARDS: u8 = 16;
/// Shards of each tenant's change index.
pub const CHANGE_SHARDS: u8 = 4;

/// Names an enrollment's item in the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    pk: String,
    tenant: TenantId,
}

impl ItemKey {
    /// The item that an identifier leads to, or would be created at.
    pub fn of(tenant: &TenantId, identifier: &Identifier) -> Self {
        let mut hash = Sha256::new();
        hash.update([identifier.kind as u8]);
        hash.update(&identifier.value);
        let name = URL_SAFE_NO_PAD.encode(&hash.finalize()[..16]);
        Self { pk: format!("e#{tenant}#{}{name}", identifier.kind as u8), tenant: tenant.clone() }
    }

    /// Reads a key back from its text.
    pub fn parse(text: &str) -> Option<Self> {
        let (tenant, name) = text.strip_prefix("e#")?.split_once('#')?;
        let tenant = TenantId::parse(tenant).ok()?;
        (!name.is_empty()).then(|| Self { pk: text.to_owned(), tenant })
    }

    /// The tenant's item with this last part of its key.
    pub(crate) fn named(tenant: &TenantId, name: &str) -> Option<Self> {
        Self::parse(&format!("e#{tenant}#{name}"))
    }

    /// The last part of the key; the tenant comes before it.
    pub(crate) fn name(&self) -> &str {
        self.pk.rsplit_once('#').map_or("", |(_, name)| name)
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.pk
    }

    /// The tenant it belongs to.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn hash(&self) -> u8 {
        Sha256::digest(&self.pk)[0]
    }

    /// The partition of the due index that this item is in while something is due.
    pub fn due_shard(&self) -> String {
        due_shard(self.hash() % DUE_SHARDS)
    }

    /// How much earlier this item's change buckets begin: at least zero, and less than `width`.
    pub fn change_offset(&self, width: Millis) -> Millis {
        // The first byte chooses shards.
        let hash = Sha256::digest(&self.pk);
        let part = u32::from_be_bytes([hash[1], hash[2], hash[3], hash[4]]);
        let offset = (i128::from(width.get()) * i128::from(part)) >> 32;
        Millis::new(i64::try_from(offset).unwrap_or(0))
    }

    /// The partition of the change index that this item is in.
    pub fn change_partition(&self) -> String {
        change_partition(&self.tenant, self.hash() / DUE_SHARDS % CHANGE_SHARDS)
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pk)
    }
}

pub(crate) fn due_shard(shard: u8) -> String {
    format!("d{shard:02}")
}

pub(crate) fn change_partition(tenant: &TenantId, shard: u8) -> String {
    format!("{tenant}#{shard}")
}

pub(crate) fn segment(number: u32) -> String {
    format!("s{number}")
}

pub(crate) fn tenant_pk(tenant: &TenantId) -> String {
    format!("t#{tenant}")
}
