//! The cache's files: who may read them, what stands in their place, disks that are full, files that are broken. Whatever is
//! the matter, the token is printed.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use local_tenant::Tenant;

use crate::sandbox::{Ran, Sandbox, can_be_another, can_make_devices, can_mount, can_trace_paths, has_extension, is_root, names};

/// A user without a name, whom root becomes for a test.
const SOMEBODY: u32 = 65533;
const SETPRIV: [&str; 6] = ["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups"];

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn run(command: &mut Command) -> Ran {
    Ran::new(&command.output().unwrap())
}

/// Asserts that nothing but what is meant to stay is in a folder.
#[track_caller]
fn has_no_leftovers(folder: &Path) {
    let left: Vec<String> = names(folder).into_iter().filter(|name| name.contains(".tmp") || name.contains("lockfile")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A sandbox that belongs to somebody else, and the arguments for them; as root only.
fn of_somebody(tenant: &Tenant) -> (Sandbox, Vec<OsString>) {
    let sandbox = Sandbox::with_cache();
    let mut arguments = sandbox.arguments(tenant, []);
    // What only root can reach is copied: the authority, and the program, wherever it was built.
    arguments[3] = sandbox.write("ca.pem", std::fs::read(tenant.ca_file()).unwrap()).into();
    // By a process of its own: one that another test starts meanwhile would keep the copy open for writing, and it could not run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_entra-token")).arg(sandbox.path("entra-token")).status().unwrap();
    assert!(copied.success());
    for name in ["", "parameters.json", "ca.pem", "entra-token"] {
        std::os::unix::fs::chown(sandbox.path(name), Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    }
    (sandbox, arguments)
}

/// The command of that sandbox's owner, without a home folder in the environment if `HOME` is to be unknown.
fn as_somebody(sandbox: &Sandbox, arguments: &[OsString]) -> Command {
    let plain = sandbox.command(arguments);
    let mut command = Command::new(SETPRIV[0]);
    command.args(&SETPRIV[1..]).arg(sandbox.path("entra-token")).args(plain.get_args());
    command.current_dir(sandbox.path("")).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", sandbox.path(""));
    command
}

#[test]
fn files_are_for_their_owner_whatever_the_umask() {
    for umask in ["000", "022", "077", "0777"] {
        for cache in [&[][..], &["--cache", "shared.json"]] {
            let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
            let script = format!("umask {umask}; exec \"$@\"");
            let by = |more: &[&'static str]| {
                let arguments = sandbox.arguments(&tenant, cache.iter().chain(more).copied());
                run(&mut sandbox.command_by(&["sh", "-c", &script, "sh"], arguments))
            };
            by(&[]).token();
            by(&["--force-refresh"]).token();
            let token = by(&["--force-refresh"]).token().to_owned();
            assert_eq!(by(&[]).token(), token, "{umask} {cache:?}");
            assert_eq!(mode(&sandbox.state()), 0o700, "{umask} {cache:?}");
            for name in names(&sandbox.state()) {
                assert_eq!(mode(&sandbox.state().join(&name)), 0o600, "{umask} {cache:?} {name}");
            }
            if !cache.is_empty() {
                assert_eq!(mode(&sandbox.path("shared.json")), 0o600, "{umask}");
            }
        }
    }
}

#[test]
fn a_user_who_is_not_root_needs_no_rights_that_the_umask_takes() {
    if !can_be_another() {
        return; // The test above is this one, where nobody is root.
    }
    let tenant = Tenant::start();
    for umask in ["000", "077", "0777"] {
        let (sandbox, arguments) = of_somebody(&tenant);
        let script = format!("umask {umask}; exec \"$@\"");
        let mut tokens = Vec::new();
        for _ in 0..2 {
            let plain = as_somebody(&sandbox, &arguments);
            let mut command = Command::new("sh");
            command.args(["-c", &script, "sh"]).arg(plain.get_program()).args(plain.get_args());
            command.current_dir(sandbox.path("")).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", sandbox.path(""));
            tokens.push(run(&mut command).token().to_owned());
        }
        assert_eq!(tokens[0], tokens[1], "{umask}");
    }
}

#[test]
fn rights_that_others_have_are_taken_away() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let token = sandbox.client_creds(&tenant, []).token().to_owned();
    set_mode(&sandbox.state(), 0o755);
    set_mode(&sandbox.cache_file(), 0o644);
    assert_eq!(sandbox.client_creds(&tenant, []).token(), token);
    assert_eq!((mode(&sandbox.state()), mode(&sandbox.cache_file())), (0o700, 0o600));
    let shared = sandbox.write("shared.json", "{}");
    set_mode(&shared, 0o664);
    sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token();
    assert_eq!(mode(&shared), 0o600);
}

/// Puts something in the place of a file; what it leads to is `victim`, which must stay as it is.
fn plant(kind: &str, at: &Path, victim: &Path) {
    match kind {
        "a symbolic link" => symlink(victim, at).unwrap(),
        "a link to nowhere" => symlink(victim.with_extension("none"), at).unwrap(),
        "a hard link" => std::fs::hard_link(victim, at).unwrap(),
        "a pipe" => assert!(Command::new("mkfifo").arg(at).status().unwrap().success()),
        "a socket" => drop(UnixListener::bind(at).unwrap()),
        "a folder" => std::fs::create_dir(at).unwrap(),
        "a device" => assert!(Command::new("mknod").arg(at).args(["c", "1", "5"]).status().unwrap().success()),
        _ => panic!("{kind}"),
    }
}

const PLANTS: [&str; 7] = ["a symbolic link", "a link to nowhere", "a hard link", "a pipe", "a socket", "a folder", "a device"];

/// The kinds that this user can make.
fn plants() -> impl Iterator<Item = &'static str> {
    let with_devices = can_make_devices();
    PLANTS.into_iter().filter(move |kind| *kind != "a device" || with_devices)
}

/// Asserts that what was planted is still that.
#[track_caller]
fn is_still(kind: &str, at: &Path, victim: &Path, content: &[u8]) {
    let meta = std::fs::symlink_metadata(at).unwrap();
    let is = match kind {
        "a symbolic link" | "a link to nowhere" => meta.is_symlink(),
        "a hard link" => meta.is_file() && meta.nlink() == 2,
        "a pipe" => meta.file_type().is_fifo(),
        "a socket" => meta.file_type().is_socket(),
        "a folder" => meta.is_dir(),
        _ => meta.file_type().is_char_device(),
    };
    assert!(is, "{kind} was replaced");
    assert_eq!(std::fs::read(victim).unwrap(), content, "what {kind} leads to was changed");
    assert_eq!(mode(victim), 0o644, "the rights of what {kind} leads to were changed");
    assert!(!victim.with_extension("none").exists());
}

#[test]
fn what_is_no_plain_file_is_neither_read_nor_written() {
    for is_shared in [false, true] {
        for kind in plants().filter(|kind| !(is_shared && *kind == "a folder")) {
            let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
            let cache: &[&str] = if is_shared { &["--cache", "shared.json"] } else { &[] };
            let cached = sandbox.client_creds(&tenant, cache.iter().copied()).token().to_owned();
            let file = if is_shared { sandbox.path("shared.json") } else { sandbox.cache_file() };
            // What it leads to is a cache that would answer, so that reading it would show.
            let victim = sandbox.path("victim");
            std::fs::rename(&file, &victim).unwrap();
            set_mode(&victim, 0o644);
            let content = std::fs::read(&victim).unwrap();
            plant(kind, &file, &victim);
            for more in [&[][..], &["--force-refresh"]] {
                let ran = sandbox.client_creds(&tenant, cache.iter().chain(more).copied());
                assert_ne!(ran.token_with_warning("are not cached: "), cached, "{kind} was read");
                is_still(kind, &file, &victim, &content);
            }
            sandbox.client_creds(&tenant, cache.iter().copied().chain(["--silent"])).says("error: no token is cached");
            assert!(names(&sandbox.state()).iter().chain(&sandbox.files()).all(|name| !name.contains(".tmp")));
        }
    }
}

#[test]
fn devices_of_the_system_are_no_caches() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for device in ["/dev/null", "/dev/zero", "/dev/full", "/dev/stdin", "/proc/self/mem"] {
        let before = mode(&std::fs::canonicalize(device).unwrap_or(PathBuf::from("/")));
        sandbox.client_creds(&tenant, ["--cache", device]).token_with_warning("not cached: ");
        assert_eq!(mode(&std::fs::canonicalize(device).unwrap_or(PathBuf::from("/"))), before, "{device}");
    }
    assert!(!names(Path::new("/dev")).iter().any(|name| name.ends_with("lockfile") || has_extension(name, "tmp")));
}

