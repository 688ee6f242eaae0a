//! The process itself: signals, time, what it opens, what it leaves behind.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use local_tenant::{Misbehaviour, Tenant, contoso};

use crate::sandbox::{Ran, Sandbox};

/// Starts a run whose answer comes late, waits until it has asked, and sends it a signal.
fn interrupted(signal: &str) -> Ran {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.next(Misbehaviour::Delay(Duration::from_secs(20)));
    let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    let mut command = sandbox.command(["client-creds"]);
    command.arg(&parameters).arg("--ca-file").arg(tenant.ca_file()).arg("--out-file").arg(sandbox.path("token"));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while tenant.requests().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(10), "the request never came");
        std::thread::sleep(Duration::from_millis(10));
    }
    let sent = std::process::Command::new("sh").args(["-c", "kill $0 $1", signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ran = Ran::new(&child.wait_with_output().unwrap());
    assert!(start.elapsed() < Duration::from_secs(10), "a signal ends the command at once");
    assert_eq!(sandbox.files(), ["parameters.json"], "nothing is left behind");
    ran
}

#[test]
fn ctrl_c_ends_with_130_and_terminate_with_143() {
    interrupted("-INT").refused(130).says("error: interrupted");
    interrupted("-TERM").refused(143);
}

#[test]
fn an_input_that_never_comes_ends_with_the_commands_time() {
    let sandbox = Sandbox::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = sandbox.command(["client-creds", "-", "--timeout", "0.5"]);
    let output = command.stdin(reader).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    drop(writer);
    Ran::new(&output).refused(5).says("while reading standard input");
    assert!(std::process::Command::new("mkfifo").arg(sandbox.path("fifo")).status().unwrap().success());
    sandbox.run(["client-creds", "fifo", "--timeout", "0.5"]).refused(5).says("while reading fifo");
}

#[test]
fn a_dead_network_is_exit_5_with_a_next_step() {
    let sandbox = Sandbox::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    sandbox.write("s", "local~secret");
    let run = |authority: &str| {
        sandbox.run([
            "client-creds",
            "--authority",
            authority,
            "--client-id",
            "a",
            "--resource",
            "graph",
            "--secret-file",
            "s",
            "--timeout",
            "9",
        ])
    };
    run(&format!("http://127.0.0.1:{port}/t")).refused(5).says("cannot connect to 127.0.0.1").says("--proxy").says("ids:  correlation");
    run("https://no-such-host.invalid/t").refused(5).says("the host no-such-host.invalid cannot be found");
}

#[test]
fn a_server_that_is_not_trusted_gets_nothing() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    let sandbox = Sandbox::new();
    let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    let start = Instant::now();
    sandbox.run(["client-creds".as_ref(), parameters.as_os_str()]).refused(5);
    assert!(start.elapsed() < Duration::from_secs(2), "what TLS refuses is not tried again");
    let other = Tenant::start();
    other.allow_idle();
    let ran = sandbox.run(["client-creds".as_ref(), parameters.as_os_str(), "--ca-file".as_ref(), other.ca_file().as_os_str()]);
    ran.refused(5).says("is not signed by an authority that is trusted here").says("--ca-file");
    assert!(tenant.requests().is_empty());
}

#[test]
fn the_systems_authorities_are_a_file_or_a_folder() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    std::fs::create_dir(sandbox.path("certificates")).unwrap();
    std::fs::copy(tenant.ca_file(), sandbox.path("certificates/1.pem")).unwrap();
    let sandbox = sandbox.env("SSL_CERT_FILE", "/nonexistent.pem").env("SSL_CERT_DIR", "certificates");
    sandbox.run(["client-creds".as_ref(), parameters.as_os_str()]).token();
}

#[test]
fn a_machine_without_authorities_is_told_what_to_install() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    let sandbox = Sandbox::new().env("SSL_CERT_FILE", "/nonexistent/bundle.pem");
    let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    sandbox
        .run(["client-creds".as_ref(), parameters.as_os_str()])
        .refused(5)
        .says("no certificate authorities were found")
        .says("ca-certificates");
}

#[cfg(target_os = "linux")]
#[test]
fn other_processes_of_the_user_cannot_look_inside() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.next(Misbehaviour::Delay(Duration::from_secs(20)));
    let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    let mut command = sandbox.command(["client-creds"]);
    command.arg(&parameters).arg("--ca-file").arg(tenant.ca_file());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while tenant.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let read = |name: &str| std::fs::read(format!("/proc/{}/{name}", child.id())).unwrap();
    let command_line = String::from_utf8(read("cmdline")).unwrap();
    let limits = String::from_utf8(read("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
    // A process that cannot be dumped belongs to root in /proc, whoever runs it.
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{}/environ", child.id())).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!command_line.contains(contoso::DAEMON.secret));
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert_eq!(owner, 0);
}

#[test]
fn a_system_that_has_no_more_to_give_is_told_from_a_bug() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.allow_idle();
    sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    let command = format!("ulimit -n 5; exec {} client-creds parameters.json", env!("CARGO_BIN_EXE_entra-token"));
    let output = std::process::Command::new("sh").args(["-c", &command]).current_dir(sandbox.path("")).output().unwrap();
    Ran::new(&output).refused(1).says("Too many open files").says("ulimit");
}

#[test]
fn a_descriptor_path_works_as_a_file() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    let ca = tenant.ca_file().to_string_lossy().into_owned();
    let content = std::fs::read(&parameters).unwrap();
    sandbox.run_with_input(["client-creds", "/dev/stdin", "--ca-file", &ca], &content).token();
}

