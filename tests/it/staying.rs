//! Staying signed in: who is meant, what is tried before a person is asked, and how many are asked.

use std::process::Command;
use std::time::Duration;

use local_tenant::{Misbehaviour, Tenant, contoso};
use serde_json::{Map, json};

use crate::auth_code::{arguments, executable, signed_in};
use crate::sandbox::{Ran, Sandbox, can_mount, can_trace, has_extension, names};
use crate::waiting::{Waiting, parameter};

fn auth_code(sandbox: &Sandbox, tenant: &Tenant, more: &[&str]) -> Ran {
    sandbox.run(arguments("auth-code", tenant, more))
}

/// Another person's sign-in beside the usual one's.
fn other_signs_in(sandbox: &Sandbox, tenant: &Tenant) {
    let more = ["--no-browser", "--username", contoso::OTHER_USER];
    let mut waiting = Waiting::start(sandbox.command(arguments("auth-code", tenant, &more)));
    tenant.browser().sign_in(&waiting.url(), contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
}

/// A browser for the sandbox that leaves a line for every address, and opens none.
fn counted(sandbox: Sandbox) -> Sandbox {
    let browser = sandbox.write("browser", format!("#!/bin/sh\necho \"$1\" >> '{}'\n", sandbox.path("opened").display()));
    executable(&browser);
    sandbox.env("BROWSER", browser)
}

fn opened(sandbox: &Sandbox) -> Vec<String> {
    std::fs::read_to_string(sandbox.path("opened")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Waits until a browser was opened so often.
fn wait_for_browser(sandbox: &Sandbox, times: usize) -> String {
    for _ in 0..2_000 {
        if let Some(url) = opened(sandbox).get(times - 1) {
            return url.clone();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no browser was opened");
}

#[test]
fn of_several_accounts_the_one_that_is_named_is_used() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    signed_in(&sandbox, &tenant, &[]);
    other_signs_in(&sandbox, &tenant);
    assert_eq!(tenant.token_requests().len(), 2);
    for more in [&["--silent"][..], &[]] {
        let ran = auth_code(&sandbox, &tenant, more);
        ran.refused(4).says("2 people have signed in").says(contoso::USER).says(contoso::OTHER_USER).says("--username");
    }
    for user in [contoso::USER, contoso::OTHER_USER] {
        let tokens = auth_code(&sandbox, &tenant, &["--username", &user.to_uppercase(), "-o", "json", "--silent"]).json();
        assert_eq!((tokens["account"]["username"].as_str(), &tokens["source"]), (Some(user), &json!("cache")));
    }
    let by_environment = auth_code(&sandbox, &tenant, &["--silent"]);
    assert_eq!(by_environment.code, Some(4));
    let mut command = sandbox.command(arguments("auth-code", &tenant, &["--silent"]));
    assert!(command.env("AZURE_USERNAME", contoso::USER).output().unwrap().status.success());
}

#[cfg(target_os = "linux")]
#[test]
fn of_several_accounts_a_person_chooses_on_a_terminal() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    signed_in(&sandbox, &tenant, &[]);
    other_signs_in(&sandbox, &tenant);
    let words: Vec<String> = arguments("auth-code", &tenant, &["-o", "json", "--out-file", "chosen.json", "--color", "never"]);
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("{} {}", env!("CARGO_BIN_EXE_entra-token"), quoted.join(" "));
    let choose = |number: &str| {
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).current_dir(sandbox.path("")).env("HOME", sandbox.path(""));
        command.stdin(std::process::Stdio::piped()).env("TERM", "dumb");
        let mut waiting = Waiting::start(command);
        waiting.tell(number);
        waiting.ended()
    };
    let ran = choose("9\n2\n");
    assert!(ran.stdout.contains("Several people have signed in") && ran.stdout.contains("somebody else"), "{ran:?}");
    assert!(ran.stdout.contains("A number from 1 to 3 is expected"), "{ran:?}");
    let chosen: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(sandbox.path("chosen.json")).unwrap()).unwrap();
    let name = chosen["account"]["username"].as_str().unwrap();
    assert!(ran.stdout.lines().any(|line| line.trim() == format!("2  {name}")), "{ran:?}");
}

#[test]
fn what_a_person_can_lift_brings_the_browser_unless_it_is_forbidden() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    let cli = ["--client-id", contoso::AZURE_CLI.client_id];
    let auth_code = |sandbox: &Sandbox, tenant: &Tenant, more: &[&str]| auth_code(sandbox, tenant, &[&cli[..], more].concat());
    signed_in(&sandbox, &tenant, &cli);
    tenant.revoke_sign_ins(contoso::USER);
    let anew = ["--resource", "arm", "--client-id", contoso::AZURE_CLI.client_id];
    auth_code(&sandbox, &tenant, &["--resource", "arm", "--silent"]).refused(4).says("AADSTS50173");
    assert!(opened(&sandbox).is_empty());
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &anew)));
    let url = wait_for_browser(&sandbox, 1);
    assert_eq!(parameter(&url, "login_hint").as_deref(), Some(contoso::USER), "who it was is known");
    tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
    auth_code(&sandbox, &tenant, &["--silent", "--resource", "keyvault"]).token();
    // A demand comes with a challenge, which the page is handed.
    tenant.demand_multi_factor(contoso::USER);
    auth_code(&sandbox, &tenant, &["--silent", "--resource", "sql"]).refused(4).says("AADSTS50076");
    let sql = [&cli[..], &["--resource", "sql"]].concat();
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &sql)));
    let url = wait_for_browser(&sandbox, 2);
    assert!(parameter(&url, "claims").is_some(), "{url}");
    let page = tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(page.status(), 200);
    assert_eq!(waiting.ended().code, Some(0));
    auth_code(&sandbox, &tenant, &["--silent", "--resource", "storage"]).token();
}

