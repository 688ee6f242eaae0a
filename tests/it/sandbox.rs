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
        let entries = std::fs::read_dir(self.folder.path()).expect("the sandbox can be listed");
        let mut names: Vec<String> = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The binary with these arguments, in the folder, with nothing but the sandbox's environment.
    pub(crate) fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entra-token"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.folder.path()).env("PATH", "/usr/bin:/bin");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
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
        let fixed: [OsString; 4] = ["client-creds".into(), parameters.into(), "--ca-file".into(), tenant.ca_file().into()];
        self.run(fixed.into_iter().chain(more.into_iter().map(OsString::from)))
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
