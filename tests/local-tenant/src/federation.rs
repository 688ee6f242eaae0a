//! Identity providers of federated domains: what they offer, and where (Microsoft page "AD FS endpoints"; WS-Trust 1.3, and
//! its draft of February 2005).

use crate::hosts::{FEDERATION_HOST, Site, site};
use crate::record::Recorded;
use crate::state::State;

/// The audience of assertions for Entra's public cloud.
const AUDIENCE: &str = "urn:federation:MicrosoftOnline";

/// A version of WS-Trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustVersion {
    /// The draft of February 2005.
    Feb2005,
    /// 1.3.
    V13,
}

impl TrustVersion {
    /// The version that a segment of an endpoint's path names.
    pub(crate) fn of_segment(segment: &str) -> Option<TrustVersion> {
        [TrustVersion::Feb2005, TrustVersion::V13].into_iter().find(|version| version.segment() == segment)
    }

    /// Its segment in the paths of endpoints.
    pub(crate) fn segment(self) -> &'static str {
        match self {
            TrustVersion::Feb2005 => "2005",
            TrustVersion::V13 => "13",
        }
    }

    /// Its namespace.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            TrustVersion::Feb2005 => "http://schemas.xmlsoap.org/ws/2005/02/trust",
            TrustVersion::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
        }
    }

    /// The action of a request for a token.
    pub(crate) fn action(self) -> String {
        format!("{}/RST/Issue", self.namespace())
    }

    /// The action of the answer.
    pub(crate) fn answer_action(self) -> String {
        match self {
            TrustVersion::Feb2005 => format!("{}/RSTR/Issue", self.namespace()),
            TrustVersion::V13 => format!("{}/RSTRC/IssueFinal", self.namespace()),
        }
    }

    /// The request type of issuing.
    pub(crate) fn request_type(self) -> String {
        format!("{}/Issue", self.namespace())
    }

    /// The key type of tokens for whoever bears them.
    pub(crate) fn key_type(self) -> &'static str {
        match self {
            TrustVersion::Feb2005 => "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
            TrustVersion::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer",
        }
    }
}

/// The assertions that an identity provider issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saml {
    V11,
    V20,
}

impl Saml {
    /// Its namespace, which AD FS gives as the token's type.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Saml::V11 => "urn:oasis:names:tc:SAML:1.0:assertion",
            Saml::V20 => "urn:oasis:names:tc:SAML:2.0:assertion",
        }
    }

    /// The other name of the token's type (OASIS SAML Token Profile 1.1).
    pub(crate) fn profile(self) -> &'static str {
        match self {
            Saml::V11 => "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1",
            Saml::V20 => "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0",
        }
    }
}

/// The identity provider of a federated domain. As it is made it is like AD FS 2019: it has a metadata document with the
/// endpoints of both versions of WS-Trust, and issues SAML 1.1 assertions.
///
/// It is at `https://sts.contoso.com/{folder}/services/trust/…`, and below the same path on this machine; a client finds it
/// where it found the user's realm.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own; no two make a state")]
pub struct Federation {
    folder: String,
    host: String,
    versions: Vec<TrustVersion>,
    has_document: bool,
    has_active_address: bool,
    synchronizes_passwords: bool,
    pub(crate) protocol: &'static str,
    pub(crate) audience: String,
    pub(crate) saml: Saml,
    pub(crate) is_third_party: bool,
    pub(crate) is_odd: bool,
}

impl Federation {
    /// One in a folder of its own, which tells it from others.
    pub fn new(folder: &str) -> Federation {
        Federation {
            folder: folder.to_owned(),
            host: FEDERATION_HOST.to_owned(),
            versions: vec![TrustVersion::Feb2005, TrustVersion::V13],
            has_document: true,
            has_active_address: true,
            synchronizes_passwords: false,
            protocol: "WSTrust",
            audience: AUDIENCE.to_owned(),
            saml: Saml::V11,
            is_third_party: false,
            is_odd: false,
        }
    }

    /// Puts it on another host of those that the tenant serves.
    pub fn host(mut self, host: &str) -> Federation {
        host.clone_into(&mut self.host);
        self
    }

    /// Makes it speak one version only.
    pub fn only(mut self, version: TrustVersion) -> Federation {
        self.versions = vec![version];
        self
    }

    /// Takes its metadata document away: the user's realm names one endpoint of a version, and nothing else.
    pub fn only_active_address(mut self, version: TrustVersion) -> Federation {
        self.has_document = false;
        self.only(version)
    }

    /// Makes the user's realm name no address at all.
    pub fn without_addresses(mut self) -> Federation {
        self.has_document = false;
        self.has_active_address = false;
        self
    }

    /// Makes it like that of another maker: its metadata document is wrapped (WS-MetadataExchange section 4), so that the WSDL
    /// is below another root, and its answers name the token's type as the SAML Token Profile does.
    pub fn third_party(mut self) -> Federation {
        self.is_third_party = true;
        self
    }

    /// Makes its metadata document hold what clients have to pass over: bindings without a `soap12` element, ports with plain
    /// http, and several good ports, of which the first counts.
    pub fn odd_document(mut self) -> Federation {
        self.is_odd = true;
        self
    }

    /// Makes it issue SAML 2.0 assertions.
    pub fn saml_2(mut self) -> Federation {
        self.saml = Saml::V20;
        self
    }

    /// Makes the user's realm name another protocol (`SAML20`), by which no client can send a password.
    pub fn protocol(mut self, protocol: &'static str) -> Federation {
        self.protocol = protocol;
        self.has_document = false;
        self
    }

    /// What its assertions are for, in place of the public cloud (`urn:federation:MicrosoftOnline`).
    pub fn audience(mut self, audience: &str) -> Federation {
        audience.clone_into(&mut self.audience);
        self
    }

    /// Lets Entra check passwords itself (password hash synchronization, together with a policy that allows it).
    pub fn synchronizes_passwords(mut self) -> Federation {
        self.synchronizes_passwords = true;
        self
    }

    /// Whether Entra itself can check passwords.
    pub(crate) fn has_synchronized(&self) -> bool {
        self.synchronizes_passwords
    }

    /// The name in its assertions: a name, not an address, although it looks like one.
    pub(crate) fn issuer(&self) -> String {
        format!("http://{}/{}/services/trust", self.host, self.folder)
    }

    /// Its endpoints, a version each.
    pub(crate) fn versions(&self) -> &[TrustVersion] {
        &self.versions
    }

    /// Whether it has a metadata document.
    pub(crate) fn has_document(&self) -> bool {
        self.has_document
    }

    /// Whether it is what a folder of a host names; on this machine it is so by its folder alone.
    pub(crate) fn is_at(&self, host: &str, folder: &str) -> bool {
        self.folder == folder && (self.host == host || site(host) == Some(Site::Loopback))
    }

    /// Where its paths begin, for a client that found the user's realm on a host.
    pub(crate) fn base(&self, request: &Recorded, state: &State) -> String {
        let host = match (site(&request.host_name()), request.scheme) {
            (Some(Site::Loopback), "https") => request.host.clone(),
            (Some(Site::Loopback), _) => format!("localhost:{}", state.ports.https),
            _ => self.host.clone(),
        };
        format!("https://{host}/{}/services/trust", self.folder)
    }

    /// The endpoint that the user's realm names (`federation_active_auth_url`), below the base.
    pub(crate) fn active_path(&self) -> Option<String> {
        let version = self.versions.first().filter(|_| self.has_active_address)?;
        Some(format!("{}/usernamemixed", version.segment()))
    }
}