#[test]
fn what_stands_in_the_place_of_the_folder_is_no_folder_of_ours() {
    for kind in plants().filter(|kind| *kind != "a folder").chain(["a link to a folder", "a file"]) {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let cached = sandbox.client_creds(&tenant, []).token().to_owned();
        let victim = sandbox.path("victim");
        std::fs::write(&victim, "not ours").unwrap();
        set_mode(&victim, 0o644);
        let elsewhere = sandbox.path("elsewhere");
        std::fs::rename(sandbox.state(), &elsewhere).unwrap();
        match kind {
            "a link to a folder" => symlink(&elsewhere, sandbox.state()).unwrap(),
            "a file" => std::fs::write(sandbox.state(), "not ours").unwrap(),
            _ => plant(kind, &sandbox.state(), &victim),
        }
        let before = names(&elsewhere);
        for more in [&[][..], &["--force-refresh"]] {
            assert_ne!(sandbox.client_creds(&tenant, more.iter().copied()).token_with_warning("not cached: "), cached, "{kind}");
        }
        match kind {
            "a link to a folder" => assert_eq!(names(&elsewhere), before),
            "a file" => assert_eq!(std::fs::read(sandbox.state()).unwrap(), b"not ours"),
            _ => is_still(kind, &sandbox.state(), &victim, b"not ours"),
        }
    }
}

