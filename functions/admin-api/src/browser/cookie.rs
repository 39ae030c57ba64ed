//! The cookie that holds the secret of a browser's session.
//!
//! It is `HttpOnly`, so no script reads it. Where people come by https, it is `Secure` and its name begins with
//! `__Host-`: the browser then takes it from this host over TLS only, for this host alone, so that neither a
//! neighbouring host nor somebody in the network can plant one. It is `SameSite=Lax`: pages of other sites send no
//! change with it, but an address that a colleague sent opens signed in; with `Strict` the page of a device, which is
//! an address of the API, would not. It lasts as long as the session may, since whoever came by a one-time link has
//! nothing to type after the browser was started again.

use http::HeaderMap;
use http::header::COOKIE;
use vestibule_domain::Millis;

const SECURE: &str = "__Host-vestibule";
/// Without TLS a browser refuses the other name.
const PLAIN: &str = "vestibule";

const fn name(is_https: bool) -> &'static str {
    if is_https { SECURE } else { PLAIN }
}

/// The secret that a request brings. By https only the protected name counts.
pub(crate) fn read(headers: &HeaderMap, is_https: bool) -> Option<&str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name(is_https)).map(|(_, secret)| secret)
}

/// Makes the browser keep a secret for so long.
pub(crate) fn set(secret: &str, lasts: Millis, is_https: bool) -> String {
    let (name, seconds) = (name(is_https), lasts.get() / 1_000);
    let secure = if is_https { "; Secure" } else { "" };
    format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// Makes the browser forget it.
pub(crate) const fn forget(is_https: bool) -> &'static str {
    if is_https {
        "__Host-vestibule=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
    } else {
        "vestibule=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn only_the_name_of_the_way_counts() {
        let both = with(&["theme=dark; vestibule=plain", "__Host-vestibule=secure;x"]);
        assert_eq!((read(&both, true), read(&both, false)), (Some("secure"), Some("plain")));
        for lines in [&[][..], &["x__Host-vestibule=a"], &["__host-vestibule=a"], &["vestibule=a"]] {
            assert_eq!(read(&with(lines), true), None, "{lines:?}");
        }
        assert_eq!(read(&with(&["vestibule"]), false), None);
    }

    #[test]
    fn it_is_set_and_forgotten_with_the_same_attributes() {
        for is_https in [true, false] {
            let set = set("vss_contoso_secret", Millis::from_minutes(1), is_https);
            assert_eq!(set.replace("vss_contoso_secret", "").replace("Max-Age=60", "Max-Age=0"), forget(is_https));
            assert_eq!(set.starts_with("__Host-") && set.ends_with("; Secure"), is_https, "{set}");
        }
    }
}
