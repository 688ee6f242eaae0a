//! Proxies: CONNECT, credentials, exceptions, and errors that say it was the proxy.

use local_tenant::{Tenant, contoso};
use serde_json::json;

use crate::sandbox::{Ran, Sandbox};

fn run(tenant: &Tenant, sandbox: &Sandbox, more: &[&str]) -> Ran {
    let parameters = json!({"tenant_id": contoso::TENANT_ID, "client_id": contoso::DAEMON.client_id, "secret": contoso::DAEMON.secret, "resource": "graph"});
    let parameters = sandbox.write("p.json", parameters.to_string());
    sandbox.client_creds_with(tenant, &parameters, more.iter().copied())
}

#[test]
fn the_proxy_comes_from_the_flag_or_the_environment() {
    let tenant = Tenant::start();
    let elsewhere = "http://127.0.0.1:9";
    for sandbox in [
        Sandbox::new().env("HTTPS_PROXY", tenant.proxy_url()),
        Sandbox::new().env("https_proxy", tenant.proxy_url()).env("HTTPS_PROXY", elsewhere),
        Sandbox::new().env("ALL_PROXY", tenant.proxy_url()),
        Sandbox::new().env("HTTPS_PROXY", tenant.proxy_url().trim_start_matches("http://")),
        Sandbox::new().env("HTTP_PROXY", elsewhere).env("HTTPS_PROXY", tenant.proxy_url()).env("REQUEST_METHOD", "GET"),
    ] {
        run(&tenant, &sandbox, &[]).token();
    }
    let flag = ["--proxy", &tenant.proxy_url()];
    run(&tenant, &Sandbox::new().env("HTTPS_PROXY", elsewhere), &flag).token();
    assert!(tenant.connects().iter().all(|connect| connect.target == "login.microsoftonline.com:443" && connect.authorization.is_none()));
    assert_eq!(tenant.connects().len(), 6);
}

#[test]
fn credentials_go_to_the_proxy_and_are_shown_to_nobody() {
    let tenant = Tenant::builder().proxy_credentials("user", "p@ss:CNRY").start();
    let with = tenant.proxy_url().replace("http://", "http://user:p%40ss%3ACNRY@");
    let ran = run(&tenant, &Sandbox::new().env("HTTPS_PROXY", with), &["-vv"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stderr.contains("CNRY"), "{ran:?}");
    let ran = run(&tenant, &Sandbox::new().env("HTTPS_PROXY", tenant.proxy_url()), &[]);
    ran.refused(5).says("asks for a user name and password");
    let wrong = tenant.proxy_url().replace("http://", "http://user:CNRY-wrong@");
    let ran = run(&tenant, &Sandbox::new().env("HTTPS_PROXY", wrong), &["-vv"]);
    ran.refused(5).says("asks for a user name and password");
    assert!(!ran.stderr.contains("CNRY"), "{ran:?}");
}

#[test]
fn exceptions_and_loopback_do_without_the_proxy() {
    let tenant = Tenant::start();
    let sandbox = Sandbox::new().env("HTTPS_PROXY", "http://127.0.0.1:9");
    let parameters = sandbox.parameters(&tenant.authority(), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    sandbox.client_creds_with(&tenant, &parameters, []).token();
    let sandbox = Sandbox::new().env("HTTPS_PROXY", tenant.proxy_url()).env("NO_PROXY", "example.com, .microsoftonline.com");
    run(&tenant, &sandbox, &["--timeout", "5"]).refused(5);
    assert!(tenant.connects().is_empty(), "the proxy was used against NO_PROXY");
}

#[test]
fn a_proxy_that_does_not_work_is_named_as_the_cause() {
    let tenant = Tenant::start();
    let sandbox = Sandbox::new().env("HTTPS_PROXY", tenant.proxy_url());
    let authority = ["--authority", "https://not-served.example/t.com"];
    run(&tenant, &sandbox, &authority).refused(5).says("through the proxy");
    let dead = Sandbox::new().env("HTTPS_PROXY", "http://127.0.0.1:9");
    run(&tenant, &dead, &["--timeout", "5"]).refused(5).says("proxy");
}
