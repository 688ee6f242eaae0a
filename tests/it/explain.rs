//! `explain`: what an error means, offline, and nothing of the text that is not recognised.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox};

const APP: &str = "535fb089-9ff3-47b6-9bfb-4f1264799865";

#[track_caller]
fn explained(arguments: &[&str]) -> String {
    let ran = Sandbox::new().run(["explain"].iter().chain(arguments));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    ran.stdout
}

/// The codes that are explained, in their order.
#[track_caller]
fn codes(arguments: &[&str]) -> Vec<String> {
    of_json(&Sandbox::new().run(["explain", "-o", "json"].iter().chain(arguments)))
}

#[track_caller]
fn of_json(ran: &Ran) -> Vec<String> {
    let list = ran.json();
    list.as_array().expect("an array").iter().map(|item| item["code"].as_str().expect("a code").to_owned()).collect()
}

#[test]
fn a_code_is_explained_in_the_shape_of_errors() {
    let text = explained(&["AADSTS50126"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "AADSTS50126: the user name or password is not right");
    let labels: Vec<&str> = lines[1..].iter().map(|line| &line[..8]).collect();
    assert_eq!(labels, ["  why:  ", "  who:  ", "  fix:  ", "  try:  "], "{text}");
    assert!(text.contains("tenant TENANT;") && text.contains("--password-file"), "{text}");
    assert!(lines[4].ends_with("entra-token username-password --client-id CLIENT_ID --tenant-id TENANT --scope SCOPE --username NAME"));
    for same in ["50126", "aadsts50126", "AADSTS 50126", "https://login.microsoftonline.com/error?code=50126"] {
        assert_eq!(explained(&[same]), text, "{same}");
    }
    assert_eq!(explained(&["AADSTS", "50126"]), text, "a shell takes a text apart");
}

#[test]
fn every_family_is_known() {
    for (code, what) in [
        ("AADB2C90118", "AADB2C90118: the person has forgotten the password"),
        ("msis7068", "MSIS7068: the federation server denies access"),
        ("ID3242", "ID3242: the user name or password is not right at the federation's own server"),
        ("unknown_user_type", "unknown_user_type: Entra does not know what kind of account this is"),
        ("invalid_grant", "invalid_grant: what was presented for a token is not valid"),
    ] {
        assert_eq!(explained(&[code]).lines().next(), Some(what));
    }
}

#[test]
fn a_whole_text_has_several_codes_and_its_own_values() {
    let text = format!(
        "AADSTS700016: Application with identifier '{APP}' was not found in the directory 'contoso.onmicrosoft.com'. AADSTS70002: x. \
         AADSTS700016 again.\r\nTrace ID: 50126000-1111-2222-3333-444444444444\r\nCorrelation ID: 9b0c44f1-0000-4000-8000-000000050034\r\n\
         Timestamp: 2026-11-21 02:09:00Z"
    );
    assert_eq!(codes(&[&text]), ["AADSTS700016", "AADSTS70002"]);
    let text = explained(&[&text]);
    assert!(text.contains(&format!("{APP} is misspelt")) && text.contains("to tenant contoso.onmicrosoft.com"), "{text}");
    assert!(text.contains("\n\nAADSTS70002: ") && !text.contains("50126000") && !text.contains("9b0c44f1"), "{text}");
    let words = ["The", "scope", "AADSTS70011:", "the", "scope", "https://example.com/x.read", "isn't", "valid"];
    assert!(explained(&words).contains("\"https://example.com/x.read\" does not have a form"));
}

#[test]
fn json_is_explained_as_entra_and_as_this_program_write_it() {
    let body = json!({"error": "invalid_grant", "error_description": "AADSTS53000: Device is not compliant.", "error_codes": [53000],
                      "suberror": "message_only", "trace_id": "50126000-1111-2222-3333-444444444444"});
    for text in [
        body.to_string(),
        format!("{body:#}"),
        format!("02:09:00 [50034] ERROR {body} took 50126 ms"),
        format!("b\"{:?}\"", body.to_string()),
    ] {
        let ran = Sandbox::new().run_with_input(["explain", "-o", "json"], text.as_bytes());
        let list = ran.json();
        assert_eq!(of_json(&ran), ["AADSTS53000"], "{text}");
        assert_eq!((&list[0]["who"], &list[0]["exit_code"]), (&json!("tenant_admin"), &json!(3)), "its suberror counts: {text}");
    }
    let own = Sandbox::new().run(["client-creds", "--error-format", "json", "--no-input"]).stderr;
    Sandbox::new().run_with_input(["explain", "-"], own.as_bytes()).refused(2).says("no code");
    let own = json!({"error": "invalid_client", "error_codes": [7_000_215], "message": "the client secret is not right", "exit_code": 3});
    let ran = Sandbox::new().run_with_input(["explain", "-", "-o", "json"], own.to_string().as_bytes());
    assert_eq!(of_json(&ran), ["AADSTS7000215"]);
}

#[test]
fn the_json_of_an_explanation_has_every_field() {
    let ran = Sandbox::new().run(["explain", "--output", "json", "50076 99999999 65004 AADB2C1 90033"]);
    assert!(ran.stdout.is_ascii(), "{}", ran.stdout);
    let list = ran.json();
    for item in list.as_array().unwrap() {
        for field in ["code", "known", "what", "why", "who", "fix", "command", "exit_code", "url"] {
            assert!(item.get(field).is_some(), "{field}: {item}");
        }
        assert!(item["fix"].as_str().is_some_and(|fix| !fix.is_empty()) && item["exit_code"].is_u64(), "{item}");
    }
    let fields = |at: usize| ["code", "known", "who", "exit_code", "url"].map(|field| list[at][field].clone());
    let page = |code: u32| json!(format!("https://login.microsoftonline.com/error?code={code}"));
    assert_eq!(fields(0), [json!("AADSTS50076"), json!(true), json!("sign_in"), json!(4), page(50076)]);
    assert_eq!(fields(1), [json!("AADSTS99999999"), json!(false), Value::Null, json!(3), page(99_999_999)]);
    assert_eq!(fields(2), [json!("AADSTS65004"), json!(true), json!("sign_in"), json!(6), page(65004)]);
    assert_eq!(fields(3), [json!("AADB2C1"), json!(false), Value::Null, json!(3), Value::Null]);
    assert_eq!(fields(4), [json!("AADSTS90033"), json!(true), json!("platform"), json!(5), page(90033)]);
    assert_eq!((&list[1]["what"], &list[4]["command"]), (&Value::Null, &Value::Null));
}

#[test]
fn an_unknown_code_is_said_to_be_unknown() {
    let text = explained(&["AADSTS99999999"]);
    let page = "https://login.microsoftonline.com/error?code=99999999";
    assert_eq!(text, format!("AADSTS99999999: not known to this version of entra-token\n  fix:  look it up at {page}\n"));
}

#[test]
fn a_text_without_a_code_is_an_error_in_the_usual_shape() {
    let sandbox = Sandbox::new();
    for text in ["", "hello", "port 50126 at 10:50", "404", "AADSTS"] {
        sandbox.run(["explain", text]).refused(2).says("no code").says("\n  fix:  ");
        sandbox.run_with_input(["explain", "-"], text.as_bytes()).refused(2);
        sandbox.run_with_input(["explain"], text.as_bytes()).refused(2);
    }
    sandbox.run(["explain"]).refused(2).says("no code");
    let ran = sandbox.run(["explain", "hello", "--error-format", "json"]);
    let object: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((ran.code, &object["exit_code"], ran.stdout.as_str()), (Some(2), &json!(2), ""));
}

#[test]
fn nothing_of_the_text_is_shown_but_what_has_the_form_of_a_value() {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhIn0.c2lnbmF0dXJl";
    let nasty = format!(
        "::set-env name=A::b\n##vso[task.setvariable variable=a]b\u{1b}]52;c;QQ==\u{7}\u{202e}\nAADSTS65001: x AADSTS50126\n\
         in tenant ::add-mask::x directory '\u{1b}[2J' the scope $(reboot) password=CNRYpass access_token {token} \
         client_secret=11111111-2222-3333-4444-555555555555 client {token}"
    );
    for format in ["text", "json"] {
        let ran = Sandbox::new().run_with_input(["explain", "-", "-o", format, "-vv"], nasty.as_bytes());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for output in [&ran.stdout, &ran.stderr] {
            assert!(!output.contains(|character: char| character.is_control() && character != '\n'), "{output:?}");
            for part in ["::", "##", "vso", "CNRY", "eyJ", "reboot", "11111111", "QQ==", "add-mask"] {
                assert!(!output.contains(part), "{part} is in {output}");
            }
        }
        assert!(ran.stdout.contains("AADSTS65001") && ran.stdout.contains("TENANT") && ran.stdout.contains("CLIENT_ID"), "{ran:?}");
    }
}

#[test]
fn input_of_any_size_and_kind_is_looked_at_as_far_as_it_goes() {
    let sandbox = Sandbox::new();
    let mut large = b"AADSTS50034 ".to_vec();
    large.extend(std::iter::repeat_n(b"\xff\xfe\x00id3242 aadsts ".as_slice(), 300_000).flatten());
    large.extend(b" AADSTS50126");
    let ran = sandbox.run_with_input(["explain", "-"], &large);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("AADSTS50034: ") && !ran.stdout.contains("50126"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "warning: only the first 1048576 bytes of standard input were looked at\n");
    let parts = ["scope=", "error_codes\":[", "aadsts", "directory '", "\"claims", "00000000-", "id3242", "unknown_user", "é_", "code=  "];
    for part in parts {
        let repeated = format!("{} AADSTS50126", part.repeat((1 << 20) / part.len() - 10));
        let ran = sandbox.run_with_input(["explain", "-", "--timeout", "20"], repeated.as_bytes());
        assert!(ran.code == Some(0) && ran.stdout.len() < 4_000, "{part}: {}", ran.stderr);
    }
    let many: String = (10_000..20_000).map(|number| format!("AADSTS{number}\n")).collect();
    assert_eq!(of_json(&sandbox.run_with_input(["explain", "-o", "json"], many.as_bytes())).len(), 100);
}

#[test]
fn a_reader_that_goes_away_has_seen_enough() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["explain", "50126"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn the_help_has_examples() {
    let help = Sandbox::new().run(["explain", "--help"]).stdout;
    assert!(help.contains("entra-token explain AADSTS50126") && help.contains("standard input"), "{help}");
    assert!(help.lines().filter(|line| line.contains("entra-token explain")).all(|line| line.len() < 80), "{help}");
}

#[test]
fn the_commands_that_are_suggested_are_ones_that_there_are() {
    let ran = Sandbox::new().run(["explain", "-o", "json", "50058 65004 90038 50059 9002346 70011 16000 7000215 70019"]);
    for item in ran.json().as_array().unwrap() {
        let line = item["command"].as_str().unwrap_or_else(|| panic!("a command: {item}"));
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        let help = Sandbox::new().run([words[0], "--help"]).stdout;
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{line}: no option {option}");
        }
    }
}
