//! Many processes that want a token at once: one asks, and what comes of it, good or bad, is for all.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local_tenant::{Directory, Misbehaviour, Tenant, contoso};
use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox, can_trace, has_extension, names};

/// A tenant that takes its time, so that many wait for one answer.
fn slow() -> Tenant {
    Tenant::builder().directory(Directory::default().answers_after(Duration::from_millis(200))).start()
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started")
}

fn finish(child: Child) -> Ran {
    Ran::new(&child.wait_with_output().unwrap())
}

/// Runs commands at the same time.
pub(crate) fn together(commands: impl IntoIterator<Item = Command>) -> Vec<Ran> {
    let children: Vec<Child> = commands.into_iter().map(|mut command| start(&mut command)).collect();
    children.into_iter().map(finish).collect()
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("sh").args(["-c", "kill -s $0 $1", signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until something holds; a test that waits for too long has failed.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "not within 20 seconds: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads what a process says until it has said something; gives all of it.
fn until_it_says(child: &mut Child, text: &str) -> String {
    let mut said = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&said).contains(text) {
        let count = child.stderr.as_mut().unwrap().read(&mut byte).unwrap();
        assert_eq!(count, 1, "it ended without saying {text:?}: {}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
    String::from_utf8(said).unwrap()
}

/// Whether a process has handlers for Ctrl-C and for what asks it to end; where the system does not tell, it is taken for true.
fn handles_signals(child: &Child) -> bool {
    const BOTH: u64 = 1 << 1 | 1 << 14;
    let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) else { return true };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("Linux tells");
    u64::from_str_radix(caught.trim(), 16).expect("a number") & BOTH == BOTH
}

/// Starts a run that asks a tenant which does not answer, and waits until it has asked.
fn leader(tenant: &Tenant, sandbox: &Sandbox, more: &[&'static str]) -> Child {
    let before = tenant.requests().len();
    tenant.next(Misbehaviour::Delay(Duration::from_mins(5)));
    let child = start(&mut sandbox.command(sandbox.arguments(tenant, more.iter().copied())));
    until("the leader asks", || tenant.requests().len() > before);
    child
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Makes the tokens of a file ones that the platform wants renewed from a time on.
fn renew_from(file: &Path, refresh_on: &str) {
    let mut cache: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for entry in cache["AccessToken"].as_object_mut().unwrap().values_mut() {
        entry["refresh_on"] = refresh_on.into();
    }
    std::fs::write(file, cache.to_string()).unwrap();
}

/// The locks of the one request in the cache's folder: its own, and that of its identity's file.
fn lock_files(sandbox: &Sandbox) -> Vec<PathBuf> {
    let locks: Vec<PathBuf> =
        names(&sandbox.state()).iter().filter(|name| has_extension(name, "lock")).map(|name| sandbox.state().join(name)).collect();
    assert_eq!(locks.len(), 2, "{locks:?}");
    locks
}

/// The JSON error of a run that the platform refused or that could not reach it.
#[track_caller]
fn error(ran: &Ran) -> Value {
    assert_eq!(ran.stdout, "", "{ran:?}");
    serde_json::from_str(&ran.stderr).expect("one JSON object")
}

#[test]
fn sixty_cold_processes_make_one_request() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (slow(), Sandbox::with_cache());
        let arguments = sandbox.arguments(&tenant, cache.iter().copied());
        let all = together((0..60).map(|_| sandbox.command(&arguments)));
        let tokens: Vec<&str> = all.iter().map(Ran::token).collect();
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{cache:?}");
        assert_eq!(tenant.token_requests().len(), 1, "{cache:?}");
        let left: Vec<String> = sandbox.files().into_iter().chain(names(&sandbox.state())).collect();
        assert!(left.iter().all(|name| !name.contains("lockfile") && !name.contains(".tmp")), "{left:?}");
        assert_eq!(sandbox.client_creds(&tenant, cache.iter().copied().chain(["--silent"])).token(), tokens[0]);
    }
}

#[test]
fn one_request_is_enough_for_all_who_want_a_token_that_lives_longer_than_any() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (slow(), Sandbox::with_cache());
        let arguments = sandbox.arguments(&tenant, cache.iter().copied().chain(["--min-ttl", "999999"]));
        let all = together((0..20).map(|_| sandbox.command(&arguments)));
        let first = all[0].token_with_warning("--min-ttl asks for");
        assert!(all.iter().all(|ran| ran.token_with_warning("--min-ttl asks for") == first), "{cache:?}");
        assert_eq!(tenant.token_requests().len(), 1, "{cache:?}");
        assert_ne!(Ran::new(&sandbox.command(&arguments).output().unwrap()).token_with_warning("--min-ttl asks for"), first);
    }
}

#[test]
fn one_process_renews_for_all() {
    let directory = Directory::default().refresh_in(Duration::from_secs(1_000)).answers_after(Duration::from_millis(300));
    let (tenant, sandbox) = (Tenant::builder().directory(directory).start(), Sandbox::with_cache());
    let old = sandbox.client_creds(&tenant, []).token().to_owned();
    renew_from(&sandbox.cache_file(), "1");
    let arguments = sandbox.arguments(&tenant, []);
    let all = together((0..20).map(|_| sandbox.command(&arguments)));
    let new = sandbox.client_creds(&tenant, []).token().to_owned();
    assert!(new != old && all.iter().all(|ran| [&new, &old].iter().any(|token| *token == ran.token())));
    assert_eq!(tenant.token_requests().len(), 2);
}

#[test]
fn each_identity_asks_once() {
    let claims = ["--claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#];
    let (tenant, sandbox) = (slow(), Sandbox::with_cache());
    let domain = format!("{}/{}", tenant.origin(), contoso::TENANT_DOMAIN);
    let own = tenant.authority();
    let daemon = contoso::DAEMON;
    let identities: [(&str, &str, &str, &[&str]); 5] = [
        (&own, daemon.client_id, daemon.secret, &[]),
        (&own, daemon.client_id, daemon.secret, &claims),
        (&own, daemon.client_id, contoso::DAEMON_SECOND_SECRET, &[]),
        (&domain, daemon.client_id, daemon.secret, &[]),
        (&own, contoso::UNPRIVILEGED.client_id, contoso::UNPRIVILEGED.secret, &[]),
    ];
    let command = |at: usize| {
        let (authority, client_id, secret, more) = identities[at % identities.len()];
        let parameters = json!({"authority": authority, "client_id": client_id, "secret": secret, "resource": "graph"});
        let file = sandbox.write(&format!("p{at}.json"), parameters.to_string());
        let mut command = sandbox.command(["client-creds".as_ref(), file.as_os_str(), "--ca-file".as_ref(), tenant.ca_file().as_os_str()]);
        command.args(more);
        command
    };
    let all = together((0..30).map(command));
    assert_eq!(tenant.token_requests().len(), identities.len());
    let tokens: Vec<&str> = all.iter().map(Ran::token).collect();
    for (at, token) in tokens.iter().enumerate() {
        assert_eq!(tokens.iter().position(|other| other == token), Some(at % identities.len()), "token {at} is another identity's");
    }
}

#[test]
fn a_refusal_is_for_all_who_wait() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (slow(), Sandbox::with_cache());
        let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, "local~wrong");
        let command = || {
            let mut command = sandbox.command(["client-creds", "--error-format", "json"]);
            command.arg(&parameters).arg("--ca-file").arg(tenant.ca_file()).args(cache);
            command
        };
        let all = together((0..20).map(|_| command()));
        let errors: Vec<Value> = all.iter().map(error).collect();
        assert!(all.iter().all(|ran| ran.code == Some(3)) && errors[0]["error_codes"] == json!([7000215]), "{}", errors[0]);
        assert!(errors.iter().all(|error| *error == errors[0]), "all have the same answer, ids included");
        assert_eq!(tenant.token_requests().len(), 1, "{cache:?}");
    }
}

