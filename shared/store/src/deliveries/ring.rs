//! Encodes the newest deliveries as bytes: about twenty for each, so that twenty deliveries leave room in a kilobyte.
//!
//! Each is the digest's eight bytes followed by numbers, seven bits to a byte: how much earlier it is than the one
//! before (for the first: its instant), the body's length and the four counts.

use super::{Delivery, NEWEST};

/// Sorts newest first, and removes repeats and the ones beyond the limit.
pub(super) fn keep_newest(deliveries: &mut Vec<Delivery>) {
    deliveries.sort_unstable_by_key(|one| (std::cmp::Reverse(one.at_ms), one.sha256));
    deliveries.dedup();
    deliveries.truncate(NEWEST);
}

pub(super) fn encode(deliveries: &[Delivery]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut before: Option<i64> = None;
    for one in deliveries {
        bytes.extend(one.sha256);
        let at = before.map_or(one.at_ms, |before| before - one.at_ms);
        put(&mut bytes, u64::try_from(at).unwrap_or(0));
        before = Some(one.at_ms);
        for number in [one.bytes, one.accepted, one.known, one.passed_over, one.refused] {
            put(&mut bytes, number);
        }
    }
    bytes
}

/// Reads until the bytes are invalid: an unreadable rest of the log must not stop us.
pub(super) fn decode(mut bytes: &[u8]) -> Vec<Delivery> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    while let Some((sha256, rest)) = bytes.split_first_chunk::<8>() {
        bytes = rest;
        let mut numbers = [0_u64; 6];
        for number in &mut numbers {
            match take(&mut bytes) {
                Some(value) => *number = value,
                None => return deliveries,
            }
        }
        let [at, length, accepted, known, passed_over, refused] = numbers;
        let at = i64::try_from(at).unwrap_or(0);
        let at_ms = deliveries.last().map_or(at, |before| before.at_ms.saturating_sub(at));
        deliveries.push(Delivery { at_ms, sha256: *sha256, bytes: length, accepted, known, passed_over, refused });
    }
    deliveries
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(7 * place)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_and_takes_little() {
        let one = |number: u64| Delivery {
            at_ms: 1_900_000_000_000 - 59_000 * number as i64,
            sha256: [number as u8; 8],
            bytes: 1 << number,
            accepted: number,
            known: 500,
            passed_over: u64::from(number == 3),
            refused: 0,
        };
        let mut deliveries: Vec<Delivery> = (0..25).rev().map(one).chain([one(4)]).collect();
        keep_newest(&mut deliveries);
        assert_eq!(deliveries, (0..20).map(one).collect::<Vec<_>>(), "newest first, each once");
        let bytes = encode(&deliveries);
        assert!(bytes.len() <= 20 * 20, "{}", bytes.len());
        assert_eq!(decode(&bytes), deliveries);
        for end in 0..bytes.len() {
            let read = decode(&bytes[..end]);
            assert_eq!(read, deliveries[..read.len()]);
        }
        assert_eq!(decode(&[0xff; 40]), []);
    }
}
