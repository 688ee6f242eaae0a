//! Opens an address in the person's browser: the one that `BROWSER` names, else the one that the platform knows.
//!
//! What is started gets the address as one argument, past every shell, and an environment without secrets.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::env::{self, Env};

/// Variables that hold a secret, or may: this program's own, those of the tools whose names it reads, and those of the CI systems
/// and machines that it runs on. A program that was started can pass its environment on, and show it to whoever asks.
const SECRETS: &[&str] = &[
    "ACCESS_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ARM_ACCESS_KEY",
    "ARM_CLIENT_CERTIFICATE_PASSWORD",
    "ARM_CLIENT_SECRET",
    "ARM_OIDC_REQUEST_TOKEN",
    "ARM_OIDC_TOKEN",
    "ARM_SAS_TOKEN",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_SECRET",
    "AZURE_PASSWORD",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_TOKEN",
    "ENTRA_TOKEN_REFRESH_TOKEN",
    "IDENTITY_HEADER",
    "MSI_SECRET",
    "SYSTEM_ACCESSTOKEN",
];

/// How long a program is watched. One that cannot open anything says so soon; one that opens something may run as long as the
/// browser.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// What separates the programs in `BROWSER`.
const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// Why no browser shows the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    NotWeb,
    NoDisplay,
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no sudo"))]
    Sudo,
    NoneStarted,
}

impl std::error::Error for Unopened {}

impl std::fmt::Display for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unopened::NotWeb => "it is not a web address",
            Unopened::NoDisplay => "there is no display to show a browser on",
            Unopened::Sudo => "a browser is not started for root under sudo",
            Unopened::NoneStarted => "neither what BROWSER names nor the platform's own could be started",
        })
    }
}

/// Opens an address of the web in a browser, which gets neither this process's terminal nor its signals, nor the variables that are
/// known to hold secrets, nor those that are named here. Returns once a program has done its part or has run for a moment, whatever
/// it shows then; it goes on by itself where the future is dropped.
///
/// # Errors
///
/// `NotWeb` for what is not http, https, or has blanks or control characters; the others where no browser came of it: at once
/// where a machine has no display, because what opens an address there does so in the terminal.
pub(crate) async fn open(url: &str, env: &Env, secrets: &[&str]) -> Result<(), Unopened> {
    open_on(|| open::commands(url), url, env, secrets).await
}

/// The same on a platform that opens an address by these commands.
async fn open_on(commands: impl FnOnce() -> Vec<Command>, url: &str, env: &Env, secrets: &[&str]) -> Result<(), Unopened> {
    if !is_web(url) {
        return Err(Unopened::NotWeb);
    }
    let configured = env.path(env::BROWSER).map(|value| configured(&value, url));
    let is_configured = configured.is_some();
    if start_one(configured.unwrap_or_default(), secrets).await {
        return Ok(());
    }
    match platform(url, commands(), env) {
        Ok(commands) => start_one(commands, secrets).await.then_some(()).ok_or(Unopened::NoneStarted),
        Err(_) if is_configured => Err(Unopened::NoneStarted),
        Err(error) => Err(error),
    }
}

fn is_web(url: &str) -> bool {
    let is_plain = !url.contains(|char: char| char.is_whitespace() || char.is_control());
    is_plain && url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// The commands that `BROWSER` stands for: the path of one program, or entries that are a path or words separated by blanks.
fn configured(value: &Path, url: &str) -> Vec<Command> {
    if value.is_file() {
        return vec![of_words(value.as_os_str().to_owned(), [], url)];
    }
    // Only a path may be other than UTF-8.
    let Some(value) = value.to_str() else { return Vec::new() };
    value.split(SEPARATOR).filter_map(|entry| of_entry(entry.trim(), url)).collect()
}

fn of_entry(entry: &str, url: &str) -> Option<Command> {
    if Path::new(entry).is_file() {
        return Some(of_words(entry.into(), [], url));
    }
    // To a shell the last word says not to wait, and nobody does.
    let mut words = entry.strip_suffix('&').unwrap_or(entry).split_whitespace();
    Some(of_words(words.next()?.into(), words, url))
}

/// A program, and its arguments with the address in the place of `%s` or at the end.
fn of_words<'a>(program: OsString, words: impl IntoIterator<Item = &'a str>, url: &str) -> Command {
    let mut command = Command::new(program);
    let mut is_placed = false;
    for word in words {
        is_placed |= word.contains("%s");
        command.arg(word.replace("%s", url));
    }
    if !is_placed {
        command.arg(url);
    }
    command
}

