//! Signed tokens (RFC 7515, RFC 7519) and the key set that verifies them (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use serde_json::{Map, Value, json};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::ids::{base64url, guid, now};

/// Ring cannot make RSA keys, so there is one in a file. It is public and protects nothing.
const KEY: &[u8] = include_bytes!("../keys/signing-key.pem");
const CERTIFICATE: &[u8] = include_bytes!("../keys/signing-certificate.pem");

/// Signs tokens, and verifies its own.
pub(crate) struct Signer {
    key: KeyPair,
    public: PublicKeyComponents<Vec<u8>>,
    certificate: CertificateDer<'static>,
    key_id: String,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unbelievable {
    /// It is no JWT.
    Malformed,
    /// It was not signed here, or was changed since.
    BadSignature,
    /// Its time has not come or is over.
    OutOfTime,
}

impl Signer {
    pub(crate) fn new() -> Result<Signer, Box<dyn std::error::Error>> {
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(KEY)?;
        let key = KeyPair::from_pkcs8(pkcs8.secret_pkcs8_der()).map_err(|error| error.to_string())?;
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE)?;
        let public = PublicKeyComponents::from(key.public());
        let key_id = base64url(digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate));
        Ok(Signer { key, public, certificate, key_id })
    }

    /// A signed token.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = self.header();
        let signed = format!("{}.{}", encode(&header), encode(claims));
        format!("{signed}.{}", self.signature(&signed))
    }

    /// A signed token that only its resource can verify: its header has a `nonce`, and the signature is over a header
    /// that holds the nonce's SHA-256 instead, as it is with Graph's tokens.
    pub(crate) fn sign_with_hashed_nonce(&self, claims: &Value) -> String {
        let mut header = self.header();
        header["nonce"] = json!(base64url(guid().as_bytes()));
        let shown = encode(&header);
        hash_nonce(&mut header);
        let claims = encode(claims);
        let signature = self.signature(&format!("{}.{claims}", encode(&header)));
        format!("{shown}.{claims}.{signature}")
    }

    /// The claims of a token, if it is one of this signer and in its time.
    pub(crate) fn verify(&self, token: &str) -> Result<Value, Unbelievable> {
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(Unbelievable::Malformed);
        };
        let mut shown = decode(header).ok_or(Unbelievable::Malformed)?;
        let read = decode(claims).ok_or(Unbelievable::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Unbelievable::Malformed)?;
        let signed = match hash_nonce(&mut shown) {
            true => format!("{}.{claims}", encode(&shown)),
            false => format!("{header}.{claims}"),
        };
        self.public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).map_err(|_| Unbelievable::BadSignature)?;
        let time = |name: &str| read[name].as_i64().unwrap_or_default();
        match time("nbf") <= now() && now() < time("exp") {
            true => Ok(read),
            false => Err(Unbelievable::OutOfTime),
        }
    }

    /// The key set; Entra's names the issuer of each key.
    pub(crate) fn key_set(&self, issuer: Option<&str>) -> Value {
        let mut key = json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": base64url(&self.public.n),
            "e": base64url(&self.public.e),
            "x5c": [self.certificate()],
        });
        if let Some(issuer) = issuer {
            key["issuer"] = json!(issuer);
        }
        json!({ "keys": [key] })
    }

    fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": "RS256", "kid": self.key_id, "x5t": self.key_id })
    }

    fn signature(&self, text: &str) -> String {
        base64url(self.sign_bytes(text.as_bytes()))
    }

    /// The signature of bytes (RSASSA-PKCS1-v1_5 with SHA-256).
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature).expect("an RSA key signs with PKCS #1");
        signature
    }

    /// Whether a signature of [`Signer::sign_bytes`] is that of the bytes.
    pub(crate) fn is_signature(&self, bytes: &[u8], signature: &[u8]) -> bool {
        self.public.verify(&RSA_PKCS1_2048_8192_SHA256, bytes, signature).is_ok()
    }

    /// The certificate in base64.
    pub(crate) fn certificate(&self) -> String {
        STANDARD.encode(&self.certificate)
    }
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Option<Map<String, Value>> {
    match decode(token.split('.').nth(1)?)? {
        Value::Object(claims) => Some(claims),
        _ => None,
    }
}

/// Replaces a header's nonce by its hash; says whether there was one.
fn hash_nonce(header: &mut Value) -> bool {
    let Some(Value::String(nonce)) = header.get_mut("nonce") else { return false };
    *nonce = base64url(digest::digest(&SHA256, nonce.as_bytes()));
    true
}

fn encode(value: &Value) -> String {
    base64url(value.to_string())
}

fn decode(part: &str) -> Option<Value> {
    let object: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
    Some(Value::Object(object))
}
