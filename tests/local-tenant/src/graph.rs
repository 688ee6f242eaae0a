//! Microsoft Graph, as far as a first call goes (Microsoft pages "List users", "Get a user", "Paging Microsoft Graph data in
//! your app", "Microsoft Graph error responses and resource types").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::contoso::GRAPH_ID;
use crate::ids::{base64url, graph_date, guid};
use crate::jwt::Unbelievable;
use crate::record::Recorded;
use crate::reply::Reply;
use crate::state::State;
use crate::user::User;

/// What is shown of a user without `$select`.
const DEFAULT_PROPERTIES: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];
/// Page size without `$top`, and the largest.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;

/// An error: status, code, message.
type Refusal = (u16, &'static str, String);

/// Answers any request to Graph: first the token is looked at, then the path.
pub(crate) fn reply(path: &[&str], request: &Recorded, state: &State) -> Reply {
    let answer = authorized(request, state).and_then(|claims| match (path, request.method.as_str()) {
        (["v1.0" | "beta", "users"], "GET") => {
            let may = has_role(&claims, &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All"])
                || has_scope(&claims, &["User.Read.All", "Directory.AccessAsUser.All"]);
            may.then(|| users(&claims, state)).ok_or_else(forbidden).and_then(|users| list(users, request))
        }
        (["v1.0" | "beta", "users"], _) => Err(forbidden()),
        (["v1.0" | "beta", "me"], "GET") if claims["scp"].is_string() => {
            let me = users(&claims, state).iter().find(|user| claims["oid"] == user.id);
            let may = has_scope(&claims, &["User.Read", "User.Read.All", "Directory.AccessAsUser.All"]);
            me.filter(|_| may).ok_or_else(forbidden).and_then(|user| show(user, DEFAULT_PROPERTIES))
        }
        (["v1.0" | "beta", "me", ..], _) => Err(bad_request("/me request is only valid with delegated authentication flow.")),
        (["v1.0" | "beta", segment, ..], _) => {
            Err(bad_request(&format!("Resource not found for the segment '{}'.", segment.escape_debug())))
        }
        _ => Err(bad_request("Invalid version: only v1.0 and beta are there.")),
    });
    let id = guid().to_string();
    match answer {
        Ok(body) => Reply::json(200, &body).header("request-id", id),
        Err((status, code, message)) => {
            let inner = json!({ "date": graph_date(), "request-id": id, "client-request-id": id });
            let body = json!({ "error": { "code": code, "message": message, "innerError": inner } });
            let reply = Reply::json(status, &body).header("request-id", id);
            if status == 401 { reply.header("www-authenticate", challenge(request)) } else { reply }
        }
    }
}

/// RFC 6750 section 3, with Graph's parameters.
fn challenge(request: &Recorded) -> String {
    format!(
        "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"{GRAPH_ID}\"{}",
        if request.bearer().is_some() { ", error=\"invalid_token\"" } else { "" }
    )
}

fn authorized(request: &Recorded, state: &State) -> Result<Value, Refusal> {
    let refuse = |message: &str| (401, "InvalidAuthenticationToken", message.to_owned());
    let token = request.bearer().filter(|token| !token.is_empty()).ok_or_else(|| refuse("Access token is empty."))?;
    let claims = state.signer.verify(token).map_err(|why| match why {
        Unbelievable::Malformed => refuse("IDX14100: JWT is not well formed."),
        Unbelievable::BadSignature => refuse("Access token validation failure. Signature is invalid."),
        Unbelievable::OutOfTime => refuse("Lifetime validation failed, the token is expired."),
    })?;
    match is_audience(claims["aud"].as_str().unwrap_or_default(), &request.host_name()) {
        true => Ok(claims),
        false => Err(refuse("Access token validation failure. Invalid audience.")),
    }
}

/// Graph's own app id, or the host that is asked; on loopback any of Graph's hosts.
fn is_audience(audience: &str, host: &str) -> bool {
    let named = audience.trim_end_matches('/').strip_prefix("https://").unwrap_or_default();
    let is_graph = crate::hosts::site(named) == Some(crate::hosts::Site::Graph);
    let is_loopback = crate::hosts::site(host) == Some(crate::hosts::Site::Loopback);
    audience == GRAPH_ID || named == host || (is_loopback && is_graph)
}

fn has_role(claims: &Value, wanted: &[&str]) -> bool {
    let roles = claims["roles"].as_array().map(Vec::as_slice).unwrap_or_default();
    roles.iter().filter_map(Value::as_str).any(|role| wanted.contains(&role))
}

fn has_scope(claims: &Value, wanted: &[&str]) -> bool {
    claims["scp"].as_str().unwrap_or_default().split(' ').any(|scope| wanted.contains(&scope))
}

/// The users of the token's tenant.
fn users<'a>(claims: &Value, state: &'a State) -> &'a [User] {
    let tenant = claims["tid"].as_str().unwrap_or_default();
    state.directory.find_organization(tenant).map(|found| found.users.as_slice()).unwrap_or_default()
}

