//! `cache`: what is kept is shown without its secrets, and forgotten as asked.

use local_tenant::{Tenant, contoso};
use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox, has_extension, names};

const CLIENT: &str = contoso::DAEMON.client_id;

/// What the list says, as JSON.
#[track_caller]
fn listed(ran: &Ran) -> Vec<Value> {
    ran.json().as_array().expect("an array").clone()
}

/// A cache as MSAL keeps it for a desktop app: two accounts with tokens of two apps, and an app's own token.
fn msal() -> String {
    let account = |uid: &str, name: &str, realm: &str| {
        json!({"home_account_id": format!("{uid}.{realm}"), "environment": "login.microsoftonline.com", "realm": realm,
               "local_account_id": uid, "username": name, "authority_type": "MSSTS"})
    };
    let token = |kind: &str, id: Option<&str>, client: &str, realm: &str, secret: &str| {
        json!({"credential_type": kind, "home_account_id": id, "environment": "login.microsoftonline.com", "client_id": client,
               "realm": realm, "target": "User.Read openid", "secret": secret, "cached_at": "1", "expires_on": "4000000000",
               "token_type": "Bearer"})
    };
    let refresh = |id: &str, client: &str, secret: &str| {
        json!({"credential_type": "RefreshToken", "home_account_id": id, "environment": "login.microsoftonline.com",
               "client_id": client, "secret": secret, "target": "openid"})
    };
    let (adele, grady) = ("adele.t1", "grady.t2");
    json!({
        "AccessToken": {
            "1": token("AccessToken", Some(adele), "app1", "t1", "CNRY-at-adele"),
            "2": token("AccessToken", Some(adele), "app2", "t3", "CNRY-at-adele-app2"),
            "3": token("AccessToken", Some(grady), "app1", "t2", "CNRY-at-grady"),
            "4": token("AccessToken", None, "app3", "t1", "CNRY-at-app"),
        },
        "RefreshToken": { "1": refresh(adele, "app1", "CNRY-rt-adele"), "2": refresh(grady, "app1", "CNRY-rt-grady") },
        "IdToken": {
            "1": token("IdToken", Some(adele), "app1", "t1", "CNRY-id-adele"),
            "2": token("IdToken", Some(grady), "app1", "t2", "CNRY-id-grady"),
        },
        "Account": { "1": account("adele", "AdeleV@contoso.com", "t1"), "2": account("grady", "GradyA@contoso.com", "t2") },
        "AppMetadata": { "1": {"client_id": "app1", "environment": "login.microsoftonline.com", "family_id": "1"} },
        "Theirs": { "kept": "as it is" },
    })
    .to_string()
}

/// The secrets and names that are left in the hand-written cache.
fn left(sandbox: &Sandbox) -> Vec<&'static str> {
    const ALL: [&str; 10] = [
        "CNRY-at-adele\"",
        "CNRY-at-adele-app2",
        "CNRY-at-grady",
        "CNRY-at-app",
        "CNRY-rt-adele",
        "CNRY-rt-grady",
        "CNRY-id-adele",
        "CNRY-id-grady",
        "AdeleV@",
        "GradyA@",
    ];
    let content = std::fs::read_to_string(sandbox.path("shared.json")).unwrap();
    ALL.into_iter().filter(|text| content.contains(text)).map(|text| text.trim_matches(['"', '@'])).collect()
}