#[test]
fn who_has_signed_in_to_others_of_a_family_is_not_taken_for_the_one_who_is_meant() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    let cli = ["--client-id", contoso::AZURE_CLI.client_id];
    signed_in(&sandbox, &tenant, &cli);
    let more = [&cli[..], &["--no-browser", "--username", contoso::OTHER_USER]].concat();
    let mut waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &more)));
    tenant.browser().sign_in(&waiting.url(), contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD);
    waiting.ended();
    // Another of the family may use both, so it is a question; an app that nobody has signed in to asks in the browser.
    let powershell = ["--client-id", contoso::AZURE_POWERSHELL.client_id, "--silent"];
    auth_code(&sandbox, &tenant, &powershell).refused(4).says("2 people have signed in");
    auth_code(&sandbox, &tenant, &[&powershell[..], &["--username", contoso::USER]].concat()).token();
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &[])));
    tenant.browser().sign_in(&wait_for_browser(&sandbox, 1), contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
    auth_code(&sandbox, &tenant, &["--silent"]).token();
}

#[test]
fn a_network_that_is_down_brings_no_browser() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    signed_in(&sandbox, &tenant, &[]);
    tenant.next_for("/token", Misbehaviour::CutBeforeAnswer);
    auth_code(&sandbox, &tenant, &["--resource", "arm"]).refused(5);
    let refusal = |error: &str, codes: &[u32]| Misbehaviour::Refusal {
        status: 400,
        error: error.to_owned(),
        codes: codes.to_vec(),
        description: "No.".to_owned(),
        extra: Map::new(),
    };
    tenant.next_for("/token", refusal("invalid_grant", &[53003]));
    auth_code(&sandbox, &tenant, &["--resource", "arm"]).refused(3).says("AADSTS53003");
    assert!(opened(&sandbox).is_empty());
}

#[test]
fn an_account_that_the_tenant_does_not_have_gives_way_to_another() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    signed_in(&sandbox, &tenant, &[]);
    let refusal = || Misbehaviour::Refusal {
        status: 400,
        error: "invalid_grant".to_owned(),
        codes: vec![50020],
        description: "Not a user of this tenant.".to_owned(),
        extra: Map::new(),
    };
    tenant.next_for("/token", refusal());
    auth_code(&sandbox, &tenant, &["--resource", "arm", "--silent"]).refused(4).says("AADSTS50020");
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &["--resource", "arm"])));
    let url = wait_for_browser(&sandbox, 1);
    assert_eq!(parameter(&url, "login_hint"), None, "somebody else is to sign in");
    tenant.browser().sign_in(&url, contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
    // An account of an organization is not taken for a personal one.
    let consumers = format!("{}/consumers", tenant.origin());
    auth_code(&sandbox, &tenant, &["--authority", &consumers, "--username", contoso::USER, "--silent"])
        .refused(4)
        .says("has not signed in");
}