#[test]
fn a_refusal_is_remembered_for_the_same_request_only() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let run = |secret: &str, more: &[&str]| {
        let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, secret);
        sandbox.client_creds_with(&tenant, &parameters, more.iter().copied())
    };
    // It holds for some seconds; a machine that is slower than that is asked to try again.
    let is_remembered = || {
        let start = Instant::now();
        run("local~wrong", &["--force-refresh"]).refused(3);
        run("local~wrong", &[]).refused(3);
        let before = tenant.requests().len();
        run("local~wrong", &["-v"]).refused(3).says("AADSTS7000215");
        (tenant.requests().len() == before, start.elapsed() < Duration::from_secs(4))
    };
    let tried = (0..5).map(|_| is_remembered()).find(|(_, is_in_time)| *is_in_time);
    assert!(tried.expect("a machine that starts three processes within 4 seconds").0, "it was asked again");
    for (secret, more, exit) in [
        ("local~wrong", &["--resource", "sql"][..], 3),
        ("local~wrong2", &[], 3),
        ("local~wrong", &["--force-refresh"], 3),
        (contoso::DAEMON.secret, &[], 0),
    ] {
        let before = tenant.requests().len();
        assert_eq!(run(secret, more).code, Some(exit));
        assert_eq!(tenant.requests().len(), before + 1, "{more:?} is another request");
    }
    std::thread::sleep(Duration::from_millis(5_500));
    let before = tenant.requests().len();
    run("local~wrong", &["--resource", "sql"]).refused(3);
    assert_eq!(tenant.requests().len(), before + 1, "it is forgotten soon");
}

