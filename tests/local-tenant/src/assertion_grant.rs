//! Entra's token endpoint for SAML assertions of federated users (RFC 7522 section 2.1; the grant for SAML 1.1 is
//! Microsoft's own).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::assertion::{self, Unbelievable};
use crate::federation::Saml;
use crate::form::Form;
use crate::password_grant::{client_of_people, signed_in};
use crate::record::Recorded;
use crate::refresh::invalid_grant;
use crate::refusal::Refusal;
use crate::state::State;
use crate::token_endpoint::required;

/// The assertions that a grant is for, if it is one for assertions of identity providers.
pub(crate) fn saml_of(grant: &str) -> Option<Saml> {
    match grant {
        "urn:ietf:params:oauth:grant-type:saml1_1-bearer" => Some(Saml::V11),
        "urn:ietf:params:oauth:grant-type:saml2-bearer" => Some(Saml::V20),
        _ => None,
    }
}

/// Answers a request with such a grant.
pub(crate) fn issue(saml: Saml, request: &Recorded, tenant: &str, form: &Form, state: &State) -> Result<Value, Refusal> {
    let sent = required(form, "assertion")?;
    let (named, app) = client_of_people(request, tenant, form, state)?;
    let invalid = || invalid_grant(50008, "The SAML token is invalid.");
    let text = decoded(sent).ok_or_else(invalid)?;
    let statement = assertion::verify(&text, &state.signer).map_err(|why| match why {
        Unbelievable::Malformed => invalid(),
        Unbelievable::BadSignature => invalid_grant(50008, "Unable to verify the token's signature."),
    })?;
    if statement.saml != saml {
        return Err(invalid_grant(50008, "The SAML token is invalid: it is of another version than the grant."));
    }
    let mut federations = state.directory.organizations.iter().flat_map(|home| home.federations.iter().map(move |found| (home, found)));
    let (_, (_, federation)) = federations.find(|(_, (_, federation))| federation.issuer() == statement.issuer).ok_or_else(|| {
        let text = format!("The requested federation realm object '{}' does not exist.", statement.issuer.escape_debug());
        invalid_grant(50107, text)
    })?;
    if statement.audience != federation.audience {
        return Err(invalid_grant(50013, "Assertion failed audience validation."));
    }
    if !statement.is_in_time {
        return Err(invalid_grant(500_133, "Assertion is not within its valid time range."));
    }
    let found = state.directory.find_user_by_id(&statement.user_id);
    let person = found.ok_or_else(|| invalid_grant(51004, "The user account of the assertion does not exist in the directory."))?;
    signed_in(request, form, named, app, person, state)
}

/// Base64url without padding, as RFC 7522 has it, or base64 with padding: Microsoft's libraries send the one or the other.
fn decoded(sent: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(sent).or_else(|_| STANDARD.decode(sent)).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_codings_are_taken_and_no_mixture_of_them() {
        // The text has what differs between the two, and an end that is padded.
        let text = "<a>?>>\u{3ff}</a>\n";
        let (short, long) = (URL_SAFE_NO_PAD.encode(text), STANDARD.encode(text));
        assert!(short.contains(['-', '_']) && long.ends_with('='), "{short} {long}");
        assert_eq!((decoded(&short).as_deref(), decoded(&long).as_deref()), (Some(text), Some(text)));
        for wrong in [format!("{short}="), long.trim_end_matches('=').to_owned(), format!("{long}\n"), String::from("/w==")] {
            assert_eq!(decoded(&wrong), None, "{wrong}");
        }
    }
}
