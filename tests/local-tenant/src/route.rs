//! Which request is whose, by host and path.

use crate::hosts::{self, Site};
use crate::ids::guid;
use crate::realm::{Kind, Realm};
use crate::record::Recorded;
use crate::refusal::with_login_headers;
use crate::reply::Reply;
use crate::state::State;
use crate::{adfs, authorize, b2c, databricks, devices, discovery, graph, interaction, oidc, pages, token_endpoint, trust, user_realm};

/// The proper answer to a request.
pub(crate) fn reply(request: &Recorded, state: &State) -> Reply {
    let host = request.host_name();
    match hosts::site(&host) {
        Some(site) if site == Site::Loopback || request.scheme == "https" => at(site, request, state).unwrap_or_else(|| nothing(request)),
        _ => Reply::text(421, &format!("the local tenant does not serve {}://{}\n", request.scheme, host.escape_debug())),
    }
}

fn nothing(request: &Recorded) -> Reply {
    let text = format!("the local tenant has nothing at {} {}{}\n", request.method, request.base(), request.path);
    Reply::text(404, &text.escape_debug().to_string())
}

fn at(site: Site, request: &Recorded, state: &State) -> Option<Reply> {
    let path: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    if !matches!(site, Site::Graph | Site::Databricks) {
        match request.path.as_str() {
            pages::ACTION => return Some(interaction::step(request, state)),
            pages::DEVICE_LOGIN => return Some(devices::login(request, state)),
            _ => {}
        }
    }
    if let [folder, "services", "trust", rest @ ..] = &path[..]
        && matches!(site, Site::AdFs | Site::Federation | Site::Loopback)
    {
        return trust::reply(folder, rest, request, state);
    }
    match site {
        Site::Federation => None,
        Site::Login => entra(&path, request, state),
        Site::Ciam => tenant(&path, request, state),
        Site::B2c => b2c::reply(&path, request, state),
        Site::AdFs => adfs::reply(&path, request, state),
        Site::Oidc => oidc::reply(&path, request, state),
        Site::Graph => Some(graph::reply(&path, request, state)),
        Site::Databricks => databricks::reply(&path, request, state),
        Site::Loopback => match path[0] {
            "adfs" => adfs::reply(&path, request, state),
            "oidc" => oidc::reply(&path, request, state),
            "v1.0" | "beta" => Some(graph::reply(&path, request, state)),
            "api" => databricks::reply(&path, request, state),
            _ => b2c::reply(&path, request, state).or_else(|| entra(&path, request, state)),
        },
    }
}

fn entra(path: &[&str], request: &Recorded, state: &State) -> Option<Reply> {
    match path {
        ["common", "discovery", "instance"] => Some(discovery::instance(request)),
        ["common", word, name] if word.eq_ignore_ascii_case("userrealm") && !name.is_empty() => {
            Some(user_realm::reply(name, request, state))
        }
        _ => tenant(path, request, state),
    }
}

fn realm(tenant: &str) -> Realm {
    Realm { kind: Kind::Entra, tenant: tenant.to_owned() }
}

fn device_code(tenant: &str, request: &Recorded, state: &State) -> Reply {
    match devices::begin(realm(tenant), request, state) {
        Ok(body) => with_login_headers(Reply::json(200, &body), request, guid()),
        Err(refusal) => refusal.into_reply(request),
    }
}

/// What every tenant of Entra has below its name.
fn tenant(path: &[&str], request: &Recorded, state: &State) -> Option<Reply> {
    let (tenant, rest) = path.split_first()?;
    match rest {
        ["oauth2", "v2.0", "token"] => Some(token_endpoint::reply(request, tenant, state)),
        ["oauth2", "v2.0", "authorize"] => Some(authorize::reply(realm(tenant), request, state)),
        ["oauth2", "v2.0", "devicecode"] => Some(device_code(tenant, request, state)),
        ["v2.0", ".well-known", "openid-configuration"] => Some(discovery::document_2(request, tenant, state)),
        [".well-known", "openid-configuration"] => Some(discovery::document_1(request, tenant, state)),
        ["discovery", "v2.0", "keys"] | ["discovery", "keys"] => Some(discovery::keys(request, tenant, state)),
        _ => None,
    }
}