#[test]
fn the_list_shows_everything_but_the_secrets() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let empty = sandbox.run(["cache", "list"]);
    assert_eq!((empty.stdout.as_str(), empty.stderr.as_str()), ("", "nothing is kept\n"));
    assert_eq!(listed(&sandbox.run(["cache", "list", "-o", "json"])), Vec::<Value>::new());
    assert_eq!(sandbox.files(), Vec::<String>::new(), "looking makes nothing");
    let token = sandbox.client_creds(&tenant, []).token().to_owned();
    let other = sandbox.client_creds(&tenant, ["--resource", "sql"]).token().to_owned();
    let third =
        sandbox.client_creds(&tenant, ["--authority", &format!("{}/{}", tenant.origin(), contoso::TENANT_DOMAIN)]).token().to_owned();
    let json = sandbox.run(["cache", "list", "--output", "json"]);
    let items = listed(&json);
    assert_eq!(items.len(), 3);
    for item in &items {
        assert_eq!((&item["kind"], &item["client_id"]), (&json!("access_token"), &json!(CLIENT)), "{item}");
        assert_eq!((&item["tenant_id"], &item["account"]), (&json!(contoso::TENANT_ID), &Value::Null), "{item}");
        assert_eq!((&item["environment"], &item["expired"]), (&json!("localhost"), &json!(false)), "{item}");
        assert!(item["expires_on"].as_u64().is_some() && item["expires_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{item}");
        let file = std::path::Path::new(item["file"].as_str().unwrap());
        assert!(file.starts_with(sandbox.state()) && file.is_file(), "{item}");
    }
    assert!(items.iter().any(|item| item["scopes"] == json!(["https://graph.microsoft.com/.default"])), "{items:?}");
    let text = sandbox.run(["cache", "list"]);
    assert_eq!((text.code, text.stderr.as_str(), text.stdout.lines().count()), (Some(0), "", 4), "{text:?}");
    assert!(text.stdout.starts_with("KIND ") && text.stdout.contains("in 5") && text.stdout.contains(CLIENT), "{}", text.stdout);
    for more in [&["-v"][..], &["-vv"], &["-q"], &["-o", "json", "-vv"]] {
        let ran = sandbox.run(["cache", "list"].into_iter().chain(more.iter().copied()));
        for secret in [&token, &other, &third, "eyJ", contoso::DAEMON.secret] {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "a secret is in {ran:?}");
        }
    }
}

#[test]
fn the_list_of_a_file_that_msal_wrote_names_its_accounts() {
    let sandbox = Sandbox::with_cache();
    sandbox.write("shared.json", msal());
    let ran = sandbox.run(["cache", "list", "--cache", "shared.json", "-o", "json"]);
    let items = listed(&ran);
    let kinds: Vec<&str> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "access_token").count(), 4);
    assert_eq!(kinds.iter().filter(|kind| **kind == "refresh_token").count(), 2);
    assert_eq!(kinds.iter().filter(|kind| **kind == "id_token").count(), 2);
    let adeles = items.iter().filter(|item| item["account"]["username"] == "AdeleV@contoso.com");
    assert!(adeles.clone().count() >= 4 && adeles.clone().all(|item| item["account"]["home_account_id"] == "adele.t1"), "{items:?}");
    assert!(items.iter().all(|item| item["file"].as_str().unwrap().ends_with("shared.json")));
    let text = sandbox.run(["cache", "list", "--cache", "shared.json", "-v"]);
    assert!(text.stdout.contains("AdeleV@contoso.com") && text.stdout.contains("GradyA@contoso.com"), "{}", text.stdout);
    for ran in [&ran, &text] {
        assert!(!ran.stdout.contains("CNRY") && !ran.stderr.contains("CNRY"), "{ran:?}");
    }
}

