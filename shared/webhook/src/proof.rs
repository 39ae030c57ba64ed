//! How a sender that does not sign by Standard Webhooks proves that a request is the tenant's.
//!
//! All comparisons take constant time, and every secret is tried, so the time an answer takes does not show which
//! secret matches or how much of it.

use crate::signature;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};
use vestibule_domain::Timestamp;

/// The header for the secret; any sender that can set a header may use it.
pub const SECRET_HEADER: &str = "x-vestibule-secret";

/// A way of proving it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Standard Webhooks, with the tenant's own webhook secrets: see [`crate::signature`].
    StandardWebhooks,
    /// The secret is the last segment of the path.
    Path,
    /// The secret is the password of HTTP's Basic scheme, with any user name.
    Basic,
    /// The secret is this header's value.
    Header(&'static str),
    /// This header is the HMAC-SHA256 of the body with the secret as key, in base64.
    HmacBase64(&'static str),
    /// This header is `sha256=` and the HMAC-SHA256 of the body with the secret as key, in hexadecimal.
    HmacHex(&'static str),
}

/// The parts of a request that may prove it. They contain its secrets, so they can't be printed.
#[derive(Clone, Copy)]
pub struct Shown<'r> {
    /// Its headers.
    pub headers: &'r HeaderMap,
    /// Its body, as sent.
    pub body: &'r [u8],
    /// The part of the path after the source.
    pub path_secret: Option<&'r str>,
}

impl Proof {
    /// Whether one of `secrets` proves the request. [`Proof::StandardWebhooks`] is not checked here.
    pub fn holds<'s>(self, shown: Shown<'_>, secrets: impl IntoIterator<Item = &'s str>) -> bool {
        let header = |name: &str| shown.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        match self {
            Self::StandardWebhooks => false,
            Self::Path => is_one_of(shown.path_secret, secrets),
            Self::Header(name) => is_one_of(header(name), secrets),
            Self::Basic => is_one_of(basic_password(shown.headers).as_deref(), secrets),
            Self::HmacBase64(name) => {
                let offered = header(name).and_then(|text| STANDARD.decode(text).ok());
                offered.is_some_and(|offered| is_made_by(&offered, shown.body, secrets))
            }
            Self::HmacHex(name) => {
                let offered = header(name).and_then(|text| from_hex(text.strip_prefix("sha256=")?));
                offered.is_some_and(|offered| is_made_by(&offered, shown.body, secrets))
            }
        }
    }

    /// The headers that prove a request with `body` at `now`; `None` if the secret is malformed.
    ///
    /// Empty for [`Proof::Path`]: there the secret is the last segment of the path.
    pub fn headers(self, secret: &str, body: &[u8], now: Timestamp) -> Option<Vec<(&'static str, String)>> {
        Some(match self {
            Self::StandardWebhooks => {
                let id = format!("msg_{}", now.millis());
                let signed = signature::sign(secret, &id, now, body)?;
                let time = now.seconds().to_string();
                vec![(signature::ID, id), (signature::TIMESTAMP, time), (signature::SIGNATURE, signed)]
            }
            Self::Path => Vec::new(),
            Self::Basic => {
                let pair = STANDARD.encode(format!("vestibule:{secret}"));
                vec![("authorization", format!("Basic {pair}"))]
            }
            Self::Header(name) => vec![(name, secret.to_owned())],
            Self::HmacBase64(name) => vec![(name, STANDARD.encode(hmac(secret, body)))],
            Self::HmacHex(name) => vec![(name, format!("sha256={}", to_hex(&hmac(secret, body))))],
        })
    }
}

fn is_one_of<'s>(offered: Option<&str>, secrets: impl IntoIterator<Item = &'s str>) -> bool {
    let Some(offered) = offered else { return false };
    let same = |secret: &str| offered.as_bytes().ct_eq(secret.as_bytes());
    secrets.into_iter().fold(Choice::from(0), |any, secret| any | same(secret)).into()
}

fn is_made_by<'s>(offered: &[u8], body: &[u8], secrets: impl IntoIterator<Item = &'s str>) -> bool {
    secrets.into_iter().fold(false, |any, secret| any | mac(secret, body).verify_slice(offered).is_ok())
}

