//! Which servers messages may go to. An address is what an administrator typed, so it must not lead to what only this
//! machine or its network can reach.
//!
//! Must stay true: a name is resolved once, and the connection goes to an address that was looked at. Addresses of the
//! link (a cloud's metadata are at 169.254.169.254) are never connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where this program may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only: a function of a cloud, on whose loopback interface its runtime listens.
    Public,
    /// Also this machine and its network: a program that an organisation runs itself.
    Local,
}

impl Reach {
    /// Whether it may connect to an address.
    pub fn allows(self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        match address {
            IpAddr::V4(v4) => !is_never_v4(v4) && (self == Self::Local || !is_near_v4(v4)),
            IpAddr::V6(v6) => !is_never_v6(v6) && (self == Self::Local || !is_near_v6(v6)),
        }
    }

    /// Resolves a name, to an address that it may connect to.
    ///
    /// # Errors
    /// In words, if there is none.
    pub async fn resolve(self, host: &str, port: u16) -> Result<SocketAddr, Unreachable> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> =
            tokio::net::lookup_host((host, port)).await.map_err(|_| Unreachable::Unknown)?.collect();
        // One address that is allowed would do, but a name that leads to both is made to deceive.
        if found.iter().any(|one| !self.allows(one.ip())) {
            return Err(Unreachable::Forbidden);
        }
        // Most machines reach IPv4, and not all IPv6.
        found.iter().find(|one| one.is_ipv4()).or(found.first()).copied().ok_or(Unreachable::Unknown)
    }
}

/// Why a server can't be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The name has no address.
    Unknown,
    /// It has one that must not be connected to.
    Forbidden,
}

fn is_never_v4(address: Ipv4Addr) -> bool {
    address.is_link_local() || address.is_unspecified() || address.is_multicast() || address.octets()[0] >= 240
        || address.octets()[0] == 0
        // Other clouds' metadata.
        || address == Ipv4Addr::new(168, 63, 129, 16)
        || address == Ipv4Addr::new(100, 100, 100, 200)
}

fn is_near_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || (first == 100 && (64..128).contains(&second))
        || (first == 192 && second == 0 && (third == 0 || third == 2))
        || (first == 198 && (18..20).contains(&second))
}

fn is_never_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    address.is_unspecified() || address.is_multicast() || (first & 0xffc0) == 0xfe80
        // Amazon's metadata.
        || (first, second) == (0xfd00, 0x0ec2)
}

fn is_near_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Of the last two, an address of IPv4 is a part.
    address.is_loopback()
        || (first & 0xfe00) == 0xfc00
        || (first, second) == (0x0064, 0xff9b)
        || first == 0x2002
        || (first == 0 && second == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_for_a_function_and_the_link_is_for_nobody() {
        let ip = |text: &str| text.parse::<IpAddr>();
        for (text, public, local) in [
            ("93.184.216.34", true, true),
            ("2606:2800:220:1::1", true, true),
            ("127.0.0.1", false, true),
            ("::1", false, true),
            ("10.1.2.3", false, true),
            ("172.20.0.1", false, true),
            ("192.168.1.1", false, true),
            ("100.64.0.1", false, true),
            ("fd12::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("64:ff9b::a9fe:a9fe", false, true),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("fe80::1", false, false),
            ("fd00:ec2::254", false, false),
            ("168.63.129.16", false, false),
            ("0.0.0.0", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
        ] {
            let address = ip(text);
            let allows = |reach: Reach| address.as_ref().is_ok_and(|address| reach.allows(*address));
            assert_eq!((allows(Reach::Public), allows(Reach::Local)), (public, local), "{text}");
        }
    }
}
