//! Verifies the signature (AWS Signature Version 4) of a request to the table or the bus.
//!
//! The signature is made anew with our own keys, over exactly the headers that the request says it covers, and
//! compared. So one made with other keys, for another request or at another time differs.
//!
//! Must stay true: the comparison takes constant time; what decides about a request (its host, its operation and its
//! instant) must be covered.

use crate::{Keys, REGION};
use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use chrono::{DateTime, NaiveDateTime, Utc};
use http::request::Parts;
use http::{HeaderMap, header};
use std::time::{Duration, SystemTime};
use subtle::ConstantTimeEq as _;

/// How far a request's instant may be from ours, either way; it is AWS's limit.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// The header with a request's instant.
const DATE: &str = "x-amz-date";
/// Headers that the signature must cover.
const COVERED: [&str; 3] = ["host", DATE, "x-amz-target"];

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It has no signature, or one that does not cover what it must.
    #[error("the request is not signed")]
    Unsigned,
    /// Its key is not ours.
    #[error("the request is signed with a key that is not known here")]
    UnknownKey,
    /// It was signed too long ago, or will be.
    #[error("the request's time is too far from ours")]
    Time,
    /// The signature is another.
    #[error("the signature is wrong")]
    Signature,
}

/// What a request says about its signature.
pub(crate) struct Claim<'r> {
    key: &'r str,
    region: &'r str,
    service: &'r str,
    headers: Vec<&'r str>,
    signature: &'r str,
    at: SystemTime,
}

impl<'r> Claim<'r> {
    /// Reads the headers. The key and the time are checked here, so that nobody else's body need be read.
    ///
    /// # Errors
    /// When the request is refused whatever its body is.
    pub(crate) fn read(headers: &'r HeaderMap, keys: &Keys, now: SystemTime) -> Result<Self, Refused> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let given = text(header::AUTHORIZATION.as_str()).ok_or(Refused::Unsigned)?;
        let fields = given.strip_prefix("AWS4-HMAC-SHA256").ok_or(Refused::Unsigned)?;
        let field = |name: &str| {
            fields
                .split(',')
                .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
                .ok_or(Refused::Unsigned)
        };
        let scope: Vec<&str> = field("Credential")?.split('/').collect();
        let &[key, _day, region, service, "aws4_request"] = scope.as_slice() else { return Err(Refused::Unsigned) };
        let headers: Vec<&str> = field("SignedHeaders")?.split(';').collect();
        if !COVERED.iter().all(|name| headers.contains(name)) {
            return Err(Refused::Unsigned);
        }
        let at = text(DATE).and_then(instant).ok_or(Refused::Unsigned)?;
        if key != keys.id {
            return Err(Refused::UnknownKey);
        }
        let apart = now.duration_since(at).unwrap_or_else(|error| error.duration());
        if apart > TOLERANCE {
            return Err(Refused::Time);
        }
        Ok(Self { key, region, service, headers, signature: field("Signature")?, at })
    }

    /// Checks the signature of the whole request.
    ///
    /// # Errors
    /// When it is another one.
    pub(crate) fn verify(&self, parts: &Parts, body: &[u8], keys: &Keys, service: &str) -> Result<(), Refused> {
        if self.key != keys.id || self.region != REGION || self.service != service {
            return Err(Refused::UnknownKey);
        }
        let made = self.made(parts, body, &keys.credentials()).ok_or(Refused::Signature)?;
        let is_same: bool = made.as_bytes().ct_eq(self.signature.as_bytes()).into();
        if is_same { Ok(()) } else { Err(Refused::Signature) }
    }