#[test]
fn whoever_asks_for_the_page_gets_it_whatever_is_cached() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    signed_in(&sandbox, &tenant, &[]);
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &["--prompt", "select_account"])));
    tenant.browser().sign_in(&wait_for_browser(&sandbox, 1), contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
    assert!(auth_code(&sandbox, &tenant, &["--silent"]).stderr.contains("2 people"), "both are signed in");
    // A hint at somebody else is not answered with whoever is there.
    let more = ["--login-hint", contoso::OTHER_USER, "-o", "json", "--silent"];
    assert_eq!(auth_code(&sandbox, &tenant, &more).json()["account"]["username"], contoso::OTHER_USER);
    auth_code(&sandbox, &tenant, &["--login-hint", "somebody@contoso.com", "--silent"]).refused(4).says("somebody@contoso.com");
    // What the cache has needs no port.
    let elsewhere = ["--redirect-uri", "https://app.example/x", "--username", contoso::USER];
    auth_code(&sandbox, &tenant, &elsewhere).token();
}

#[test]
fn a_refusal_is_not_the_answer_to_another_way_or_to_whoever_begins_anew() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &["--prompt", "none"])));
    tenant.browser().open(&wait_for_browser(&sandbox, 1));
    waiting.ended().refused(4).says("AADSTS50058").says("leave --prompt none out");
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &[])));
    tenant.browser().sign_in(&wait_for_browser(&sandbox, 2), contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
}

#[test]
fn a_cache_that_cannot_be_changed_is_no_reason_not_to_sign_in() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    std::fs::create_dir_all(sandbox.path(".local")).unwrap();
    sandbox.write(".local/state", "not a folder");
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &[])));
    tenant.browser().sign_in(&wait_for_browser(&sandbox, 1), contoso::USER, contoso::USER_PASSWORD);
    let ran = waiting.ended();
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 1), "{ran:?}");
    ran.says("not cached");
}

#[test]
fn fifty_shells_open_one_browser() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    let resources = ["graph", "arm", "keyvault", "sql", "storage"];
    let shells: Vec<Waiting> = (0..50)
        .map(|number| {
            let more = ["--client-id", contoso::AZURE_CLI.client_id, "--resource", resources[number % 5]];
            Waiting::start(sandbox.command(arguments("auth-code", &tenant, &more)))
        })
        .collect();
    let url = wait_for_browser(&sandbox, 1);
    // All of them have begun by then, or find the tokens.
    std::thread::sleep(Duration::from_millis(500));
    tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    for shell in shells {
        let ran = shell.ended();
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    assert_eq!(opened(&sandbox).len(), 1);
    assert_eq!(tenant.token_requests().len(), 5, "one for each resource");
}

#[cfg(target_os = "linux")]
#[test]
fn where_the_one_who_asks_stands_still_one_other_takes_its_place() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    let first = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &["--timeout", "60"])));
    wait_for_browser(&sandbox, 1);
    first.signal("STOP");
    let others: Vec<Waiting> =
        (0..4).map(|_| Waiting::start(sandbox.command(arguments("auth-code", &tenant, &["--timeout", "60"])))).collect();
    let url = wait_for_browser(&sandbox, 2);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(opened(&sandbox).len(), 2, "one of the four asks");
    tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    for other in others {
        let ran = other.ended();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains("waiting for process"), "{ran:?}");
    }
    first.signal("KILL");
    assert_eq!(opened(&sandbox).len(), 2);
}

#[test]
fn another_way_of_signing_in_is_not_held_up() {
    let directory = local_tenant::Directory::default().device_interval(1);
    let (tenant, sandbox) = (Tenant::builder().directory(directory).start(), counted(Sandbox::with_cache()));
    let lost = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &[])));
    wait_for_browser(&sandbox, 1);
    let mut device = Waiting::start(sandbox.command(arguments("device-code", &tenant, &[])));
    device.line(|line| line.contains("enter this code"));
    let code = device.line(|_| true);
    tenant.approve_device(&code, contoso::USER);
    assert_eq!(device.ended().code, Some(0));
    lost.signal("KILL");
}

