//! Who signs a user in: Entra itself, another identity provider, or nobody that it knows (`/common/userrealm`, an endpoint
//! that Microsoft's libraries use and no page of theirs describes).

use serde_json::{Value, json};

use crate::federation::Federation;
use crate::form::percent_decode;
use crate::ids::guid;
use crate::record::Recorded;
use crate::refusal::{Refusal, with_login_headers};
use crate::reply::Reply;
use crate::state::State;

/// Domains of Microsoft's personal accounts.
const PERSONAL: &[&str] = &["live.com", "outlook.com", "hotmail.com", "msn.com"];
const CLOUD: &str = "microsoftonline.com";
const CLOUD_AUDIENCE: &str = "urn:federation:MicrosoftOnline";

/// Answers `GET /common/userrealm/{name}?api-version=1.0`.
pub(crate) fn reply(name: &str, request: &Recorded, state: &State) -> Reply {
    match find(name, request, state) {
        Ok(realm) => with_login_headers(Reply::json(200, &realm), request, guid()),
        Err(refusal) => refusal.into_reply(request),
    }
}

fn find(name: &str, request: &Recorded, state: &State) -> Result<Value, Refusal> {
    let bad_request = |text: &str| Refusal::new(400, "invalid_request", 90014, text);
    if request.method != "GET" {
        return Err(Refusal::new(405, "invalid_request", 900561, "User realms are asked for by GET."));
    }
    if !request.parameters().contains(&("api-version".to_owned(), "1.0".to_owned())) {
        return Err(bad_request("The api-version is missing, or it is not 1.0."));
    }
    let name = percent_decode(name.as_bytes()).ok_or_else(|| bad_request("The user name is not UTF-8 in percent-encoding."))?;
    let domain = domain(&name).ok_or_else(|| bad_request("The user name is none: it has no domain."))?;
    Ok(realm(&domain.to_ascii_lowercase(), request, state))
}

fn domain(name: &str) -> Option<&str> {
    let (user, domain) = name.rsplit_once('@')?;
    (!user.is_empty() && !domain.is_empty()).then_some(domain)
}

fn realm(domain: &str, request: &Recorded, state: &State) -> Value {
    if PERSONAL.contains(&domain) {
        // All personal accounts are in one domain, and there is no document about it.
        let mut realm = of_any("Federated", Some("live.com"), Some("Microsoft account"));
        realm["federation_protocol"] = json!("WSTrust");
        return realm;
    }
    let Some(organization) = state.directory.find_organization(domain).filter(|organization| organization.id != domain) else {
        return of_any("Unknown", None, None);
    };
    let brand = Some(organization.name.as_str());
    match state.directory.find_federation(domain) {
        None => of_any("Managed", Some(domain), brand),
        Some(federation) => of_federation(of_any("Federated", Some(domain), brand), federation, request, state),
    }
}

fn of_any(account_type: &str, domain: Option<&str>, brand: Option<&str>) -> Value {
    let mut realm = json!({
        "ver": "1.0",
        "account_type": account_type,
        "cloud_instance_name": CLOUD,
        "cloud_audience_urn": CLOUD_AUDIENCE,
    });
    for (name, value) in [("domain_name", domain), ("federation_brand_name", brand)] {
        if let Some(value) = value {
            realm[name] = json!(value);
        }
    }
    realm
}

fn of_federation(mut realm: Value, federation: &Federation, request: &Recorded, state: &State) -> Value {
    let base = federation.base(request, state);
    realm["federation_protocol"] = json!(federation.protocol);
    realm["cloud_audience_urn"] = json!(federation.audience);
    if federation.has_document() {
        realm["federation_metadata_url"] = json!(format!("{base}/mex"));
    }
    if let Some(path) = federation.active_path() {
        realm["federation_active_auth_url"] = json!(format!("{base}/{path}"));
    }
    realm
}