/// Runs a shell command on a terminal of its own, waits for the question, answers it, and gives what a person saw.
pub(crate) fn answered(sandbox: &Sandbox, command: &str, question: &str, answer: &str) -> String {
    typed(sandbox, command, &[(question, answer.as_bytes())])
}

/// The same for several: what is waited for, and what is typed then.
pub(crate) fn typed(sandbox: &Sandbox, command: &str, steps: &[(&str, &[u8])]) -> String {
    let mut script = std::process::Command::new("script");
    script.args(["-qec", command, "/dev/null"]).current_dir(sandbox.path(""));
    script.env_clear().envs(sandbox.command([""; 0]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    // It goes on when what it runs has dealt with Ctrl-C.
    script.env("SHELL", "/bin/bash");
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = script.spawn().expect("script, which util-linux has, can be started");
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut shown = Vec::new();
    for (question, answer) in steps {
        let start = shown.len();
        let mut byte = [0];
        while !String::from_utf8_lossy(&shown[start..]).contains(question) {
            assert_eq!(output.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
            shown.push(byte[0]);
        }
        // The terminal is ready a moment after the question is there.
        std::thread::sleep(Duration::from_millis(200));
        std::io::Write::write_all(&mut input, answer).unwrap();
    }
    output.read_to_end(&mut shown).unwrap();
    child.wait().unwrap();
    String::from_utf8_lossy(&shown).into_owned()
}

const QUESTION: &str = "Client secret: ";

/// The command of a user who gives everything but the secret.
fn without_secret(authority: &str, more: &str) -> String {
    let (binary, client_id) = (env!("CARGO_BIN_EXE_entra-token"), contoso::DAEMON.client_id);
    format!("{binary} client-creds --authority {authority} --client-id {client_id} --resource graph {more}; echo code=$?; stty -a")
}

#[test]
fn the_terminal_is_asked_for_a_missing_secret_without_echo() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    for more in ["", "--secret-file -"] {
        let command = without_secret(&tenant.authority(), &format!("--ca-file {} {more}", tenant.ca_file().display()));
        let shown = answered(&sandbox, &command, QUESTION, &format!("{}\n", contoso::DAEMON.secret));
        assert!(!shown.contains(contoso::DAEMON.secret), "{more}: the secret is shown: {shown}");
        assert!(shown.contains("eyJ") && shown.contains("code=0") && shown.contains(" echo "), "{more}: {shown}");
    }
}

#[test]
fn a_question_without_an_answer_leaves_the_terminal_as_it_was() {
    let sandbox = Sandbox::new();
    let authority = "https://login.microsoftonline.com/contoso.com";
    for (answer, more, code, said) in [
        ("\u{3}", "", 130, "error: interrupted"),
        ("abc\u{3}", "", 130, "error: interrupted"),
        ("\u{4}", "", 2, "no client secret could be asked for"),
        ("\n", "", 2, "is empty"),
        ("", "--timeout 0.5", 6, "nobody answered within 0.5 seconds"),
    ] {
        let shown = answered(&sandbox, &without_secret(authority, &format!("--color never {more}")), QUESTION, answer);
        assert!(shown.contains(said) && shown.contains(&format!("code={code}")), "{answer:?} {more}: {shown}");
        assert!(shown.contains(" echo ") && !shown.contains(" -echo "), "{answer:?} {more}: {shown}");
    }
    let command = without_secret(authority, "--color never");
    let (line, rest) = command.split_once(';').unwrap();
    let command = format!("(sleep 1; kill $(cat pid)) & sh -c 'echo $$ > pid; exec {line}';{rest}");
    let shown = answered(&sandbox, &command, QUESTION, "");
    assert!(shown.contains("error: terminated") && shown.contains("code=143") && shown.contains(" echo "), "{shown}");
}

#[test]
fn a_command_that_is_stopped_at_a_question_hides_what_is_typed_when_it_goes_on() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let command = without_secret(&tenant.authority(), &format!("--color never --ca-file {}", tenant.ca_file().display()));
    let (line, _) = command.split_once(';').unwrap();
    let command = format!("set -m; {line}; echo stopped=$?; stty -a; fg; echo code=$?; stty -a");
    let steps = [
        (QUESTION, &b"half of it\x1a"[..]),
        ("stopped=148", b""),
        (" echo ", b""),
        (QUESTION, contoso::DAEMON.secret.as_bytes()),
        ("", b"\n"),
    ];
    let shown = typed(&sandbox, &command, &steps);
    assert!(!shown.contains(contoso::DAEMON.secret) && !shown.contains("half of it"), "what is typed is shown: {shown}");
    assert!(shown.contains("eyJ") && shown.contains("code=0") && !shown.contains(" -echo "), "{shown}");
}

#[test]
fn what_is_typed_can_be_mended_and_has_to_be_text() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let command = without_secret(&tenant.authority(), &format!("--ca-file {}", tenant.ca_file().display()));
    let mended = format!("wrong\x15{}and a\x08\x7f word\x17\x7f\x7f\x7f\x7f\n", contoso::DAEMON.secret);
    let steps = [(QUESTION, &b"p\xfcss\n"[..]), (QUESTION, b"left\x1b[D\n"), (QUESTION, mended.as_bytes())];
    let shown = typed(&sandbox, &command, &steps);
    assert!(shown.contains("eyJ") && shown.contains("code=0") && shown.matches("cannot be typed here").count() == 2, "{shown}");
}
