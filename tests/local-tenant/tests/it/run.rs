//! Commands that are led to a tenant by their environment.

use std::ffi::OsString;

use local_tenant::Tenant;

fn run(tenant: &Tenant, command: &[&str]) -> i32 {
    let command: Vec<OsString> = command.iter().map(OsString::from).collect();
    local_tenant::run(tenant, &command)
}

#[test]
fn the_status_is_the_commands() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    for (script, code) in [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 128 + 15)] {
        assert_eq!(run(&tenant, &["sh", "-c", script]), code, "{script}");
    }
    assert_eq!(run(&tenant, &["/nowhere/at/all"]), 127);
    assert_eq!(run(&tenant, &["/"]), 126);
}

#[test]
fn the_environment_leads_to_the_tenant() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    let ca = tenant.ca_file().display().to_string();
    for (name, value) in [
        ("HTTPS_PROXY", tenant.proxy_url()),
        ("https_proxy", tenant.proxy_url()),
        ("LOCAL_TENANT_ORIGIN", tenant.origin()),
        ("LOCAL_TENANT_CA", ca.clone()),
        ("SSL_CERT_FILE", ca.clone()),
        ("REQUESTS_CA_BUNDLE", ca.clone()),
        ("CURL_CA_BUNDLE", ca),
        ("AZURE_CLIENT_SECRET", local_tenant::contoso::DAEMON.secret.to_owned()),
        ("XDG_STATE_HOME", tenant.state_folder().display().to_string()),
        ("NO_PROXY", String::new()),
        ("all_proxy", String::new()),
    ] {
        let script = format!("test \"${name}\" = '{value}'");
        assert_eq!(run(&tenant, &["sh", "-c", &script]), 0, "{name}");
    }
}

#[test]
fn the_environment_has_a_refresh_token_if_the_directory_has_the_user() {
    let script = "case \"$LOCAL_TENANT_REFRESH_TOKEN\" in 1.A*) exit 10;; '') exit 20;; esac";
    let tenant = Tenant::start();
    tenant.allow_idle();
    assert_eq!(run(&tenant, &["sh", "-c", script]), 10);
    let empty = Tenant::builder().directory(local_tenant::Directory::empty()).start();
    empty.allow_idle();
    assert_eq!(run(&empty, &["sh", "-c", script]), 20);
}

#[test]
fn the_environment_has_a_browser() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    let script = "test -x \"$BROWSER\" && grep -q -e \"--browse\" \"$BROWSER\"";
    assert_eq!(run(&tenant, &["sh", "-c", script]), 0);
}
