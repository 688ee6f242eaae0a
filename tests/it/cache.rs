//! The cache: which runs ask the platform, which do not, and whose token comes out.

use std::path::Path;
use std::time::{Duration, SystemTime};

use local_tenant::{Directory, Misbehaviour, Tenant, contoso};
use serde_json::{Map, Value, json};

use crate::sandbox::{Ran, Sandbox, has_extension, names};

/// A token, and where it came from.
#[track_caller]
fn obtained(ran: &Ran) -> (String, String) {
    assert_eq!(ran.stderr, "", "{ran:?}");
    let result = ran.json();
    let text = |name: &str| result[name].as_str().expect("a text").to_owned();
    (text("access_token"), text("source"))
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Changes fields of the one access token in a file; a null takes one away.
fn edit(file: &Path, fields: &[(&str, Value)]) {
    let mut cache: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let entry = cache["AccessToken"].as_object_mut().unwrap().values_mut().next().unwrap().as_object_mut().unwrap();
    for (name, value) in fields {
        if value.is_null() {
            entry.remove(*name)
        } else {
            entry.insert((*name).to_owned(), value.clone())
        };
    }
    std::fs::write(file, cache.to_string()).unwrap();
}

fn unavailable(retry_after: &str) -> Misbehaviour {
    Misbehaviour::Status { status: 503, headers: vec![("Retry-After".to_owned(), retry_after.to_owned())], body: Vec::new() }
}

#[test]
fn the_second_run_asks_nobody_and_prints_the_same_token() {
    for cache in [&[][..], &["--cache", "shared.json"], &["--cache", "folder/"]] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let run = |more: &[&'static str]| sandbox.client_creds(&tenant, cache.iter().chain(more).copied());
        let (token, source) = obtained(&run(&["-o", "json"]));
        assert_eq!(source, "network", "{cache:?}");
        assert_eq!(obtained(&run(&["-o", "json"])), (token.clone(), "cache".to_owned()), "{cache:?}");
        assert_eq!(run(&[]).token(), token, "{cache:?}");
        let result = run(&["-o", "json"]).json();
        let left = result["expires_in"].as_u64().unwrap();
        assert!((3_000..3_600).contains(&left) && result["scope"] == "https://graph.microsoft.com/.default", "{result}");
        assert_eq!(tenant.requests().len(), 1, "{cache:?}");
    }
}

#[test]
fn the_environment_names_the_cache_too_and_none_is_none() {
    let tenant = Tenant::start();
    let sandbox = Sandbox::with_cache().env("ENTRA_TOKEN_CACHE", "shared.json");
    sandbox.client_creds(&tenant, []).token();
    sandbox.client_creds(&tenant, []).token();
    assert_eq!((tenant.requests().len(), sandbox.path("shared.json").exists()), (1, true));
    for _ in 0..2 {
        sandbox.client_creds(&tenant, ["--cache", "none"]).token();
    }
    assert_eq!(tenant.requests().len(), 3, "the flag wins, and keeps nothing");
    let off = Sandbox::new();
    off.client_creds(&tenant, []).token();
    assert_eq!(off.files(), ["parameters.json"]);
    let state = Sandbox::with_cache();
    let state = state.env("XDG_STATE_HOME", off.path("state"));
    state.client_creds(&tenant, []).token();
    assert_eq!(names(&off.path("state")), ["entra-token"]);
    assert_eq!(state.files(), ["parameters.json"], "with XDG_STATE_HOME the home folder stays as it is");
}

/// The base identity, and others that differ from it in one thing each.
fn identities(tenant: &Tenant, other: &Tenant, has_secrets: bool) -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let daemon = contoso::DAEMON;
    let base = json!({
        "authority": tenant.authority(),
        "client_id": daemon.client_id,
        "secret": daemon.secret,
        "scope": ["https://graph.microsoft.com/.default"],
    });
    let with = |name: &str, value: &str| {
        let mut parameters = base.clone();
        parameters[name] = value.into();
        parameters
    };
    let app = |authority: String, app: contoso::Registration| {
        let mut parameters = base.clone();
        (parameters["authority"], parameters["client_id"], parameters["secret"]) =
            (authority.into(), app.client_id.into(), app.secret.into());
        parameters
    };
    let by_domain = format!("{}/{}", tenant.origin(), contoso::TENANT_DOMAIN);
    let mut identities = vec![
        ("the base", base.clone(), vec![]),
        ("another resource", base.clone(), vec!["--resource", "sql"]),
        ("another scope of an API", base.clone(), vec!["--scope", "api://ce4f2c9b-faff-47d7-b531-215741d25e35/.default"]),
        ("the tenant by its domain", with("authority", &by_domain), vec![]),
        ("another app", app(tenant.authority(), contoso::UNPRIVILEGED), vec![]),
        ("another tenant", app(format!("{}/{}", tenant.origin(), contoso::FABRIKAM_ID), contoso::FABRIKAM_DAEMON), vec![]),
        ("another port", with("authority", &other.authority()), vec![]),
    ];
    if has_secrets {
        identities.extend([
            ("another secret", with("secret", contoso::DAEMON_SECOND_SECRET), vec![]),
            ("claims", base.clone(), vec!["--claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#]),
            ("other claims", base, vec!["--claims", r#"{"access_token":{"xms_cc":{"values":["cp2"]}}}"#]),
        ]);
    }
    identities
}

#[test]
fn nobody_gets_the_token_of_another_identity() {
    // In a file that is shared the secret is not part of who asks, and what is asked for with claims is not kept.
    for (cache, has_secrets) in [(None, true), (Some("shared.json"), false)] {
        let (tenant, other, sandbox) = (Tenant::start(), Tenant::start(), Sandbox::with_cache());
        // Both authorities are trusted, so that nothing but the cache keeps the two apart.
        let authorities = [tenant.ca_file(), other.ca_file()].map(|file| std::fs::read(file).unwrap()).concat();
        let authorities = sandbox.write("both.pem", authorities).to_string_lossy().into_owned();
        let run = |parameters: &Value, more: &[&str]| {
            let file = sandbox.write("p.json", parameters.to_string());
            let cache = cache.iter().flat_map(|file| ["--cache", file]);
            let fixed = ["client-creds", file.to_str().unwrap(), "--ca-file", &authorities, "-o", "json"];
            obtained(&sandbox.run(fixed.into_iter().chain(cache).chain(more.iter().copied())))
        };
        let identities = identities(&tenant, &other, has_secrets);
        let mut tokens = Vec::new();
        for (at, (what, parameters, more)) in identities.iter().enumerate() {
            let (token, source) = run(parameters, more);
            assert_eq!((source.as_str(), tenant.requests().len() + other.requests().len()), ("network", at + 1), "{what} {cache:?}");
            assert!(!tokens.contains(&token), "{what} {cache:?}");
            tokens.push(token);
        }
        for ((what, parameters, more), token) in identities.iter().zip(&tokens) {
            let (again, source) = run(parameters, more);
            // MSAL's keys know no port and no domain name, so these push each other out of a file in its format.
            let is_pushed_out = cache.is_some() && ["the base", "the tenant by its domain", "another port"].contains(what);
            match source.as_str() {
                "network" if is_pushed_out => assert!(!tokens.contains(&again), "{what} {cache:?}"),
                _ => assert_eq!((&again, source.as_str()), (token, "cache"), "{what} {cache:?}"),
            }
        }
    }
}

#[test]
fn claims_ask_each_time_where_the_file_is_shared() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token();
    for _ in 0..2 {
        let claims = ["--cache", "shared.json", "--claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#, "-o", "json"];
        assert_eq!(obtained(&sandbox.client_creds(&tenant, claims)).1, "network");
    }
    assert_eq!(tenant.requests().len(), 3);
}

#[test]
fn the_hosts_of_a_cloud_share_their_tokens_and_clouds_do_not() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let sandbox = sandbox.env("HTTPS_PROXY", tenant.proxy_url());
        let run = |authority: &str| {
            let authority = format!("{authority}/{}", contoso::TENANT_ID);
            let more = cache.iter().copied().chain(["--authority", &authority, "-o", "json"]);
            obtained(&sandbox.client_creds(&tenant, more))
        };
        let (token, source) = run("https://login.microsoftonline.com");
        assert_eq!(source, "network");
        for alias in ["https://login.windows.net", "https://login.microsoft.com", "https://LOGIN.microsoftonline.com"] {
            assert_eq!(run(alias), (token.clone(), "cache".to_owned()), "{alias} {cache:?}");
        }
        assert_eq!(tenant.requests().len(), 1);
        let (other, source) = run("https://login.microsoftonline.us");
        assert!(source == "network" && other != token, "{cache:?}");
    }
}

#[test]
fn a_cached_token_must_live_for_as_long_as_is_asked() {
    let tenant = Tenant::builder().directory(Directory::default().token_lifetime(Duration::from_mins(10))).start();
    let sandbox = Sandbox::with_cache();
    let first = sandbox.client_creds(&tenant, []).token().to_owned();
    for (min_ttl, is_asked) in [("300", false), ("601", true), ("601", true), ("999999999", true), ("0", false)] {
        let before = tenant.requests().len();
        let ran = sandbox.client_creds(&tenant, ["--min-ttl", min_ttl]);
        match min_ttl {
            "300" => assert_eq!(ran.token(), first),
            "0" => drop(ran.token().to_owned()),
            _ => assert_ne!(ran.token_with_warning(&format!("--min-ttl asks for {min_ttl}")), first),
        }
        assert_eq!(tenant.requests().len() - before, usize::from(is_asked), "{min_ttl}");
    }
    edit(&sandbox.cache_file(), &[("expires_on", (now() - 1).to_string().into())]);
    sandbox.client_creds(&tenant, ["--min-ttl", "0", "-v"]).says("cache: miss in").says("its token has expired");
}

#[test]
fn a_forced_refresh_asks_and_replaces() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let run = |more: &[&'static str]| obtained(&sandbox.client_creds(&tenant, cache.iter().chain(more).copied().chain(["-o", "json"])));
        let (first, _) = run(&[]);
        let (second, source) = run(&["--force-refresh"]);
        assert!(second != first && source == "network", "{cache:?}");
        assert_eq!(run(&[]), (second, "cache".to_owned()), "{cache:?}");
        assert_eq!(tenant.requests().len(), 2);
        let file = if cache.is_empty() { sandbox.cache_file() } else { sandbox.path("shared.json") };
        assert!(!std::fs::read_to_string(file).unwrap().contains(&first), "what is replaced is gone");
    }
}

#[test]
fn silence_is_the_cache_or_exit_4() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    sandbox.client_creds(&tenant, ["--silent"]).refused(4).says("no token is cached that can be used");
    sandbox.client_creds(&tenant, ["--silent", "--cache", "none"]).refused(4);
    let ran = sandbox.client_creds(&tenant, ["--silent", "--error-format", "json"]);
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert_eq!((&error["error"], &error["exit_code"]), (&json!("interaction_required"), &json!(4)), "{error}");
    sandbox.client_creds(&tenant, ["--silent", "--force-refresh"]).refused(2).says("--force-refresh and --silent");
    assert!(tenant.requests().is_empty(), "nobody was asked");
    assert!(names(&sandbox.state()).iter().all(|name| !has_extension(name, "json")));
    let token = sandbox.client_creds(&tenant, []).token().to_owned();
    assert_eq!(sandbox.client_creds(&tenant, ["--silent"]).token(), token);
    sandbox.client_creds(&tenant, ["--silent", "--resource", "sql"]).refused(4).says("other scopes");
    sandbox.client_creds(&tenant, ["--silent", "--min-ttl", "4000"]).refused(4).says("seconds only");
    assert_eq!(tenant.requests().len(), 1);
}