fn forbidden() -> Refusal {
    (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.".to_owned())
}

fn bad_request(message: &str) -> Refusal {
    (400, "BadRequest", message.to_owned())
}

/// What a list request asks for.
struct Query {
    top: usize,
    skip: usize,
    select: Option<String>,
}

impl Query {
    fn parse(request: &Recorded) -> Result<Query, Refusal> {
        let mut query = Query { top: PAGE, skip: 0, select: None };
        for (name, value) in request.parameters() {
            let invalid = || bad_request(&format!("Invalid value '{}' for {name}.", value.escape_debug()));
            match name.as_str() {
                "$top" => {
                    query.top = value.parse().ok().filter(|top| (1..=LARGEST_PAGE).contains(top)).ok_or_else(invalid)?;
                }
                "$skiptoken" => query.skip = read_skip_token(&value).ok_or_else(invalid)?,
                "$select" => query.select = Some(value),
                _ if name.starts_with('$') => {
                    return Err(bad_request(&format!("The query option '{}' is not supported here.", name.escape_debug())));
                }
                _ => {}
            }
        }
        Ok(query)
    }

    fn properties(&self) -> Vec<&str> {
        match &self.select {
            Some(select) => select.split(',').map(str::trim).collect(),
            None => DEFAULT_PROPERTIES.to_vec(),
        }
    }

    /// The address of the next page, on the host that was asked.
    fn next(&self, request: &Recorded) -> String {
        let token = base64url(format!("skip:{}", self.skip + self.top));
        let select = self
            .select
            .as_ref()
            .map(|select| format!("&$select={}", form_urlencoded::byte_serialize(select.as_bytes()).collect::<String>()));
        format!("{}{}?$top={}{}&$skiptoken={token}", request.base(), request.path, self.top, select.unwrap_or_default())
    }
}

/// Opaque to clients: base64url of where the next page begins.
fn read_skip_token(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("skip:")?.parse().ok()
}

fn list(users: &[User], request: &Recorded) -> Result<Value, Refusal> {
    let query = Query::parse(request)?;
    let properties = query.properties();
    let page = users.iter().skip(query.skip).take(query.top);
    let value = page.map(|user| show(user, &properties)).collect::<Result<Vec<Value>, Refusal>>()?;
    let context = match &query.select {
        Some(select) => format!("{}/v1.0/$metadata#users({})", request.base(), select.escape_debug()),
        None => format!("{}/v1.0/$metadata#users", request.base()),
    };
    let mut body = json!({ "@odata.context": context, "value": value });
    if query.skip + query.top < users.len() {
        body["@odata.nextLink"] = json!(query.next(request));
    }
    Ok(body)
}

fn show(user: &User, properties: &[&str]) -> Result<Value, Refusal> {
    let mut shown = Map::new();
    for property in properties {
        let value = match *property {
            "id" => json!(user.id),
            "displayName" => json!(user.display_name),
            "userPrincipalName" | "mail" => json!(user.user_principal_name),
            "businessPhones" => json!([]),
            "givenName" => json!(user.display_name.split(' ').next()),
            "surname" => json!(user.display_name.split(' ').next_back()),
            "jobTitle" | "mobilePhone" | "officeLocation" | "preferredLanguage" => Value::Null,
            other => {
                let text = format!("Could not find a property named '{}' on type 'microsoft.graph.user'.", other.escape_debug());
                return Err(bad_request(&text));
            }
        };
        shown.insert((*property).to_owned(), value);
    }
    Ok(Value::Object(shown))
}
