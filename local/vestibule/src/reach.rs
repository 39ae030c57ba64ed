//! How people and senders reach the program: the options of `serve`, and the address that other commands
//! print in links and settings.
//!
//! Must stay true: what is printed is the address at which the folder was last served, unless another is named.

use clap::{Args, ValueEnum};
use http::Uri;
use http::uri::Scheme;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use vestibule_host::{FrontSettings, Limits, Tls, TrustedProxies, read_network};
use vestibule_platform::{Access, BoxError, Links};

/// The file in a data folder that says where it was served last.
const ADDRESS: &str = "address.json";
/// The address of a `serve` without options.
const DEFAULT: &str = "http://127.0.0.1:8740";

/// Options of `serve`.
#[derive(Args, Clone, Debug)]
pub struct Reach {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8740")]
    pub listen: SocketAddr,
    /// The address at which people and senders reach this, if it is another: links and settings are printed with it
    #[arg(long, value_name = "URL", value_parser = origin)]
    pub public_url: Option<String>,
    /// A proxy whose X-Forwarded-For and X-Forwarded-Proto are believed: its address, or a network as in 10.0.0.0/8;
    /// may be repeated
    #[arg(long, value_name = "ADDRESS", value_parser = read_network)]
    pub trusted_proxy: Vec<ipnet::IpNet>,
    /// A file with a certificate and its chain in PEM, to serve https without a proxy; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The file with the certificate's private key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Most connections
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    pub max_connections: NonZeroUsize,
    /// Most connections of one address. Trusted proxies have no limit of their own
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    pub max_connections_per_address: NonZeroUsize,
    /// How long a connection may be without a complete head of a request
    #[arg(long, value_name = "SECONDS", default_value = "15")]
    pub head_timeout: NonZeroU32,
    /// How long the body of a request may take
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub body_timeout: NonZeroU32,
    /// How long a client may take nothing of an answer
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub stalled_timeout: NonZeroU32,
    /// Refused requests a minute after which an address gets 429; 0 for no limit
    #[arg(long, value_name = "NUMBER", default_value_t = 600)]
    pub refusals_a_minute: u32,
    /// Let messages through channels that administrators add go to this machine and its network too, and not to public
    /// addresses only
    #[arg(long)]
    pub local_channels: bool,
    /// An address at which to serve /metrics for Prometheus; whoever reaches it reads them. Without it, nobody does
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Write a line for each answered request to the log, and the whole log in this form
    #[arg(long, value_enum, value_name = "FORM")]
    pub log: Option<LogForm>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// Lines for people
    Text,
    /// An object a line
    Json,
}

impl Reach {
    /// Listens for whoever reads the metrics, if an address is named.
    pub async fn listen_for_metrics(&self) -> Result<Option<TcpListener>, BoxError> {
        let Some(at) = self.metrics else { return Ok(None) };
        let listener = TcpListener::bind(at).await.map_err(|error| format!("cannot listen on {at}: {error}"))?;
        if !at.ip().is_loopback() {
            tracing::warn!(%at, "metrics are served to everybody who reaches this address");
        }
        Ok(Some(listener))
    }

    /// Listens, and remembers in the data folder how that is reached. Returns the address that is listened on.
    pub async fn listen(&self, data: &Path) -> Result<(TcpListener, String), BoxError> {
        let scheme = if self.tls_cert.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        listen(self.listen, scheme, self.public_url.as_deref(), data).await
    }

    /// How the front serves.
    pub fn front(&self, links: &Links) -> Result<FrontSettings, BoxError> {
        let seconds = |seconds: NonZeroU32| Duration::from_secs(seconds.get().into());
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::read(certificate, key)?),
            _ => None,
        };
        Ok(FrontSettings {
            limits: Limits {
                connections: self.max_connections.get(),
                connections_of_address: self.max_connections_per_address.get(),
                head: seconds(self.head_timeout),
                body: seconds(self.body_timeout),
                stalled: seconds(self.stalled_timeout),
                refusals_a_minute: self.refusals_a_minute,
            },
            proxies: TrustedProxies::new(self.trusted_proxy.clone()),
            tls,
            links: Some(links.clone()),
            allowed_origins: Access::from_env()?.allowed_origins,
            log_requests: self.log.is_some(),
        })
    }
}

/// Listens, and remembers in the data folder how that is reached: at `public`, or at the address that is listened on,
/// which is returned.
pub async fn listen(
    at: SocketAddr,
    scheme: Scheme,
    public: Option<&str>,
    data: &Path,
) -> Result<(TcpListener, String), BoxError> {
    let listener = TcpListener::bind(at).await.map_err(|error| format!("cannot listen on {at}: {error}"))?;
    let url = format!("{scheme}://{}", within_reach(listener.local_addr()?));
    let address = Address { url: public.unwrap_or(&url).to_owned() };
    // Renamed, so that a command beside this one reads all of it.
    let aside = data.join(ADDRESS).with_extension("new");
    std::fs::write(&aside, serde_json::to_vec(&address)?)?;
    std::fs::rename(&aside, data.join(ADDRESS))?;
    Ok((listener, url))
}

/// Where a folder was served last.
#[derive(Debug, Serialize, Deserialize)]
struct Address {
    url: String,
}

/// The address for links and settings: the named one, or where the folder was served last, or where `serve` listens
/// without options.
pub fn public_address(named: Option<String>, data: &Path) -> String {
    let last = || {
        let text = std::fs::read(data.join(ADDRESS)).ok()?;
        serde_json::from_slice::<Address>(&text).ok().map(|address| address.url)
    };
    named.or_else(last).unwrap_or_else(|| DEFAULT.to_owned())
}

/// An address that a client on this machine can use.
fn within_reach(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}

/// Reads an address without a path, as the page and the API are at its root.
fn origin(text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|_| "must be an address, as in https://vestibule.example".to_owned())?;
    let is_web = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
    let has_more = uri.path_and_query().is_some_and(|rest| rest.as_str() != "/");
    match uri.authority() {
        Some(authority) if is_web && !has_more && !authority.as_str().contains('@') => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("must be http or https and a host, without a path, as in https://vestibule.example".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_an_origin() {
        assert_eq!(origin("https://vestibule.example/").as_deref(), Ok("https://vestibule.example"));
        assert_eq!(origin("http://10.0.0.1:8740").as_deref(), Ok("http://10.0.0.1:8740"));
        for other in ["vestibule.example", "ftp://host", "https://host/path", "https://host?x", "https://me@host", ""] {
            assert!(origin(other).is_err(), "{other}");
        }
    }

    #[test]
    fn nobody_is_sent_to_an_unspecified_address() {
        let within = |text: &str| text.parse().map(|address| within_reach(address).to_string());
        assert_eq!(within("0.0.0.0:8740").as_deref(), Ok("127.0.0.1:8740"));
        assert_eq!(within("[::]:8740").as_deref(), Ok("127.0.0.1:8740"));
        assert_eq!(within("10.0.0.1:8740").as_deref(), Ok("10.0.0.1:8740"));
    }
}