#[test]
fn verbose_says_hit_or_miss_and_why() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let run = |more: &[&'static str]| sandbox.client_creds(&tenant, more.iter().copied().chain(["-v"]));
    run(&[]).says("cache: miss in ").says("nothing is stored yet").says("cache: stored in ");
    run(&[]).says("cache: hit in ").says(" seconds more");
    run(&["--resource", "sql"]).says("its tokens are for other scopes");
    run(&["--min-ttl", "3700"]).says("its token lives for ");
    run(&["--force-refresh"]).says("--force-refresh");
    edit(&Sandbox::cache_file(&sandbox), &[("refresh_on", "1".into()), ("cached_at", "1".into())]);
    let ran = run(&["--silent"]);
    assert!(!ran.stderr.contains("eyJ"), "what is said holds no token: {ran:?}");
}

#[test]
fn a_program_that_writes_the_secret_is_not_run_for_a_cached_token() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let runs = sandbox.path("runs");
    let script = format!("echo run >> '{}'; printf %s '{}'", runs.display(), contoso::DAEMON.secret);
    let write = |script: &str| {
        let secret = json!({"command": ["sh", "-c", script]});
        let parameters =
            json!({"authority": tenant.authority(), "client_id": contoso::DAEMON.client_id, "resource": "graph", "secret": secret});
        sandbox.write("p.json", parameters.to_string())
    };
    let parameters = write(&script);
    let count = || std::fs::read_to_string(&runs).unwrap_or_default().lines().count();
    sandbox.client_creds_with(&tenant, &parameters, ["--silent"]).refused(4);
    assert_eq!(count(), 0, "what is only looked up needs no secret");
    let token = sandbox.client_creds_with(&tenant, &parameters, []).token().to_owned();
    assert_eq!(sandbox.client_creds_with(&tenant, &parameters, []).token(), token);
    assert_eq!(sandbox.client_creds_with(&tenant, &parameters, ["--silent"]).token(), token);
    assert_eq!((count(), tenant.requests().len()), (1, 1));
    sandbox.client_creds_with(&tenant, &parameters, ["--force-refresh"]).token();
    assert_eq!((count(), tenant.requests().len()), (2, 2));
    let other = write(&format!("{script} # another program"));
    sandbox.client_creds_with(&tenant, &other, []).token();
    assert_eq!((count(), tenant.requests().len()), (3, 3), "another program may stand for another secret");
}

