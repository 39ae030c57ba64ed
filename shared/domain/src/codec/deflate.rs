//! Deflates what is encoded, and inflates what is stored.
//!
//! A compressor takes a third of a megabyte, which is zeroed, and an enrollment has a kilobyte. A new one for each took a
//! tenth of all that an event costs. So each thread keeps its own.
//!
//! Must stay true: the bytes are those of a new compressor, whatever the thread deflated before.

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use std::cell::RefCell;

/// A higher level costs more time than the bytes it saves are worth.
const LEVEL: u8 = 6;
/// Without the head and the checksum of zlib.
const RAW: i32 = 0;
/// The compressor looks for repetitions in all of its ways.
const DEFAULT_STRATEGY: i32 = 0;
/// The least room in which it can write something.
const LEAST_ROOM: usize = 32;

thread_local! {
    static COMPRESSOR: RefCell<Box<CompressorOxide>> = RefCell::new(Box::new(CompressorOxide::new(
        create_comp_flags_from_zip_params(i32::from(LEVEL), RAW, DEFAULT_STRATEGY),
    )));
}

/// `first`, and then `plain` deflated.
pub(super) fn deflated(first: u8, plain: &[u8]) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        let mut bytes = vec![0; 1 + LEAST_ROOM + plain.len() / 2];
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        let (mut left, mut end) = (plain, 1);
        loop {
            let room = bytes.get_mut(end..).unwrap_or_default();
            let (status, read, written) = compress(compressor, left, room, TDEFLFlush::Finish);
            left = left.get(read..).unwrap_or_default();
            end += written;
            match status {
                TDEFLStatus::Done => break,
                TDEFLStatus::Okay if bytes.len() - end < LEAST_ROOM => bytes.resize(2 * bytes.len(), 0),
                TDEFLStatus::Okay => {}
                // It has no reason to. What is stored must be whole all the same.
                TDEFLStatus::BadParam | TDEFLStatus::PutBufFailed => {
                    bytes.truncate(1);
                    bytes.extend(miniz_oxide::deflate::compress_to_vec(plain, LEVEL));
                    return bytes;
                }
            }
        }
        bytes.truncate(end);
        bytes
    })
}

/// The plain bytes, unless they are more than `most` or were not deflated.
pub(super) fn inflated(deflated: &[u8], most: usize) -> Option<Vec<u8>> {
    miniz_oxide::inflate::decompress_to_vec_with_limit(deflated, most).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deflated_before_changes_no_byte() {
        let even: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        let mut state = 1_u32;
        let uneven: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(200_000)
        .collect();
        for plain in [&even[..], b"", b"a", &uneven, b"abcabcabcabc", &even[..1_000], &uneven[..1_000], &even] {
            let once = deflated(4, plain);
            let anew = miniz_oxide::deflate::compress_to_vec(plain, LEVEL);
            assert!(once.split_first() == Some((&4, &anew[..])), "{} bytes", plain.len());
            assert!(inflated(&once[1..], plain.len()).is_some_and(|inflated| inflated == plain));
        }
    }
}
