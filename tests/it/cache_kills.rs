//! A run that is killed, at each of its system calls and at random: the cache is as it was before or as it was to be, and the
//! next run works.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use local_tenant::{Tenant, contoso};
use serde_json::Value;

use crate::sandbox::{Ran, Sandbox, can_trace, can_trace_paths, claims, names};

/// A sandbox with a cached token, the file that it is in, and its content.
fn filled(tenant: &Tenant, cache: &[&str]) -> (Sandbox, PathBuf, Vec<u8>) {
    let sandbox = Sandbox::with_cache();
    sandbox.client_creds(tenant, cache.iter().copied()).token();
    let file = if cache.is_empty() { sandbox.cache_file() } else { sandbox.path("shared.json") };
    let content = std::fs::read(&file).unwrap();
    (sandbox, file, content)
}

/// A cache without what differs from one run to the next, and the token in it.
fn image(content: &[u8]) -> (Value, String) {
    let mut cache: Value = serde_json::from_slice(content).expect("a whole cache");
    let entries = cache["AccessToken"].as_object_mut().unwrap();
    assert_eq!(entries.len(), 1, "one token is replaced by one");
    let entry = entries.values_mut().next().unwrap();
    let token = entry["secret"].as_str().unwrap().to_owned();
    for name in ["secret", "cached_at", "expires_on", "extended_expires_on"] {
        entry[name] = Value::Null;
    }
    (cache, token)
}

/// Asserts that a file is one of the two images, and tells whether it is the later one.
#[track_caller]
fn is_later(file: &Path, before: &[u8], at: &str) -> bool {
    let content = std::fs::read(file).unwrap();
    if content == before {
        return false;
    }
    let (cache, token) = image(&content);
    let (cache_before, token_before) = image(before);
    assert_eq!(cache, cache_before, "{at}");
    assert_ne!(token, token_before, "{at}");
    assert_eq!(claims(&token)["appid"], contoso::DAEMON.client_id, "{at}");
    true
}

/// Asserts that the cache works as if nothing had been, and that a write clears away what the killed run left.
#[track_caller]
fn goes_on(sandbox: &Sandbox, tenant: &Tenant, cache: &[&str], file: &Path, at: &str) {
    let (_, stored) = image(&std::fs::read(file).unwrap());
    assert_eq!(sandbox.client_creds(tenant, cache.iter().copied()).token(), stored, "{at}");
    let token = sandbox.client_creds(tenant, cache.iter().copied().chain(["--force-refresh"])).token().to_owned();
    assert_eq!(image(&std::fs::read(file).unwrap()).1, token, "{at}");
    let left = |name: &String| name.contains(".tmp") || name.contains("lockfile") || name.contains("corrupt");
    let all: Vec<String> = names(file.parent().unwrap()).into_iter().chain(names(&sandbox.state())).filter(left).collect();
    assert!(all.is_empty(), "{at}: {all:?}");
}

/// The system calls of a whole run: name, and the how manieth of that name it is.
fn calls(sandbox: &Sandbox, tenant: &Tenant, cache: &[&str]) -> Vec<(String, usize)> {
    let arguments = sandbox.arguments(tenant, cache.iter().copied().chain(["--force-refresh"]));
    let strace = ["strace", "-f", "-qq", "-o", "trace"];
    Ran::new(&sandbox.command_by(&strace, arguments).output().unwrap()).token();
    let trace = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    let main = trace.split(' ').next().unwrap().to_owned();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines().filter_map(|line| line.strip_prefix(&main)) {
        // `name(…`, and neither `<... name resumed>` nor `+++ exited`.
        let name = line.trim_start().split('(').next().unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            continue;
        }
        let count = counts.entry(name).or_default();
        *count += 1;
        calls.push((name.to_owned(), *count, line.contains("entra-token") || line.contains("shared.json")));
    }
    // What comes before the cache is first touched changes nothing. The program's own name is in `execve`.
    let first = calls.iter().skip(1).position(|(_, _, is_cache)| *is_cache).expect("the cache is opened") + 1;
    calls.drain(..first);
    calls.into_iter().map(|(name, count, _)| (name, count)).collect()
}

#[test]
fn a_kill_at_any_system_call_leaves_the_cache_as_before_or_after() {
    if !can_trace_paths() {
        return; // Needs strace, and root's rights.
    }
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let tenant = Tenant::start();
        let (sandbox, ..) = filled(&tenant, cache);
        let calls = calls(&sandbox, &tenant, cache);
        assert!(calls.len() > 50 && calls.iter().any(|(name, _)| name.starts_with("rename")), "{calls:?}");
        let half = calls.len() / 2;
        let counted: Vec<(usize, usize)> = std::thread::scope(|scope| {
            let workers = [&calls[..half], &calls[half..]].map(|calls| {
                let tenant = &tenant;
                scope.spawn(move || {
                    let (mut killed, mut later) = (0, 0);
                    for (name, count) in calls {
                        let at = format!("{name} number {count} {cache:?}");
                        let (sandbox, file, before) = filled(tenant, cache);
                        let inject = format!("inject={name}:signal=KILL:when={count}");
                        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
                        let arguments = sandbox.arguments(tenant, cache.iter().copied().chain(["--force-refresh"]));
                        let output = sandbox.command_by(&strace, arguments).output().unwrap();
                        killed += usize::from(output.status.signal() == Some(9));
                        later += usize::from(is_later(&file, &before, &at));
                        goes_on(&sandbox, tenant, cache, &file, &at);
                    }
                    (killed, later)
                })
            });
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        let (killed, later) = counted.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        // How often the network is looked at differs a little from run to run.
        assert!(killed * 10 >= calls.len() * 8, "{killed} kills at {} calls", calls.len());
        assert!(0 < later && later < killed, "both images were seen: {later} of {killed}");
    }
}

#[test]
fn kills_at_random_leave_the_cache_whole() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let tenant = Tenant::start();
        let (sandbox, file, mut before) = filled(&tenant, cache);
        let mut number = 1_u64;
        let mut killed = 0;
        for round in 0..50 {
            let arguments = sandbox.arguments(&tenant, cache.iter().copied().chain(["--force-refresh"]));
            let mut child = sandbox.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            std::thread::sleep(Duration::from_micros(3_000 + (number >> 33) % 15_000));
            let _ = child.kill();
            killed += usize::from(child.wait().unwrap().signal() == Some(9));
            if is_later(&file, &before, &format!("round {round}")) {
                before = std::fs::read(&file).unwrap();
            }
        }
        assert!(killed > 0, "no run was killed");
        goes_on(&sandbox, &tenant, cache, &file, "at the end");
    }
}

#[test]
fn a_first_run_that_is_killed_leaves_no_cache_or_a_whole_one() {
    if !can_trace() {
        return; // CI has it.
    }
    let tenant = Tenant::start();
    for name in ["mkdir", "?mkdirat", "flock", "ftruncate", "fchmod", "fsync", "?rename,?renameat,?renameat2", "unlinkat"] {
        for count in 1..=4 {
            let sandbox = Sandbox::with_cache();
            let inject = format!("inject={name}:signal=KILL:when={count}");
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
            drop(sandbox.command_by(&strace, sandbox.arguments(&tenant, [])).output().unwrap());
            sandbox.client_creds(&tenant, []).token();
            let (_, stored) = image(&std::fs::read(sandbox.cache_file()).unwrap());
            assert_eq!(sandbox.client_creds(&tenant, []).token(), stored, "{name} number {count}");
            let left = names(&sandbox.state());
            assert!(left.iter().all(|file| !file.contains(".tmp")), "{name} number {count}: {left:?}");
        }
    }
}