/// The platform's commands, as far as they show a browser of the person's own.
fn platform(url: &str, mut commands: Vec<Command>, env: &Env) -> Result<Vec<Command>, Unopened> {
    // A browser that runs as root in a person's desktop leaves files of root's in their home.
    #[cfg(unix)]
    if rustix::process::geteuid().is_root() && env.path(env::SUDO_USER).is_some() {
        return Err(Unopened::Sudo);
    }
    if cfg!(any(windows, target_vendor = "apple")) {
        return Ok(commands);
    }
    let has_display = env.path(env::DISPLAY).is_some() || env.path(env::WAYLAND_DISPLAY).is_some();
    // Linux within Windows (WSL), where the browser is Windows's.
    let is_within_windows = commands.first().is_some_and(|command| command.get_program() == "powershell.exe");
    if !has_display {
        commands.truncate(usize::from(is_within_windows));
    }
    if is_within_windows {
        commands.splice(1..1, within_windows(url));
    }
    if commands.is_empty() { Err(Unopened::NoDisplay) } else { Ok(commands) }
}

/// What opens an address in Windows where its programs are not on the path, which `appendWindowsPath` in `wsl.conf` decides.
fn within_windows(url: &str) -> [Command; 2] {
    let mut protocol_handler = Command::new("/mnt/c/Windows/System32/rundll32.exe");
    // It reads its command line by itself, and would take a quotation mark for one of its own.
    protocol_handler.arg("url.dll,FileProtocolHandler").arg(url.replace('"', "%22"));
    let mut view = Command::new("wslview");
    view.arg(url);
    [protocol_handler, view]
}

/// Starts the first command that works.
async fn start_one(commands: Vec<Command>, secrets: &[&str]) -> bool {
    for mut command in commands {
        prepare(&mut command, secrets);
        if works(&mut command).await {
            return true;
        }
    }
    false
}

/// Cuts a command off from this process's terminal, signals and secrets.
fn prepare(command: &mut Command, secrets: &[&str]) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A name with `=` or NUL is no variable, and asking to remove it would keep the command from being started.
    for name in SECRETS.iter().chain(secrets).filter(|name| !name.is_empty() && !name.contains(['=', '\0'])) {
        command.env_remove(name);
    }
    // Ctrl-C is for this process, and the browser may be the person's only one.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(command, 0x0800_0200); // CREATE_NO_WINDOW, CREATE_NEW_PROCESS_GROUP
}