#[test]
fn what_is_remembered_holds_no_secret() {
    const SECRET: &str = "CNRY~s3cret/with+odd";
    let status = |status, body: String| Misbehaviour::Status {
        status,
        headers: vec![("Retry-After".to_owned(), "3600".to_owned())],
        body: body.into_bytes(),
    };
    let echo = json!({"error": "invalid_client", "error_description": format!("AADSTS7000215: {SECRET}"), "suberror": SECRET}).to_string();
    for misbehaviour in [status(401, echo.clone()), status(429, echo), status(503, SECRET.to_owned()), status(200, SECRET.to_owned())] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, SECRET);
        tenant.next(misbehaviour.clone());
        for _ in 0..2 {
            let ran = sandbox.client_creds_with(&tenant, &parameters, ["-vv"]);
            assert!(matches!(ran.code, Some(3 | 5)), "{ran:?}");
            assert!(!ran.stderr.contains("CNRY"), "{misbehaviour:?}: {ran:?}");
        }
        for name in names(&sandbox.state()) {
            let content = std::fs::read_to_string(sandbox.state().join(&name)).unwrap();
            assert!(!content.contains("CNRY"), "{misbehaviour:?}: {name}: {content}");
        }
    }
}

#[test]
fn a_platform_that_asks_to_be_left_alone_is() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let app = contoso::THROTTLED;
        let parameters = sandbox.parameters(&tenant.authority(), app.client_id, app.secret);
        let run = |more: &[&'static str]| {
            let more = cache.iter().chain(more).copied().chain(["--error-format", "json"]);
            let ran = sandbox.client_creds_with(&tenant, &parameters, more);
            assert_eq!(ran.code, Some(5), "{ran:?}");
            error(&ran)["retry_after"].as_u64().expect("a number of seconds")
        };
        let first = run(&[]);
        assert_eq!(first, u64::from(contoso::THROTTLED_RETRY_AFTER));
        std::thread::sleep(Duration::from_millis(1_100));
        let later = run(&[]);
        assert!((1..first).contains(&later), "{later}");
        assert_eq!(tenant.requests().len(), 1, "{cache:?}");
        assert_eq!(run(&["--force-refresh"]), first);
        assert_eq!(tenant.requests().len(), 2, "{cache:?}");
    }
}

#[test]
fn a_lost_connection_is_for_those_who_waited_and_nobody_else() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for _ in 0..3 {
        tenant.next(Misbehaviour::CutBeforeAnswer);
    }
    let leader = start(&mut sandbox.command(sandbox.arguments(&tenant, ["-v"])));
    until("the leader asks", || !tenant.requests().is_empty());
    // It stands still while the others come, however slow they are.
    signal(&leader, "STOP");
    let arguments = sandbox.arguments(&tenant, ["-v"]);
    let mut followers: Vec<Child> = (0..5).map(|_| start(&mut sandbox.command(&arguments))).collect();
    for follower in &mut followers {
        until_it_says(follower, "waiting for process ");
    }
    signal(&leader, "CONT");
    finish(leader).refused(5).says("was lost");
    for follower in followers {
        finish(follower).says("error: ").says("was lost");
    }
    assert_eq!(tenant.requests().len(), 3, "the leader asked three times, and nobody else did");
    sandbox.client_creds(&tenant, []).token();
    assert_eq!(tenant.requests().len(), 4, "who comes later asks");
}

