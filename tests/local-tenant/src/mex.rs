//! Metadata of identity providers: WSDL with policies in it, in the shape that AD FS 2019 publishes (WSDL 1.1, WS-Policy
//! 1.2, WS-SecurityPolicy 1.2 and its draft of July 2005, WS-MetadataExchange).

use crate::federation::{Federation, TrustVersion};
use crate::html::escape;
use crate::reply::Reply;
use crate::soap::{ADDRESSING, ENVELOPE, POLICY, UTILITY};

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
const SOAP_12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
const SOAP_11: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const HTTP_POLICY: &str = "http://schemas.microsoft.com/ws/06/2004/policy/http";
const NAME: &str = "http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice";
const MEX: &str = "http://schemas.xmlsoap.org/ws/2004/09/mex";

/// How users prove themselves at an endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Certificate,
    Password,
    Windows,
}

impl Proof {
    fn binding(self) -> &'static str {
        match self {
            Proof::Certificate => "CertificateWSTrustBinding",
            Proof::Password => "UserNameWSTrustBinding",
            Proof::Windows => "CustomBinding",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Proof::Certificate => "certificatemixed",
            Proof::Password => "usernamemixed",
            Proof::Windows => "windowstransport",
        }
    }
}

/// An endpoint: a version of WS-Trust and a proof.
#[derive(Clone, Copy)]
struct Endpoint {
    version: TrustVersion,
    proof: Proof,
}

impl Endpoint {
    fn interface(self) -> &'static str {
        match self.version {
            TrustVersion::Feb2005 => "IWSTrustFeb2005Async",
            TrustVersion::V13 => "IWSTrust13Async",
        }
    }

    fn binding(self) -> String {
        format!("{}_{}", self.proof.binding(), self.interface())
    }

    fn policy_name(self) -> String {
        format!("{}_policy", self.binding())
    }

    fn security_policy(self) -> &'static str {
        match self.version {
            TrustVersion::Feb2005 => "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
            TrustVersion::V13 => "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702",
        }
    }

    /// What the token that proves it has to be.
    fn tokens(self) -> String {
        let always = format!("{}/IncludeToken/AlwaysToRecipient", self.security_policy());
        let inside = |outer: &str, token: &str, kind: &str| {
            format!(
                "<sp:{outer}><wsp:Policy><sp:{token} sp:IncludeToken=\"{always}\"><wsp:Policy><sp:{kind}/></wsp:Policy></sp:{token}>\
                 </wsp:Policy></sp:{outer}>"
            )
        };
        match (self.proof, self.version) {
            (Proof::Certificate, _) => inside("EndorsingSupportingTokens", "X509Token", "WssX509V3Token10"),
            (Proof::Password, TrustVersion::Feb2005) => inside("SignedSupportingTokens", "UsernameToken", "WssUsernameToken10"),
            (Proof::Password, TrustVersion::V13) => inside("SignedEncryptedSupportingTokens", "UsernameToken", "WssUsernameToken10"),
            (Proof::Windows, _) => String::new(),
        }
    }

    fn policy(self) -> String {
        let negotiate = match self.proof {
            Proof::Windows => format!("<http:NegotiateAuthentication xmlns:http=\"{HTTP_POLICY}\"/>"),
            _ => String::new(),
        };
        format!(
            "<wsp:Policy wsu:Id=\"{}\"><wsp:ExactlyOne><wsp:All>{negotiate}\
             <sp:TransportBinding xmlns:sp=\"{sp}\"><wsp:Policy><sp:TransportToken><wsp:Policy><sp:HttpsToken/></wsp:Policy>\
             </sp:TransportToken><sp:AlgorithmSuite><wsp:Policy><sp:Basic256/></wsp:Policy></sp:AlgorithmSuite>\
             <sp:Layout><wsp:Policy><sp:Strict/></wsp:Policy></sp:Layout><sp:IncludeTimestamp/></wsp:Policy></sp:TransportBinding>\
             {}<wsaw:UsingAddressing xmlns:wsaw=\"http://www.w3.org/2006/05/addressing/wsdl\"/></wsp:All></wsp:ExactlyOne></wsp:Policy>\n",
            self.policy_name(),
            // The namespace is declared on each, as it is by AD FS.
            self.tokens().replacen('>', &format!(" xmlns:sp=\"{}\">", self.security_policy()), 1),
            sp = self.security_policy(),
        )
    }

    fn binding_element(self) -> String {
        format!(
            "<wsdl:binding name=\"{name}\" type=\"tns:{interface}\"><wsp:PolicyReference URI=\"#{policy}\"/>\
             <soap12:binding transport=\"http://schemas.xmlsoap.org/soap/http\"/>\
             <wsdl:operation name=\"{operation}\"><soap12:operation soapAction=\"{action}\" style=\"document\"/>\
             <wsdl:input><soap12:body use=\"literal\"/></wsdl:input><wsdl:output><soap12:body use=\"literal\"/></wsdl:output>\
             </wsdl:operation></wsdl:binding>\n",
            name = self.binding(),
            interface = self.interface(),
            policy = self.policy_name(),
            operation = self.interface().trim_start_matches("IWS").replace("Async", "IssueAsync"),
            action = self.version.action(),
        )
    }

    fn address(self, base: &str) -> String {
        format!("{base}/{}/{}", self.version.segment(), self.proof.path())
    }

    fn port(self, base: &str) -> String {
        port(&self.binding(), &self.binding(), &self.address(base))
    }
}

