//! SAML assertions of identity providers, issued and verified (SAML 1.1 and 2.0 core; XML Signature 1.1).
//!
//! The signature is over the bytes of the assertion without the signature, not over a canonical form of it: so whoever
//! writes the XML anew is found out, be the new one as good as the old. For that its formatting is that of nobody's
//! serialiser.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::digest::{self, SHA256};
use roxmltree::{Document, Node};

use crate::federation::{Federation, Saml};
use crate::html::escape;
use crate::ids::guid;
use crate::jwt::Signer;
use crate::soap::time;
use crate::user::User;

const SIGNATURE: (&str, &str) = ("<ds:Signature ", "</ds:Signature>");

/// A new assertion about a user, good for so many seconds.
pub(crate) fn issue(federation: &Federation, user: &User, lifetime: i64, signer: &Signer) -> String {
    let facts = Facts {
        id: format!("_{}", guid()),
        issuer: escape(&federation.issuer()),
        audience: escape(&federation.audience),
        user: STANDARD.encode(&user.id),
        // Characters that a serialiser would not write as references.
        name: escape(&user.user_principal_name).replace('@', "&#64;"),
        display_name: escape(&user.display_name).replace(' ', "&#x20;"),
        times: [time(0), time(lifetime)],
    };
    let (before, after) = match federation.saml {
        Saml::V11 => facts.version_1(),
        Saml::V20 => facts.version_2(),
    };
    let digest = digest::digest(&SHA256, format!("{before}{after}").as_bytes());
    format!("{before}{}{after}", signature(&facts.id, digest.as_ref(), signer))
}

/// What an assertion says, as XML text.
struct Facts {
    id: String,
    issuer: String,
    audience: String,
    user: String,
    name: String,
    display_name: String,
    times: [String; 2],
}

impl Facts {
    /// What is before the signature, and what is behind it.
    fn version_1(&self) -> (String, String) {
        let Facts { id, issuer, audience, user, name, display_name, times: [now, end] } = self;
        let namespace = Saml::V11.namespace();
        let subject = format!(
            "<saml:Subject><saml:NameIdentifier Format='urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified'>{user}\
             </saml:NameIdentifier><saml:SubjectConfirmation ><saml:ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:bearer\
             </saml:ConfirmationMethod></saml:SubjectConfirmation></saml:Subject>"
        );
        let before = format!(
            "<saml:Assertion MinorVersion='1' MajorVersion=\"1\"  AssertionID='{id}'\tIssuer=\"{issuer}\"\n  IssueInstant='{now}' \
             xmlns:unused='urn:nothing' xmlns:saml='{namespace}'\n><saml:Conditions NotOnOrAfter='{end}' NotBefore=\"{now}\" >\
             <saml:AudienceRestrictionCondition><saml:Audience>{audience}</saml:Audience ></saml:AudienceRestrictionCondition>\
             </saml:Conditions>\r\n  <!-- \"signed\" & <as it stands> --><saml:AttributeStatement>{subject}\
             <saml:Attribute AttributeNamespace='http://schemas.xmlsoap.org/claims' AttributeName=\"UPN\"><saml:AttributeValue>{name}\
             </saml:AttributeValue></saml:Attribute><saml:Attribute AttributeName='DisplayName' \
             AttributeNamespace=\"http://schemas.xmlsoap.org/claims\"><saml:AttributeValue\n>{display_name} &#xFC;&#62;ü&gt;\
             </saml:AttributeValue></saml:Attribute></saml:AttributeStatement>\n\t<saml:AuthenticationStatement \
             AuthenticationMethod='urn:oasis:names:tc:SAML:1.0:am:password' AuthenticationInstant=\"{now}\">{subject}\
             <saml:SubjectLocality></saml:SubjectLocality></saml:AuthenticationStatement>"
        );
        (before, "</saml:Assertion>".to_owned())
    }

    /// The same in SAML 2.0, whose signature is behind the issuer.
    fn version_2(&self) -> (String, String) {
        let Facts { id, issuer, audience, user, name, display_name, times: [now, end] } = self;
        let namespace = Saml::V20.namespace();
        let before =
            format!("<Assertion Version='2.0' IssueInstant=\"{now}\"\n ID='{id}'  xmlns='{namespace}' ><Issuer >{issuer}</Issuer>");
        let after = format!(
            "<Subject><NameID Format='urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'>{user}</NameID><SubjectConfirmation \
             Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><SubjectConfirmationData NotOnOrAfter='{end}'></SubjectConfirmationData>\
             </SubjectConfirmation></Subject>\r\n<Conditions NotOnOrAfter='{end}' NotBefore=\"{now}\" ><AudienceRestriction><Audience>\
             {audience}</Audience ></AudienceRestriction></Conditions><!-- \"signed\" & <as it stands> --><AttributeStatement>\
             <Attribute Name=\"http://schemas.xmlsoap.org/claims/UPN\"><AttributeValue>{name}</AttributeValue></Attribute>\
             <Attribute Name='DisplayName'><AttributeValue>{display_name} &#xFC;&#62;ü&gt;</AttributeValue></Attribute>\
             </AttributeStatement>\n\t<AuthnStatement AuthnInstant='{now}'><AuthnContext><AuthnContextClassRef>\
             urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</AuthnContextClassRef></AuthnContext></AuthnStatement>\
             </Assertion>"
        );
        (before, after)
    }
}

