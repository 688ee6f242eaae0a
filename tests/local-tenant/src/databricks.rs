//! A Databricks workspace (Databricks pages "Get Microsoft Entra ID tokens for service principals" and "Clusters API").

use serde_json::{Value, json};

use crate::contoso::{DATABRICKS_ID, DATABRICKS_RESOURCE_ID, TENANT_ID};
use crate::ids::guid;
use crate::record::Recorded;
use crate::reply::Reply;
use crate::state::State;

/// Azure's own audience, with and without its slash.
const MANAGEMENT: &[&str] = &["https://management.azure.com", "https://management.core.windows.net"];

/// An error: status, code, message.
type Refusal = (u16, &'static str, &'static str);

/// Answers below `/api`.
pub(crate) fn reply(path: &[&str], request: &Recorded, state: &State) -> Option<Reply> {
    let ["api", "2.0" | "2.1", "clusters", "list"] = path else { return None };
    let answer = authorized(request, state).and_then(|()| match request.method.as_str() {
        "GET" => Ok(clusters()),
        _ => Err((405, "BAD_REQUEST", "Only GET is there.")),
    });
    Some(match answer {
        Ok(body) => Reply::json(200, &body),
        Err((status, code, message)) => {
            let body = json!({ "error_code": code, "message": format!("{message} [ReqId: {}]", guid()) });
            let reply = Reply::json(status, &body);
            if status == 401 { reply.header("www-authenticate", "Bearer realm=\"DatabricksRealm\"") } else { reply }
        }
    })
}

fn clusters() -> Value {
    json!({ "clusters": [
        { "cluster_id": "1121-020900-local001", "cluster_name": "nightly", "state": "TERMINATED", "spark_version": "16.4.x-scala2.12" },
        { "cluster_id": "1121-020900-local002", "cluster_name": "shared", "state": "RUNNING", "spark_version": "16.4.x-scala2.12" },
    ] })
}

/// A member of the workspace, or a contributor of its Azure resource who proves it with a second token.
fn authorized(request: &Recorded, state: &State) -> Result<(), Refusal> {
    let token = request.bearer().ok_or((401, "401", "Credential was not sent or was of an unsupported type for this API."))?;
    let claims = state.signer.verify(token).map_err(|_| (403, "403", "Invalid access token."))?;
    if claims["aud"] != DATABRICKS_ID || claims["tid"] != TENANT_ID {
        return Err((403, "403", "Invalid access token."));
    }
    let client_id = claims["appid"].as_str().unwrap_or_default();
    let app = state.directory.find_app(client_id, TENANT_ID);
    let is_member = app.is_some_and(|app| app.is_databricks_member);
    let is_contributor = app.is_some_and(|app| app.is_arm_contributor) && is_proven_contributor(request, client_id, state);
    match is_member || is_contributor {
        true => Ok(()),
        false => Err((403, "PERMISSION_DENIED", "User not authorized.")),
    }
}

fn is_proven_contributor(request: &Recorded, client_id: &str, state: &State) -> bool {
    let names_workspace =
        request.header("x-databricks-azure-workspace-resource-id").is_some_and(|id| id.eq_ignore_ascii_case(DATABRICKS_RESOURCE_ID));
    let token = request.header("x-databricks-azure-sp-management-token").unwrap_or_default();
    let claims = state.signer.verify(token).unwrap_or_default();
    let audience = claims["aud"].as_str().unwrap_or_default().trim_end_matches('/');
    names_workspace && claims["appid"] == client_id && MANAGEMENT.contains(&audience)
}
