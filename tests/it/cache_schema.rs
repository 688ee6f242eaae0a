//! Caches that others wrote: what is read in them, what is not believed, and what stays as it is.

use local_tenant::{Tenant, contoso};
use serde_json::{Map, Value, json};

use crate::sandbox::{Ran, Sandbox};

const CLIENT: &str = contoso::DAEMON.client_id;
const SCOPE: &str = "https://graph.microsoft.com/.default";
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJjYWNoZWQiOnRydWV9.c2lnbmF0dXJl";

/// Long after these tests, and within the year that a token is believed to live at most.
fn later() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    now.as_secs() + 3_600
}

/// An app's access token as MSAL Python writes it.
fn entry(secret: &str) -> Map<String, Value> {
    let entry = json!({
        "credential_type": "AccessToken",
        "secret": secret,
        "home_account_id": null,
        "environment": "login.microsoftonline.com",
        "client_id": CLIENT,
        "target": SCOPE,
        "realm": contoso::TENANT_ID,
        "token_type": "Bearer",
        "cached_at": (later() - 3_600).to_string(),
        "expires_on": later().to_string(),
        "extended_expires_on": later().to_string(),
    });
    entry.as_object().unwrap().clone()
}

/// Looks in a cache with this content, and asks nobody.
fn look(sandbox: &Sandbox, content: impl AsRef<[u8]>) -> Ran {
    let authority = format!("https://login.microsoftonline.com/{}", contoso::TENANT_ID);
    let parameters = sandbox.parameters(&authority, CLIENT, contoso::DAEMON.secret);
    sandbox.write("cache.json", content);
    sandbox.run(["client-creds".as_ref(), parameters.as_os_str(), "--silent".as_ref(), "--cache".as_ref(), "cache.json".as_ref()])
}

/// Asserts that a cache with this one entry gives its token, or that it does not and nothing of it is shown.
#[track_caller]
fn answers(sandbox: &Sandbox, key: &str, entry: &Value, is_hit: bool) {
    let ran = look(sandbox, json!({ "AccessToken": { key: entry } }).to_string());
    if is_hit {
        assert_eq!(ran.stdout.trim_end(), TOKEN, "{entry}: {ran:?}");
        assert_eq!(ran.token(), TOKEN);
    } else {
        assert!(ran.code == Some(4) && ran.stdout.is_empty(), "{entry}: {ran:?}");
        assert!(!ran.stderr.contains("eyJ"), "{entry}: {ran:?}");
    }
}

#[test]
fn an_entry_is_known_by_its_fields_and_not_by_its_key() {
    let sandbox = Sandbox::with_cache();
    let python = format!("-login.microsoftonline.com-accesstoken-{CLIENT}-{}-{SCOPE}", contoso::TENANT_ID);
    let go = format!("-login.windows.net-accesstoken-{CLIENT}-{}-{SCOPE}--", contoso::TENANT_ID);
    for key in [&python, &python.to_uppercase(), &go, "", "x", "é\u{202e}\n", &"k".repeat(100_000)] {
        answers(&sandbox, key, &entry(TOKEN).into(), true);
    }
}