#[test]
fn a_leader_that_stands_still_is_waited_for_and_then_done_without() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let leader = leader(&tenant, &sandbox, cache);
        signal(&leader, "STOP");
        let start = Instant::now();
        let ran = sandbox.client_creds(&tenant, cache.iter().copied().chain(["--timeout", "4"]));
        let waited = start.elapsed();
        ran.token_with_warning(&format!("process {}, which asks for the same token, has stood still", leader.id()));
        assert!((Duration::from_millis(1_900)..Duration::from_secs(4)).contains(&waited), "{waited:?}");
        assert_eq!(tenant.requests().len(), 2);
        kill(leader);
        // The lock of a dead process is free at once.
        let token = sandbox.client_creds(&tenant, cache.iter().copied()).token().to_owned();
        assert_eq!((sandbox.client_creds(&tenant, cache.iter().copied()).token(), tenant.requests().len()), (token.as_str(), 3));
    }
}

#[test]
fn a_leader_that_is_at_work_is_waited_for_however_slow_the_platform_is() {
    let directory = Directory::default().answers_after(Duration::from_secs(3));
    let (tenant, sandbox) = (Tenant::builder().directory(directory).start(), Sandbox::with_cache());
    // Half of this time is what one that stands still is given.
    let arguments = sandbox.arguments(&tenant, ["--timeout", "5"]);
    let runs: Vec<Child> = (0..8).map(|_| start(&mut sandbox.command(&arguments))).collect();
    let tokens: Vec<String> = runs.into_iter().map(|run| finish(run).token().to_owned()).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(tenant.requests().len(), 1);
}

#[test]
fn time_that_is_up_while_another_asks_is_a_time_out_and_no_further_request() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let leader = leader(&tenant, &sandbox, &[]);
    let ran = sandbox.client_creds(&tenant, ["--timeout", "2"]);
    ran.refused(5).says(&format!("waiting for process {}", leader.id()));
    assert_eq!(tenant.requests().len(), 1);
    kill(leader);
}

#[test]
fn a_platform_that_throttles_an_app_is_left_alone_for_every_scope() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let app = contoso::THROTTLED;
    let parameters = sandbox.parameters(&tenant.authority(), app.client_id, app.secret);
    for resource in ["graph", "arm", "sql"] {
        sandbox.client_creds_with(&tenant, &parameters, ["--resource", resource]).refused(5).says("too many requests");
    }
    assert_eq!(tenant.requests().len(), 1);
    sandbox.client_creds(&tenant, []).token();
}

#[test]
fn a_renewal_that_is_told_to_wait_does_not_wait() {
    let directory = Directory::default().refresh_in(Duration::from_secs(1_000));
    let (tenant, sandbox) = (Tenant::builder().directory(directory).start(), Sandbox::with_cache());
    let token = sandbox.client_creds(&tenant, []).token().to_owned();
    renew_from(&sandbox.cache_file(), "1");
    let headers = vec![("retry-after".to_owned(), "30".to_owned())];
    tenant.next(Misbehaviour::Status { status: 429, headers, body: Vec::new() });
    let start = Instant::now();
    for _ in 0..3 {
        assert_eq!(sandbox.client_creds(&tenant, []).token_with_warning("status 429"), token);
    }
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert_eq!(tenant.requests().len(), 2);
}

#[test]
fn who_waits_for_a_leader_that_is_killed_asks() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let leader = leader(&tenant, &sandbox, &[]);
    let arguments = sandbox.arguments(&tenant, ["-v"]);
    let mut followers: Vec<Child> = (0..3).map(|_| start(&mut sandbox.command(&arguments))).collect();
    let name = format!("waiting for process {}", leader.id());
    for follower in &mut followers {
        until_it_says(follower, &name);
    }
    kill(leader);
    let tokens: Vec<String> = followers.into_iter().map(|follower| finish(follower).stdout).collect();
    assert!(tokens[0].starts_with("eyJ") && tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(tenant.requests().len(), 2, "one of those who waited asked for all");
}

#[test]
fn who_has_a_token_waits_for_nobody() {
    let directory = Directory::default().refresh_in(Duration::from_secs(1_000));
    let (tenant, sandbox) = (Tenant::builder().directory(directory).start(), Sandbox::with_cache());
    let token = sandbox.client_creds(&tenant, []).token().to_owned();
    renew_from(&sandbox.cache_file(), "1");
    let leader = leader(&tenant, &sandbox, &[]);
    signal(&leader, "STOP");
    assert_eq!(sandbox.client_creds(&tenant, []).token(), token, "what can be used is used while another asks");
    renew_from(&sandbox.cache_file(), "99999999999");
    assert_eq!(sandbox.client_creds(&tenant, []).token(), token, "what is fresh takes no lock");
    renew_from(&sandbox.cache_file(), "1");
    assert_eq!(tenant.requests().len(), 2);
    kill(leader);
    assert_ne!(sandbox.client_creds(&tenant, []).token(), token);
}

