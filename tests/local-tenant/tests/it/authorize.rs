//! Authorization requests: every check, and every page on the way.

use local_tenant::{App, Browser, Directory, Page, Permission, Tenant, contoso};

use crate::callback::{Callback, address};
use crate::client::{LOGIN, encode, get};

const PASSWORD: &str = contoso::USER_PASSWORD;

fn open(tenant: &Tenant, callback: &Callback, changes: &[(&str, &str)]) -> Page {
    tenant.browser().open(&address(tenant, &callback.uri, changes))
}

fn orders(scope: &str) -> String {
    format!("{}/{scope} openid", contoso::API_URI)
}

/// Signs the default user in without a word on what comes then.
fn password(browser: &mut Browser, page: &Page) -> Page {
    browser.submit(page, &[("username", contoso::USER), ("password", PASSWORD)], "Sign in")
}

#[test]
fn a_user_signs_in_and_the_app_gets_a_code() {
    let tenant = Tenant::start();
    for mode in ["", "query", "form_post"] {
        let callback = Callback::start();
        let url = address(&tenant, &callback.uri, &[("response_mode", mode), ("login_hint", contoso::USER)]);
        let mut browser = tenant.browser();
        let page = browser.open(&url);
        assert_eq!((page.status(), page.field("username").as_deref()), (200, Some(contoso::USER)));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        let last = browser.submit(&page, &[("password", PASSWORD)], "Sign in");
        assert_eq!((last.status(), last.text().as_str()), (200, "came back"));
        let brought = callback.next();
        assert_eq!(brought.get("state"), Some("a state & <more>\"'"));
        assert!(brought.code().len() > 500 && brought.get("client_info").is_some() && brought.get("session_state").is_some());
        let is_post = mode == "form_post";
        assert_eq!(brought.head.starts_with("POST / "), is_post, "{}", brought.head);
        assert_eq!(brought.head.contains(&format!("Origin: {}\r\n", tenant.origin())), is_post, "{}", brought.head);
        assert!(brought.head.contains(&callback.uri.replace("http://", "Host: ")), "{}", brought.head);
    }
    let callback = Callback::start();
    let page = tenant.browser().sign_in(&address(&tenant, &callback.uri, &[("response_mode", "fragment")]), contoso::USER, PASSWORD);
    assert!(page.url().contains("/#code=1.A"), "{}", page.url());
}

#[test]
fn errors_about_the_app_and_its_address_go_nowhere() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    for (changes, code) in [
        ([("client_id", "")], "AADSTS900144"),
        ([("client_id", "00000000-0000-0000-0000-000000000001")], "AADSTS700016"),
        ([("client_id", contoso::DISABLED.client_id)], "AADSTS7000112"),
        ([("client_id", contoso::UNPRIVILEGED.client_id)], "AADSTS500113"),
        ([("redirect_uri", "")], "AADSTS900144"),
        ([("redirect_uri", "http://localhost:1/other")], "AADSTS50011"),
        ([("redirect_uri", "http://127.0.0.1:1")], "AADSTS50011"),
        ([("redirect_uri", "https://evil.example/<script>")], "AADSTS50011"),
    ] {
        let page = open(&tenant, &callback, &changes);
        assert!(page.status() == 400 && page.text().contains(&format!("{code}: ")), "{changes:?}: {}", page.text());
        assert!(!page.html().contains("<script>"), "{}", page.html());
    }
    for tenant_name in ["nobody.example", "consumers"] {
        let url = address(&tenant, &callback.uri, &[]).replace(contoso::TENANT_ID, tenant_name);
        assert_eq!(tenant.browser().open(&url).status(), 400, "{tenant_name}");
    }
    let twice = format!("{}&scope=x", address(&tenant, &callback.uri, &[]));
    assert!(tenant.browser().open(&twice).text().contains("AADSTS9002313"));
}