#[test]
fn what_others_wrote_does_no_harm_to_a_terminal() {
    let sandbox = Sandbox::with_cache();
    let odd = "\u{1b}]52;c;x\u{7}\n::set-env name=x::\u{202e}";
    let mut entry = json!({"expires_on": u64::MAX, "secret": "s"});
    for name in ["client_id", "home_account_id", "realm", "environment", "target"] {
        entry[name] = odd.into();
    }
    let account = json!({"username": odd, "home_account_id": odd});
    let cache = json!({"AccessToken": {odd: entry, "n": null, "l": []}, "Account": {odd: account}});
    sandbox.write("shared.json", cache.to_string());
    for format in ["text", "json"] {
        let ran = sandbox.run(["cache", "list", "--cache", "shared.json", "-o", format]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        let is_harmless = |character: char| character == '\n' || !character.is_control() && character != '\u{202e}';
        assert!(ran.stdout.chars().all(is_harmless), "{ran:?}");
        assert!(!ran.stdout.lines().any(|line| line.starts_with("::")), "{ran:?}");
    }
    assert_eq!(sandbox.run(["cache", "remove", "--username", odd, "--cache", "shared.json"]).code, Some(0));
}

#[test]
fn one_broken_file_hides_no_other() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for resource in ["graph", "sql"] {
        sandbox.client_creds(&tenant, ["--resource", resource]).token();
    }
    let digits = "0123456789abcdef0123456789abcde";
    for (at, content) in [&b"CNRY garbage"[..], b"\xff\xff", b"[]", b"{\"AccessToken\": {\"a\": {\"secret\": \"CNRY"].iter().enumerate() {
        std::fs::write(sandbox.state().join(format!("app-{digits}{at}.json")), content).unwrap();
    }
    std::fs::create_dir(sandbox.state().join(format!("app-{digits}a.json"))).unwrap();
    std::fs::write(sandbox.state().join("notes.json"), "not ours").unwrap();
    let ran = sandbox.run(["cache", "list", "-o", "json"]);
    assert_eq!((listed(&ran).len(), ran.stderr.lines().count()), (2, 5), "{ran:?}");
    assert!(ran.stderr.lines().all(|line| line.starts_with("warning: left out: ")) && !ran.stderr.contains("CNRY"), "{ran:?}");
    assert!(names(&sandbox.state()).iter().all(|name| !name.contains("corrupt")), "looking changes nothing");
    let ran = sandbox.run(["cache", "list", "--error-format", "json"]);
    let said: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(said["warnings"].as_array().map(Vec::len), Some(5), "{ran:?}");
    std::fs::remove_dir(sandbox.state().join(format!("app-{digits}a.json"))).unwrap();
    assert_eq!(sandbox.run(["cache", "remove", "--client-id", CLIENT]).code, Some(0));
    assert_eq!(listed(&sandbox.run(["cache", "list", "-o", "json", "-q"])).len(), 0, "what is broken does not keep the rest");
    assert_eq!(sandbox.run(["cache", "clear"]).code, Some(0));
    let left = names(&sandbox.state());
    assert!(left.iter().all(|name| name == "notes.json" || has_extension(name, "lock")), "{left:?}");
}

