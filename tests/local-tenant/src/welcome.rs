//! A tenant in the foreground, for people: what it serves, and how to reach it.

use std::io;

use crate::contoso::{self, Registration};
use crate::hosts;
use crate::tenant::Tenant;

/// Says on standard error what the tenant serves, and serves until Ctrl-C.
///
/// # Errors
/// When the machine cannot tell about Ctrl-C.
pub fn serve_until_interrupt(tenant: &Tenant) -> io::Result<()> {
    eprintln!("{}", text(tenant));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c())
}

fn text(tenant: &Tenant) -> String {
    let hosts: Vec<&str> = hosts::all().collect();
    let apps = [
        (contoso::DAEMON, "may do everything that is here"),
        (contoso::UNPRIVILEGED, "has no permissions"),
        (contoso::EXPIRED, "its secret has expired"),
        (contoso::DISABLED, "is switched off"),
        (contoso::BLOCKED, "is blocked by Conditional Access"),
        (contoso::THROTTLED, "is over its limit"),
        (contoso::PUBLIC_APP, "is a public client"),
        (contoso::AZURE_CLI, "is one of Microsoft's public clients"),
        (contoso::AZURE_POWERSHELL, "is another"),
    ];
    let apps: String = apps.map(|(app, what)| app_line(app, what)).concat();
    let resources: String = tenant.resources().map(|line| format!("  {line}\n")).collect();
    let people: String = tenant.people().map(|line| format!("  {line}\n")).collect();
    format!(
        "A local tenant is running. Ctrl-C ends it. Nothing here leaves this machine, and no secret here is one.\n\n\
         https      {origin}\n\
         http       {http}\n\
         proxy      {proxy}\n\
         authority  {authority}\n\
         CA file    {ca}\n\n\
         tenant {name}, {id}\n\n\
         apps (client id, secret):\n{apps}\n\
         people (user name, password; every one-time code is {code}):\n{people}\n\
         resources:\n{resources}\n\
         through the proxy also: {hosts}\n\n\
         export HTTPS_PROXY={proxy} SSL_CERT_FILE='{ca}'\n\
         export REQUESTS_CA_BUNDLE='{ca}' CURL_CA_BUNDLE='{ca}'\n\
         export AZURE_CLIENT_SECRET='{secret}' XDG_STATE_HOME='{state}'{refresh_token}",
        origin = tenant.origin(),
        http = tenant.http_origin(),
        proxy = tenant.proxy_url(),
        authority = tenant.authority(),
        ca = tenant.ca_file().display(),
        name = contoso::TENANT_DOMAIN,
        id = contoso::TENANT_ID,
        code = contoso::MULTI_FACTOR_CODE,
        hosts = hosts.join(", "),
        secret = contoso::DAEMON.secret,
        state = tenant.state_folder().display(),
        refresh_token = tenant.refresh_token().map(|token| format!("\nexport LOCAL_TENANT_REFRESH_TOKEN='{token}'")).unwrap_or_default(),
    )
}

fn app_line(app: Registration, what: &str) -> String {
    let secret = if app.secret.is_empty() { "-" } else { app.secret };
    format!("  {}  {secret:40}  {}: {what}\n", app.client_id, app.name)
}