#[test]
fn a_token_of_which_nobody_knows_the_end_is_not_kept() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for lifetime in [Value::Null, json!(0), json!(-5)] {
        tenant.next(Misbehaviour::Token(Map::from_iter([("expires_in".to_owned(), lifetime.clone())])));
        let ran = sandbox.client_creds(&tenant, []);
        let token = ran.token_with_warning("nobody knows when it ends");
        for name in names(&sandbox.state()) {
            let content = std::fs::read_to_string(sandbox.state().join(&name)).unwrap();
            assert!(!content.contains(token), "{lifetime}: {name} holds the token");
        }
    }
    sandbox.client_creds(&tenant, []).token();
    assert_eq!(tenant.requests().len(), 4);
}

/// A cached token that the platform wants renewed, and the platform.
fn aging() -> (Tenant, Sandbox, String) {
    let tenant = Tenant::builder().directory(Directory::default().refresh_in(Duration::from_secs(1_000))).start();
    let sandbox = Sandbox::with_cache();
    let token = sandbox.client_creds(&tenant, []).token().to_owned();
    assert_eq!(sandbox.client_creds(&tenant, []).token(), token, "it is not time yet");
    edit(&sandbox.cache_file(), &[("refresh_on", (now() - 1).to_string().into())]);
    (tenant, sandbox, token)
}

