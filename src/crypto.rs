//! The one file that names the cryptographic library, ring: a fast start matters more to a short-lived process than a
//! fast stream.

use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};
use rustls::crypto::CryptoProvider;
use uuid::Uuid;

/// What TLS is done with.
pub(crate) fn tls_provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A random id (RFC 9562 version 4).
///
/// # Errors
///
/// When the operating system has no randomness to give.
pub(crate) fn random_id() -> Result<Uuid, NoRandomness> {
    Ok(uuid::Builder::from_random_bytes(random()?).into_uuid())
}

/// A number between 0 and 1, evenly spread: for waiting times, so that many processes do not all come back at once.
pub(crate) fn jitter() -> f64 {
    let bytes: [u8; 4] = random().unwrap_or_default();
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// The operating system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub(crate) struct NoRandomness;

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}