#[test]
fn a_signal_does_not_lose_what_takes_a_refresh_tokens_place() {
    let tenant = Tenant::builder()
        .directory(
            local_tenant::Directory::default().app(
                local_tenant::App::new(ROTATING, "rotating", contoso::TENANT_ID)
                    .policy(local_tenant::Policy::PublicClient)
                    .policy(local_tenant::Policy::RevokesReusedRefreshTokens)
                    .redirect_uri("http://localhost")
                    .delegated(local_tenant::Permission::new(contoso::GRAPH_ID, "User.Read")),
            ),
        )
        .start();
    let sandbox = Sandbox::with_cache();
    let app = ["--client-id", ROTATING];
    signed_in(&sandbox, &tenant, &app);
    tenant.next_for("/token", Misbehaviour::Delay(Duration::from_millis(700)));
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &[&app[..], &["--force-refresh"]].concat())));
    while tenant.token_requests().len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    waiting.signal("INT");
    waiting.ended().refused(130);
    auth_code(&sandbox, &tenant, &[&app[..], &["--force-refresh", "--silent"]].concat()).token();
    // The same for one that is given.
    let other = Sandbox::with_cache();
    let given = other.write("given", tenant.sign_in(ROTATING, contoso::USER));
    let asked = tenant.token_requests().len();
    tenant.next_for("/token", Misbehaviour::Delay(Duration::from_millis(700)));
    let more = [&app[..], &["--refresh-token-file", given.to_str().unwrap()]].concat();
    let waiting = Waiting::start(other.command(arguments("refresh", &tenant, &more)));
    while tenant.token_requests().len() == asked {
        std::thread::sleep(Duration::from_millis(5));
    }
    waiting.signal("INT");
    waiting.ended().refused(130);
    auth_code(&other, &tenant, &[&app[..], &["--silent"]].concat()).token();
}

const ROTATING: &str = "5b0e7c44-2f19-4c83-9d6a-1e8f3a7b2c50";

#[test]
fn whoever_waited_for_a_sign_in_hears_how_it_ended() {
    let (tenant, sandbox) = (Tenant::start(), counted(Sandbox::with_cache()));
    tenant.allow_idle();
    let shells: Vec<Waiting> = (0..5).map(|_| Waiting::start(sandbox.command(arguments("auth-code", &tenant, &[])))).collect();
    let url = wait_for_browser(&sandbox, 1);
    std::thread::sleep(Duration::from_millis(300));
    let mut browser = tenant.browser();
    let page = browser.open(&url);
    browser.submit(&page, &[], "Cancel");
    for shell in shells {
        shell.ended().refused(6).says("cancelled or declined");
    }
    assert_eq!(opened(&sandbox).len(), 1);
    // Whoever comes later is asked anew.
    let waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &[])));
    tenant.browser().sign_in(&wait_for_browser(&sandbox, 2), contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
}

#[test]
fn another_person_than_the_one_that_was_named_is_not_handed_out() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let more = ["--no-browser", "--username", contoso::OTHER_USER];
    let mut waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &more)));
    tenant.browser().sign_in(&waiting.url(), contoso::USER, contoso::USER_PASSWORD);
    waiting.ended().refused(6).says(contoso::USER).says(contoso::OTHER_USER).says("--prompt select_account");
    auth_code(&sandbox, &tenant, &["--silent", "--username", contoso::USER]).token();
}

