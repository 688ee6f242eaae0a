//! Which certificate authorities are believed: the platform's, and those of `--ca-file`.
//!
//! Companies inspect TLS with authorities of their own, so the platform's store counts, not a list that was compiled in.
//! On Linux and the BSDs that store is a file of some 150 certificates. It is read only when a server's certificate is at
//! hand and the authorities of `--ca-file` have not vouched for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::CertificateError::{BadSignature, UnknownIssuer};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error as TlsError, OtherError, RootCertStore, SignatureScheme};

/// Certificates of authorities.
pub(crate) type Certificates = Vec<CertificateDer<'static>>;

/// Authorities beside or in place of the platform's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authorities {
    /// Believed in addition (`--ca-file`).
    pub(crate) extra: Certificates,
    /// Takes the place of the platform's bundle (`SSL_CERT_FILE`).
    pub(crate) bundle: Option<PathBuf>,
    /// Takes the place of the platform's folder (`SSL_CERT_DIR`).
    pub(crate) folder: Option<PathBuf>,
}

/// There is nothing on this machine to check a server's certificate against.
#[derive(Debug)]
pub(crate) struct NoAuthorities;

impl std::error::Error for NoAuthorities {}

impl std::fmt::Display for NoAuthorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no certificate authorities were found")
    }
}

/// The largest file of the platform's store that is read, in bytes.
const STORE_FILE_LIMIT: u64 = 16 << 20;

/// The certificates of a PEM file, or what is wrong with it, as a fragment.
pub(crate) fn certificates(pem: &[u8]) -> Result<Certificates, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|_| "it is not a PEM file of certificates".to_owned())?;
    if certificates.is_empty() {
        return Err("it holds no certificate in PEM form".to_owned());
    }
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|_| "it holds a certificate that cannot be parsed".to_owned())?;
    }
    Ok(certificates)
}

/// The certificates in a file of the platform's store. What is no plain file of a sensible size, or cannot be read, holds none.
fn stored(path: &Path) -> Certificates {
    let is_plain = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= STORE_FILE_LIMIT);
    // Read whole, because reading by lines takes five times as long.
    let pem = if is_plain { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
    CertificateDer::pem_slice_iter(&pem).flatten().collect()
}

/// Checks servers' certificates for TLS: by the authorities of `--ca-file`, then by the platform's, each loaded when the
/// ones before did not know the issuer.
#[derive(Debug)]
pub(crate) struct Verifier {
    authorities: Authorities,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub(crate) fn new(authorities: Authorities, provider: Arc<CryptoProvider>) -> Verifier {
        Verifier { authorities, provider }
    }
}

type Checker = Option<Arc<dyn ServerCertVerifier>>;

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let mut verdict = Err(TlsError::Other(OtherError(Arc::new(NoAuthorities))));
        let extra = |verifier: &Verifier| roots_verifier(verifier.authorities.extra.iter().cloned(), &verifier.provider);
        for load in [extra as fn(&Verifier) -> Result<Checker, TlsError>, Verifier::bundle, Verifier::folder] {
            let Some(checker) = load(self)? else { continue };
            verdict = checker.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
            // Only an unknown issuer can be known to the next: an expired certificate or another name stays what it is. A
            // signature that does not fit is an issuer's of the same name.
            if !matches!(verdict, Err(TlsError::InvalidCertificate(UnknownIssuer | BadSignature))) {
                break;
            }
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A verifier for these authorities, or none where there are none.
fn roots_verifier(
    certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Checker, TlsError> {
    let mut roots = RootCertStore::empty();
    // A platform's store may hold certificates that are malformed by today's rules; the others still count.
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Ok(None);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    verifier.map(|verifier| Some(verifier as Arc<dyn ServerCertVerifier>)).map_err(|error| TlsError::General(error.to_string()))
}

impl Verifier {
    /// Whether the environment names the store, as it can for OpenSSL.
    fn is_store_named(&self) -> bool {
        self.authorities.bundle.is_some() || self.authorities.folder.is_some()
    }

    fn file(&self, path: Option<&Path>) -> Result<Checker, TlsError> {
        roots_verifier(path.map(stored).unwrap_or_default(), &self.provider)
    }
}

#[cfg(all(unix, not(target_vendor = "apple")))]
impl Verifier {
    fn bundle(&self) -> Result<Checker, TlsError> {
        if self.is_store_named() {
            return self.file(self.authorities.bundle.as_deref());
        }
        self.file(openssl_probe::probe().cert_file.as_deref())
    }

    /// The folder usually holds what the bundle holds, each in a file of its own, which takes ten times as long to read.
    fn folder(&self) -> Result<Checker, TlsError> {
        let named = self.authorities.folder.clone();
        let folder = if self.is_store_named() { named } else { openssl_probe::probe().cert_dir.into_iter().next() };
        let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
        let certificates = entries.into_iter().flatten().flatten().flat_map(|entry| stored(&entry.path()));
        roots_verifier(certificates, &self.provider)
    }
}

#[cfg(not(all(unix, not(target_vendor = "apple"))))]
impl Verifier {
    fn bundle(&self) -> Result<Checker, TlsError> {
        if self.is_store_named() {
            return self.file(self.authorities.bundle.as_deref());
        }
        let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider))?;
        Ok(Some(Arc::new(verifier)))
    }

    /// The platform's own verifier has seen everything.
    fn folder(&self) -> Result<Checker, TlsError> {
        Ok(None)
    }
}
