//! Numbers for rows that have none of their own: hashes of what a row is about, so that they never depend on the order
//! in which rows arrive.
//!
//! Hashes are short to keep the file small. If two things have the same number, writing the second fails
//! ([`Error::Collision`]); another salt then gives other numbers. What starts in the same second has 32 bits to differ in,
//! enough for some ten thousand; an import that knows only days, or a sender that stamps a batch, has more. So the numbers
//! under another salt than the first follow instants by 64 seconds only, and have 38 bits for what starts in these.

use crate::error::{Error, Result};
use rusqlite::ErrorCode;
use sha2::{Digest as _, Sha256};
use vestibule_domain::Timestamp;
use vestibule_domain::event::EventKey;

/// 2015-01-01T00:00:00Z. Seconds since then fit in 31 bits until 2083.
const EPOCH: i64 = 1_420_070_400;
const SECOND_BITS: u32 = 32;
/// Of the bits of seconds, how many belong to the hash under another salt than the first.
const COARSER_BITS: u32 = 6;
/// Bits of the ids of texts and devices; SQLite stores 47 bits and a sign in six bytes.
const NAME_BITS: u32 = 47;
/// Lower ids belong to closed lists.
const FIRST_OPEN: i64 = 1 << 16;

/// Makes the numbers of one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    pub salt: u32,
    /// How many bits of a hash are used; tests use fewer, to make collisions happen.
    name_bits: u32,
    tail_bits: u32,
}

impl Ids {
    pub(crate) fn new(salt: u32) -> Self {
        Self { salt, name_bits: NAME_BITS, tail_bits: tail_bits(salt) }
    }

    /// Uses only so many bits of every hash, so that collisions happen.
    pub(crate) fn narrowed(salt: u32, bits: u32) -> Self {
        Self { salt, name_bits: bits.min(NAME_BITS), tail_bits: bits.min(tail_bits(salt)) }
    }

    fn hash(&self, what: &str, parts: &[&[u8]]) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.salt.to_be_bytes());
        hash.update(what);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        digest[..8].iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn name(&self, what: &str, text: &str) -> i64 {
        let value = self.hash(what, &[text.as_bytes()]) & ((1 << self.name_bits) - 1);
        FIRST_OPEN.saturating_add_unsigned(value)
    }

    /// The id of an open text.
    pub(crate) fn word(&self, text: &str) -> i64 {
        self.name("word", text)
    }

    /// The number of the device stored as `item`.
    pub(crate) fn enrollment(&self, item: &str) -> i64 {
        self.name("enrollment", item)
    }

    /// The number of the attempt or session `id` of the device stored as `item`. The device takes part
    /// because, while two devices turn out to be one, both may hold the same attempt for a moment.
    pub(crate) fn timed(&self, started_at: Timestamp, item: &str, id: &[u8; 16]) -> i64 {
        self.number(started_at, self.hash("timed", &[item.as_bytes(), id]))
    }

    fn number(&self, at: Timestamp, hash: u64) -> i64 {
        let tail = hash & ((1 << self.tail_bits) - 1);
        (first_from(at) >> tail_bits(self.salt) << tail_bits(self.salt)).saturating_add_unsigned(tail)
    }

    /// The number of a failure of the device stored as `item`, outside its attempts, that an event reported.
    pub(crate) fn failure(&self, at: Timestamp, item: &str, event: &EventKey) -> i64 {
        let parts: [&[u8]; 3] = [item.as_bytes(), event.source.as_bytes(), event.id.as_bytes()];
        self.number(at, self.hash("failure", &parts))
    }

    /// Turns the error of a taken number into a collision: the item's own rows were removed before, so another item has
    /// the number.
    pub(crate) fn unique(&self, what: &'static str, inserted: Result<usize>) -> Result<()> {
        match inserted {
            Err(Error::Sqlite(rusqlite::Error::SqliteFailure(error, _)))
                if error.code == ErrorCode::ConstraintViolation =>
            {
                Err(Error::Collision { what, salt: self.salt })
            }
            inserted => inserted.map(drop),
        }
    }
}

/// How many of a number's last bits are a hash.
const fn tail_bits(salt: u32) -> u32 {
    if salt == 0 { SECOND_BITS } else { SECOND_BITS + COARSER_BITS }
}

/// The lowest number of an attempt that starts in the second of `start` or later; under another salt than the first, one
/// that starts up to a minute later may have a lower one.
pub(crate) fn first_from(start: Timestamp) -> i64 {
    (start.seconds() - EPOCH).clamp(0, i64::from(i32::MAX)) << SECOND_BITS
}