#[test]
fn a_link_above_the_folder_is_the_users_own_affair() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    std::fs::create_dir(sandbox.path("elsewhere")).unwrap();
    symlink("elsewhere", sandbox.path(".local")).unwrap();
    let token = sandbox.client_creds(&tenant, []).token().to_owned();
    assert_eq!(sandbox.client_creds(&tenant, []).token(), token);
    assert_eq!(names(&sandbox.path("elsewhere")), ["state"]);
}

#[test]
fn locks_failures_and_temporary_files_follow_no_link() {
    for ending in [".lock", ".failure", ".tmp"] {
        for kind in plants() {
            let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
            sandbox.client_creds(&tenant, []).token();
            let file = sandbox.cache_file();
            let at = if ending == ".tmp" {
                sandbox.state().join(format!(".{}.0.tmp", file.file_name().unwrap().to_str().unwrap()))
            } else {
                // The request's own, which is named after the identity's file.
                let locks = names(&sandbox.state()).into_iter().filter(|name| has_extension(name, "lock"));
                sandbox.state().join(locks.max_by_key(String::len).unwrap()).with_extension(&ending[1..])
            };
            std::fs::remove_file(&file).unwrap();
            let _ = std::fs::remove_file(&at);
            let victim = sandbox.path("victim");
            std::fs::write(&victim, "not ours").unwrap();
            set_mode(&victim, 0o644);
            plant(kind, &at, &victim);
            let ran = sandbox.client_creds(&tenant, []);
            match ending {
                ".lock" => drop(ran.token_with_warning("the cache was not used: ").to_owned()),
                _ => drop(ran.token().to_owned()),
            }
            match ending {
                // A token that is got takes the memory of a failure away, whatever that is; what it leads to stays.
                ".failure" => assert_eq!(std::fs::read(&victim).unwrap(), b"not ours", "{kind}"),
                _ => is_still(kind, &at, &victim, b"not ours"),
            }
        }
    }
}