    /// The signature that this request has if these keys signed it.
    fn made(&self, parts: &Parts, body: &[u8], credentials: &Credentials) -> Option<String> {
        let identity = Identity::from(credentials.clone());
        let mut settings = SigningSettings::default();
        // Exactly the headers that are named; the signer adds the date itself.
        settings.excluded_headers = None;
        let params = SigningParams::builder().identity(&identity).region(self.region).name(self.service).time(self.at);
        let params = params.settings(settings).build().ok()?.into();
        let mut covered = Vec::new();
        for name in self.headers.iter().filter(|name| **name != DATE) {
            for value in parts.headers.get_all(*name) {
                covered.push((*name, value.to_str().ok()?));
            }
        }
        let host = parts.headers.get(header::HOST)?.to_str().ok()?;
        let uri = format!("http://{host}{}", parts.uri.path_and_query().map_or("/", |path| path.as_str()));
        let request =
            SignableRequest::new(parts.method.as_str(), uri, covered.into_iter(), SignableBody::Bytes(body)).ok()?;
        Some(sign(request, &params).ok()?.into_parts().1)
    }
}

/// The instant that a date header names, as in `20260131T235959Z`.
fn instant(text: &str) -> Option<SystemTime> {
    let at = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
    Some(DateTime::<Utc>::from_naive_utc_and_offset(at, Utc).into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::Request;

    const BODY: &[u8] = b"{}";

    /// A request that `keys` signed at `at`.
    fn signed(keys: &Keys, at: SystemTime) -> Parts {
        let host = "127.0.0.1:1";
        let target = "DynamoDB_20120810.ListTables";
        let request = Request::post("/").header("host", host).header("x-amz-target", target);
        let mut request = request.body(()).unwrap();
        let identity = Identity::from(keys.credentials());
        let params = SigningParams::builder().identity(&identity).region(REGION).name("dynamodb").time(at);
        let params = params.settings(SigningSettings::default()).build().unwrap().into();
        let headers = [("host", host), ("x-amz-target", target)].into_iter();
        let signable = SignableRequest::new("POST", format!("http://{host}/"), headers, SignableBody::Bytes(BODY));
        let (signature, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
        signature.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }

    fn checked(parts: &Parts, body: &[u8], keys: &Keys, now: SystemTime) -> Result<(), Refused> {
        Claim::read(&parts.headers, keys, now)?.verify(parts, body, keys, "dynamodb")
    }

    #[test]
    fn only_what_these_keys_signed_just_now_is_accepted() {
        let (keys, others) = (Keys::random().unwrap(), Keys::random().unwrap());
        let now = SystemTime::now();
        let parts = signed(&keys, now);
        assert_eq!(checked(&parts, BODY, &keys, now), Ok(()));
        assert_eq!(checked(&parts, b"{ }", &keys, now), Err(Refused::Signature), "another body");
        assert_eq!(checked(&signed(&others, now), BODY, &keys, now), Err(Refused::UnknownKey));
        let guessed = Keys { id: keys.id.clone(), secret: others.secret.clone() };
        assert_eq!(checked(&signed(&guessed, now), BODY, &keys, now), Err(Refused::Signature));
        for apart in [TOLERANCE * 2, Duration::from_secs(86_400)] {
            assert_eq!(checked(&parts, BODY, &keys, now + apart), Err(Refused::Time));
            assert_eq!(checked(&parts, BODY, &keys, now - apart), Err(Refused::Time));
        }
        for (name, value) in [("x-amz-target", "DynamoDB_20120810.DeleteTable"), ("host", "localhost:1")] {
            let mut parts = parts.clone();
            parts.headers.insert(name, value.parse().unwrap());
            assert_eq!(checked(&parts, BODY, &keys, now), Err(Refused::Signature), "{name}");
        }
        let mut parts = parts.clone();
        let short = parts.headers["authorization"].to_str().unwrap().replace(";x-amz-target", "");
        parts.headers.insert("authorization", short.parse().unwrap());
        assert_eq!(checked(&parts, BODY, &keys, now), Err(Refused::Unsigned), "the operation is not covered");
        parts.headers.remove("authorization");
        assert_eq!(checked(&parts, BODY, &keys, now), Err(Refused::Unsigned));
    }
}