#[test]
fn fields_are_read_in_the_forms_of_every_library() {
    let sandbox = Sandbox::with_cache();
    for (fields, is_hit) in [
        (json!({}), true),
        // All names of a cloud are one.
        (json!({"environment": "login.windows.net"}), true),
        (json!({"environment": "sts.windows.net"}), true),
        (json!({"environment": "LOGIN.MicrosoftOnline.com"}), true),
        (json!({"environment": "login.microsoftonline.us"}), false),
        (json!({"environment": "login.microsoftonline.com.evil.example"}), false),
        (json!({"environment": null}), false),
        // Numbers in place of texts, and the reverse.
        (json!({"expires_on": later(), "cached_at": later() - 3_600, "extended_expires_on": later()}), true),
        (json!({"expires_on": format!("{}.75", later())}), true),
        (json!({"expires_on": later() - 86_400}), false),
        (json!({"expires_on": -1}), false),
        (json!({"expires_on": "soon"}), false),
        (json!({"expires_on": ""}), false),
        (json!({"expires_on": null}), false),
        (json!({"expires_on": [later()]}), false),
        (json!({"cached_at": null, "extended_expires_on": null, "credential_type": null}), true),
        (json!({"cached_at": "", "refresh_on": "", "extended_expires_on": {}}), true),
        // Scopes: without case, and among others.
        (json!({"target": SCOPE.to_uppercase()}), true),
        (json!({"target": format!("openid  https://graph.microsoft.com/User.Read {SCOPE} profile")}), true),
        (json!({"target": format!("x{SCOPE}")}), false),
        (json!({"target": format!("{SCOPE}x")}), false),
        (json!({"target": SCOPE.replace("/.default", "//.default")}), false),
        (json!({"target": ""}), false),
        (json!({"target": null}), false),
        // The app and the tenant.
        (json!({"client_id": CLIENT.to_uppercase(), "realm": contoso::TENANT_ID.to_uppercase()}), true),
        (json!({"client_id": contoso::UNPRIVILEGED.client_id}), false),
        (json!({"client_id": null}), false),
        (json!({"realm": contoso::FABRIKAM_ID}), false),
        (json!({"realm": "common"}), false),
        (json!({"realm": "organizations"}), false),
        (json!({"realm": null}), false),
        // An account's token is not the app's own.
        (json!({"home_account_id": ""}), true),
        (json!({"home_account_id": "uid.utid"}), false),
        // Nor is one that is bound to something.
        (json!({"token_type": null}), true),
        (json!({"token_type": "bearer"}), true),
        (json!({"token_type": "pop"}), false),
        (json!({"token_type": "ssh-cert"}), false),
        (json!({"credential_type": "AccessToken_With_AuthScheme"}), false),
        (json!({"credential_type": "RefreshToken"}), false),
        (json!({"key_id": "", "user_assertion_hash": null}), true),
        (json!({"key_id": "k1"}), false),
        (json!({"keyid": "k1"}), false),
        (json!({"user_assertion_hash": "h"}), false),
        (json!({"userAssertionHash": "h"}), false),
        (json!({"ext_cache_key": "path"}), false),
        (json!({"requestedClaimsHash": "h"}), false),
        (json!({"requestedClaimsHash": ""}), true),
        // What a newer library may add.
        (json!({"new": {"nested": [1, {"a": null}]}, "another": 1e300}), true),
    ] {
        let mut entry = entry(TOKEN);
        for (name, value) in fields.as_object().unwrap() {
            if value.is_null() {
                entry.remove(name)
            } else {
                entry.insert(name.clone(), value.clone())
            };
        }
        answers(&sandbox, "key", &entry.clone().into(), is_hit);
        // What is null is as good as missing.
        entry.extend(fields.as_object().unwrap().clone());
        answers(&sandbox, "key", &entry.into(), is_hit);
    }
}

#[test]
fn a_secret_that_is_no_bearer_token_is_never_printed() {
    let sandbox = Sandbox::with_cache();
    for secret in [
        json!(""),
        json!("eyJ.a.b\r\nX-Injected: 1"),
        json!("eyJ.a.b\n"),
        json!("eyJ.a'b"),
        json!("eyJ.a\"b"),
        json!("eyJ.a b"),
        json!("eyJ.$(id).b"),
        json!("eyJ.a\u{0}b"),
        json!("eyJ.é.b"),
        json!("\u{1b}]52;c;eyJ\u{7}"),
        json!(["eyJ.a.b"]),
        json!({"eyJ": "eyJ"}),
        json!(true),
        Value::Null,
    ] {
        let mut entry = entry("");
        entry.insert("secret".to_owned(), secret);
        answers(&sandbox, "key", &entry.into(), false);
    }
}