#[test]
fn a_token_is_renewed_when_the_platform_wants_it() {
    let (tenant, sandbox, token) = aging();
    assert_eq!(sandbox.client_creds(&tenant, ["--silent"]).token(), token, "who must not ask uses what there is");
    let (renewed, source) = obtained(&sandbox.client_creds(&tenant, ["-o", "json"]));
    assert!(renewed != token && source == "network");
    assert_eq!(obtained(&sandbox.client_creds(&tenant, ["-o", "json"])), (renewed, "cache".to_owned()));
    assert_eq!(tenant.requests().len(), 2);
}

#[test]
fn a_token_that_cannot_be_renewed_is_handed_out_while_it_lives() {
    let lost = vec![Misbehaviour::CutBeforeAnswer; 3];
    let page = Misbehaviour::Status { status: 200, headers: Vec::new(), body: b"<title>Sign in to the hotel</title>".to_vec() };
    for (misbehaviours, more) in [
        (lost, &[][..]),
        (vec![unavailable("3600")], &[]),
        (vec![page], &[]),
        (vec![Misbehaviour::Delay(Duration::from_secs(30))], &["--timeout", "1"]),
    ] {
        let (tenant, sandbox, token) = aging();
        for misbehaviour in &misbehaviours {
            tenant.next(misbehaviour.clone());
        }
        let ran = sandbox.client_creds(&tenant, more.iter().copied());
        assert_eq!(ran.token_with_warning("could not be renewed"), token, "{misbehaviours:?}");
        assert_eq!(tenant.requests().len(), 1 + misbehaviours.len());
    }
}

