//! Identity providers of federated domains: their metadata, and their endpoints for user names and passwords (WS-Trust;
//! Microsoft page "AD FS endpoints"). They answer below `/{folder}/services/trust`.

use crate::assertion;
use crate::directory::Organization;
use crate::federation::{Federation, TrustVersion};
use crate::html::escape;
use crate::mex;
use crate::record::Recorded;
use crate::reply::Reply;
use crate::soap::{self, ADDRESSING, Fault, POLICY, SECURITY, UTILITY};
use crate::state::State;
use crate::trust_request::{Flaw, TrustRequest};
use crate::user::User;

/// Seconds that an assertion lives.
const LIFETIME: i64 = 3600;

/// Answers what the identity provider in a folder has; `None` if there is none, or it has no such thing.
pub(crate) fn reply(folder: &str, path: &[&str], request: &Recorded, state: &State) -> Option<Reply> {
    let host = request.host_name();
    let mut federations = state.directory.organizations.iter().flat_map(|home| home.federations.iter().map(move |found| (home, found)));
    let (organization, (_, federation)) = federations.find(|(_, (_, federation))| federation.is_at(&host, folder))?;
    let base = format!("{}/{folder}/services/trust", request.base());
    match path {
        ["mex"] if federation.has_document() && request.method == "GET" => Some(mex::document(federation, &base)),
        ["mex"] if federation.has_document() => Some(Reply::raw(405, Vec::new(), Vec::new())),
        [segment, "usernamemixed"] => {
            let version = TrustVersion::of_segment(segment).filter(|version| federation.versions().contains(version))?;
            let address = format!("{base}/{segment}/usernamemixed");
            Some(Endpoint { organization, federation, version, address }.reply(request, state))
        }
        _ => None,
    }
}

/// Where a request came to.
struct Endpoint<'a> {
    organization: &'a Organization,
    federation: &'a Federation,
    version: TrustVersion,
    address: String,
}

impl Endpoint<'_> {
    fn reply(&self, request: &Recorded, state: &State) -> Reply {
        let asked = match TrustRequest::read(request, self.version, &self.address) {
            Ok(asked) => asked,
            Err(Flaw::Status(status)) => return Reply::raw(status, Vec::new(), Vec::new()),
            Err(Flaw::Fault(fault)) => return fault.into_reply(None),
        };
        match self.authenticate(&asked, state) {
            Ok(user) => soap::reply(200, self.answer(&asked, user, state)),
            Err(fault) => fault.into_reply(Some(&asked.message_id)),
        }
    }

    fn authenticate(&self, asked: &TrustRequest, state: &State) -> Result<&User, Fault> {
        let mut users = self.organization.users.iter();
        let user = users.find(|user| user.user_principal_name.eq_ignore_ascii_case(&asked.user_name) && self.is_home_of(user));
        let user = user.filter(|user| user.password == asked.password).ok_or_else(Fault::failed_authentication)?;
        if let Some(fault) = state.trouble_of(user).and_then(|trouble| trouble.at_provider(user, self.version.namespace())) {
            return Err(fault);
        }
        if asked.applies_to != self.federation.audience {
            let text = "ID3082: The request scope is not valid or is unsupported.";
            return Err(Fault::new(self.version.namespace(), "InvalidScope", text));
        }
        Ok(user)
    }

    /// Whether a user is of one of the domains of this provider.
    fn is_home_of(&self, user: &User) -> bool {
        let mut federations = self.organization.federations.iter();
        federations
            .any(|(domain, federation)| federation.issuer() == self.federation.issuer() && domain.eq_ignore_ascii_case(user.domain()))
    }

    fn answer(&self, asked: &TrustRequest, user: &User, state: &State) -> String {
        let token = self.token(&assertion::issue(self.federation, user, LIFETIME, &state.signer));
        let namespace = self.version.namespace();
        let body = match self.version {
            TrustVersion::Feb2005 => {
                format!("<t:RequestSecurityTokenResponse xmlns:t=\"{namespace}\">{token}</t:RequestSecurityTokenResponse>")
            }
            TrustVersion::V13 => format!(
                "<t:RequestSecurityTokenResponseCollection xmlns:t=\"{namespace}\"><t:RequestSecurityTokenResponse>{token}\
                 </t:RequestSecurityTokenResponse></t:RequestSecurityTokenResponseCollection>"
            ),
        };
        soap::envelope(&self.version.answer_action(), Some(&asked.message_id), &body)
    }

    /// What an answer says of the token, with the token.
    fn token(&self, assertion: &str) -> String {
        let saml = self.federation.saml;
        let token_type = if self.federation.is_third_party { saml.profile() } else { saml.namespace() };
        let id = assertion::id(assertion);
        let reference = format!(
            "<o:SecurityTokenReference xmlns:o=\"{SECURITY}\"><o:KeyIdentifier \
             ValueType=\"http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID\">{id}</o:KeyIdentifier>\
             </o:SecurityTokenReference>"
        );
        format!(
            "<t:Lifetime><wsu:Created xmlns:wsu=\"{UTILITY}\">{created}</wsu:Created><wsu:Expires xmlns:wsu=\"{UTILITY}\">{expires}\
             </wsu:Expires></t:Lifetime><wsp:AppliesTo xmlns:wsp=\"{POLICY}\"><wsa:EndpointReference xmlns:wsa=\"{ADDRESSING}\">\
             <wsa:Address>{audience}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>\
             <t:RequestedSecurityToken>{assertion}</t:RequestedSecurityToken>\
             <t:RequestedAttachedReference>{reference}</t:RequestedAttachedReference>\
             <t:RequestedUnattachedReference>{reference}</t:RequestedUnattachedReference>\
             <t:TokenType>{token_type}</t:TokenType><t:RequestType>{request_type}</t:RequestType><t:KeyType>{key_type}</t:KeyType>",
            created = soap::time(0),
            expires = soap::time(LIFETIME),
            audience = escape(&self.federation.audience),
            request_type = self.version.request_type(),
            key_type = self.version.key_type(),
        )
    }
}