fn signature(id: &str, digest: &[u8], signer: &Signer) -> String {
    let algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let info = format!(
        "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"urn:local-tenant:bytes\"/><ds:SignatureMethod Algorithm='{algorithm}' />\
         <ds:Reference URI='#{id}'><ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>\
         </ds:Transforms><ds:DigestMethod Algorithm='http://www.w3.org/2001/04/xmlenc#sha256' /><ds:DigestValue>{}</ds:DigestValue>\
         </ds:Reference></ds:SignedInfo>",
        STANDARD.encode(digest)
    );
    format!(
        "{}xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{info}<ds:SignatureValue>{}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
         <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{}",
        SIGNATURE.0,
        STANDARD.encode(signer.sign_bytes(info.as_bytes())),
        signer.certificate(),
        SIGNATURE.1
    )
}

/// The id of an assertion that was issued here.
pub(crate) fn id(assertion: &str) -> &str {
    assertion.split_once("ID='").and_then(|(_, rest)| rest.split_once('\'')).map(|(id, _)| id).unwrap_or_default()
}

/// What a verified assertion says.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) saml: Saml,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    /// Object id.
    pub(crate) user_id: String,
    pub(crate) is_in_time: bool,
}

/// Why an assertion is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unbelievable {
    /// It is no assertion.
    Malformed,
    /// It was not signed here, or its bytes were changed since.
    BadSignature,
}

/// Reads an assertion and verifies its signature.
pub(crate) fn verify(assertion: &str, signer: &Signer) -> Result<Statement, Unbelievable> {
    let document = Document::parse(assertion).map_err(|_| Unbelievable::Malformed)?;
    let statement = read(document.root_element()).ok_or(Unbelievable::Malformed)?;
    match is_signed(assertion, signer) {
        Some(true) => Ok(statement),
        _ => Err(Unbelievable::BadSignature),
    }
}

fn is_signed(assertion: &str, signer: &Signer) -> Option<bool> {
    let start = assertion.find(SIGNATURE.0)?;
    let end = assertion.find(SIGNATURE.1)? + SIGNATURE.1.len();
    let signature = assertion.get(start..end)?;
    let between = |open: &str, close: &str| Some(signature.split_once(open)?.1.split_once(close)?.0);
    let info = format!("<ds:SignedInfo>{}</ds:SignedInfo>", between("<ds:SignedInfo>", "</ds:SignedInfo>")?);
    let digest = STANDARD.decode(between("<ds:DigestValue>", "</ds:DigestValue>")?).ok()?;
    let value = STANDARD.decode(between("<ds:SignatureValue>", "</ds:SignatureValue>")?).ok()?;
    let rest = format!("{}{}", &assertion[..start], &assertion[end..]);
    let is_digest = digest == digest::digest(&SHA256, rest.as_bytes()).as_ref();
    Some(is_digest && signer.is_signature(info.as_bytes(), &value))
}

fn read(root: Node<'_, '_>) -> Option<Statement> {
    let saml = [Saml::V11, Saml::V20].into_iter().find(|saml| root.has_tag_name((saml.namespace(), "Assertion")))?;
    let find = |name: &str| root.descendants().find(|node| node.has_tag_name((saml.namespace(), name)));
    let text = |name: &str| find(name).and_then(|node| node.text()).map(str::to_owned);
    let conditions = find("Conditions")?;
    let time = |name: &str| conditions.attribute(name)?.parse::<Timestamp>().ok();
    let now = Timestamp::now();
    let (issuer, user) = match saml {
        Saml::V11 => (root.attribute("Issuer").map(str::to_owned), text("NameIdentifier")),
        Saml::V20 => (text("Issuer"), text("NameID")),
    };
    Some(Statement {
        saml,
        issuer: issuer?,
        audience: text("Audience")?,
        user_id: STANDARD.decode(user?).ok().and_then(|id| String::from_utf8(id).ok()).unwrap_or_default(),
        is_in_time: time("NotBefore")? <= now && now < time("NotOnOrAfter")?,
    })
}