#[test]
fn a_planted_lock_of_a_shared_file_is_no_lock_and_no_target() {
    for kind in plants() {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        let victim = sandbox.path("victim");
        std::fs::write(&victim, "not ours").unwrap();
        set_mode(&victim, 0o644);
        let lock = sandbox.path("shared.json.lockfile");
        plant(kind, &lock, &victim);
        sandbox.client_creds(&tenant, ["--cache", "shared.json", "--timeout", "20"]).token_with_warning("the token is not cached: ");
        is_still(kind, &lock, &victim, b"not ours");
    }
}

#[test]
fn a_folder_that_everybody_can_swap_is_not_used() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let cached = sandbox.client_creds(&tenant, []).token().to_owned();
    let above = sandbox.state().parent().unwrap().to_owned();
    set_mode(&above, 0o777);
    assert_ne!(sandbox.client_creds(&tenant, []).token_with_warning("every user can replace"), cached);
    std::fs::remove_dir_all(sandbox.state()).unwrap();
    sandbox.client_creds(&tenant, []).token_with_warning("every user can replace");
    assert!(!sandbox.state().exists());
    set_mode(&above, 0o1777);
    sandbox.client_creds(&tenant, []).token();
    std::fs::create_dir(sandbox.path("open")).unwrap();
    set_mode(&sandbox.path("open"), 0o777);
    sandbox.client_creds(&tenant, ["--cache", "open/shared.json"]).token_with_warning("every user can replace");
    assert!(names(&sandbox.path("open")).is_empty());
}

#[test]
fn a_folder_that_is_swapped_meanwhile_leads_nowhere_else() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    sandbox.client_creds(&tenant, []).token();
    let (state, aside, victim) = (sandbox.state(), sandbox.path("aside"), sandbox.path("victim"));
    std::fs::create_dir(&victim).unwrap();
    set_mode(&victim, 0o755);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // A command may make a new folder in a moment when there is none, and then there is no link this time.
                let is_moved = std::fs::rename(&state, &aside).is_ok();
                if symlink(&victim, &state).is_ok() {
                    std::fs::remove_file(&state).unwrap();
                }
                if is_moved && std::fs::rename(&aside, &state).is_err() {
                    let _ = std::fs::remove_dir_all(&aside);
                }
            }
        });
        for _ in 0..60 {
            let ran = sandbox.client_creds(&tenant, ["--force-refresh"]);
            assert!(ran.code == Some(0) && ran.stderr.lines().count() <= 1, "{ran:?}");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!((names(&victim), mode(&victim)), (Vec::new(), 0o755));
}

