//! The links that silence one rule (docs/MESSAGES.md, N8).
//!
//! Must stay true: a link is good for one rule of one tenant until a day that it names, and for nothing else; whoever has
//! not the tenant's key can make none. Links are compared in constant time.

use crate::rule::is_name;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use vestibule_domain::{Millis, TenantId, Timestamp};

/// How long a link is good.
pub const GOOD_FOR: Millis = Millis::from_days(30);
/// For how long a rule is silent after somebody used one.
pub const MUTES_FOR: Millis = Millis::from_days(7);
/// What the signature is about, so that none of another kind counts.
const PURPOSE: &[u8] = b"vestibule mute 1\0";

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mute {
    /// The tenant.
    pub tenant: TenantId,
    /// The rule's name.
    pub rule: String,
    /// When it ends, in seconds since the epoch.
    pub until: i64,
}

impl Mute {
    /// The link's text, made with the tenant's key.
    pub fn token(&self, key: &[u8]) -> Option<String> {
        let signature = URL_SAFE_NO_PAD.encode(self.signed(key)?.finalize().into_bytes());
        Some(format!("{}.{}.{}.{signature}", self.tenant, self.rule, self.until))
    }

    /// What a text says, and its signature; nothing is proven by that.
    pub fn read(token: &str) -> Option<(Self, Vec<u8>)> {
        let mut parts = token.split('.');
        let mut next = || parts.next();
        let (tenant, rule, until, signature) = (next()?, next()?, next()?, next()?);
        if next().is_some() || !is_name(rule) {
            return None;
        }
        let mute = Self { tenant: TenantId::parse(tenant).ok()?, rule: rule.to_owned(), until: until.parse().ok()? };
        Some((mute, URL_SAFE_NO_PAD.decode(signature).ok()?))
    }

    /// Whether the signature is the tenant's, and the link has not ended.
    pub fn is_good(&self, signature: &[u8], key: &[u8], now: Timestamp) -> bool {
        let proven = self.signed(key).is_some_and(|mac| mac.verify_slice(signature).is_ok());
        proven && now.seconds() < self.until
    }

    fn signed(&self, key: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(PURPOSE);
        mac.update(format!("{}.{}.{}", self.tenant, self.rule, self.until).as_bytes());
        Some(mac)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_own_rule_until_its_end() {
        let mute = Mute { tenant: TenantId::parse("contoso").unwrap(), rule: "terms".to_owned(), until: 1_800_000_000 };
        let token = mute.token(b"key").unwrap();
        let (read, signature) = Mute::read(&token).unwrap();
        assert_eq!(read, mute);
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        assert!(read.is_good(&signature, b"key", at(1_799_999_999)));
        assert!(!read.is_good(&signature, b"key", at(1_800_000_000)), "it has ended");
        assert!(!read.is_good(&signature, b"another", at(0)));
        let other = |change: fn(&mut Mute)| {
            let mut mute = mute.clone();
            change(&mut mute);
            mute.is_good(&signature, b"key", at(0))
        };
        assert!(!other(|mute| mute.rule = "files".to_owned()));
        assert!(!other(|mute| mute.until += 1));
        assert!(!other(|mute| mute.tenant = TenantId::parse("fabrikam").unwrap()));
        for wrong in
            ["", "a.b.c", "contoso.terms.1.AA.AA", "contoso.UP.1.AA", "contoso.terms.x.AA", "contoso.terms.1.%"]
        {
            assert_eq!(Mute::read(wrong), None, "{wrong}");
        }
    }
}