#[test]
fn a_platform_that_wants_to_be_left_alone_is_not_asked_to_renew() {
    let (tenant, sandbox, token) = aging();
    tenant.next(unavailable("3600"));
    for _ in 0..3 {
        assert_eq!(sandbox.client_creds(&tenant, []).token_with_warning("could not be renewed"), token);
    }
    assert_eq!(tenant.requests().len(), 2);
    let (renewed, _) = obtained(&sandbox.client_creds(&tenant, ["--force-refresh", "-o", "json"]));
    assert_ne!(renewed, token);
}

#[test]
fn an_outage_is_not_waited_for_at_every_command() {
    let (tenant, sandbox, token) = aging();
    for _ in 0..3 {
        tenant.next(Misbehaviour::CutBeforeAnswer);
    }
    for _ in 0..3 {
        assert_eq!(sandbox.client_creds(&tenant, []).token_with_warning("could not be renewed"), token);
    }
    assert_eq!(tenant.requests().len(), 1 + 3, "one command tried three times, and the next ones did not");
}

#[test]
#[cfg(unix)]
fn a_token_that_can_be_used_is_used_where_no_lock_can_be_had() {
    let (tenant, sandbox, token) = aging();
    let locks: Vec<String> = names(&sandbox.state()).into_iter().filter(|name| has_extension(name, "lock")).collect();
    for lock in &locks {
        std::fs::remove_file(sandbox.state().join(lock)).unwrap();
        std::os::unix::fs::symlink("/nowhere", sandbox.state().join(lock)).unwrap();
    }
    assert_eq!(sandbox.client_creds(&tenant, []).token_with_warning("could not be renewed"), token);
    assert_eq!(tenant.requests().len(), 1);
}

#[test]
fn a_refusal_to_renew_is_an_error() {
    let (tenant, sandbox, _) = aging();
    let description = "Sign-in is switched off.".to_owned();
    let error = "unauthorized_client".to_owned();
    tenant.next(Misbehaviour::Refusal { status: 401, error, codes: vec![7000112], description, extra: Map::new() });
    sandbox.client_creds(&tenant, []).refused(3).says("AADSTS7000112");
}

#[test]
fn a_clock_that_was_set_back_makes_stored_times_worthless() {
    const YEAR: u64 = 365 * 86_400;
    for (fields, is_hit) in [
        (vec![("cached_at", now() + 3_600)], false),
        (vec![("expires_on", now() + 2 * YEAR)], false),
        (vec![("cached_at", now() + 10 * YEAR), ("expires_on", now() + 11 * YEAR)], false),
        (vec![("expires_on", u64::MAX)], false),
        // Clocks that share a folder differ a little.
        (vec![("cached_at", now() + 20)], true),
        (vec![("cached_at", 0)], true),
    ] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let token = sandbox.client_creds(&tenant, []).token().to_owned();
        let edits: Vec<(&str, Value)> = fields.iter().map(|(name, value)| (*name, value.to_string().into())).collect();
        edit(&sandbox.cache_file(), &edits);
        let ran = sandbox.client_creds(&tenant, []);
        assert_eq!(ran.token() == token, is_hit, "{fields:?}");
        let again = sandbox.client_creds(&tenant, []);
        assert_eq!(ran.token(), again.token(), "what is got is kept: {fields:?}");
        assert_eq!(tenant.requests().len(), 1 + usize::from(!is_hit), "{fields:?}");
    }
}