fn port(name: &str, binding: &str, address: &str) -> String {
    let address = escape(address);
    format!(
        "<wsdl:port name=\"{name}\" binding=\"tns:{binding}\"><soap12:address location=\"{address}\"/>\
         <wsa10:EndpointReference><wsa10:Address>{address}</wsa10:Address></wsa10:EndpointReference></wsdl:port>\n"
    )
}

/// Bindings and ports that clients have to pass over, put before the good ones.
fn passed_over(good: Endpoint, base: &str) -> (String, String) {
    let (policy, plain) = (good.policy_name(), good.address(base).replacen("https:", "http:", 1));
    let bindings = format!(
        "<wsdl:binding name=\"Bare\" type=\"tns:Bare\"><wsp:PolicyReference URI=\"#{policy}\"/></wsdl:binding>\n\
         <wsdl:binding name=\"Older\" type=\"tns:Older\"><wsp:PolicyReference URI=\"#{policy}\"/>\
         <soap:binding xmlns:soap=\"{SOAP_11}\" transport=\"http://schemas.xmlsoap.org/soap/http\"/></wsdl:binding>\n"
    );
    let elsewhere = format!("{base}/nothing/usernamemixed");
    let ports = [port("Bare", "Bare", &elsewhere), port("Older", "Older", &elsewhere), port("Plain", &good.binding(), &plain)];
    (bindings, ports.concat())
}

fn definitions(federation: &Federation, base: &str) -> String {
    let endpoints: Vec<Endpoint> = [Proof::Certificate, Proof::Windows, Proof::Password]
        .into_iter()
        .flat_map(|proof| federation.versions().iter().map(move |version| Endpoint { version: *version, proof }))
        .collect();
    let join = |part: &dyn Fn(Endpoint) -> String| endpoints.iter().map(|endpoint| part(*endpoint)).collect::<String>();
    let (mut bindings, mut ports, mut more) = (String::new(), String::new(), String::new());
    if federation.is_odd
        && let Some(last) = endpoints.last()
    {
        (bindings, ports) = passed_over(*last, base);
        more = port("Spare", &last.binding(), &format!("{base}/spare/usernamemixed"));
    }
    format!(
        "<wsdl:definitions name=\"SecurityTokenService\" targetNamespace=\"{NAME}\" xmlns:wsdl=\"{WSDL}\" xmlns:tns=\"{NAME}\" \
         xmlns:wsp=\"{POLICY}\" xmlns:wsu=\"{UTILITY}\" xmlns:wsa10=\"{ADDRESSING}\" xmlns:soap12=\"{SOAP_12}\">\n\
         {policies}{bindings}{good_bindings}<wsdl:service name=\"SecurityTokenService\">\n{ports}{good_ports}{more}</wsdl:service>\n\
         </wsdl:definitions>",
        policies = join(&Endpoint::policy),
        good_bindings = join(&Endpoint::binding_element),
        good_ports = join(&|endpoint| endpoint.port(base)),
    )
}

/// The document, with addresses that begin with the base.
pub(crate) fn document(federation: &Federation, base: &str) -> Reply {
    let definitions = definitions(federation, base);
    let (media_type, text) = match federation.is_third_party {
        false => ("text/xml; charset=UTF-8", format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{definitions}")),
        true => (
            "application/soap+xml",
            format!(
                "<s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Body><mex:Metadata xmlns:mex=\"{MEX}\"><mex:MetadataSection Dialect=\"{WSDL}\">\n\
                 {definitions}\n</mex:MetadataSection></mex:Metadata></s:Body></s:Envelope>"
            ),
        ),
    };
    Reply::raw(200, vec![("content-type".to_owned(), media_type.to_owned())], text.into_bytes())
}