#[test]
fn other_errors_go_back_to_the_app() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    let short = &crate::callback::CHALLENGE[1..];
    let two = "User.Read https://management.azure.com/user_impersonation";
    for (changes, error, code) in [
        ([("response_type", "")], "invalid_request", "AADSTS900144"),
        ([("response_type", "magic")], "unsupported_response_type", "AADSTS70005"),
        ([("response_type", "code id_token")], "unsupported_response_type", "AADSTS700054"),
        ([("response_mode", "magic")], "invalid_request", "AADSTS70007"),
        ([("scope", "")], "invalid_request", "AADSTS900144"),
        ([("scope", "https://graph.microsoft.com")], "invalid_scope", "AADSTS70011"),
        ([("scope", "https://nobody.example/.default")], "invalid_resource", "AADSTS500011"),
        ([("scope", two)], "invalid_request", "AADSTS28000"),
        ([("code_challenge", "")], "invalid_request", "AADSTS50147"),
        ([("code_challenge_method", "")], "invalid_request", "AADSTS50149"),
        ([("code_challenge_method", "s256")], "invalid_request", "AADSTS50149"),
        ([("code_challenge", short)], "invalid_request", "AADSTS501491"),
        ([("prompt", "magic")], "invalid_request", "AADSTS90023"),
        ([("prompt", "none")], "login_required", "AADSTS50058"),
        ([("claims", "{")], "invalid_request", "AADSTS9002313"),
        ([("max_age", "-1")], "invalid_request", "AADSTS90023"),
    ] {
        assert_eq!(open(&tenant, &callback, &changes).text(), "came back", "{changes:?}");
        let brought = callback.next();
        assert_eq!(brought.error(), (error.to_owned(), code.to_owned()), "{changes:?}");
        assert_eq!(brought.get("state"), Some("a state & <more>\"'"));
        assert!(brought.get("error_description").is_some_and(|text| text.contains(" Trace ID: ")));
        assert!(brought.get("error_uri").is_some_and(|uri| uri.ends_with(&code.replace("AADSTS", "?code="))));
    }
    open(&tenant, &callback, &[("code_challenge", ""), ("code_challenge_method", "")]);
    assert_eq!(callback.next().error().1, "AADSTS9002325");
    open(&tenant, &callback, &[("response_type", "id_token"), ("nonce", "")]);
    assert!(callback.next().get("error_description").is_some_and(|text| text.contains("'nonce'")));
    open(&tenant, &callback, &[("response_mode", "form_post"), ("prompt", "magic")]);
    assert!(callback.next().head.starts_with("POST / "));
}

#[test]
fn wrong_passwords_are_asked_for_again_and_users_can_cancel() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    let mut browser = tenant.browser();
    let page = browser.open(&address(&tenant, &callback.uri, &[]));
    let page = browser.submit(&page, &[("username", contoso::USER), ("password", "x")], "Sign in");
    assert!(page.status() == 200 && page.text().contains("AADSTS50126"), "{}", page.text());
    let page = browser.submit(&page, &[("username", "no\"body<b>")], "Sign in");
    assert!(page.text().contains("AADSTS50034") && !page.html().contains("<b>"), "{}", page.html());
    assert_eq!(page.field("username").as_deref(), Some("no\"body<b>"));
    browser.submit(&page, &[], "Cancel");
    let brought = callback.next();
    assert_eq!(brought.error(), ("access_denied".to_owned(), "AADSTS65004".to_owned()));
    assert_eq!(brought.get("error_subcode"), Some("cancel"));
    let stranger = tenant.browser().sign_in(
        &address(&tenant, &callback.uri, &[("client_id", contoso::AZURE_CLI.client_id)]),
        contoso::FABRIKAM_USER,
        contoso::FABRIKAM_USER_PASSWORD,
    );
    assert!(stranger.status() == 400 && stranger.text().contains("AADSTS50020"), "{}", stranger.text());
}

#[test]
fn a_session_needs_no_password_and_prompts_say_otherwise() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    let mut browser = tenant.browser();
    let url = |changes: &[(&str, &str)]| address(&tenant, &callback.uri, changes);
    browser.sign_in(&url(&[]), contoso::USER, PASSWORD);
    callback.next().code();
    for prompt in ["", "none"] {
        browser.open(&url(&[("prompt", prompt)]));
        callback.next().code();
    }
    assert!(browser.open(&url(&[("prompt", "login")])).buttons().contains(&"Sign in".to_owned()));
    assert!(browser.open(&url(&[("login_hint", contoso::OTHER_USER)])).buttons().contains(&"Sign in".to_owned()));
    let consent = browser.open(&url(&[("prompt", "consent")]));
    assert!(consent.text().contains("desktop wants to:") && consent.buttons() == ["Accept", "Cancel"], "{}", consent.text());
    let chooser = browser.open(&url(&[("prompt", "select_account")]));
    assert_eq!(chooser.buttons(), [contoso::USER, "Use another account", "Cancel"]);
    browser.submit(&chooser, &[], contoso::USER);
    callback.next().code();
    browser.go_on(chooser, contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD);
    callback.next().code();
    assert_eq!(browser.open(&url(&[])).buttons().len(), 4);
    browser.open(&url(&[("prompt", "none")]));
    assert_eq!(callback.next().error().0, "interaction_required");
}

#[test]
fn a_second_factor_is_asked_for_where_a_policy_wants_it() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    let mut browser = tenant.browser();
    let page = browser.open(&address(&tenant, &callback.uri, &[]));
    let fields = [("username", contoso::MULTI_FACTOR_USER), ("password", contoso::MULTI_FACTOR_USER_PASSWORD)];
    let page = browser.submit(&page, &fields, "Sign in");
    let again = browser.submit(&page, &[("otc", "000000")], "Verify");
    assert!(again.text().contains("AADSTS500121"), "{}", again.text());
    browser.submit(&again, &[("otc", contoso::MULTI_FACTOR_CODE)], "Verify");
    callback.next().code();
    browser.open(&address(&tenant, &callback.uri, &[]));
    callback.next().code();
}