#[test]
fn requests_for_other_scopes_wait_for_nobody_and_keep_each_others_tokens() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let leader = leader(&tenant, &sandbox, &[]);
    signal(&leader, "STOP");
    let resources = ["arm", "sql", "keyvault", "storage", "databricks"];
    let mut commands: Vec<_> = resources.iter().map(|name| sandbox.command(sandbox.arguments(&tenant, ["--resource", name]))).collect();
    let runs: Vec<Child> = commands.iter_mut().map(start).collect();
    let tokens: Vec<String> = runs.into_iter().map(|run| finish(run).token().to_owned()).collect();
    kill(leader);
    for (name, token) in resources.iter().zip(&tokens) {
        assert_eq!(sandbox.client_creds(&tenant, ["--resource", name, "--silent"]).token(), token, "{name}");
    }
}

#[test]
fn ctrl_c_ends_the_wait() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let leader = leader(&tenant, &sandbox, &[]);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let mut follower = start(&mut sandbox.command(sandbox.arguments(&tenant, ["-v"])));
        until_it_says(&mut follower, "waiting for process ");
        until("it handles signals", || handles_signals(&follower));
        signal(&follower, name);
        let ran = finish(follower);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
    }
    kill(leader);
    assert_eq!(tenant.requests().len(), 1);
}

#[test]
fn lock_files_cost_nothing_and_are_never_deleted() {
    use std::os::unix::fs::MetadataExt;
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    sandbox.client_creds(&tenant, []).token();
    let locks = lock_files(&sandbox);
    let numbers = || locks.iter().map(|lock| std::fs::metadata(lock).unwrap().ino()).collect::<Vec<_>>();
    let before = numbers();
    let remove = ["cache", "remove", "--client-id", contoso::DAEMON.client_id];
    for (at, command) in [&["cache", "clear"][..], &remove, &["cache", "clear"]].into_iter().enumerate() {
        // Whatever a dead process left in it.
        for lock in &locks {
            std::fs::write(lock, ["", "1", "999999999 garbage\n\0"][at]).unwrap();
        }
        assert_eq!(sandbox.run(command).code, Some(0));
        assert_eq!(numbers(), before, "{command:?}");
        sandbox.client_creds(&tenant, []).token();
        assert_eq!(tenant.requests().len(), 2 + at);
        assert_eq!(numbers(), before);
    }
}

#[test]
fn a_forced_refresh_is_not_held_up_for_long() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let leader = leader(&tenant, &sandbox, &[]);
    signal(&leader, "STOP");
    let start = Instant::now();
    let ran = sandbox.client_creds(&tenant, ["--force-refresh", "--timeout", "3"]);
    let token = ran.token().to_owned();
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert_eq!(sandbox.client_creds(&tenant, []).token(), token, "it is cached, whoever else asks");
    kill(leader);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_system_without_locks_costs_one_warning_and_leaves_nothing() {
    if !can_trace() {
        return; // CI has it.
    }
    for cache in [&[][..], &["--cache", "shared.json"]] {
        for error in ["ENOLCK", "EOPNOTSUPP"] {
            let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
            let inject = format!("inject=flock:error={error}");
            let arguments = sandbox.arguments(&tenant, cache.iter().copied().chain(["--timeout", "8"]));
            let strace = ["strace", "-f", "-qq", "-o", "trace", "-e", &inject];
            let ran = Ran::new(&sandbox.command_by(&strace, &arguments).output().unwrap());
            assert!(ran.code == Some(0) && ran.stdout.starts_with("eyJ") && ran.stderr.lines().count() <= 1, "{ran:?}");
            let left: Vec<String> = sandbox.files().into_iter().chain(names(&sandbox.state())).collect();
            let is_left = |name: &&String| name.contains(".tmp") || name.contains("lockfile");
            assert_eq!(left.iter().filter(is_left).count(), 0, "{error}: {left:?}");
        }
    }
}

