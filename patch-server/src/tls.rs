//! HTTPS: certificate and key from files, replaced while connections go on.

use crate::TlsFiles;
use crate::error::{ServerError, TlsProblem};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// The certificate that is shown to clients, and where it is read again.
pub struct Certificate {
    files: TlsFiles,
    current: Arc<Current>,
}

/// What rustls asks at each handshake.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificate {
    /// Reads certificate and key.
    pub fn read(files: &TlsFiles) -> Result<Self, ServerError> {
        let current = Arc::new(Current(ArcSwap::from_pointee(certified_key(files)?)));
        Ok(Certificate { files: files.clone(), current })
    }

    /// Reads both files again; connections that begin from now on see what they hold. Where they
    /// can't be used, the former certificate stays.
    pub fn reload(&self) -> Result<(), ServerError> {
        self.current.0.store(Arc::new(certified_key(&self.files)?));
        Ok(())
    }

    /// A configuration that shows the certificate of the moment.
    pub fn server_config(&self) -> Result<ServerConfig, ServerError> {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| certificate_error(&self.files.certificate, error))?;
        Ok(builder.with_no_client_auth().with_cert_resolver(self.current.clone()))
    }
}

fn certified_key(files: &TlsFiles) -> Result<CertifiedKey, ServerError> {
    let path = &files.certificate;
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| certificate_error(path, error))?;
    if chain.is_empty() {
        return Err(certificate_error(path, TlsProblem::Empty));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| key_error(&files.key, error))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| key_error(&files.key, error))
}

fn certificate_error(path: &Path, source: impl Into<TlsProblem>) -> ServerError {
    ServerError::Tls { what: "the certificate", path: path.to_owned(), source: source.into() }
}

fn key_error(path: &Path, source: impl Into<TlsProblem>) -> ServerError {
    ServerError::Tls { what: "the private key", path: path.to_owned(), source: source.into() }
}
