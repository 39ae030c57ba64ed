//! Webhook secrets and API tokens: made here, shown once, compared in constant time.
//!
//! An API token is `vst_TENANT_SECRET`. It names its tenant, so one read finds what to compare it with, and only its
//! SHA-256 is kept. That hash needs no salt or stretching: the secret is 256 random bits.

use crate::BoxError;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const TOKEN_PREFIX: &str = "vst_";
const CODE_PREFIX: &str = "vsc_";
const SESSION_PREFIX: &str = "vss_";
const WEBHOOK_PREFIX: &str = "whsec_";

/// `N` random bytes from the operating system.
///
/// # Errors
/// If the operating system returns none.
pub fn random<const N: usize>() -> Result<[u8; N], BoxError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A new webhook secret, `whsec_…`.
///
/// # Errors
/// If the operating system returns no randomness.
pub fn new_webhook_secret() -> Result<String, BoxError> {
    Ok(format!("{WEBHOOK_PREFIX}{}", STANDARD.encode(random::<32>()?)))
}

/// A new secret for one sender: letters and digits, safe in a path and as a password.
///
/// # Errors
/// If the operating system returns no randomness.
pub fn new_source_secret() -> Result<String, BoxError> {
    Ok(random::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A new API token of `tenant`.
///
/// # Errors
/// If the operating system returns no randomness.
pub fn new_token(tenant: &str) -> Result<String, BoxError> {
    Ok(format!("{TOKEN_PREFIX}{tenant}_{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// A new code for one sign-in at `tenant`.
///
/// # Errors
/// If the operating system returns no randomness.
pub fn new_sign_in_code(tenant: &str) -> Result<String, BoxError> {
    Ok(format!("{CODE_PREFIX}{tenant}_{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// The secret of a new session of a browser at `tenant`.
///
/// # Errors
/// If the operating system returns no randomness.
pub fn new_browser_session(tenant: &str) -> Result<String, BoxError> {
    Ok(format!("{SESSION_PREFIX}{tenant}_{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// What we keep of a token: its SHA-256, in hexadecimal.
pub fn token_hash(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two hashes are the same, in constant time.
pub fn same_hash(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The bearer token of a request.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The tenant that a token names.
pub fn token_tenant(token: &str) -> Option<&str> {
    token.strip_prefix(TOKEN_PREFIX)?.split_once('_').map(|(tenant, _)| tenant)
}

/// The tenant that a code names.
pub fn code_tenant(code: &str) -> Option<&str> {
    code.strip_prefix(CODE_PREFIX)?.split_once('_').map(|(tenant, _)| tenant)
}

/// The tenant that the secret of a session names.
pub fn browser_session_tenant(secret: &str) -> Option<&str> {
    secret.strip_prefix(SESSION_PREFIX)?.split_once('_').map(|(tenant, _)| tenant)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_passes_for_another_kind() {
        let (token, code) = (new_token("contoso").unwrap(), new_sign_in_code("contoso").unwrap());
        let session = new_browser_session("contoso").unwrap();
        let tenants =
            |text: &str| [token_tenant(text), code_tenant(text), browser_session_tenant(text)].map(|one| one.is_some());
        assert_eq!(tenants(&token), [true, false, false]);
        assert_eq!(tenants(&code), [false, true, false]);
        assert_eq!((tenants(&session), browser_session_tenant(&session)), ([false, false, true], Some("contoso")));
        // 256 bits of randomness, in characters that a cookie may have.
        assert_eq!(session.len(), "vss_contoso_".len() + 43);
        assert!(session.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{session}");
    }

    #[test]
    fn a_token_names_its_tenant() {
        let token = new_token("contoso-2").unwrap();
        assert_eq!(token_tenant(&token), Some("contoso-2"));
        assert_ne!(token, new_token("contoso-2").unwrap());
        assert!(same_hash(&token_hash(&token), &token_hash(&token)));
        assert!(!same_hash(&token_hash(&token), &token_hash("vst_contoso-2_x")));
    }

    #[test]
    fn only_bearer_tokens_count() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(with("bearer abc").as_deref(), Some("abc"));
        for bad in ["Basic abc", "Bearer", "Bearer  ", "abc"] {
            assert_eq!(with(bad), None, "{bad}");
        }
    }
}
