//! Closed lists and texts: the meaning of the small numbers in rows.

pub(crate) mod dictionary;
pub(crate) mod ids;
pub(crate) mod plain;
pub(crate) mod times;
pub(crate) mod words;
