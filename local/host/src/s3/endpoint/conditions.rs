//! The conditional headers of writes and reads.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header};
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};

use super::super::format::Header;
use super::super::store::Condition;
use super::etag;

pub(super) fn condition(if_match: Option<ETagCondition>, if_none_match: Option<ETagCondition>) -> S3Result<Condition> {
    Ok(match (if_match, if_none_match) {
        (None, None) => Condition::None,
        (None, Some(ETagCondition::Any)) => Condition::Absent,
        (None, Some(ETagCondition::ETag(tag))) => Condition::Differs(tag.into_value()),
        (Some(ETagCondition::Any), None) => Condition::Present,
        (Some(ETagCondition::ETag(tag)), None) => Condition::Matches(tag.into_value()),
        (Some(_), Some(_)) => return Err(s3_error!(NotImplemented, "If-Match together with If-None-Match")),
    })
}

/// The headers of a read's conditions.
pub(super) struct ReadConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    pub(super) fn check(&self, of: &Header) -> S3Result<()> {
        let tag = etag(of);
        // HTTP dates are whole seconds.
        let seconds = Duration::from_secs(of.last_modified_ms / 1000);
        let modified = Timestamp::from(UNIX_EPOCH + seconds);
        let matches = |c: &ETagCondition| c.as_etag().is_none_or(|e| e.weak_cmp(&tag));
        // By RFC 9110 a tag outranks a date.
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(c), _) if !matches(c) => return Err(s3_error!(PreconditionFailed)),
            (None, Some(since)) if modified > *since => return Err(s3_error!(PreconditionFailed)),
            _ => {}
        }
        let unchanged = match (&self.if_none_match, &self.if_modified_since) {
            (Some(c), _) => matches(c),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        if !unchanged {
            return Ok(());
        }
        let mut error = s3_error!(NotModified);
        let mut headers = HeaderMap::new();
        if let Ok(tag) = tag.to_http_header() {
            headers.insert(header::ETAG, tag);
        }
        error.set_headers(headers);
        Err(error)
    }
}