#[test]
fn remove_takes_what_fits_and_nothing_else() {
    let all = left(&{
        let sandbox = Sandbox::with_cache();
        sandbox.write("shared.json", msal());
        sandbox
    });
    assert_eq!(all.len(), 10);
    let without = |gone: &[&str]| all.iter().copied().filter(|name| !gone.contains(name)).collect::<Vec<&str>>();
    for (options, expected) in [
        (&["--client-id", "app3"][..], without(&["CNRY-at-app"])),
        (&["--client-id", "app2"], without(&["CNRY-at-adele-app2"])),
        // With its last token an account goes.
        (
            &["--client-id", "app1"],
            without(&["CNRY-at-adele", "CNRY-at-grady", "CNRY-rt-adele", "CNRY-rt-grady", "CNRY-id-adele", "CNRY-id-grady", "GradyA"]),
        ),
        (&["--username", "gradya@CONTOSO.com"], without(&["CNRY-at-grady", "CNRY-rt-grady", "CNRY-id-grady", "GradyA"])),
        (
            &["--username", "AdeleV@contoso.com"],
            without(&["CNRY-at-adele", "CNRY-at-adele-app2", "CNRY-rt-adele", "CNRY-id-adele", "AdeleV"]),
        ),
        (&["--username", "AdeleV@contoso.com", "--client-id", "app2"], without(&["CNRY-at-adele-app2"])),
        (&["--username", "AdeleV@contoso.com", "--tenant-id", "t3"], without(&["CNRY-at-adele-app2"])),
        (&["--tenant-id", "t3"], without(&["CNRY-at-adele-app2"])),
        // The refresh token of who is at home there goes too: it would sign in again.
        (&["--tenant-id", "T2"], without(&["CNRY-at-grady", "CNRY-rt-grady", "CNRY-id-grady", "GradyA"])),
        (&["--username", "nobody@contoso.com"], without(&[])),
        (&["--client-id", "app"], without(&[])),
        (&["--client-id", "app3", "--tenant-id", "t2"], without(&[])),
    ] {
        let sandbox = Sandbox::with_cache();
        sandbox.write("shared.json", msal());
        let ran = sandbox.run(["cache", "remove", "--cache", "shared.json"].into_iter().chain(options.iter().copied()));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
        assert_eq!(left(&sandbox), expected, "{options:?}");
        assert!(!ran.stderr.contains("CNRY") && ran.stderr.lines().count() == 1, "{ran:?}");
        let content = std::fs::read_to_string(sandbox.path("shared.json")).unwrap();
        assert!(content.contains(r#"{"kept":"as it is"}"#), "{options:?}: {content}");
        assert_eq!(sandbox.files(), ["shared.json"], "neither lock nor anything else is left");
    }
}

#[test]
fn remove_works_in_the_folder_too() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let domain = format!("{}/{}", tenant.origin(), contoso::TENANT_DOMAIN);
    let fabrikam = format!("{}/{}", tenant.origin(), contoso::FABRIKAM_ID);
    let fill = || {
        for (authority, app) in [
            (tenant.authority(), contoso::DAEMON),
            (domain.clone(), contoso::DAEMON),
            (tenant.authority(), contoso::UNPRIVILEGED),
            (fabrikam.clone(), contoso::FABRIKAM_DAEMON),
        ] {
            let parameters = sandbox.parameters(&authority, app.client_id, app.secret);
            sandbox.client_creds_with(&tenant, &parameters, []).token();
        }
    };
    for (options, count) in [
        (&["--client-id", CLIENT][..], 2),
        (&["--client-id", &CLIENT.to_uppercase()], 2),
        (&["--tenant-id", contoso::FABRIKAM_ID], 3),
        (&["--tenant-id", contoso::TENANT_ID], 1),
        // The token that was asked for by the domain's name.
        (&["--tenant-id", contoso::TENANT_DOMAIN], 3),
        (&["--tenant-id", contoso::TENANT_ID, "--client-id", contoso::UNPRIVILEGED.client_id], 3),
        (&["--tenant-id", contoso::FABRIKAM_ID, "--client-id", CLIENT], 4),
        (&["--username", "somebody@contoso.com"], 4),
    ] {
        fill();
        let ran = sandbox.run(["cache", "remove"].into_iter().chain(options.iter().copied()));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
        assert_eq!(listed(&sandbox.run(["cache", "list", "-o", "json"])).len(), count, "{options:?}");
        let files = names(&sandbox.state()).into_iter().filter(|name| has_extension(name, "json")).count();
        assert_eq!(files, count, "a file without tokens goes: {options:?}");
    }
    sandbox.run(["cache", "remove", "--client-id", CLIENT]);
    let before = tenant.requests().len();
    sandbox.client_creds(&tenant, []).token();
    assert_eq!(tenant.requests().len(), before + 1, "what was removed is asked for again");
}

#[test]
fn remove_without_a_choice_removes_nothing() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    sandbox.client_creds(&tenant, []).token();
    sandbox.run(["cache", "remove"]).refused(2).says("cache clear");
    sandbox.run(["cache", "remove", "--client-id", ""]).refused(2);
    sandbox.run(["cache"]).refused(2);
    sandbox.run(["cache", "remove", "--client-id", "x", "--cache", "missing/shared.json"]);
    assert_eq!(listed(&sandbox.run(["cache", "list", "-o", "json"])).len(), 1);
    assert!(!sandbox.path("missing").exists());
}

