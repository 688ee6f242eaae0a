//! Bad input: refused before anything is sent, with the place and the next step.

use local_tenant::{Tenant, contoso};
use serde_json::json;

use crate::sandbox::Sandbox;

/// Runs with this parameters file and asserts a usage error, at a tenant that is never asked.
#[track_caller]
fn refused(content: impl AsRef<[u8]>, said: &str) {
    let sandbox = Sandbox::new();
    sandbox.write("p.json", content);
    sandbox.run(["client-creds", "p.json", "--no-input"]).refused(2).says(said);
}

#[test]
fn a_parameters_file_that_cannot_be_read_says_where_and_why() {
    refused("", "p.json line 1: the file is empty");
    refused("{\"client_id\": \"a\",\n \"scope\": [\"b\"", "p.json ends in the middle of its JSON, at line 2");
    refused("{\"client_id\": \"a\",\n \"client_id\": \"b\"}", "p.json line 2: \"client_id\" stands twice");
    refused("{\n\n\"client_id\": 12}", "p.json line 3: \"client_id\" is a number");
    refused("{\"scope\": {\"a\": 1}}", "p.json line 1: \"scope\" is an object");
    refused("{\"secret\": [\"x\"]}", "p.json line 1: \"secret\" is an array");
    refused("[\"client_id\"]", "p.json line 1 does not begin with {");
    refused("nonsense", "p.json line 1, column 1 is not JSON");
    refused([b"{\"client_id\": \"a\",\n\"x\": \"".as_slice(), &[0xff, 0xfe], b"\"}"].concat(), "p.json line 2 is not UTF-8");
    refused([&[0xff, 0xfe, b'{', 0, b'}', 0][..]].concat(), "UTF-16");
    refused("[".repeat(100_000), "nesting depth");
    refused("{\"a\":".repeat(20_000), "nesting depth");
    let sandbox = Sandbox::new();
    sandbox.run(["client-creds", "missing.json"]).refused(2).says("the parameters file missing.json cannot be read: no such file");
    sandbox.run(["client-creds", "."]).refused(2).says("it is a folder");
    std::fs::File::create(sandbox.path("large.json")).unwrap().set_len(100 << 20).unwrap();
    sandbox.run(["client-creds", "large.json"]).refused(2).says("larger than 131072 bytes");
}

