//! Ids, hashes and points in time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use uuid::{Builder, Uuid};

/// A random GUID (RFC 9562 version 4).
pub(crate) fn guid() -> Uuid {
    Builder::from_random_bytes(random()).into_uuid()
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// The GUID that a text always gives.
pub(crate) fn guid_of(text: &str) -> Uuid {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let bytes = hash.as_ref().first_chunk().expect("a SHA-256 hash has 32 bytes");
    Builder::from_random_bytes(*bytes).into_uuid()
}

/// A user's name that two parties alone share (OpenID Connect Core 1.0 section 8.1).
pub(crate) fn pairwise(user: &str, party: &str) -> String {
    base64url(digest::digest(&digest::SHA256, format!("{user}/{party}").as_bytes()))
}

/// Unpadded base64url (RFC 7515 section 2).
pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// The time as Entra's errors write it: `2026-11-21 02:09:00Z`.
pub(crate) fn timestamp() -> String {
    Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The time as Graph's errors write it: `2026-11-21T02:09:00`.
pub(crate) fn graph_date() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
