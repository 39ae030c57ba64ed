//! Standard Webhooks signatures: HMAC-SHA256 over `id.timestamp.body`, the body as raw bytes.
//!
//! Comparisons take constant time, and every secret is tried, so the time an answer takes does not show which secret
//! matches. The sender's clock may differ from ours by [`TOLERANCE`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::HeaderMap;
use sha2::Sha256;
use vestibule_domain::{Millis, Timestamp};

/// The prefix of a secret in its written form.
pub const SECRET_PREFIX: &str = "whsec_";
/// The largest difference between a signature's timestamp and now, in either direction.
pub const TOLERANCE: Millis = Millis::from_minutes(5);

pub(crate) const ID: &str = "webhook-id";
pub(crate) const TIMESTAMP: &str = "webhook-timestamp";
pub(crate) const SIGNATURE: &str = "webhook-signature";

/// Why a request is not accepted as the tenant's. For operators only: senders learn only that it is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// One of the three headers is missing or unreadable.
    #[error("header {0} is missing or malformed")]
    Header(&'static str),
    /// The timestamp is too far from now.
    #[error("the timestamp is more than five minutes off")]
    Stale,
    /// No secret of the tenant made the signature.
    #[error("no secret matches the signature")]
    Mismatch,
}

/// Checks that one of `secrets` signed `body`.
///
/// # Errors
/// When the headers are malformed, the timestamp stale or no secret matches.
pub fn verify<'s>(
    headers: &HeaderMap,
    body: &[u8],
    secrets: impl IntoIterator<Item = &'s str>,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let header = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.filter(|value| !value.is_empty()).ok_or(SignatureError::Header(name))
    };
    let id = header(ID)?;
    let timestamp = header(TIMESTAMP)?;
    let seconds: i64 = timestamp.parse().map_err(|_| SignatureError::Header(TIMESTAMP))?;
    let offered: Vec<Vec<u8>> = header(SIGNATURE)?
        .split(' ')
        .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok())
        .take(16)
        .collect();

    let mut matches = false;
    for secret in secrets {
        let Some(mac) = mac(secret, id, timestamp, body) else { continue };
        for signature in &offered {
            matches |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    if !matches {
        return Err(SignatureError::Mismatch);
    }
    // Only a sender that holds a secret learns that its request is stale; any other is simply refused.
    let age = now.seconds().saturating_sub(seconds).saturating_abs();
    if age.saturating_mul(1_000) > TOLERANCE.get() {
        return Err(SignatureError::Stale);
    }
    Ok(())
}

/// The value of the `webhook-signature` header for a body; `None` if the secret is malformed.
pub fn sign(secret: &str, id: &str, now: Timestamp, body: &[u8]) -> Option<String> {
    let mac = mac(secret, id, &now.seconds().to_string(), body)?;
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

fn mac(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let key = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret)).ok()?;
    let mut mac = Hmac::new_from_slice(&key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"specversion":"1.0"}"#;
    const AT: i64 = 1_767_225_600;

    fn headers(signature: &str, seconds: i64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ID, "msg_1".parse().unwrap());
        headers.insert(TIMESTAMP, seconds.to_string().parse().unwrap());
        headers.insert(SIGNATURE, signature.parse().unwrap());
        headers
    }

    fn signed_by(secret: &str) -> String {
        standardwebhooks::Webhook::new(secret).unwrap().sign("msg_1", AT, BODY).unwrap()
    }

    fn now(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_reference_library_and_we_sign_alike() {
        assert_eq!(sign(OLD, "msg_1", now(AT), BODY).unwrap(), signed_by(OLD));
    }

    #[test]
    fn any_secret_in_rotation_is_accepted() {
        for secret in [OLD, NEW] {
            assert_eq!(verify(&headers(&signed_by(secret), AT), BODY, [OLD, NEW], now(AT)), Ok(()));
        }
        let both = format!("{} {}", signed_by(OLD), signed_by(NEW));
        assert_eq!(verify(&headers(&both, AT), BODY, [NEW], now(AT)), Ok(()));
    }

    #[test]
    fn another_secret_body_or_time_is_refused() {
        let good = headers(&signed_by(OLD), AT);
        assert_eq!(verify(&good, BODY, [NEW], now(AT)), Err(SignatureError::Mismatch));
        assert_eq!(verify(&good, BODY, [], now(AT)), Err(SignatureError::Mismatch));
        assert_eq!(verify(&good, b"{}", [OLD], now(AT)), Err(SignatureError::Mismatch));
        let moved = headers(&signed_by(OLD), AT + 1);
        assert_eq!(verify(&moved, BODY, [OLD], now(AT)), Err(SignatureError::Mismatch));
        for signature in ["v1,", "v2,AAAA", "nonsense", "v1,====", "v1a,AA=="] {
            assert!(verify(&headers(signature, AT), BODY, [OLD], now(AT)).is_err(), "{signature}");
        }
    }

    #[test]
    fn up_to_five_minutes_off_is_accepted() {
        let good = headers(&signed_by(OLD), AT);
        for offset in [-300, 0, 300] {
            assert_eq!(verify(&good, BODY, [OLD], now(AT + offset)), Ok(()));
        }
        for offset in [-301, 301] {
            assert_eq!(verify(&good, BODY, [OLD], now(AT + offset)), Err(SignatureError::Stale));
        }
        let absurd = headers(&signed_by(OLD), i64::MIN);
        assert!(verify(&absurd, BODY, [OLD], now(AT)).is_err());
    }

    #[test]
    fn a_missing_header_is_named() {
        for name in [ID, TIMESTAMP, SIGNATURE] {
            let mut headers = headers(&signed_by(OLD), AT);
            headers.remove(name);
            assert_eq!(verify(&headers, BODY, [OLD], now(AT)), Err(SignatureError::Header(name)));
        }
    }
}