#[test]
fn a_misspelt_key_is_a_warning_that_names_the_nearest_one() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let daemon = contoso::DAEMON;
    let parameters = json!({"authority": tenant.authority(), "client_id": daemon.client_id, "resource": "graph", "secret": daemon.secret,
        "scoppe": "x", "_comment": 1, "notes": "y", "endpoint": null});
    let parameters = sandbox.write("p.json", parameters.to_string());
    let ran = sandbox.client_creds_with(&tenant, &parameters, []);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.ends_with("line 1: \"scoppe\" is not a known key and is ignored; the nearest known one is \"scope\"\n"), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1);
    sandbox.client_creds_with(&tenant, &parameters, ["-q"]).token();
    let ran = sandbox.client_creds_with(&tenant, &parameters, ["--error-format", "json"]);
    let object: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(object["warnings"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_cannot_work_is_said_before_anything_is_sent() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    let sandbox = Sandbox::new();
    let daemon = contoso::DAEMON;
    let run = |authority: &str, client_id: &str, secret: &str, more: &[&str]| {
        let parameters = sandbox.parameters(authority, client_id, secret);
        let ran = sandbox.client_creds_with(&tenant, &parameters, more.iter().copied());
        assert!(!ran.stderr.contains(daemon.secret), "{ran:?}");
        ran
    };
    let own = tenant.authority();
    let at = |path: &str| format!("{}/{path}", tenant.origin());
    run(&own, daemon.client_id, daemon.secret_id, &[]).refused(2).says("looks like a secret's id").says("use the value");
    run(&own, daemon.client_id, "", &[]).refused(2).says("is empty");
    run(&own, daemon.client_id, "a\nb", &[]).refused(2).says("line break");
    run(&own, daemon.client_id, "Enter_the_Client_Secret_Here", &[]).refused(2).says("placeholder");
    run(&own, "your_client_id", daemon.secret, &[]).refused(2).says("placeholder");
    run(&at("Enter_the_Tenant_Id_Here"), daemon.client_id, daemon.secret, &[]).refused(2).says("placeholder");
    for shared in ["common", "organizations", "consumers"] {
        run(&at(shared), daemon.client_id, daemon.secret, &[])
            .refused(2)
            .says(&format!("the tenant {shared} of"))
            .says("no apps of its own");
    }
    run(&own, daemon.client_id, daemon.secret, &["--tenant-id", "common"]).refused(2).says("--tenant-id");
    let scope = "https://graph.microsoft.com/User.Read";
    run(&own, daemon.client_id, daemon.secret, &["--scope", scope])
        .refused(2)
        .says("does not end in /.default")
        .says("use https://graph.microsoft.com/.default");
    run(&own, daemon.client_id, daemon.secret, &["--resource", "grahp"]).refused(2).says("did you mean graph?");
    run(&own, daemon.client_id, daemon.secret, &["--scope", "graph"]).refused(2).says("use --resource graph");
    run(&own, daemon.client_id, daemon.secret, &["--scope", "a:b/.default", "--resource", "graph"])
        .refused(2)
        .says("--scope and --resource cannot both");
    let other = ["--authority", &own, "--oidc-authority", "https://login.contoso.example"];
    run(&own, daemon.client_id, daemon.secret, &other).refused(2).says("--authority and --oidc-authority cannot both");
    run(&own, daemon.client_id, daemon.secret, &["--cloud", "mars"]).refused(2).says("--cloud names no cloud that is known");
    run(&own, daemon.client_id, daemon.secret, &["--claims", "[1]"]).refused(2).says("not a JSON object");
    assert!(tenant.requests().is_empty());
}

#[test]
fn both_authorities_in_one_file_are_an_error_and_null_is_none() {
    let sandbox = Sandbox::new();
    let both = json!({"authority": "https://login.microsoftonline.com/t.com", "oidc_authority": "https://login.contoso.example", "client_id": "a", "resource": "graph", "secret": "s"});
    sandbox.write("p.json", both.to_string());
    sandbox.run(["client-creds", "p.json"]).refused(2).says("\"authority\"").says("\"oidc_authority\"").says("can be null");
}

#[test]
fn a_secret_that_cannot_be_had_names_its_place() {
    let sandbox = Sandbox::new();
    let with = |secret: serde_json::Value| {
        let parameters = json!({"tenant_id": "t.com", "client_id": "a", "resource": "graph", "secret": secret});
        sandbox.write("p.json", parameters.to_string());
        sandbox.run(["client-creds", "p.json", "--timeout", "1"])
    };
    with(json!({"env": "NOT_SET"})).refused(2).says("NOT_SET, which p.json line 1, \"secret\" names, is not set");
    with(json!({"file": "missing"})).refused(2).says("the file that p.json line 1, \"secret\" names: no such file");
    with(json!({"command": ["false"]})).refused(2).says("the program that p.json line 1, \"secret\" names: it ended with status 1");
    with(json!({"command": ["no-such-program"]})).refused(2).says("no such file");
    with(json!({"command": ["sleep", "30"]})).refused(5).says("no answer within 1 second while reading the program that p.json");
    with(json!({"command": ["sh", "-c", "exec >&-; sleep 30"]})).refused(5).says("while waiting for the program that p.json");
    with(json!({"command": ["head", "-c", "100000", "/dev/zero"]})).refused(2).says("larger than");
    sandbox.write("large", vec![b'a'; 100_000]);
    with(json!({"file": "large"})).refused(2).says("larger than");
    let misplaced = "Zq7Q~CNRY.aB3_x";
    for secret in [json!({"env": misplaced}), json!({"file": misplaced}), json!({"command": [misplaced]})] {
        assert!(!with(secret).refused(2).stderr.contains(misplaced), "a secret in the place of its place is not shown");
    }
    let line = ["client-creds", "--secret-file", misplaced, "--tenant-id", "t", "--client-id", "a", "--resource", "graph"];
    assert!(!sandbox.run(line).refused(2).stderr.contains(misplaced));
    assert!(!sandbox.run(["client-creds", misplaced]).refused(2).stderr.contains(misplaced));
    // What the environment holds as a secret is hidden wherever it turns up.
    let sandbox = Sandbox::new().env("AZURE_CLIENT_SECRET", misplaced);
    for flag in ["--ca-file", "--scope", "--authority", "--out-file", "--resource", "--claims"] {
        for format in ["text", "json"] {
            let line = ["client-creds", "--tenant-id", "t", "--client-id", "a", flag, misplaced, "--error-format", format];
            let ran = sandbox.run(line.into_iter().chain(if flag == "--scope" || flag == "--resource" {
                vec![]
            } else {
                vec!["--resource", "graph"]
            }));
            assert!(!ran.stderr.contains(misplaced), "{ran:?}");
        }
    }
    with(serde_json::Value::Null).refused(2).says("--secret-file PATH").says("AZURE_CLIENT_SECRET").says("\"secret\" in the parameters");
    sandbox
        .run_with_input(["client-creds", "-", "--secret-file", "-"], b"{\"tenant\":\"t\",\"client_id\":\"a\",\"resource\":\"graph\"}")
        .refused(2)
        .says("both");
}

#[test]
fn a_file_with_a_secret_that_others_can_read_earns_one_warning() {
    use std::os::unix::fs::PermissionsExt;
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    std::fs::set_permissions(&parameters, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = sandbox.client_creds_with(&tenant, &parameters, []);
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(0), 1), "{ran:?}");
    ran.says("warning: ").says("chmod 600");
    let safe =
        json!({"authority": tenant.authority(), "client_id": contoso::DAEMON.client_id, "resource": "graph", "secret": {"file": "s"}});
    sandbox.write("s", contoso::DAEMON.secret);
    let safe = sandbox.write("safe.json", safe.to_string());
    std::fs::set_permissions(&safe, std::fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.client_creds_with(&tenant, &safe, []).token();
}

#[test]
fn a_wrong_command_line_is_told_without_its_values() {
    let sandbox = Sandbox::new();
    for (arguments, said) in [
        (&["client-creds", "--client-secret", "CNRY"][..], "there is no option --client-secret"),
        (&["client-creds", "--client-secret=CNRY"], "there is no option --client-secret"),
        (&["client-creds", "--secret", "CNRY"], "--secret-file"),
        (&["client-creds", "a.json", "CNRY"], "one argument too many"),
        (&["client-creds", "--tenant-id", "t", "--client-id", "a", "--scope", &"q".repeat(20_000)], "the scope qqqq"),
        (&["client-creds", "--CNRY~x"], "there is no option of that name"),
        (&["client-creds", "--timeout", "CNRY"], "--timeout has a value that cannot be used"),
        (&["client-creds", "-o", "CNRY"], "--output has a value that is not one of token, json"),
        (&["client-creds", "--resorce", "CNRY"], "did you mean --resource?"),
        (&["client-creds", "--scope"], "--scope has no value"),
        (&["client-creds", "--scope", " "], "--scope has"),
        (&["client-creds", "--client-id", ""], "--client-id has no value"),
        (&["client-cred"], "did you mean client-creds?"),
        (&[], "no command is given"),
        (&["client-creds", "--tenant-id", "a", "--tenant-id", "b"], "--tenant-id is given twice"),
        (&["client-creds", "--env-name", "X"], "--env-name goes with -o env"),
        (&["client-creds", "-o", "env", "--env-name", "a b"], "--env-name is not a variable's name"),
        (
            &[
                "client-creds",
                "--ca-file",
                "missing.pem",
                "--tenant-id",
                "t",
                "--client-id",
                "a",
                "--resource",
                "graph",
                "--secret-file",
                "s",
            ],
            "missing.pem of --ca-file",
        ),
        (
            &[
                "client-creds",
                "--proxy",
                "socks5://u:CNRY@x",
                "--tenant-id",
                "t",
                "--client-id",
                "a",
                "--resource",
                "graph",
                "--secret-file",
                "s",
            ],
            "not supported: socks5",
        ),
    ] {
        sandbox.write("s", "local~secret");
        let ran = sandbox.run(arguments);
        ran.refused(2).says(said);
        assert!(!ran.stderr.contains("CNRY"), "{ran:?}");
        let json = sandbox.run(arguments.iter().chain(&["--error-format", "json"]));
        let object: serde_json::Value = serde_json::from_str(&json.stderr).unwrap_or_else(|_| panic!("{json:?}"));
        assert_eq!(object["exit_code"], 2, "{json:?}");
    }
}

#[test]
fn help_is_on_standard_output_and_lists_what_works() {
    let sandbox = Sandbox::new();
    for arguments in [&["--help"][..], &["client-creds", "--help"], &["-h"], &["--version"]] {
        let ran = sandbox.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        assert!(!ran.stdout.is_empty() && !ran.stdout.contains('\u{1b}'));
    }
    let help = sandbox.run(["--help"]).stdout;
    assert!(help.contains("client-creds") && help.contains("auth-code") && !help.contains("managed-identity"));
}