/// A run that has a token and waits for the lock of a shared file.
fn waiting_for(lock: &Path, tenant: &Tenant, sandbox: &Sandbox, more: &[&'static str]) -> Child {
    let before = tenant.requests().len();
    let arguments = sandbox.arguments(tenant, ["--cache", "shared.json"].into_iter().chain(more.iter().copied()));
    let child = start(&mut sandbox.command(arguments));
    until("the platform is asked", || tenant.requests().len() > before);
    assert!(lock.exists());
    child
}

#[test]
fn the_lock_of_a_dead_program_is_taken_over_at_once() {
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    for content in [format!("{} python3", dead.id()), format!("{}", dead.id()), String::new()] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        sandbox.write("shared.json.lockfile", &content);
        // Less than the five seconds after which a lock that only exists is not heeded any longer.
        let token = sandbox.client_creds(&tenant, ["--cache", "shared.json", "--timeout", "4"]).token().to_owned();
        assert_eq!(sandbox.client_creds(&tenant, ["--cache", "shared.json", "--silent"]).token(), token, "{content:?}");
        assert!(!sandbox.path("shared.json.lockfile").exists(), "{content:?}");
    }
}

#[test]
fn the_lock_of_a_living_program_is_waited_for() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let lock = sandbox.path("shared.json.lockfile");
    let mut file = std::fs::File::create_new(&lock).unwrap();
    file.lock().unwrap();
    write!(file, "{} a test", std::process::id()).unwrap();
    let mut child = waiting_for(&lock, &tenant, &sandbox, &[]);
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none() && !sandbox.path("shared.json").exists(), "the lock was not heeded");
    // As MSAL's extensions do: the file goes, then the lock on it.
    sandbox.write("shared.json", r#"{"Account": {"theirs": {"username": "a@b.c"}}}"#);
    std::fs::remove_file(&lock).unwrap();
    drop(file);
    let token = finish(child).token().to_owned();
    let cache = std::fs::read_to_string(sandbox.path("shared.json")).unwrap();
    assert!(cache.contains(&token) && cache.contains("a@b.c"), "both are there: {cache}");
    assert!(!lock.exists());
}

#[test]
fn a_lock_that_is_never_given_back_costs_the_wait_and_a_warning() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let lock = sandbox.path("shared.json.lockfile");
    let file = std::fs::File::create_new(&lock).unwrap();
    file.lock().unwrap();
    let child = waiting_for(&lock, &tenant, &sandbox, &["--timeout", "3"]);
    finish(child).token_with_warning("the token is not cached: ");
    assert!(lock.exists() && !sandbox.path("shared.json").exists());
}

#[test]
fn a_file_that_another_is_writing_is_not_taken_for_a_broken_one() {
    const ROUNDS: usize = 25;
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let (file, lock) = (sandbox.path("shared.json"), sandbox.path("shared.json.lockfile"));
    sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token();
    std::thread::scope(|scope| {
        // Under the lock, in place, and slowly: as MSAL's extensions write, on a machine that has much to do.
        let writer = scope.spawn(|| {
            for round in 0..ROUNDS {
                let held = loop {
                    if let Ok(made) = std::fs::File::create_new(&lock) {
                        // Who finds it empty for long takes it for a leftover, and has it then.
                        if made.try_lock().is_ok() {
                            break made;
                        }
                    }
                    std::thread::sleep(Duration::from_millis(1));
                };
                (&held).write_all(std::process::id().to_string().as_bytes()).unwrap();
                let mut cache: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
                cache["Theirs"][format!("round {round}")] = json!("x".repeat(500));
                let content = cache.to_string();
                let mut open = std::fs::File::create(&file).unwrap();
                for part in content.as_bytes().chunks(content.len() / 3 + 1) {
                    open.write_all(part).unwrap();
                    std::thread::sleep(Duration::from_millis(8));
                }
                std::fs::remove_file(&lock).unwrap();
                drop(held);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        while !writer.is_finished() {
            sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token();
            sandbox.client_creds(&tenant, ["--cache", "shared.json", "--force-refresh"]).token();
        }
        writer.join().unwrap();
    });
    let cache: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(cache["Theirs"].as_object().unwrap().len(), ROUNDS, "what the other wrote is there");
    assert_eq!(cache["AccessToken"].as_object().unwrap().len(), 1);
    assert_eq!(sandbox.files(), [".local", "parameters.json", "shared.json"], "nothing was moved aside, no lock is left");
}
