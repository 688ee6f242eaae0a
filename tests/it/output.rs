//! The forms of the result, and the places it goes to.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use local_tenant::{Tenant, contoso};
use serde_json::Value;

use crate::sandbox::{Sandbox, claims};

#[test]
fn each_form_is_what_its_consumer_reads() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let run = |more: &[&str]| {
        let ran = sandbox.client_creds(&tenant, more.iter().copied());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        ran.stdout
    };
    let between = |text: &str, start: &str, end: &str| {
        let token = text.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(claims(token)["appid"], contoso::DAEMON.client_id);
    };
    between(&run(&[]), "", "\n");
    between(&run(&["-o", "header"]), "Authorization: Bearer ", "\n");
    between(&run(&["-o", "curl"]), "header = \"Authorization: Bearer ", "\"\n");
    between(&run(&["-o", "env"]), "export ACCESS_TOKEN='", "'\n");
    between(&run(&["-o", "env", "--env-name", "DATABRICKS_TOKEN"]), "export DATABRICKS_TOKEN='", "'\n");
    assert_eq!(run(&["-o", "none"]), "");
    let object: Value = serde_json::from_str(&run(&["-o", "json"])).unwrap();
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let contract = ["access_token", "client_id", "expires_at", "expires_in", "expires_on", "scope", "source", "tenant_id", "token_type"];
    assert_eq!(names, contract);
    assert_eq!((object["source"].as_str(), object["tenant_id"].as_str()), (Some("network"), Some(contoso::TENANT_ID)));
    let left = object["expires_in"].as_u64().unwrap();
    assert!((3590..=3599).contains(&left), "{left}");
    let az: Value = serde_json::from_str(&run(&["-o", "az"])).unwrap();
    let local = az["expiresOn"].as_str().unwrap();
    assert!(local.len() == "2026-11-21 02:09:00.000000".len() && local.ends_with(".000000"), "{local}");
    assert_eq!(
        (az["tokenType"].as_str(), az["tenant"].as_str(), az["expires_on"].is_u64()),
        (Some("Bearer"), Some(contoso::TENANT_ID), true)
    );
}

#[test]
fn az_is_answered_in_local_time() {
    let tenant = Tenant::start();
    // A zone in the form that needs no database, so that the test is the same on a bare machine.
    let sandbox = Sandbox::new().env("TZ", "XYZ-9");
    let az: Value = serde_json::from_str(&sandbox.client_creds(&tenant, ["-o", "az"]).stdout).unwrap();
    let seconds = i64::try_from(az["expires_on"].as_u64().unwrap()).unwrap() + 9 * 3600;
    let hours_and_minutes = format!(" {:02}:{:02}:", seconds / 3600 % 24, seconds / 60 % 60);
    assert!(az["expiresOn"].as_str().unwrap().contains(&hours_and_minutes), "{az}");
}

#[test]
fn kubectl_gets_a_credential_in_the_version_it_asks_for() {
    let tenant = Tenant::start();
    for (asked, answered) in [(None, "v1beta1"), (Some("v1"), "v1"), (Some("v1beta1"), "v1beta1")] {
        let mut sandbox = Sandbox::new();
        if let Some(version) = asked {
            let info = format!(
                "{{\"apiVersion\":\"client.authentication.k8s.io/{version}\",\"kind\":\"ExecCredential\",\"spec\":{{\"interactive\":false}}}}"
            );
            sandbox = sandbox.env("KUBERNETES_EXEC_INFO", info);
        }
        let ran = sandbox.client_creds(&tenant, ["-o", "exec-credential"]);
        let object: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        assert_eq!(object["apiVersion"], format!("client.authentication.k8s.io/{answered}"));
        assert_eq!(object["kind"], "ExecCredential");
        assert!(object["status"]["expirationTimestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(claims(object["status"]["token"].as_str().unwrap())["appid"], contoso::DAEMON.client_id);
    }
    let sandbox = Sandbox::new().env("KUBERNETES_EXEC_INFO", "{\"apiVersion\":\"client.authentication.k8s.io/v2\"}");
    sandbox.client_creds(&tenant, ["-o", "exec-credential"]).refused(2).says("KUBERNETES_EXEC_INFO");
}

#[test]
fn a_shell_reads_the_env_form() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let exports = sandbox.client_creds(&tenant, ["-o", "env"]).stdout;
    let output = Command::new("sh").args(["-c", "eval \"$1\"; printf %s \"$ACCESS_TOKEN\"", "sh", &exports]).output().unwrap();
    assert_eq!(claims(&String::from_utf8(output.stdout).unwrap())["appid"], contoso::DAEMON.client_id);
}

#[test]
fn a_file_is_replaced_whole_and_readable_by_its_owner_alone() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let target = sandbox.write("token.txt", "old");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut before = std::fs::File::open(&target).unwrap();
    let ran = sandbox.client_creds(&tenant, ["--out-file", "token.txt"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    let mut old = String::new();
    std::io::Read::read_to_string(&mut before, &mut old).unwrap();
    assert_eq!(old, "old", "who reads the old file meanwhile reads it whole");
    assert_eq!(claims(std::fs::read_to_string(&target).unwrap().trim_end())["appid"], contoso::DAEMON.client_id);
    assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(sandbox.files(), ["parameters.json", "token.txt"], "no temporary file is left");
    sandbox.client_creds(&tenant, ["--out-file", "-"]).token();
}

#[test]
fn a_place_that_cannot_take_the_token_is_exit_7_and_stays_as_it_was() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    let sandbox = Sandbox::new();
    let victim = sandbox.write("victim", "untouched");
    symlink(&victim, sandbox.path("link")).unwrap();
    std::fs::hard_link(&victim, sandbox.path("hard")).unwrap();
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(sandbox.path("fifo")).status().unwrap().success());
    for (target, said) in [
        ("link", "symbolic link"),
        ("hard", "hard links"),
        ("fifo", "not a plain file"),
        ("folder", "is a folder"),
        ("missing/x", "does not exist"),
        ("/dev/null", "not a plain file"),
        ("/dev/full", "not a plain file"),
    ] {
        sandbox.client_creds(&tenant, ["--out-file", target]).refused(7).says(said);
    }
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
    assert!(tenant.requests().is_empty(), "no token is asked for that cannot be delivered");
}

#[test]
fn standard_output_that_is_full_is_exit_7_and_one_that_is_gone_is_success() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    let command = || {
        let mut command = sandbox.command(["client-creds"]);
        command.arg(&parameters).arg("--ca-file").arg(tenant.ca_file());
        command
    };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command().stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("standard output") && said.contains("no space left"), "{said}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command().stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn colours_are_for_those_who_ask_or_look() {
    let sandbox = Sandbox::new();
    for (arguments, coloured) in
        [(&["x"][..], false), (&["client-creds", "--color", "always"], true), (&["client-creds", "--color", "never"], false)]
    {
        assert_eq!(sandbox.run(arguments).stderr.contains('\u{1b}'), coloured, "{arguments:?}");
    }
    let shown = |environment: &str| {
        let line = format!("{environment} {} client-creds", env!("CARGO_BIN_EXE_entra-token"));
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("TERM", "xterm")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(shown("").contains("\u{1b}[1m"), "on a terminal errors stand out");
    assert!(!shown("NO_COLOR=1").contains('\u{1b}') && !shown("TERM=dumb").contains('\u{1b}'));
}
