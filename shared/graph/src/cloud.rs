//! The addresses of Graph and of the servers that issue its tokens.
//!
//! <https://learn.microsoft.com/en-us/graph/deployments> lists the national clouds.

use http::Uri;
use std::fmt;

/// Microsoft's clouds. Each has directories of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// The public cloud.
    #[default]
    Global,
    /// Of the government of the United States (L4).
    UsGovernment,
    /// In China, run by 21Vianet.
    China,
}

impl Cloud {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Global, Self::UsGovernment, Self::China];

    /// Its name as it is typed and stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGovernment => "us-government",
            Self::China => "china",
        }
    }

    /// The cloud of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.name() == name)
    }

    /// Its addresses.
    pub fn addresses(self) -> Addresses {
        let (login, graph) = match self {
            Self::Global => ("login.microsoftonline.com", "graph.microsoft.com"),
            Self::UsGovernment => ("login.microsoftonline.us", "graph.microsoft.us"),
            Self::China => ("login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn"),
        };
        Addresses { login: format!("https://{login}"), graph: format!("https://{graph}") }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The addresses of a cloud: scheme and host, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    login: String,
    graph: String,
}

/// An address that nothing secret may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address of Graph must be https://HOST, or http://127.0.0.1:PORT for tests, without a path")]
pub struct NoAddress;

impl Addresses {
    /// Addresses other than a cloud's, such as a test's.
    ///
    /// # Errors
    /// If one is not `https://HOST`, or if a host other than loopback is addressed without TLS.
    pub fn new(login: &str, graph: &str) -> Result<Self, NoAddress> {
        Ok(Self { login: base(login)?, graph: base(graph)? })
    }

    /// The server that issues tokens.
    pub(crate) fn login(&self) -> &str {
        &self.login
    }

    /// The server that has the lists.
    pub(crate) fn graph(&self) -> &str {
        &self.graph
    }

    /// Whether a link leads to the server that has the lists. The answer of a server chooses the link, so a token must
    /// not be sent to another host.
    pub(crate) fn is_graphs(&self, link: &str) -> bool {
        let parts = |text: &str| {
            let uri: Uri = text.parse().ok()?;
            let authority = uri.authority()?.as_str().to_ascii_lowercase();
            // Some clients send `user@host` to `host`, others to `user`.
            (!authority.contains('@')).then(|| (uri.scheme_str().unwrap_or_default().to_ascii_lowercase(), authority))
        };
        let (link, own) = (parts(link), parts(&self.graph));
        link.is_some() && link == own
    }
}

fn base(text: &str) -> Result<String, NoAddress> {
    let text = text.trim_end_matches('/');
    let uri: Uri = text.parse().map_err(|_| NoAddress)?;
    let authority = uri.authority().ok_or(NoAddress)?;
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
    let is_loopback = matches!(authority.host(), "127.0.0.1" | "[::1]" | "localhost");
    match uri.scheme_str() {
        Some("https") if is_bare => Ok(text.to_owned()),
        Some("http") if is_bare && is_loopback => Ok(text.to_owned()),
        _ => Err(NoAddress),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_goes_without_tls() {
        for good in [
            "https://graph.example",
            "https://graph.example/",
            "http://127.0.0.1:9",
            "http://[::1]:9",
            "http://localhost:9",
        ] {
            assert!(Addresses::new(good, good).is_ok(), "{good}");
        }
        for bad in [
            "http://graph.microsoft.com",
            "http://127.0.0.1.example",
            "https://graph.example/v1.0",
            "https://a@graph.example",
            "https://graph.example?x",
            "ftp://127.0.0.1",
            "graph.example",
            "",
            "http://127.0.0.1@evil.example",
        ] {
            assert_eq!(Addresses::new(bad, "https://x.example"), Err(NoAddress), "{bad}");
        }
    }

    #[test]
    fn a_link_to_another_host_is_not_graphs() {
        let addresses = Cloud::Global.addresses();
        for good in ["https://graph.microsoft.com/v1.0/x?$skiptoken=a", "HTTPS://Graph.Microsoft.com/beta"] {
            assert!(addresses.is_graphs(good), "{good}");
        }
        for bad in [
            "https://graph.microsoft.com.evil.example/v1.0",
            "http://graph.microsoft.com/v1.0",
            "https://evil.example/v1.0",
            "https://graph.microsoft.com@evil.example/",
            "https://graph.microsoft.com:444/",
            "/v1.0/x",
            "",
            "no link at all",
        ] {
            assert!(!addresses.is_graphs(bad), "{bad}");
        }
        for cloud in Cloud::ALL {
            assert_eq!(Cloud::named(cloud.name()), Some(cloud));
            let Addresses { login, graph } = cloud.addresses();
            assert!(Addresses::new(&login, &graph).is_ok());
        }
    }
}
