//! The certificates that the tenant's TLS shows: an authority and a leaf, new at each start.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::hosts;

/// A TLS server and the authority that vouches for it.
pub(crate) struct Identity {
    pub(crate) server: Arc<ServerConfig>,
    /// The authority's certificate, as PEM.
    pub(crate) authority: String,
}

/// Makes an authority and a leaf for all hosts that the tenant serves.
pub(crate) fn identity() -> Result<Identity, Box<dyn std::error::Error>> {
    let authority = CertifiedIssuer::self_signed(authority_params()?, new_key()?)?;
    let key = new_key()?;
    let leaf = leaf_params()?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { server: Arc::new(server), authority: authority.pem() })
}

fn new_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
}

fn authority_params() -> Result<CertificateParams, Box<dyn std::error::Error>> {
    let mut params = dated(CertificateParams::new(Vec::new())?)?;
    params.distinguished_name.push(DnType::CommonName, "local tenant authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn leaf_params() -> Result<CertificateParams, Box<dyn std::error::Error>> {
    let names = hosts::all().map(str::to_owned).collect::<Vec<_>>();
    let mut params = dated(CertificateParams::new(names)?)?;
    params.distinguished_name.push(DnType::CommonName, "local tenant");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // OpenSSL's strict mode, Python's default since 3.13, wants the authority's key named.
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Valid from two days ago for a little over a year: Apple's verifier refuses leaves that live longer than 825 days.
fn dated(mut params: CertificateParams) -> Result<CertificateParams, jiff::Error> {
    let day = |days: i64| -> Result<_, jiff::Error> {
        let date = Timestamp::now().to_zoned(TimeZone::UTC).checked_add(days.days())?;
        Ok(rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs()))
    };
    params.not_before = day(-2)?;
    params.not_after = day(395)?;
    Ok(params)
}
