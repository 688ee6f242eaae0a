//! How a client proves who it is (RFC 6749 section 2.3).

use crate::secret::Secret;

/// The client's proof of its identity.
#[derive(Clone, Debug)]
pub(crate) enum ClientAuth {
    /// None: a public client, which cannot keep a secret (RFC 6749 section 2.1).
    Public,
    /// `client_secret` in the body, as every MSAL sends it (RFC 6749 section 2.3.1).
    Secret(Secret),
}

/// What is wrong with a client secret that can be told by looking at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Empty,
    /// It is a GUID: the portal shows a secret's id beside its value, and the id is what people copy by mistake.
    LooksLikeAnId,
    /// There is a line break or another control character inside.
    ControlCharacter,
}

/// Looks at a client secret. The platform would refuse each of these with AADSTS7000215, some attempts later.
pub(crate) fn flaw(secret: &Secret) -> Option<Flaw> {
    let value = secret.expose();
    if value.is_empty() {
        Some(Flaw::Empty)
    } else if value.chars().any(char::is_control) {
        Some(Flaw::ControlCharacter)
    } else if uuid::Uuid::try_parse(value.trim()).is_ok() {
        Some(Flaw::LooksLikeAnId)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_are_seen() {
        for (secret, expected) in [
            ("local~abc.def", None),
            ("", Some(Flaw::Empty)),
            ("6f0c1a5e-64c8-4a1c-a5a8-1dd0b9f2a3f4", Some(Flaw::LooksLikeAnId)),
            (" 6F0C1A5E-64C8-4A1C-A5A8-1DD0B9F2A3F4 ", Some(Flaw::LooksLikeAnId)),
            ("a\nb", Some(Flaw::ControlCharacter)),
        ] {
            assert_eq!(flaw(&Secret::new(secret.to_owned())), expected, "{secret}");
        }
    }
}