/// Starts a program. One that has not failed for a moment works.
async fn works(command: &mut Command) -> bool {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            log::info!("{program} could not be started: {error}");
            return false;
        }
    };
    log::info!("{program} was started to open the browser");
    let end = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < end => sleep(LOOK).await,
            // Windows's Explorer says 1 whatever happens.
            Ok(Some(status)) if !status.success() && program != "explorer.exe" => {
                log::info!("{program} failed: {status}");
                return false;
            }
            _ => return true,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::collections::HashMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    /// An address that a shell would take apart.
    const URL: &str = "https://login.example/a?b=1&c='x'&d=\"$HOME\"&e=`id`;f=%s%20%26(*)";

    /// A folder of programs that write down what they got.
    struct Programs(tempfile::TempDir);

    impl Programs {
        fn new() -> Programs {
            Programs(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn script(&self, name: &str, text: &str) -> String {
            let path = self.path(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path.to_str().unwrap().to_owned()
        }

        /// A program that notes its arguments, one a line, and ends as it is told.
        fn noting(&self, name: &str, status: i32) -> String {
            let note = self.path(&format!("{name}.note"));
            self.script(name, &format!("printf '%s\\n' \"$@\" >'{}'\nexit {status}", note.display()))
        }

        fn note(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.path(&format!("{name}.note"))).ok()
        }
    }

    fn env(browser: &str) -> Env {
        Env::Fixed(HashMap::from([("BROWSER", &*String::leak(browser.to_owned()))]))
    }

    fn run(url: &str, env: &Env) -> Result<(), Unopened> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Not the real platform: whoever runs the tests has a browser.
        runtime.block_on(open_on(|| vec![Command::new("/nowhere/xdg-open")], url, env, &[]))
    }

    #[test]
    fn the_address_is_one_argument_in_its_place() {
        let programs = Programs::new();
        let noting = programs.noting("plain", 0);
        for (entry, expected) in [
            (noting.clone(), format!("{URL}\n")),
            (format!("{noting} --new -u=<%s> %s %x"), format!("--new\n-u=<{URL}>\n{URL}\n%x\n")),
            (format!(" {noting}  --new &"), format!("--new\n{URL}\n")),
        ] {
            assert_eq!(run(URL, &env(&entry)), Ok(()));
            assert_eq!(programs.note("plain"), Some(expected));
        }
    }

    #[test]
    fn a_path_may_have_blanks_and_colons() {
        let programs = Programs::new();
        let odd = programs.noting("a b:c %s", 0);
        assert_eq!(run(URL, &env(&odd)), Ok(()));
        assert_eq!(programs.note("a b:c %s"), Some(format!("{URL}\n")));
        let blank = programs.noting("d e", 0);
        assert_eq!(run(URL, &env(&format!("/nowhere/x:{blank}"))), Ok(()));
        assert_eq!(programs.note("d e"), Some(format!("{URL}\n")));
    }

    #[test]
    fn entries_are_tried_in_turn_until_one_works() {
        let programs = Programs::new();
        let list = format!("/nowhere/x::{}:{}:{}", programs.noting("bad", 3), programs.noting("good", 0), programs.noting("late", 0));
        assert_eq!(run(URL, &env(&list)), Ok(()));
        assert!(programs.note("bad").is_some() && programs.note("good").is_some() && programs.note("late").is_none());
    }

    #[test]
    fn what_goes_on_running_is_not_waited_for() {
        let programs = Programs::new();
        let (pid, done) = (programs.path("pid"), programs.path("done"));
        let slow = programs.script("slow", &format!("echo $$ >'{}'\nsleep 1\n: >'{}'", pid.display(), done.display()));
        let start = std::time::Instant::now();
        assert_eq!(run(URL, &env(&slow)), Ok(()));
        assert!(start.elapsed() < Duration::from_millis(900) && !done.exists());
        // A group of its own is out of the terminal's reach.
        let pid: i32 = fs::read_to_string(pid).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        assert_eq!(rustix::process::getpgid(Some(pid)), Ok(pid));
    }

    #[test]
    fn it_gets_no_secrets_and_no_terminal() {
        let programs = Programs::new();
        let note = programs.path("note");
        let script = programs.script("dump", &format!("{{ env; ls -l /proc/self/fd/0 /proc/self/fd/2; }} >'{}'", note.display()));
        let mut command = Command::new(script);
        for name in SECRETS {
            command.env(name, "canary");
        }
        command.env("MY_SECRET", "canary").env("HARMLESS", "yes");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert!(runtime.block_on(start_one(vec![command], &["MY_SECRET", "", "a=b", "a\0b"])));
        let seen = fs::read_to_string(&note).unwrap();
        assert!(!seen.contains("canary") && seen.contains("HARMLESS=yes") && seen.contains("PATH="), "{seen}");
        assert!(!cfg!(target_os = "linux") || seen.matches("/dev/null").count() == 2, "{seen}");
    }

    #[test]
    fn only_the_web_is_opened() {
        let programs = Programs::new();
        let noting = programs.noting("any", 0);
        for url in ["file:///etc/passwd", "javascript:alert(1)", "-version", "", "https:", "https://a b/", "https://a/\n-x", "mailto:a@b"] {
            assert_eq!(run(url, &env(&noting)), Err(Unopened::NotWeb), "{url}");
        }
        assert_eq!(programs.note("any"), None);
        assert_eq!(run("HTTP://localhost:1/", &env(&noting)), Ok(()));
    }

    /// The programs that are tried on a platform that has these.
    #[cfg(not(target_vendor = "apple"))]
    fn tried(programs: &[&str], variables: &[(&'static str, &'static str)]) -> Result<Vec<String>, Unopened> {
        let commands = programs.iter().map(Command::new).collect();
        let commands = platform(URL, commands, &Env::Fixed(variables.iter().copied().collect()))?;
        Ok(commands.iter().map(|command| command.get_program().to_str().unwrap().to_owned()).collect())
    }

    #[cfg(not(target_vendor = "apple"))]
    #[test]
    fn without_a_display_nothing_opens_in_the_terminal() {
        let unix = ["xdg-open", "gio"];
        assert_eq!(tried(&unix, &[]), Err(Unopened::NoDisplay));
        assert_eq!(tried(&unix, &[("DISPLAY", ":0")]).unwrap(), unix);
        assert_eq!(tried(&unix, &[("WAYLAND_DISPLAY", "wayland-0")]).unwrap(), unix);
        let windows = ["powershell.exe", "/mnt/c/Windows/System32/rundll32.exe", "wslview"];
        assert_eq!(tried(&["powershell.exe", "xdg-open"], &[]).unwrap(), windows);
        let both = [&windows[..], &["xdg-open"]].concat();
        assert_eq!(tried(&["powershell.exe", "xdg-open"], &[("DISPLAY", ":0")]).unwrap(), both);
        assert_eq!(within_windows(URL)[0].get_args().nth(1).unwrap(), URL.replace('"', "%22").as_str());
        assert_eq!(run(URL, &env("/nowhere/x")), Err(Unopened::NoneStarted));
        assert_eq!(run(URL, &Env::Fixed(HashMap::new())), Err(Unopened::NoDisplay));
        assert_eq!(run(URL, &Env::Fixed(HashMap::from([("DISPLAY", ":0")]))), Err(Unopened::NoneStarted));
    }

    #[cfg(not(target_vendor = "apple"))]
    #[test]
    fn root_under_sudo_has_no_browser() {
        let expected = if rustix::process::geteuid().is_root() { Err(Unopened::Sudo) } else { Ok(vec!["xdg-open".to_owned()]) };
        assert_eq!(tried(&["xdg-open"], &[("DISPLAY", ":0"), ("SUDO_USER", "somebody")]), expected);
    }
}
