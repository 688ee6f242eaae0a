//! A command run with an environment that leads it to a tenant.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use crate::contoso;
use crate::tenant::Tenant;

/// Runs a command to its end and gives the exit status that a shell would (126 and 127: it could not be started).
///
/// The real host names lead to the tenant by proxy, and its certificates are trusted, in the ways that curl, Python's
/// requests, OpenSSL and rustls read. `BROWSER` is a script that runs this program with `--browse` and an address.
pub fn run(tenant: &Tenant, command: &[OsString]) -> i32 {
    let Some((program, arguments)) = command.split_first() else { return 0 };
    let mut process = Command::new(program);
    process.args(arguments);
    let browser = browser_script(tenant).map_err(|error| eprintln!("local_tenant: there is no browser for the command: {error}"));
    for (name, value) in environment(tenant).into_iter().chain(browser.ok().map(|script| ("BROWSER", Some(script.into_os_string())))) {
        match value {
            Some(value) => process.env(name, value),
            None => process.env_remove(name),
        };
    }
    outlive_interrupts();
    match process.status() {
        Ok(status) => code(status),
        Err(error) => {
            eprintln!("local_tenant: cannot start {}: {error}", program.display());
            if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
        }
    }
}

/// A program that opens the address it is given with this one (`--browse`). It is a script, because programs split what
/// `BROWSER` says at spaces, and the path of this one may have some.
fn browser_script(tenant: &Tenant) -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let quoted = program.display().to_string().replace('\'', "'\\''");
    let script = tenant.ca_file().with_file_name("browser");
    std::fs::write(&script, format!("#!/bin/sh\nexec '{quoted}' --browse \"$1\"\n"))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(script)
}

/// Ctrl-C goes to the command too, and its end is waited for, so that its status is kept and the CA file removed.
fn outlive_interrupts() {
    std::thread::spawn(|| -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            loop {
                tokio::signal::ctrl_c().await?;
            }
        })
    });
}

/// The variables; without a value they are taken away.
fn environment(tenant: &Tenant) -> Vec<(&'static str, Option<OsString>)> {
    let proxy = Some(OsString::from(tenant.proxy_url()));
    let authority = Some(tenant.ca_file().as_os_str().to_owned());
    let mut variables = vec![
        ("HTTPS_PROXY", proxy.clone()),
        ("https_proxy", proxy),
        ("AZURE_CLIENT_SECRET", Some(contoso::DAEMON.secret.into())),
        ("LOCAL_TENANT_REFRESH_TOKEN", tenant.refresh_token().map(OsString::from)),
        ("LOCAL_TENANT_ORIGIN", Some(tenant.origin().into())),
        ("LOCAL_TENANT_CA", authority.clone()),
        // No other tenant takes the tokens of this one, so nothing shall keep them for longer.
        ("XDG_STATE_HOME", Some(tenant.state_folder().into_os_string())),
        // Should the command build something: cargo reads these variables too, but its own come first. They keep what
        // was there before.
        ("CARGO_HTTP_PROXY", Some(before(&["CARGO_HTTP_PROXY", "HTTPS_PROXY", "https_proxy"]).unwrap_or_default())),
        ("CARGO_HTTP_CAINFO", before(&["CARGO_HTTP_CAINFO", "SSL_CERT_FILE"]).or_else(system_authorities)),
    ];
    variables.extend(["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"].map(|name| (name, authority.clone())));
    variables.extend(["NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "SSL_CERT_DIR"].map(|name| (name, None)));
    variables
}

/// The first of these variables that is set here.
fn before(names: &[&str]) -> Option<OsString> {
    names.iter().find_map(std::env::var_os)
}

/// Where Linux distributions keep the authorities that the machine trusts.
fn system_authorities() -> Option<OsString> {
    let places = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    places.into_iter().find(|place| std::path::Path::new(place).is_file()).map(OsString::from)
}

#[cfg(unix)]
fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

#[cfg(not(unix))]
fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}
