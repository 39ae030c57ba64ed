//! Limits how often somebody may do something.
//!
//! Each key has a bucket that holds a minute's share and fills evenly; each time takes one. Memory is bounded: beyond
//! the largest number of keys, counting starts anew.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Milliseconds in a minute: the unit of a bucket's level, so that it fills by whole numbers.
const MINUTE: u64 = 60_000;

/// The buckets, by key.
#[derive(Debug)]
pub struct Buckets<K> {
    /// Times a minute; 0 for no limit.
    a_minute: u32,
    most: usize,
    by_key: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Its level, in times times [`MINUTE`].
    level: u64,
    filled_at: i64,
}

impl Bucket {
    fn new(rate: u64, now: i64) -> Self {
        Self { level: rate * MINUTE, filled_at: now }
    }

    fn fill(&mut self, rate: u64, now: i64) {
        // If the clock goes back, nothing is filled.
        let passed = u64::try_from(now.saturating_sub(self.filled_at)).unwrap_or(0);
        self.level = (rate * MINUTE).min(self.level.saturating_add(passed.saturating_mul(rate)));
        self.filled_at = now;
    }

    /// The seconds, rounded up, until so many times are left; 0 if they are.
    fn seconds_left(&self, times: u64, rate: u64) -> u32 {
        u32::try_from((times * MINUTE).saturating_sub(self.level).div_ceil(rate).div_ceil(1_000)).unwrap_or(60)
    }
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    /// Buckets of `a_minute` times a minute, 0 for no limit, for at most `most` keys at once.
    pub fn new(a_minute: u32, most: usize) -> Self {
        Self { a_minute, most, by_key: Mutex::default() }
    }

    /// Times a minute; 0 for no limit.
    pub const fn a_minute(&self) -> u32 {
        self.a_minute
    }

    fn by_key(&self) -> MutexGuard<'_, HashMap<K, Bucket>> {
        // Each change of a bucket completes before anything can panic.
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one, at a time in milliseconds.
    ///
    /// # Errors
    /// When none is left: the seconds, rounded up, until one is.
    pub fn take(&self, key: &K, now_millis: i64) -> Result<(), u32> {
        self.take_times(key, 1, now_millis)
    }

    /// Takes so many at once, at a time in milliseconds; never more than a minute's share.
    ///
    /// # Errors
    /// When they are not left: the seconds, rounded up, until they are.
    pub fn take_times(&self, key: &K, times: u32, now_millis: i64) -> Result<(), u32> {
        if self.a_minute == 0 {
            return Ok(());
        }
        let times = u64::from(times.clamp(1, self.a_minute));
        let rate = u64::from(self.a_minute);
        let mut buckets = self.by_key();
        if buckets.len() >= self.most && !buckets.contains_key(key) {
            buckets.clear();
        }
        let bucket = buckets.entry(key.clone()).or_insert_with(|| Bucket::new(rate, now_millis));
        bucket.fill(rate, now_millis);
        match bucket.seconds_left(times, rate) {
            0 => {
                bucket.level -= times * MINUTE;
                Ok(())
            }
            seconds => Err(seconds),
        }
    }

    /// Whether one is left, without taking it.
    ///
    /// # Errors
    /// When none is left: the seconds, rounded up, until one is.
    pub fn has(&self, key: &K, now_millis: i64) -> Result<(), u32> {
        let rate = u64::from(self.a_minute);
        let mut buckets = self.by_key();
        // Whoever has taken nothing has all left. Without a limit nobody has a bucket.
        let Some(bucket) = buckets.get_mut(key) else { return Ok(()) };
        bucket.fill(rate, now_millis);
        match bucket.seconds_left(1, rate) {
            0 => Ok(()),
            seconds => Err(seconds),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_minutes_share_and_gets_it_back_evenly() {
        let (limit, at) = (Buckets::new(120, 100), |millis: i64| 1_800_000_000_000 + millis);
        assert!((0..120).all(|_| limit.take(&"one", at(0)).is_ok()));
        assert_eq!((limit.has(&"one", at(0)), limit.take(&"one", at(0))), (Err(1), Err(1)));
        assert_eq!(limit.take(&"other", at(0)), Ok(()), "another key is counted alone");
        assert_eq!(limit.has(&"none", at(0)), Ok(()));
        assert_eq!(limit.take(&"one", at(499)), Err(1));
        assert_eq!((limit.has(&"one", at(500)), limit.take(&"one", at(500))), (Ok(()), Ok(())));
        assert_eq!(limit.take(&"one", at(500)), Err(1));
        // If the clock goes back, the bucket gains nothing and loses nothing for good.
        assert_eq!(limit.take(&"one", at(0)), Err(1));
        assert_eq!(limit.take(&"one", at(500)), Ok(()));
        assert!((0..120).all(|_| limit.take(&"one", at(600_000)).is_ok()), "full again, and no fuller");
        assert_eq!(limit.take(&"one", at(600_000)), Err(1));
        let slow = Buckets::new(1, 100);
        assert_eq!((slow.take(&"one", at(0)), slow.take(&"one", at(15_000))), (Ok(()), Err(45)));
        let shared = Buckets::new(60, 100);
        assert!((0..6).all(|_| shared.take_times(&"one", 10, at(0)).is_ok()), "six times ten");
        assert_eq!(
            (shared.take_times(&"one", 10, at(0)), shared.take_times(&"one", 10, at(10_000))),
            (Err(10), Ok(()))
        );
        assert_eq!(shared.take_times(&"other", 1_000, at(0)), Ok(()), "never more than a minute's share");
        assert_eq!(shared.take_times(&"other", 0, at(0)), Err(1), "and never less than one");
        let none = Buckets::new(0, 100);
        assert!((0..1_000).all(|_| none.take(&"one", at(0)).is_ok() && none.has(&"one", at(0)).is_ok()), "no limit");
    }

    #[test]
    fn memory_is_bounded() {
        let limit = Buckets::new(1, 10);
        for key in 0..1_000 {
            assert_eq!(limit.take(&key, 0), Ok(()));
        }
        assert!(limit.by_key().len() <= 10);
    }
}