#[test]
fn entries_that_are_none_hide_no_other() {
    let sandbox = Sandbox::with_cache();
    let good = Value::from(entry(TOKEN));
    for odd in ["null", "[]", "[[{}]]", "\"text\"", "\"\\u0000\"", "5", "-3", "1.5", "1e400", "true", "{}", r#"{"secret": {}}"#] {
        let ran = look(&sandbox, format!(r#"{{"AccessToken": {{"odd": {odd}, "good": {good}}}}}"#));
        // A number beyond all numbers makes the whole text unreadable for some, and must not do worse than that.
        if odd != "1e400" || ran.code == Some(0) {
            assert_eq!(ran.token(), TOKEN, "{odd}");
        }
        let ran = look(&sandbox, format!(r#"{{"Odd": {odd}, "AccessToken": {{"good": {good}}}, "Account": null}}"#));
        if odd != "1e400" || ran.code == Some(0) {
            assert_eq!(ran.token(), TOKEN, "{odd}");
        }
    }
}

#[test]
fn keys_that_stand_twice_are_each_looked_at() {
    let sandbox = Sandbox::with_cache();
    let good = Value::from(entry(TOKEN));
    let mut expired = entry("eyJ.expired.x");
    expired.insert("expires_on".to_owned(), "1".into());
    let expired = Value::from(expired);
    for content in [
        format!(r#"{{"AccessToken": {{"a": {expired}, "a": {good}}}}}"#),
        format!(r#"{{"AccessToken": {{"a": {good}, "a": {expired}}}}}"#),
        format!(r#"{{"AccessToken": {{"a": {expired}}}, "AccessToken": {{"a": {good}}}}}"#),
        format!(r#"{{"AccessToken": null, "AccessToken": {{"a": {good}}}}}"#),
    ] {
        assert_eq!(look(&sandbox, content).token(), TOKEN);
    }
    let twice = good.to_string().replacen('{', r#"{"secret": "eyJ.first.x", "#, 1);
    assert_eq!(look(&sandbox, format!(r#"{{"AccessToken": {{"a": {twice}}}}}"#)).token(), TOKEN, "the last counts, as in Python");
}

#[test]
fn of_several_tokens_the_one_that_lives_longest_is_used() {
    let sandbox = Sandbox::with_cache();
    let mut shorter = entry("eyJ.shorter.x");
    shorter.insert("expires_on".to_owned(), (later() - 1_000).to_string().into());
    for (one, other) in [("a", "b"), ("b", "a")] {
        let content = json!({"AccessToken": {one: shorter, other: entry(TOKEN)}});
        assert_eq!(look(&sandbox, content.to_string()).token(), TOKEN);
    }
}

#[test]
fn what_is_not_ours_survives_a_write_byte_for_byte() {
    const KEPT: [&str; 8] = [
        r#"{ "x" :1.50e3 ,	"y":"\u00e9\/" , "z" : [ ] }"#,
        r#"{"home_account_id": "u.t", "environment": "e", "secret": "rt", "credential_type": "RefreshToken", "later": 1.0}"#,
        r#"{"home_account_id":"u.t",  "id": 12345678901234567890123}"#,
        r#"{"username": "a@b.c", "home_account_id": "u.t"  }"#,
        r#"{"client_id": "c", "environment": "e", "family_id": "1"}"#,
        r#"{"secret": "another app's", "client_id": "c", "target": "s",   "expires_on": "1"}"#,
        "[1, 2,3 ]",
        r#""\ud83d\ude00""#,
    ];
    let [unknown, refresh, id, account, app, access, list, text] = KEPT;
    let content = format!(
        "\n{{\"Unknown\": {unknown}, \"RefreshToken\":{{\"r\" : {refresh}}}, \"IdToken\": {{\"i\": {id}}}, \
         \"Account\": {{\"a\":{account}}},\r\n\
         \"AppMetadata\": {{\"m\": {app}}}, \"AccessToken\": {{\"other\": {access}}}, \"List\": {list}, \"Text\":{text}}}  "
    );
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    sandbox.write("shared.json", content);
    let token = sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token().to_owned();
    sandbox.client_creds(&tenant, ["--cache", "shared.json", "--force-refresh", "--resource", "sql"]).token();
    let written = std::fs::read_to_string(sandbox.path("shared.json")).unwrap();
    for kept in KEPT {
        assert_eq!(written.matches(kept).count(), 1, "{kept} is not as it was: {written}");
    }
    let cache: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(cache["AccessToken"].as_object().unwrap().len(), 3);
    assert_eq!(sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token(), token);
}

#[test]
fn what_is_written_has_the_form_of_msal_python() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let sandbox = sandbox.env("HTTPS_PROXY", tenant.proxy_url());
    let authority = format!("https://login.microsoftonline.com/{}", contoso::TENANT_ID);
    let more = ["--authority", &authority, "--cache", "shared.json"];
    let token = sandbox.client_creds(&tenant, more).token().to_owned();
    let cache: Value = serde_json::from_slice(&std::fs::read(sandbox.path("shared.json")).unwrap()).unwrap();
    let key = format!("-login.microsoftonline.com-accesstoken-{CLIENT}-{}-{SCOPE}", contoso::TENANT_ID);
    let written = &cache["AccessToken"][&key];
    for (name, value) in entry(&token) {
        match name.as_str() {
            "cached_at" | "expires_on" | "extended_expires_on" => {
                assert!(written[&name].as_str().is_some_and(|seconds| seconds.parse::<u64>().is_ok()), "{name}: {cache}");
            }
            _ => assert_eq!(written[&name], value, "{name}: {cache}"),
        }
    }
    assert_eq!(cache["AppMetadata"][&format!("appmetadata-login.microsoftonline.com-{CLIENT}")]["client_id"], CLIENT);
}

#[test]
fn malformed_caches_are_misses_and_nothing_worse() {
    let sandbox = Sandbox::with_cache();
    let valid = json!({"AccessToken": {"key": entry(TOKEN)}, "Account": {}, "X": [[]]}).to_string().into_bytes();
    let mut number = 1_u32;
    // Xorshift: as good as chance, and the same each time.
    let mut random = |below: usize| {
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
        number as usize % below
    };
    for round in 0..200 {
        let mut content = valid.clone();
        let at = random(content.len());
        match round % 4 {
            0 => content.truncate(at),
            1 => content[at] = u8::try_from(random(256)).unwrap(),
            2 => drop(content.splice(at..at, b"\x00{[\"\\:,}]"[random(9)..].iter().copied())),
            _ => drop(content.drain(at..(at + random(40)).min(valid.len()))),
        }
        let ran = look(&sandbox, &content);
        match ran.code {
            // What was changed may be what nobody reads, but a token is handed out as it was stored, or cut where it may end.
            Some(0) => assert!(ran.stderr.is_empty() && !ran.stdout.is_empty(), "{ran:?}"),
            _ => drop(ran.refused(4)),
        }
        assert_eq!(std::fs::read(sandbox.path("cache.json")).unwrap(), content, "a look changes nothing");
    }
}

#[test]
fn nesting_without_end_breaks_nothing() {
    const DEPTH: usize = 100_000;
    let sandbox = Sandbox::with_cache();
    let good = Value::from(entry(TOKEN));
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let (open, close) = (open.repeat(DEPTH), close.repeat(DEPTH));
        for content in [
            open.clone(),
            format!("{open}1{close}"),
            format!(r#"{{"X": {open}1{close}, "AccessToken": {{"good": {good}}}}}"#),
            format!(r#"{{"AccessToken": {{"odd": {open}1{close}, "good": {good}}}}}"#),
            format!(r#"{{"AccessToken": {{"odd": {{"secret": {open}1{close}}}, "good": {good}}}}}"#),
            format!(r#"{{"AccessToken": {{"odd": {{"x": {open}1{close}}}, "good": {good}}}}}"#),
        ] {
            let ran = look(&sandbox, &content);
            assert!(matches!((ran.code, ran.stdout.trim_end()), (Some(0), TOKEN) | (Some(4), "")), "{content:.60}: {ran:?}");
        }
    }
}