#[test]
fn remove_leaves_no_secret_of_a_broken_file() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let token = sandbox.client_creds(&tenant, cache.iter().copied()).token().to_owned();
        let file = if cache.is_empty() { sandbox.cache_file() } else { sandbox.path("shared.json") };
        // Cut behind the token.
        let content = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, &content[..content.rfind('}').unwrap() - 2]).unwrap();
        let ran = sandbox.run(["cache", "remove", "--client-id", CLIENT].into_iter().chain(cache.iter().copied()));
        let folder = file.parent().unwrap();
        let holds = |name: &String| std::fs::read_to_string(folder.join(name)).is_ok_and(|content| content.contains(&token));
        let holding: Vec<String> = names(folder).into_iter().filter(holds).collect();
        // Either it is gone, or the person is told that it is not.
        let is_told = ran.code != Some(0) || ran.stderr.contains("warning: ");
        assert!(holding.is_empty() || is_told, "{holding:?} still has what was to be removed, and that is not said: {ran:?}");
    }
}

#[test]
fn clear_leaves_nothing_whatever_there_was() {
    for content in [&b"{\"AccessToken\": {\"a\": {\"secret\": \"CNRY"[..], b"\xff", b"", &"x".repeat(1 << 20).into_bytes()] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        sandbox.client_creds(&tenant, []).token();
        let file = sandbox.cache_file();
        let name = file.file_name().unwrap().to_str().unwrap();
        for name in [name, &format!("{name}.corrupt-1"), &format!(".{name}.0.tmp"), &name.replace(".json", ".failure")] {
            std::fs::write(sandbox.state().join(name), content).unwrap();
        }
        let ran = sandbox.run(["cache", "clear"]);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().count()), (Some(0), "", 1), "{ran:?}");
        let left = names(&sandbox.state());
        assert!(left.iter().all(|name| has_extension(name, "lock")), "{left:?}");
        assert_eq!(sandbox.run(["cache", "clear"]).code, Some(0), "nothing is as good");
        sandbox.client_creds(&tenant, []).token();
        assert_eq!(tenant.requests().len(), 2);
    }
}

#[test]
fn clear_of_a_shared_file_takes_what_was_moved_aside_too() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let clear = || sandbox.run(["cache", "clear", "--cache", "shared.json"]);
    assert_eq!(clear().code, Some(0), "nothing is as good");
    for content in ["{\"AccessToken\": {\"a\": {\"secret\": \"CNRY", ""] {
        sandbox.write("shared.json", content);
        assert_eq!(clear().code, Some(0));
        assert!(!sandbox.path("shared.json").exists());
    }
    sandbox.write("shared.json", "{\"AccessToken\": {\"a\": {\"secret\": \"CNRY");
    sandbox.write("bystander.json", "{}");
    sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token_with_warning("is now");
    assert_eq!(clear().code, Some(0));
    assert_eq!(sandbox.files(), [".local", "bystander.json", "parameters.json"], "nothing of the cache is left");
}

#[test]
fn path_says_where_tokens_are_kept() {
    let sandbox = Sandbox::with_cache();
    let path = |arguments: &[&str]| {
        let ran = sandbox.run(["cache", "path"].into_iter().chain(arguments.iter().copied()));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        ran.stdout
    };
    assert_eq!(path(&[]), format!("{}\n", sandbox.state().display()));
    assert_eq!(path(&["--cache", "none"]), "none\n");
    assert_eq!(path(&["--cache", "a/shared.json"]), "a/shared.json\n");
    assert_eq!(sandbox.files(), Vec::<String>::new(), "asking makes nothing");
    let state = Sandbox::with_cache().env("XDG_STATE_HOME", "/some/where");
    assert_eq!(state.run(["cache", "path"]).stdout, "/some/where/entra-token\n");
    let relative = Sandbox::with_cache().env("XDG_STATE_HOME", "relative");
    assert_eq!(relative.run(["cache", "path"]).stdout, format!("{}\n", relative.state().display()), "a relative one is none");
    let named = Sandbox::with_cache().env("ENTRA_TOKEN_CACHE", "/c.json");
    assert_eq!(named.run(["cache", "path"]).stdout, "/c.json\n");
    assert_eq!(named.run(["cache", "path", "--cache", "/d.json"]).stdout, "/d.json\n");
}

