//! No secret in any output, whatever goes wrong: each kind of run is searched for a secret in every form it could take.

use base64::Engine as _;
use local_tenant::{Misbehaviour, Tenant, contoso};
use serde_json::json;

use crate::sandbox::Sandbox;

const CANARY: &str = "CNRY~s3cret/with+odd \"chars\" é";

/// The forms in which a secret could turn up.
fn forms(secret: &str) -> Vec<String> {
    let base64 = |engine: &base64::engine::GeneralPurpose| engine.encode(secret);
    vec![
        secret.to_owned(),
        secret.chars().rev().collect(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        serde_json::to_string(secret).unwrap().trim_matches('"').to_owned(),
        base64(&base64::engine::general_purpose::STANDARD).trim_end_matches('=').to_owned(),
        base64(&base64::engine::general_purpose::URL_SAFE_NO_PAD),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        "CNRY".to_owned(),
    ]
}

#[test]
fn no_output_holds_the_secret() {
    let tenant = Tenant::start();
    let echo = json!({"error": "invalid_client", "error_description": format!("AADSTS7000215: {CANARY}")}).to_string();
    let sandbox = Sandbox::new().env("CANARY", CANARY);
    let status = |status, body: &str| Misbehaviour::Status { status, headers: Vec::new(), body: body.into() };
    for misbehaviour in [
        None,
        Some(status(401, &echo)),
        Some(status(200, CANARY)),
        Some(status(500, CANARY)),
        Some(status(302, CANARY)),
        Some(Misbehaviour::Raw(CANARY.as_bytes().to_vec())),
        Some(Misbehaviour::CutBeforeAnswer),
    ] {
        for secret in [json!(CANARY), json!({"env": "CANARY"}), json!({"command": ["printenv", "CANARY"]})] {
            let parameters =
                json!({"authority": tenant.authority(), "client_id": contoso::DAEMON.client_id, "resource": "graph", "secret": secret});
            let parameters = sandbox.write("p.json", parameters.to_string());
            if let Some(misbehaviour) = &misbehaviour {
                tenant.next(misbehaviour.clone());
            }
            let ran = sandbox.client_creds_with(&tenant, &parameters, ["-vv", "--timeout", "20"]);
            assert_ne!(ran.code, Some(0));
            for form in forms(CANARY) {
                assert!(!ran.stderr.contains(&form) && !ran.stdout.contains(&form), "{form:?} is in {ran:?}");
            }
        }
    }
}