#[test]
fn an_account_is_found_without_a_look_at_all_that_is_stored() {
    if !can_trace() {
        return;
    }
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    signed_in(&sandbox, &tenant, &[]);
    let strace = ["strace", "-f", "-qq", "-e", "trace=getdents64,getdents", "-o", "trace"];
    let ran = Ran::new(&sandbox.command_by(&strace, arguments("auth-code", &tenant, &["--silent"])).output().unwrap());
    ran.token();
    let trace = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    assert!(!trace.contains("getdents"), "the folder is not listed: {trace}");
    // Without the list the folder is looked through, and the list comes back with the next tokens.
    let list = names(&sandbox.state()).into_iter().find(|name| has_extension(name, "people")).unwrap();
    std::fs::remove_file(sandbox.state().join(&list)).unwrap();
    auth_code(&sandbox, &tenant, &["--silent", "--resource", "arm"]).token();
    assert!(sandbox.state().join(&list).exists());
    // A name in it that has no tokens any more is nobody.
    assert_eq!(sandbox.run(["cache", "remove", "--username", contoso::USER]).code, Some(0));
    auth_code(&sandbox, &tenant, &["--silent"]).refused(4).says("nobody has signed in");
    std::fs::write(sandbox.state().join(&list), "nonsense\n../../x\n").unwrap();
    auth_code(&sandbox, &tenant, &["--silent"]).refused(4).says("nobody has signed in");
    assert_eq!(sandbox.run(["cache", "clear"]).code, Some(0));
    assert!(!sandbox.state().join(&list).exists());
}

#[test]
fn a_list_that_is_not_whole_hides_nobody() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    signed_in(&sandbox, &tenant, &[]);
    other_signs_in(&sandbox, &tenant);
    let list = names(&sandbox.state()).into_iter().find(|name| has_extension(name, "people")).unwrap();
    let list = sandbox.state().join(list);
    let whole = std::fs::read(&list).unwrap();
    for cut in [0, 8, 16, 17, 20, whole.len() - 2] {
        std::fs::write(&list, &whole[..cut]).unwrap();
        auth_code(&sandbox, &tenant, &["--silent"]).refused(4).says("2 people have signed in");
    }
    std::fs::remove_file(&list).unwrap();
    std::fs::create_dir(&list).unwrap();
    auth_code(&sandbox, &tenant, &["--silent"]).refused(4).says("2 people have signed in");
    // What cannot be removed keeps nothing else.
    assert_eq!(sandbox.run(["cache", "clear"]).code, Some(7));
    assert!(names(&sandbox.state()).iter().all(|name| !has_extension(name, "json")), "the tokens are gone");
}

/// A command for a person in a state folder that is a copy of the sandbox's, on a disk without room.
#[cfg(target_os = "linux")]
fn on_a_full_disk(sandbox: &Sandbox, arguments: &[String]) -> Ran {
    let words: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "cp -r '{0}' kept && mount -t tmpfs -o size=64k none '{0}' && chmod 700 '{0}' && cp -p kept/* '{0}' && \
         (dd if=/dev/zero of='{0}/fill' bs=1k count=100 2>/dev/null; '{1}' {2})",
        sandbox.state().display(),
        env!("CARGO_BIN_EXE_entra-token"),
        words.join(" ")
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).current_dir(sandbox.path("")).env("HOME", sandbox.path(""));
    Ran::new(&command.output().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn a_refresh_token_is_left_alone_where_its_successor_has_no_room() {
    if !can_mount() {
        return;
    }
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    signed_in(&sandbox, &tenant, &[]);
    let ran = on_a_full_disk(&sandbox, &arguments("auth-code", &tenant, &["--silent", "--resource", "arm"]));
    ran.refused(7).says("the refresh token cannot be used");
    assert_eq!(tenant.token_requests().len(), 1, "nobody was asked");
    // A token that the platform wants renewed can be used until it ends.
    let directory = local_tenant::Directory::default().refresh_in(Duration::from_secs(1));
    let (tenant, sandbox) = (Tenant::builder().directory(directory).start(), Sandbox::with_cache());
    signed_in(&sandbox, &tenant, &[]);
    std::thread::sleep(Duration::from_secs(2));
    let ran = on_a_full_disk(&sandbox, &arguments("auth-code", &tenant, &["--silent"]));
    ran.token_with_warning("could not be renewed");
    assert_eq!(tenant.token_requests().len(), 1, "nobody was asked");
}

#[test]
fn without_a_cache_a_sign_in_serves_one_command() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    signed_in(&sandbox, &tenant, &[]);
    auth_code(&sandbox, &tenant, &["--silent"]).refused(4).says("--cache none");
}