#[test]
fn what_belongs_to_another_user_is_not_used() {
    if !can_be_another() {
        return; // Nobody else can give files away.
    }
    for cache in [&[][..], &["--cache", "theirs/shared.json"]] {
        for is_folder in [false, true] {
            let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
            std::fs::create_dir(sandbox.path("theirs")).unwrap();
            let cached = sandbox.client_creds(&tenant, cache.iter().copied()).token().to_owned();
            let file = if cache.is_empty() { sandbox.cache_file() } else { sandbox.path("theirs/shared.json") };
            let given = if is_folder { file.parent().unwrap() } else { &file };
            std::os::unix::fs::chown(given, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
            let before = std::fs::read(&file).unwrap();
            for more in [&[][..], &["--force-refresh"]] {
                let ran = sandbox.client_creds(&tenant, cache.iter().chain(more).copied());
                assert_ne!(ran.token_with_warning("belongs to another user"), cached, "{cache:?}");
            }
            assert_eq!(std::fs::read(&file).unwrap(), before);
            assert_eq!(std::fs::metadata(given).unwrap().uid(), SOMEBODY);
        }
    }
}

#[test]
fn root_leaves_nothing_in_the_home_of_another_user() {
    if !can_be_another() {
        return; // Nobody else can act in another's home.
    }
    let tenant = Tenant::start();
    for has_cache in [false, true] {
        let (sandbox, arguments) = of_somebody(&tenant);
        let theirs = has_cache.then(|| run(&mut as_somebody(&sandbox, &arguments)).token().to_owned());
        let list = || {
            let found = Command::new("find").arg(sandbox.path("")).args(["-printf", "%p %U %m %s %T@\n"]).output().unwrap();
            String::from_utf8(found.stdout).unwrap()
        };
        let before = list();
        // As with `sudo`, which keeps HOME where it is told to.
        for more in [&[][..], &["--force-refresh"], &["--cache", "shared.json"]] {
            let ran = sandbox.run(arguments.iter().cloned().chain(more.iter().map(OsString::from)));
            assert_ne!(Some(ran.token_with_warning("belongs to another user")), theirs.as_deref());
        }
        assert_eq!(list(), before);
    }
}

#[test]
fn a_command_without_a_home_says_so_once() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for home in ["", "relative"] {
        if is_root() && home.is_empty() {
            continue; // The system knows root's home, which is not for tests.
        }
        let sandbox = Sandbox::with_cache().env("HOME", home);
        let ran = sandbox.client_creds(&tenant, []);
        if home == "relative" {
            ran.token_with_warning("there is no home folder");
        }
        assert_eq!(sandbox.files(), ["parameters.json"]);
    }
    let token = sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token().to_owned();
    let homeless = sandbox.env("HOME", "relative");
    assert_eq!(homeless.client_creds(&tenant, ["--cache", "shared.json"]).token(), token, "a file needs no home");
    homeless.client_creds(&tenant, ["--cache", "shared.json", "--force-refresh"]).token();
    homeless.client_creds(&tenant, ["--cache", "none"]).token();
    homeless.client_creds(&tenant, ["--silent"]).says("error: no token is cached");
    if can_be_another() {
        let (sandbox, arguments) = of_somebody(&tenant);
        let mut command = as_somebody(&sandbox, &arguments);
        run(command.env_remove("HOME")).token_with_warning("there is no home folder");
    }
}

