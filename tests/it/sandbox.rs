//! A folder of its own and an empty environment for each test, and what the binary said there.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use local_tenant::{Tenant, contoso};
use serde_json::Value;

/// A place to run the binary in.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    environment: Vec<(OsString, OsString)>,
}

impl Sandbox {
    /// One without a cache: what a run does at the tenant does not depend on the runs before it.
    pub(crate) fn new() -> Sandbox {
        Sandbox::with_cache().env("ENTRA_TOKEN_CACHE", "none")
    }

    /// One that keeps tokens where a user's are.
    pub(crate) fn with_cache() -> Sandbox {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Sandbox { folder, environment: Vec::new() }.env("TZ", "UTC")
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Sandbox {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file can be written in the sandbox");
        restrict(&path);
        path
    }

    /// The names of the files in the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        names(self.folder.path())
    }

    /// The folder that a user's tokens are in.
    pub(crate) fn state(&self) -> PathBuf {
        let apple = cfg!(target_vendor = "apple");
        self.path(if apple { "Library/Application Support/entra-token" } else { ".local/state/entra-token" })
    }

    /// The one file with tokens in that folder.
    #[track_caller]
    pub(crate) fn cache_file(&self) -> PathBuf {
        let files: Vec<String> = names(&self.state()).into_iter().filter(|name| has_extension(name, "json")).collect();
        assert_eq!(files.len(), 1, "one identity has one file: {files:?}");
        self.state().join(&files[0])
    }

    /// The binary with these arguments, in the folder, with nothing but the sandbox's environment.
    pub(crate) fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entra-token"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.folder.path()).env("PATH", "/usr/bin:/bin");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The same, started by another program, whose words come first: `sh`, `strace`, `unshare`.
    pub(crate) fn command_by<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, program: &[&str], arguments: I) -> Command {
        let plain = self.command(arguments);
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.envs(plain.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
        command
    }

    pub(crate) fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> Ran {
        Ran::new(&self.command(arguments).output().expect("the binary can be started"))
    }

    /// Runs with a text on standard input.
    pub(crate) fn run_with_input<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I, input: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be started");
        // A command that does not read its input closes it.
        let _ = child.stdin.take().expect("standard input is a pipe").write_all(input);
        Ran::new(&child.wait_with_output().expect("the binary ends"))
    }

    /// `client-creds` of the default app for Graph, at the tenant, with further arguments.
    pub(crate) fn client_creds<'a>(&self, tenant: &Tenant, more: impl IntoIterator<Item = &'a str>) -> Ran {
        let parameters = self.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
        self.client_creds_with(tenant, &parameters, more)
    }

    /// The same with a parameters file.
    pub(crate) fn client_creds_with<'a>(&self, tenant: &Tenant, parameters: &Path, more: impl IntoIterator<Item = &'a str>) -> Ran {
        self.run(arguments_with(tenant, parameters, more))
    }

    /// The arguments of `client-creds` of the default app for Graph, for a command that is not run at once.
    pub(crate) fn arguments<'a>(&self, tenant: &Tenant, more: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
        let parameters = self.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
        arguments_with(tenant, &parameters, more)
    }

    /// Writes `parameters.json` as Microsoft's daemon sample has it.
    pub(crate) fn parameters(&self, authority: &str, client_id: &str, secret: &str) -> PathBuf {
        let parameters = serde_json::json!({
            "authority": authority,
            "oidc_authority": null,
            "client_id": client_id,
            "scope": ["https://graph.microsoft.com/.default"],
            "secret": secret,
            "endpoint": "https://graph.microsoft.com/v1.0/users",
            "note": "free text",
        });
        self.write("parameters.json", parameters.to_string())
    }
}

fn arguments_with<'a>(tenant: &Tenant, parameters: &Path, more: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
    let fixed: [OsString; 4] = ["client-creds".into(), parameters.into(), "--ca-file".into(), tenant.ca_file().into()];
    fixed.into_iter().chain(more.into_iter().map(OsString::from)).collect()
}

/// The names of what is in a folder; none where there is no such folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Whether a file's name ends so.
pub(crate) fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|own| own == extension)
}

/// Whether a command works here. Some parts of the tests need more than a developer's machine, or a container, has to have.
fn works(command: &[&str]) -> bool {
    let (program, arguments) = command.split_first().expect("a command has words");
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Whether system calls can be watched, and made to fail.
pub(crate) fn can_trace() -> bool {
    works(&["strace", "-qq", "-o", "/dev/null", "true"])
}

/// Whether the paths can be seen that the program opens: what a process that cannot be dumped has in its memory is shown to
/// who may trace every process.
pub(crate) fn can_trace_paths() -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let trace = folder.path().join("trace");
    let binary = env!("CARGO_BIN_EXE_entra-token");
    let strace = ["-qq", "-o", &trace.to_string_lossy(), binary, "client-creds", "/nowhere.json"];
    let ran = Command::new("strace").args(strace).output();
    ran.is_ok() && std::fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("/nowhere.json\", "))
}

/// Whether this user can mount file systems, where nobody else sees them.
pub(crate) fn can_mount() -> bool {
    is_root() && works(&["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /tmp"])
}

/// Whether this user can act as another.
pub(crate) fn can_be_another() -> bool {
    is_root() && works(&["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups", "true"])
}

/// Whether this user can make devices.
pub(crate) fn can_make_devices() -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    is_root() && works(&["mknod", &folder.path().join("null").to_string_lossy(), "c", "1", "3"])
}

/// Whether the tests run as root, who may change users.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

#[cfg(unix)]
fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("the sandbox's files are ours");
}

#[cfg(not(unix))]
fn restrict(_path: &Path) {}

/// What a run said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn new(output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the binary writes UTF-8");
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The token on standard output, and nothing said beside it.
    #[track_caller]
    pub(crate) fn token(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        let token = self.stdout.strip_suffix('\n').expect("the token ends with a line break");
        assert_eq!(token.split('.').count(), 3, "a JWT: {token}");
        token
    }

    /// The token on standard output, and beside it one warning that holds a text.
    #[track_caller]
    pub(crate) fn token_with_warning(&self, text: &str) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        let is_one_line = self.stderr.starts_with("warning: ") && self.stderr.lines().count() == 1;
        assert!(is_one_line && self.stderr.contains(text), "one warning with {text:?} is not what {self:?} has");
        let token = self.stdout.strip_suffix('\n').expect("the token ends with a line break");
        assert_eq!(token.split('.').count(), 3, "a JWT: {token}");
        token
    }

    /// The JSON on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).expect("standard output is JSON")
    }

    /// The standard refusal: this code, nothing on standard output, an error in the contract's shape, no panic.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32) -> &Ran {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:?}");
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert!(lines.iter().any(|line| line.starts_with("error: ")), "{self:?}");
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("internal error"), "{self:?}");
        assert!(self.stderr.chars().all(|character| character == '\n' || !character.is_control()), "{self:?}");
        assert!(self.stderr.len() < 4_000, "an error is short: {} bytes", self.stderr.len());
        self
    }

    /// Asserts that a text is on standard error.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Ran {
        assert!(self.stderr.contains(text), "{text:?} is not in {self:?}");
        self
    }

    /// The claims of the token on standard output.
    #[track_caller]
    pub(crate) fn claims(&self) -> Value {
        claims(self.token())
    }
}

/// The claims of a JWT.
pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).expect("a JWT has a payload");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("the payload is base64url");
    serde_json::from_slice(&bytes).expect("the payload is JSON")
}
