//! The browser that tests and scripts steer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use local_tenant::{Browser, Misbehaviour, Tenant, contoso};

use crate::callback::{Callback, address};

#[test]
fn it_reads_pages_as_people_do() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    let page = Browser::new(tenant.ca_file()).open(&address(&tenant, &callback.uri, &[("login_hint", "a&b<\"'>")]));
    assert!(page.text().starts_with("Sign in Sign in to go on to desktop User name Password Sign in Cancel"), "{}", page.text());
    assert_eq!((page.field("username").as_deref(), page.field("none")), (Some("a&b<\"'>"), None));
    assert_eq!(page.buttons(), ["Sign in", "Cancel"]);
}

#[test]
fn its_steering_mistakes_are_told() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    let mut browser = tenant.browser();
    let page = browser.open(&address(&tenant, &callback.uri, &[]));
    assert!(catch_unwind(AssertUnwindSafe(|| browser.clone().submit(&page, &[], "No such"))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| browser.clone().submit(&page, &[("none", "")], "Sign in"))).is_err());
    assert!(browser.try_open("nowhere").is_err());
    assert!(browser.try_open("https://www.example.com/").is_err());
    let headers = vec![("location".to_owned(), "/".to_owned())];
    for _ in 0..20 {
        tenant.next(Misbehaviour::Status { status: 302, headers: headers.clone(), body: Vec::new() });
    }
    assert!(browser.try_open(&tenant.origin()).is_err_and(|error| error.to_string().contains("without end")));
}

#[test]
fn it_walks_through_all_pages() {
    let tenant = Tenant::start();
    let callback = Callback::start();
    let scope = format!("{}/Orders.Write", contoso::API_URI);
    let url = address(&tenant, &callback.uri, &[("scope", &scope), ("prompt", "select_account"), ("response_mode", "form_post")]);
    let mut browser = tenant.browser();
    for _ in 0..2 {
        let last = browser.sign_in(&url, contoso::MULTI_FACTOR_USER, contoso::MULTI_FACTOR_USER_PASSWORD);
        assert_eq!((last.status(), last.text().as_str(), last.url()), (200, "came back", format!("{}/", callback.uri)));
        callback.next().code();
    }
    let wrong = tenant.browser().sign_in(&url, contoso::USER, "wrong");
    assert!(wrong.text().contains("AADSTS50126"), "{}", wrong.text());
}