#[test]
fn a_home_that_cannot_be_written_costs_one_warning() {
    if is_root() && !can_mount() {
        return; // Rights alone do not keep root out.
    }
    let tenant = Tenant::start();
    for has_cache in [false, true] {
        let sandbox = Sandbox::with_cache();
        let cached = has_cache.then(|| sandbox.client_creds(&tenant, []).token().to_owned());
        let run_there = |more: &[&'static str]| {
            let arguments = sandbox.arguments(&tenant, more.iter().copied());
            if is_root() {
                let script =
                    "mount --bind \"$HOME\" \"$HOME\" && mount -o remount,bind,ro \"$HOME\" && cd / && cd \"$HOME\" && exec \"$@\"";
                return run(&mut sandbox.command_by(&["unshare", "-m", "sh", "-c", script, "sh"], arguments));
            }
            let folders = [sandbox.state(), sandbox.path(".local/state"), sandbox.path(".local"), sandbox.path("")];
            folders.iter().filter(|folder| folder.exists()).for_each(|folder| set_mode(folder, 0o500));
            let ran = run(&mut sandbox.command(arguments));
            folders.iter().rev().filter(|folder| folder.exists()).for_each(|folder| set_mode(folder, 0o700));
            ran
        };
        match &cached {
            Some(cached) => assert_eq!(run_there(&[]).token(), cached, "what is cached can be read"),
            None => drop(run_there(&[]).token_with_warning("not used: ").to_owned()),
        }
        run_there(&["--force-refresh"]).token_with_warning("not cached: ");
        run_there(&["--cache", "shared.json"]).token_with_warning("not cached: ");
        assert!(has_cache || !sandbox.path(".local").exists());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_costs_one_warning() {
    if !can_mount() {
        return; // A small disk has to be mounted.
    }
    for has_cache in [false, true] {
        for is_shared in [false, true] {
            let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
            std::fs::create_dir_all(sandbox.state()).unwrap();
            let (disk, cache): (_, &[&str]) = match is_shared {
                true => (sandbox.path("disk"), &["--cache", "disk/shared.json"]),
                false => (sandbox.state(), &[]),
            };
            std::fs::create_dir_all(&disk).unwrap();
            set_mode(&disk, 0o700);
            // The first command fills the cache where there is to be one, then the disk is filled, then comes the second.
            let first = if has_cache { "\"$@\" > first || exit 91" } else { "true" };
            let script = format!(
                "mount -t tmpfs -o size=64k,mode=700 none '{disk}' && cd \"$HOME\" && {first}; \
                 mkdir before after; cp -a '{disk}'/. before/; \
                 cat /dev/zero > '{disk}/fill' 2> /dev/null; \
                 \"$@\" --force-refresh; code=$?; rm '{disk}/fill'; cp -a '{disk}'/. after/; exit $code",
                disk = disk.display()
            );
            let arguments = sandbox.arguments(&tenant, cache.iter().copied());
            let ran = run(&mut sandbox.command_by(&["unshare", "-m", "sh", "-c", &script, "sh"], arguments));
            ran.token_with_warning("no space left on device");
            let (before, after) = (sandbox.path("before"), sandbox.path("after"));
            assert!(names(&after).iter().all(|name| !name.contains("tmp") && !name.contains("lockfile")), "{:?}", names(&after));
            let tokens = |folder: &Path| names(folder).into_iter().filter(|name| has_extension(name, "json")).collect::<Vec<_>>();
            assert_eq!((tokens(&before), tokens(&before).len()), (tokens(&after), usize::from(has_cache)));
            for name in tokens(&before) {
                assert_eq!(std::fs::read(before.join(&name)).unwrap(), std::fs::read(after.join(&name)).unwrap());
            }
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fails_costs_one_warning_and_leaves_the_old_file() {
    if !can_trace_paths() {
        return; // Needs strace, and root's rights.
    }
    let calls = [("write", &["ENOSPC", "EIO", "EDQUOT"][..]), ("fsync", &["ENOSPC", "EIO", "EDQUOT"])];
    let renames = ("?rename,?renameat,?renameat2", &["ENOSPC", "EIO", "EDQUOT", "EACCES"][..]);
    let opens = ("?open,openat", &["ENOSPC", "EROFS", "EMFILE", "EACCES"][..]);
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        sandbox.client_creds(&tenant, cache.iter().copied()).token();
        let file = if cache.is_empty() { sandbox.cache_file() } else { sandbox.path("shared.json") };
        let folder = file.parent().unwrap();
        let temporary = format!(".{}.0.tmp", file.file_name().unwrap().to_str().unwrap());
        let whole = folder.join(&temporary);
        let before = std::fs::read(&file).unwrap();
        for (call, errors) in calls.into_iter().chain([renames, opens]) {
            for error in errors {
                // Only what concerns the temporary file fails.
                let inject = format!("inject={call}:error={error}");
                let strace = ["strace", "-f", "-qq", "-o", "trace", "-P", whole.to_str().unwrap(), "-P", &temporary, "-e", &inject];
                let arguments = sandbox.arguments(&tenant, cache.iter().copied().chain(["--force-refresh"]));
                let ran = run(&mut sandbox.command_by(&strace, arguments));
                let trace = std::fs::read_to_string(sandbox.path("trace")).unwrap();
                assert!(trace.contains("(INJECTED)"), "{call} {error} did not fail: {trace}");
                ran.token_with_warning("the token is not cached: ");
                assert_eq!(std::fs::read(&file).unwrap(), before, "{call} {error}");
                has_no_leftovers(folder);
            }
        }
    }
}

#[test]
fn a_broken_file_is_moved_aside_and_one_is_kept() {
    let broken: [&[u8]; 10] = [
        b"{\"AccessToken\": {\"a\": {\"secret\": \"CNRY",
        b"\xff\xfe{}",
        b"{\"AccessToken\": {\"a\": \"\xc3\x28\"}}",
        b"[]",
        b"null",
        b"\"text\"",
        b"garbage CNRY",
        b"{} {}",
        b"{\"AccessToken\": []}",
        b"\0\0\0\0",
    ];
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        sandbox.client_creds(&tenant, cache.iter().copied()).token();
        let file = if cache.is_empty() { sandbox.cache_file() } else { sandbox.path("shared.json") };
        let prefix = format!("{}.corrupt-", file.file_name().unwrap().to_str().unwrap());
        for content in broken {
            std::fs::write(&file, content).unwrap();
            let ran = sandbox.client_creds(&tenant, cache.iter().copied());
            let token = ran.token_with_warning("could not be read (").to_owned();
            assert!(!ran.stderr.contains("CNRY"), "a warning quotes nothing: {ran:?}");
            let folder = file.parent().unwrap();
            let aside: Vec<String> = names(folder).into_iter().filter(|name| name.starts_with(&prefix)).collect();
            assert_eq!(aside.len(), 1, "one is kept: {aside:?}");
            let aside = folder.join(&aside[0]);
            assert_eq!((std::fs::read(&aside).unwrap().as_slice(), mode(&aside)), (content, 0o600));
            assert_eq!(sandbox.client_creds(&tenant, cache.iter().copied()).token(), token, "the new file works");
        }
    }
}

#[test]
fn an_empty_file_is_an_empty_cache() {
    for content in ["", " \n\t", "{}", r#"{"AccessToken": {}}"#, r#"{"AccessToken": null}"#] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        sandbox.write("shared.json", content);
        let token = sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token().to_owned();
        assert_eq!(sandbox.client_creds(&tenant, ["--cache", "shared.json"]).token(), token, "{content:?}");
        assert_eq!(sandbox.files(), [".local", "parameters.json", "shared.json"]);
    }
}

#[test]
fn a_file_that_is_too_large_is_left_alone() {
    for cache in [&[][..], &["--cache", "shared.json"]] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
        sandbox.client_creds(&tenant, cache.iter().copied()).token();
        let file = if cache.is_empty() { sandbox.cache_file() } else { sandbox.path("shared.json") };
        let size = (64 << 20) + 1;
        std::fs::File::options().write(true).open(&file).unwrap().set_len(size).unwrap();
        sandbox.client_creds(&tenant, cache.iter().copied()).token_with_warning("larger than");
        assert_eq!(std::fs::metadata(&file).unwrap().len(), size);
        assert!(names(file.parent().unwrap()).iter().all(|name| !name.contains("corrupt") && !name.contains("tmp")));
    }
}

#[test]
fn the_file_can_be_named_in_every_way() {
    let tenant = Tenant::start();
    let sandbox = Sandbox::with_cache();
    std::fs::create_dir(sandbox.path("a folder")).unwrap();
    let absolute = sandbox.path("absolute.json").to_string_lossy().into_owned();
    for name in ["plain", "./dotted.json", "a folder/über \u{202e}.json", &absolute, "new/folder/cache.json", "-"] {
        let token = sandbox.client_creds(&tenant, [&*format!("--cache={name}")]).token().to_owned();
        assert_eq!(sandbox.client_creds(&tenant, [&*format!("--cache={name}")]).token(), token, "{name}");
        assert!(sandbox.path(name).is_file(), "{name}");
    }
    assert_eq!(mode(&sandbox.path("new")), 0o700);
    sandbox.client_creds(&tenant, ["--cache", ""]).refused(2);
    let long = "x".repeat(300);
    sandbox.client_creds(&tenant, ["--cache", &long]).token_with_warning("not cached: ");
}

#[test]
fn a_folder_that_is_named_keeps_its_rights() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    std::fs::create_dir(sandbox.path("open")).unwrap();
    set_mode(&sandbox.path("open"), 0o1777);
    let ran = sandbox.client_creds(&tenant, ["--cache", "open"]);
    assert_eq!((ran.code, mode(&sandbox.path("open"))), (Some(0), 0o1777), "as /tmp, which others use: {ran:?}");
    sandbox.run(["cache", "list", "--cache", "open"]);
    assert_eq!(mode(&sandbox.path("open")), 0o1777);
}
