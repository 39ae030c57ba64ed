//! Closed lists and texts: what small numbers in rows stand for.

pub(crate) mod dictionary;
pub(crate) mod ids;
pub(crate) mod plain;
pub(crate) mod times;
pub(crate) mod words;