#[test]
fn the_commands_say_where_there_is_no_cache() {
    let off = Sandbox::new();
    assert_eq!(off.run(["cache", "path"]).stdout, "none\n");
    assert_eq!(listed(&off.run(["cache", "list", "-o", "json"])).len(), 0);
    assert_eq!(off.run(["cache", "remove", "--client-id", "x"]).code, Some(0));
    assert_eq!(off.run(["cache", "clear"]).code, Some(0));
    let homeless = Sandbox::with_cache().env("HOME", "relative");
    homeless.run(["cache", "path"]).refused(2).says("there is no home folder");
    homeless.run(["cache", "clear"]).refused(2).says("XDG_STATE_HOME");
    for more in [&["list"][..], &["remove", "--client-id", "x"]] {
        let ran = homeless.run(["cache"].into_iter().chain(more.iter().copied()));
        assert!(matches!(ran.code, Some(0 | 2)) && ran.stdout.is_empty() && !ran.stderr.contains("panicked"), "{ran:?}");
    }
    assert_eq!((off.files(), homeless.files()), (Vec::new(), Vec::new()));
}

#[test]
#[cfg(unix)]
fn a_file_that_was_named_by_mistake_is_not_lost() {
    use std::os::unix::fs::symlink;
    let sandbox = Sandbox::with_cache();
    let victim = sandbox.write("victim", "{}");
    symlink(&victim, sandbox.path("link")).unwrap();
    std::fs::hard_link(&victim, sandbox.path("hard")).unwrap();
    sandbox.write("package.json", r#"{"name": "entra"}"#);
    assert!(std::process::Command::new("mkfifo").arg(sandbox.path("fifo")).status().unwrap().success());
    for (name, why) in [
        ("link", "symbolic link"),
        ("hard", "hard link"),
        ("package.json", "no token cache"),
        ("fifo", "not a plain file"),
        ("/dev/null", "plain file"),
    ] {
        sandbox.run(["cache", "clear", "--cache", name]).refused(7).says(why);
        assert!(sandbox.path(name).symlink_metadata().is_ok(), "{name}");
    }
    sandbox.write("notes.txt", "what I must not forget");
    let ran = sandbox.run(["cache", "clear", "--cache", "notes.txt"]);
    assert_eq!(ran.code, Some(0));
    let aside = sandbox.files().into_iter().find(|name| name.starts_with("notes.txt.corrupt-")).expect("it is moved aside");
    assert_eq!(std::fs::read_to_string(sandbox.path(&aside)).unwrap(), "what I must not forget");
    assert!(ran.stderr.contains(&aside), "{ran:?}");
}

#[test]
#[cfg(unix)]
fn what_is_no_cache_is_not_cleared_away() {
    use std::os::unix::fs::symlink;
    let sandbox = Sandbox::with_cache();
    std::fs::create_dir(sandbox.path("elsewhere")).unwrap();
    sandbox.write("elsewhere/app-0123456789abcdef0123456789abcdef.json", "{}");
    std::fs::create_dir_all(sandbox.state().parent().unwrap()).unwrap();
    symlink(sandbox.path("elsewhere"), sandbox.state()).unwrap();
    sandbox.run(["cache", "clear"]).refused(7).says("symbolic link");
    sandbox.run(["cache", "list"]).refused(7).says("symbolic link");
    assert_eq!(names(&sandbox.path("elsewhere")).len(), 1);
}
