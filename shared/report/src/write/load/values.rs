//! Values of rows as bytes: a tag, and what does not fit into it.

use crate::error::{Error, Result};
use rusqlite::types::ValueRef;

pub(super) const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;
/// Tags from here on are the small numbers themselves: most columns are one of a list.
pub(super) const SMALL: u8 = 5;

pub(super) fn encode(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    let long = |bytes: &mut Vec<u8>, tag: u8, long: &[u8]| {
        bytes.push(tag);
        bytes.extend_from_slice(&(long.len() as u64).to_le_bytes()[..4]);
        bytes.extend_from_slice(long);
    };
    match value {
        ValueRef::Null => bytes.push(NULL),
        ValueRef::Integer(number) => match u8::try_from(number) {
            Ok(small) if small <= u8::MAX - SMALL => bytes.push(SMALL + small),
            _ => {
                bytes.push(INTEGER);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        },
        ValueRef::Real(number) => {
            bytes.push(REAL);
            bytes.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueRef::Text(text) => long(bytes, TEXT, text),
        ValueRef::Blob(blob) => long(bytes, BLOB, blob),
    }
}

/// Takes the first value off encoded ones.
pub(super) fn decode<'b>(bytes: &mut &'b [u8]) -> Result<ValueRef<'b>> {
    const TORN: Error = Error::BuiltIn("a row of a run");
    let tag = *bytes.split_off_first().ok_or(TORN)?;
    let mut number = || bytes.split_off(..8).and_then(|eight| eight.try_into().ok()).ok_or(TORN);
    Ok(match tag {
        NULL => ValueRef::Null,
        INTEGER => ValueRef::Integer(i64::from_le_bytes(number()?)),
        REAL => ValueRef::Real(f64::from_bits(u64::from_le_bytes(number()?))),
        TEXT | BLOB => {
            let length = bytes.split_off(..4).and_then(|four| four.try_into().ok()).ok_or(TORN)?;
            let long = bytes.split_off(..u32::from_le_bytes(length) as usize).ok_or(TORN)?;
            if tag == TEXT { ValueRef::Text(long) } else { ValueRef::Blob(long) }
        }
        small => ValueRef::Integer(i64::from(small - SMALL)),
    })
}