#[test]
fn consent_is_asked_for_once_for_each_user() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    let scope = orders("Orders.Write");
    let url = address(&tenant, &callback.uri, &[("scope", &scope)]);
    let mut browser = tenant.browser();
    let page = browser.open(&url);
    let page = password(&mut browser, &page);
    assert!(page.text().contains("Contoso orders API: Orders.Write"), "{}", page.text());
    browser.submit(&page, &[], "Cancel");
    assert_eq!(callback.next().error().0, "access_denied");
    browser.open(&format!("{url}&prompt=none"));
    assert_eq!(callback.next().error().1, "AADSTS65001");
    browser.submit(&page, &[], "Accept");
    callback.next().code();
    browser.open(&url);
    callback.next().code();
    let other = tenant.browser().sign_in(&url, contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD);
    assert_eq!(other.text(), "came back");
    callback.next().code();
    let scopes = [(orders("Orders.Delete"), "AADSTS650053"), ("https://vault.azure.net/.default".to_owned(), "AADSTS650057")];
    for (scope, code) in scopes {
        browser.open(&address(&tenant, &callback.uri, &[("scope", &scope)]));
        assert_eq!(callback.next().error().1, code, "{scope}");
    }
}

#[test]
fn some_scopes_are_for_administrators_to_grant() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    let mut browser = tenant.browser();
    let page = browser.open(&address(&tenant, &callback.uri, &[("scope", "Directory.AccessAsUser.All")]));
    let page = password(&mut browser, &page);
    assert!(page.text().contains("Need admin approval") && page.text().contains("AADSTS90094"), "{}", page.text());
    browser.submit(&page, &[], "Back");
    assert_eq!(callback.next().error(), ("access_denied".to_owned(), "AADSTS90094".to_owned()));
}

#[test]
fn somebody_who_sits_there_signs_in_by_themself() {
    let app = App::new(contoso::PUBLIC_APP.client_id, "other", contoso::TENANT_ID)
        .redirect_uri("http://localhost/back")
        .delegated(Permission::new(contoso::GRAPH_ID, "User.Read"));
    let tenant = Tenant::builder().directory(Directory::default().app(app).person(contoso::MULTI_FACTOR_USER)).start();
    let callback = Callback::start();
    let uri = format!("{}/back", callback.uri);
    for changes in [[("scope", "User.Read")], [("prompt", "login")], [("scope", &orders("Orders.Write"))], [("response_mode", "form_post")]]
    {
        tenant.browser().open(&address(&tenant, &uri, &changes));
        callback.next().code();
    }
    tenant.browser().open(&address(&tenant, &uri, &[("scope", "Directory.AccessAsUser.All")]));
    assert_eq!(callback.next().error().1, "AADSTS90094");
    tenant.browser().open(&address(&tenant, &uri, &[("prompt", "none")]));
    assert_eq!(callback.next().error().0, "login_required");
}

#[test]
fn every_kind_of_authority_has_such_an_endpoint() {
    let tenant = Tenant::start();
    let b2c = "/contoso.onmicrosoft.com/b2c_1_in/v2.0/.well-known/openid-configuration";
    for (host, document, scope, modes, is_entra) in [
        (LOGIN, "/common/v2.0/.well-known/openid-configuration", "User.Read", ["query", "form_post", "fragment"].as_slice(), true),
        ("contoso.ciamlogin.com", "/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration", "User.Read", &["form_post"], true),
        ("contoso.b2clogin.com", b2c, "openid offline_access", &["query", "form_post"], false),
        ("adfs.contoso.com", "/adfs/.well-known/openid-configuration", "openid", &["query", "form_post"], false),
        (local_tenant::OIDC_HOST, "/.well-known/openid-configuration", "openid", &["query"], false),
    ] {
        let document = get(&tenant, host, document).json();
        let endpoint = document["authorization_endpoint"].as_str().expect("an address").to_owned();
        for mode in ["query", "form_post", "fragment"] {
            let callback = Callback::start();
            let changes = [("scope", scope), ("response_mode", mode)];
            let url = format!("{endpoint}?{}", encode(&crate::callback::wish(&callback.uri, &changes)));
            let last = tenant.browser().sign_in(&url, contoso::USER, PASSWORD);
            let is_offered = document["response_modes_supported"].as_array().expect("modes").iter().any(|it| it == mode);
            assert!(is_offered || !modes.contains(&mode), "{host} {mode}");
            if mode == "fragment" && is_offered {
                assert!(last.url().contains("#code="), "{host}");
                continue;
            }
            let brought = callback.next();
            assert_eq!(brought.get("code").is_some(), is_offered, "{host} {mode}: {brought:?}");
            assert_eq!(brought.get("client_info").is_some(), is_entra, "{host} {mode}: {brought:?}");
            assert_eq!(brought.get("error"), (!is_offered).then_some("invalid_request"), "{host} {mode}");
        }
    }
}
