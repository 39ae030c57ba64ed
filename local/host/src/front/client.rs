//! Who sent a request: the peer of the connection, or whom a trusted proxy says it forwards for.
//!
//! Must stay true: a header of somebody who is no trusted proxy changes nothing. Functions get what the front found
//! out, in the headers that API Gateway writes as well, and never what the client wrote there.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Headers that proxies write besides those two. Nobody here reads them, so nobody shall come to trust them.
const ALSO_FORWARDED: [HeaderName; 3] =
    [header::FORWARDED, HeaderName::from_static("x-forwarded-host"), HeaderName::from_static("x-forwarded-port")];

/// The proxies whose word counts.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts the addresses in these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    pub(crate) fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The sender of a request that came over a connection from `peer`.
    pub(crate) fn client(&self, peer: IpAddr, is_tls: bool, headers: &HeaderMap) -> Client {
        let mut client = Client { address: peer.to_canonical(), is_https: is_tls };
        if !self.include(peer) {
            return client;
        }
        let values = |name| headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
        if let Some(scheme) = values(FORWARDED_PROTO).flat_map(|value| value.split(',')).last() {
            client.is_https = scheme.trim().eq_ignore_ascii_case("https");
        }
        // The last entry is the nearest proxy's. What stands before the first one that is no proxy, anybody could write.
        let hops: Vec<&str> = values(FORWARDED_FOR).flat_map(|value| value.split(',')).collect();
        for hop in hops.into_iter().rev() {
            let Some(address) = read_address(hop.trim()) else { break };
            client.address = address;
            if !self.include(address) {
                break;
            }
        }
        client
    }
}

/// Reads a network, as in `10.0.0.0/8`, or an address.
///
/// # Errors
/// When it is neither.
pub fn read_network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| "must be an address or a network, as in 10.0.0.0/8".to_owned())
}

/// An address as proxies write it: some add the port.
fn read_address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// The sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) is_https: bool,
}

impl Client {
    /// Replaces what the request says about its way.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        ALSO_FORWARDED.iter().for_each(|name| drop(headers.remove(name)));
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if self.is_https { "https" } else { "http" }));
        if let Ok(address) = HeaderValue::try_from(self.address.to_string()) {
            headers.insert(FORWARDED_FOR, address);
        }
    }
}

/// What is counted as one address: an IPv4 address, or a /64 of IPv6, of which one customer usually has all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Counted(IpAddr);

impl From<IpAddr> for Counted {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, headers: &[(&'static str, &'static str)]) -> (String, bool) {
        let proxies = TrustedProxies::new(trusted.iter().map(|one| read_network(one).unwrap()).collect());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let Client { address, is_https } = proxies.client(peer.parse().unwrap(), false, &map);
        (address.to_string(), is_https)
    }

    #[test]
    fn only_a_trusted_proxy_says_whom_it_forwards_for() {
        let says = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")];
        assert_eq!(client(&[], "127.0.0.1", &says), ("127.0.0.1".to_owned(), false));
        assert_eq!(client(&["10.0.0.0/8"], "127.0.0.1", &says), ("127.0.0.1".to_owned(), false));
        assert_eq!(client(&["127.0.0.1"], "127.0.0.1", &says), ("203.0.113.9".to_owned(), true));
        assert_eq!(client(&["127.0.0.0/8"], "::ffff:127.0.0.9", &says), ("203.0.113.9".to_owned(), true));
        assert_eq!(client(&["127.0.0.1"], "127.0.0.1", &[]), ("127.0.0.1".to_owned(), false));
    }

    #[test]
    fn what_a_client_wrote_before_its_proxy_did_does_not_count() {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"];
        for (value, address) in [
            ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
            ("1.1.1.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:4711, fd00::7", "2001:db8::1"),
            ("1.1.1.1, nonsense, 10.1.2.3", "10.1.2.3"),
            ("nonsense", "127.0.0.1"),
        ] {
            assert_eq!(client(&trusted, "127.0.0.1", &[("x-forwarded-for", value)]).0, address, "{value}");
        }
        let two = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client(&trusted, "127.0.0.1", &two).0, "203.0.113.9");
    }

    #[test]
    fn functions_get_what_the_front_found_out() {
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded"] {
            headers.insert(name, HeaderValue::from_static("forged"));
        }
        Client { address: "203.0.113.9".parse().unwrap(), is_https: true }.write(&mut headers);
        assert_eq!(
            (&headers["x-forwarded-for"], &headers["x-forwarded-proto"]),
            (&"203.0.113.9".parse().unwrap(), &"https".parse().unwrap())
        );
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn a_customer_of_ipv6_counts_once() {
        let counted = |text: &str| Counted::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(counted("2001:db8:1:2::1"), counted("2001:db8:1:2:ffff::9"));
        assert_ne!(counted("2001:db8:1:2::1"), counted("2001:db8:1:3::1"));
        assert_eq!(counted("::ffff:10.0.0.1"), counted("10.0.0.1"));
        assert_ne!(counted("10.0.0.1"), counted("10.0.0.2"));
        assert!(read_network("10.0.0.0/33").is_err() && read_network("proxy").is_err());
    }
}
