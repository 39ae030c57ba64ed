//! Random numbers that are the same in every build: SplitMix64, written out because the generators of the `rand` crate
//! may change their values between versions, but a sample must not.

/// The purpose of a generator. Each purpose has its own stream, so a change in one leaves the others unchanged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Plan = 1,
    Identity = 2,
    Journey = 3,
    Delivery = 4,
    Person = 5,
}

/// A deterministic generator.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The generator for one purpose of one thing (an enrollment, a person) of a scenario.
    pub(crate) fn new(seed: u64, index: u64, purpose: Purpose) -> Self {
        let seed = scramble(seed.wrapping_add(0x9E37_79B9_7F4A_7C15));
        let index = scramble(seed ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03));
        Self(scramble(index.wrapping_add(purpose as u64)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scramble(self.0)
    }

    /// A number in `low..high`; `low` when the range is empty.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        let span = u128::from(high.saturating_sub(low).max(1).unsigned_abs());
        let drawn = (u128::from(self.next()) * span) >> 64;
        low.saturating_add(i64::try_from(drawn).unwrap_or(0))
    }

    /// An index below `len`; 0 when `len` is 0.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.range(0, i64::try_from(len).unwrap_or(i64::MAX))).unwrap_or(0)
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // A double holds only 53 bits.
        ((self.next() >> 11) as f64) < probability * (1u64 << 53) as f64
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// One of a list that is not empty, by weight.
    pub(crate) fn weighted<T: Copy>(&mut self, items: &[(T, u32)]) -> T {
        let total: i64 = items.iter().map(|(_, weight)| i64::from(*weight)).sum();
        let mut left = self.range(0, total);
        for (item, weight) in items {
            left -= i64::from(*weight);
            if left < 0 {
                return *item;
            }
        }
        items[0].0
    }

    /// A random (version 4) UUID.
    pub(crate) fn uuid(&mut self) -> u128 {
        let drawn = (u128::from(self.next()) << 64) | u128::from(self.next());
        let versioned = (drawn & !(0xF << 76)) | (0x4 << 76);
        (versioned & !(0x3 << 62)) | (0x2 << 62)
    }

    /// A word of this many letters of an alphabet.
    pub(crate) fn word(&mut self, alphabet: &[u8], len: usize) -> String {
        (0..len).map(|_| char::from(self.pick(alphabet))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_change_between_builds() {
        let mut rng = Rng::new(7, 3, Purpose::Plan);
        let first = rng.next();
        assert_eq!((first, rng.range(0, 1_000)), (5_661_726_893_237_014_047, 457));
        assert_ne!(first, Rng::new(7, 3, Purpose::Journey).next());
        assert_ne!(first, Rng::new(7, 4, Purpose::Plan).next());
        assert_ne!(first, Rng::new(8, 3, Purpose::Plan).next());
    }

    #[test]
    fn draws_stay_in_range() {
        let mut rng = Rng::new(1, 1, Purpose::Plan);
        for _ in 0..10_000 {
            assert!((3..9).contains(&rng.range(3, 9)));
        }
        assert_eq!(rng.range(5, 5), 5);
        assert_eq!(rng.range(5, 2), 5);
        let heads = (0..10_000).filter(|_| rng.chance(0.3)).count();
        assert!((2_700..3_300).contains(&heads), "{heads}");
        assert_eq!(rng.weighted(&[("never", 0), ("always", 1)]), "always");
    }
}
