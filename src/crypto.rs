//! The one file that names the cryptographic library, ring: a fast start matters more to a short-lived process than a
//! fast stream.

use std::num::NonZeroU32;
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use rustls::crypto::CryptoProvider;
use uuid::Uuid;

use crate::secret::Secret;

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

/// The SHA-256 of a list of texts, in hexadecimal. Each is counted in before it is taken in, so that two lists that differ never
/// look the same.
pub(crate) fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut context = Context::new(&SHA256);
    for text in texts {
        context.update(&(text.len() as u64).to_le_bytes());
        context.update(text.as_bytes());
    }
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default());
    context.finish().as_ref().iter().flat_map(digits).collect()
}

/// A digest of a password that takes its time (PBKDF2 with HMAC-SHA-256, RFC 8018 section 5.2): passwords can be guessed, and whoever
/// finds the digest is to have work with each guess.
pub(crate) fn stretched(password: &Secret, salt: &[u8]) -> [u8; 32] {
    const ROUNDS: NonZeroU32 = NonZeroU32::new(200_000).unwrap();
    let mut digest = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, password.expose().as_bytes(), &mut digest);
    digest
}

/// Bytes that nobody can guess.
///
/// # Errors
///
/// When the operating system has no randomness to give.
pub(crate) fn random_bytes() -> Result<[u8; 32], NoRandomness> {
    random()
}

/// The SHA-256 of a text.
pub(crate) fn sha256(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(ring::digest::digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

/// A number between 0 and 1, evenly spread: for waiting times, so that many processes do not all come back at once.
pub(crate) fn jitter() -> f64 {
    let bytes: [u8; 4] = random().unwrap_or_default();
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// The operating system has no randomness to give.
#[derive(Debug)]
pub(crate) struct NoRandomness;

impl std::error::Error for NoRandomness {}

impl std::fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the operating system gives no random numbers")
    }
}

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_differ_have_digests_that_differ() {
        assert_eq!(digest([]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_ne!(digest(["a", ""]), digest(["a"]));
    }
}
