//! TLS by certificate files, for a front without a proxy before it.
//!
//! Must stay true: a renewed certificate is used without a restart, and a broken one never replaces one that works.

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;

/// A certificate or a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct TlsError {
    file: PathBuf,
    problem: String,
}

/// The certificate of the front.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
}

#[derive(Debug)]
struct Current {
    certificate: PathBuf,
    key: PathBuf,
    provider: CryptoProvider,
    read: RwLock<(Changed, Arc<CertifiedKey>)>,
}

/// When the two files were changed last.
type Changed = [Option<SystemTime>; 2];

impl Tls {
    /// Reads a chain of certificates, the front's own first, and its private key, both in PEM.
    ///
    /// # Errors
    /// When a file cannot be read, or the key is not that of the certificate.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = aws_lc_rs::default_provider();
        let first = (changed(certificate, key), Arc::new(certified(certificate, key, &provider)?));
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let current = Arc::new(Current { certificate, key, provider, read: RwLock::new(first) });
        let config = ServerConfig::builder_with_provider(Arc::new(current.provider.clone()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError { file: current.certificate.clone(), problem: error.to_string() })?;
        let mut config = config.with_no_client_auth().with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Reads the files again if they changed. The ones before stay in use if the new ones are broken.
    pub(crate) fn renew(&self) {
        let current = &self.current;
        let now = changed(&current.certificate, &current.key);
        if current.read.read().unwrap_or_else(PoisonError::into_inner).0 == now {
            return;
        }
        let mut read = current.read.write().unwrap_or_else(PoisonError::into_inner);
        // Also if they are broken: the log names them once, not every minute.
        read.0 = now;
        match certified(&current.certificate, &current.key, &current.provider) {
            Ok(new) => {
                read.1 = Arc::new(new);
                tracing::info!("the changed certificate is in use");
            }
            Err(error) => {
                tracing::error!(%error, "the changed certificate cannot be used; the one before stays in use")
            }
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.current.certificate).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.read.read().unwrap_or_else(PoisonError::into_inner).1))
    }
}

fn changed(certificate: &Path, key: &Path) -> Changed {
    [certificate, key].map(|file| std::fs::metadata(file).and_then(|about| about.modified()).ok())
}

fn certified(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let of = |file: &Path| {
        let file = file.to_owned();
        move |problem: String| TlsError { file, problem }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|all| all.collect::<Result<Vec<_>, _>>())
        .map_err(|error| of(certificate)(error.to_string()))?;
    if chain.is_empty() {
        return Err(of(certificate)("there is no certificate in it".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| of(key)(error.to_string()))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| of(key)(error.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::process::Command;
    use std::time::{Duration, UNIX_EPOCH};

    /// Writes a certificate that signs itself, and its key.
    fn make(certificate: &Path, key: &Path) {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-subj",
                "/CN=test",
            ])
            .arg("-keyout")
            .arg(key)
            .arg("-out")
            .arg(certificate)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Drives the clock of the file system.
    fn changed_at(certificate: &Path, seconds: u64) {
        let file = File::options().append(true).open(certificate).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)).unwrap();
    }

    #[test]
    fn a_renewed_certificate_is_used_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
        make(&certificate, &key);
        changed_at(&certificate, 0);
        let tls = Tls::read(&certificate, &key).unwrap();
        let in_use = || tls.current.read.read().unwrap().1.cert.clone();
        let first = in_use();
        make(&certificate, &key);
        changed_at(&certificate, 1);
        assert_eq!(in_use(), first);
        tls.renew();
        let second = in_use();
        assert_ne!(second, first);
        std::fs::write(&certificate, "half of it").unwrap();
        changed_at(&certificate, 2);
        tls.renew();
        assert_eq!(in_use(), second);
        make(&certificate, &key);
        changed_at(&certificate, 3);
        tls.renew();
        assert!(![first, second].contains(&in_use()));
    }
}