/// The HMAC-SHA256 of a body, for [`Proof::HmacBase64`] and [`Proof::HmacHex`].
pub fn hmac(secret: &str, body: &[u8]) -> Vec<u8> {
    mac(secret, body).finalize().into_bytes().to_vec()
}

fn mac(secret: &str, body: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length, so this cannot fail; if it did, the empty result would match nothing.
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok();
    let mut mac = mac.unwrap_or_else(|| Hmac::<Sha256>::new(&Default::default()));
    mac.update(body);
    mac
}

/// The password of a request that uses HTTP's Basic scheme, with any user name.
pub fn basic_password(headers: &HeaderMap) -> Option<String> {
    let (scheme, pair) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let pair = STANDARD.decode(pair.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let pair = String::from_utf8(pair).ok()?;
    let (_, password) = pair.split_once(':')?;
    Some(password.to_owned()).filter(|password| !password.is_empty())
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) || text.len() > 128 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const SECRETS: [&str; 2] = ["old-secret", "new-secret"];
    const BODY: &[u8] = b"{\"topic\":\"mdm.Authenticate\"}";

    fn holds(proof: Proof, header: Option<(&'static str, String)>, path_secret: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_str(&value).unwrap());
        }
        proof.holds(Shown { headers: &headers, body: BODY, path_secret }, SECRETS)
    }

    #[test]
    fn each_secret_is_accepted_and_no_other() {
        for (secret, good) in
            [("old-secret", true), ("new-secret", true), ("", false), ("other", false), ("old", false)]
        {
            let signature = hmac(secret, BODY);
            let basic = format!("Basic {}", STANDARD.encode(format!("vestibule:{secret}")));
            let said = |name, value: String| Some((name, value));
            assert_eq!(holds(Proof::Path, None, Some(secret)), good, "{secret}");
            assert_eq!(holds(Proof::Basic, said("authorization", basic), None), good, "{secret}");
            assert_eq!(holds(Proof::Header("x-secret"), said("x-secret", secret.to_owned()), None), good, "{secret}");
            let base64 = STANDARD.encode(&signature);
            assert_eq!(holds(Proof::HmacBase64("x-hmac"), said("x-hmac", base64), None), good, "{secret}");
            let hex = format!("sha256={}", to_hex(&signature));
            assert_eq!(holds(Proof::HmacHex("x-hub"), said("x-hub", hex), None), good, "{secret}");
        }
    }

    /// RFC 4231's second test case.
    #[test]
    fn an_hmac_equals_the_published_one() {
        let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(to_hex(&hmac("Jefe", b"what do ya want for nothing?")), known);
    }

    #[test]
    fn the_headers_of_a_proof_prove_the_request() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let proofs = [Proof::Basic, Proof::Header(SECRET_HEADER), Proof::HmacBase64("x-hmac"), Proof::HmacHex("x-hub")];
        for proof in proofs {
            for (secret, good) in [("new-secret", true), ("other", false)] {
                let [header] = <[_; 1]>::try_from(proof.headers(secret, BODY, now).unwrap()).unwrap();
                assert_eq!(holds(proof, Some(header), None), good, "{proof:?}");
            }
        }
        assert_eq!(Proof::Path.headers("new-secret", BODY, now), Some(Vec::new()));
        let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let mut headers = HeaderMap::new();
        for (name, value) in Proof::StandardWebhooks.headers(secret, BODY, now).unwrap() {
            headers.insert(name, HeaderValue::from_str(&value).unwrap());
        }
        assert_eq!(signature::verify(&headers, BODY, [secret], now), Ok(()));
        assert_eq!(Proof::StandardWebhooks.headers("whsec_%", BODY, now), None);
    }

    #[test]
    fn a_malformed_proof_is_refused() {
        for (name, value) in [("authorization", "Basic %%%"), ("authorization", "Bearer old-secret")] {
            assert!(!holds(Proof::Basic, Some((name, value.to_owned())), None), "{value}");
        }
        for value in ["sha256=", "sha256=zz", "sha1=00", "sha256=0", &format!("sha256={}", "0".repeat(200))] {
            assert!(!holds(Proof::HmacHex("x-hub"), Some(("x-hub", value.to_owned())), None), "{value}");
        }
        assert!(!holds(Proof::Path, None, None));
        assert!(!holds(Proof::StandardWebhooks, None, Some("old-secret")));
    }
}
