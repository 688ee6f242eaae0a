//! Device codes (RFC 8628): what each stands for, and the pages on which people type them in.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::authorize::Wish;
use crate::directory::App;
use crate::form::Form;
use crate::front::Account;
use crate::ids::{base64url, random};
use crate::interaction::{self, Goal, Interaction};
use crate::pages::{self, DEVICE_LOGIN};
use crate::realm::{Kind, Realm};
use crate::record::Recorded;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::scopes::Asked;
use crate::state::{State, lock};
use crate::token_endpoint::{malformed, required};

/// How much earlier than its interval says a poll may come: clocks and networks are not exact.
const TOLERANCE: Duration = Duration::from_millis(500);
/// What a poll that came too early adds to the interval (RFC 8628 section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// All device codes.
#[derive(Debug, Default)]
pub(crate) struct Devices(Vec<Device>);

/// A device code.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) realm: Realm,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) answer: Answer,
    device_code: String,
    user_code: String,
    expires: Instant,
    interval: Duration,
    polled: Option<Instant>,
}

/// What became of a device code.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Nothing yet.
    Pending,
    /// Somebody signed in.
    Approved(Account),
    /// Somebody cancelled.
    Declined,
    /// It gave tokens.
    Redeemed,
}

impl Device {
    pub(crate) fn is_expired(&self) -> bool {
        self.expires <= Instant::now()
    }
}

impl Devices {
    fn by_user_code(&mut self, code: &str) -> Option<&mut Device> {
        self.0.iter_mut().find(|device| device.user_code.eq_ignore_ascii_case(code))
    }

    /// The device that a device code belongs to.
    pub(crate) fn by_device_code(&self, code: &str) -> Option<&Device> {
        self.0.iter().find(|device| device.device_code == code)
    }

    /// Notes a poll; says whether it came too early, which makes the interval longer.
    pub(crate) fn poll(&mut self, code: &str) -> bool {
        let Some(device) = self.0.iter_mut().find(|device| device.device_code == code) else { return false };
        let is_early = device.polled.is_some_and(|last| last.elapsed() + TOLERANCE < device.interval);
        device.polled = Some(Instant::now());
        if is_early {
            device.interval += SLOWER;
        }
        is_early
    }

    /// Marks the one with a device code as redeemed.
    pub(crate) fn redeem(&mut self, code: &str) {
        if let Some(device) = self.0.iter_mut().find(|device| device.device_code == code) {
            device.answer = Answer::Redeemed;
        }
    }

    /// Somebody signed in; says whether there is such a code and it waited.
    pub(crate) fn approve(&mut self, user_code: &str, account: Account) -> bool {
        self.settle(user_code, Answer::Approved(account))
    }

    /// Somebody cancelled.
    pub(crate) fn decline(&mut self, user_code: &str) -> bool {
        self.settle(user_code, Answer::Declined)
    }

    fn settle(&mut self, user_code: &str, answer: Answer) -> bool {
        let waiting = self.by_user_code(user_code).filter(|device| matches!(device.answer, Answer::Pending));
        waiting.map(|device| device.answer = answer).is_some()
    }

    /// Lets a code expire; says whether there is such a code.
    pub(crate) fn expire(&mut self, user_code: &str) -> bool {
        self.by_user_code(user_code).map(|device| device.expires = Instant::now()).is_some()
    }

    /// The user code of a device code.
    pub(crate) fn user_code(&self, device_code: &str) -> Option<String> {
        self.by_device_code(device_code).map(|device| device.user_code.clone())
    }
}

/// Answers a request for a device code (RFC 8628 section 3.1), or says why not.
pub(crate) fn begin(realm: Realm, request: &Recorded, state: &State) -> Result<Value, Refusal> {
    if request.method != "POST" {
        return Err(Refusal::new(400, "invalid_request", 900561, "The endpoint takes POST requests only."));
    }
    let form = Form::parse(request).map_err(malformed)?;
    let (organization, app) = realm.client(required(&form, "client_id")?, state)?;
    let scope = required(&form, "scope")?;
    if let (Kind::Entra, Some(organization)) = (realm.kind, organization) {
        Asked::read_for_sign_in(scope, organization, state)?;
    }
    let device = Device {
        client_id: app.client_id.clone(),
        scope: scope.to_owned(),
        answer: Answer::Pending,
        device_code: base64url(random::<180>()),
        user_code: user_code(),
        expires: Instant::now() + state.directory.device_lifetime,
        interval: state.directory.device_interval,
        polled: None,
        realm,
    };
    let page = format!("{}{DEVICE_LOGIN}", request.base());
    let answer = json!({
        "user_code": device.user_code,
        "device_code": device.device_code,
        "verification_uri": page,
        "expires_in": state.directory.device_lifetime.as_secs(),
        "interval": device.interval.as_secs(),
        "message": format!("To sign in, open the page {page} in a web browser and type in the code {}.", device.user_code),
    });
    lock(&state.front).devices.0.push(device);
    Ok(answer)
}

/// Nine letters and digits, none of which looks like another.
fn user_code() -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    random::<9>().into_iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

/// The page on which the code is typed in, and its form.
pub(crate) fn login(request: &Recorded, state: &State) -> Reply {
    let Ok(form) = Form::of_authorization(request) else { return pages::device_code("", None) };
    let code = form.get("otc").unwrap_or_default().trim();
    if request.method != "POST" {
        return pages::device_code(code, None);
    }
    let found = lock(&state.front).devices.by_user_code(code).map(|device| device.clone());
    match found {
        Some(device) if matches!(device.answer, Answer::Pending) && !device.is_expired() => {
            let wish = Wish { client_id: device.client_id, scope: device.scope, ..Wish::default() };
            interaction::proceed(Interaction::new(device.realm, wish, Goal::Device(device.user_code)), request, state)
        }
        Some(device) if device.is_expired() => pages::device_code("", Some("AADSTS70019: The code has expired.")),
        _ => pages::device_code("", Some("AADSTS70018: There is no such code, or it was used.")),
    }
}

/// Checks a poll; gives who signed in, and what for (RFC 8628 section 3.5).
pub(crate) fn check(form: &Form, app: &App, kind: Kind, state: &State) -> Result<(Account, Device), Refusal> {
    let refuse = |error, code, text: &str| Err(Refusal::new(400, error, code, text));
    let code = required(form, "device_code")?;
    let mut front = lock(&state.front);
    let Some(device) = front.devices.by_device_code(code).filter(|device| device.realm.kind == kind).cloned() else {
        return refuse("bad_verification_code", 70018, "The device code is not valid: it was not issued here.");
    };
    if !device.client_id.eq_ignore_ascii_case(&app.client_id) {
        return refuse("invalid_grant", 700007, "The grant was issued for a different client id.");
    }
    if matches!(device.answer, Answer::Redeemed) {
        return refuse("invalid_grant", 54005, "The device code was already redeemed.");
    }
    if device.is_expired() {
        return refuse("expired_token", 70020, "The provided value for the input parameter 'device_code' is not valid. It has expired.");
    }
    if front.devices.poll(code) {
        return refuse("slow_down", 70016, "The app asks too often; five seconds more are to pass between two requests.");
    }
    match device.answer.clone() {
        Answer::Approved(account) => Ok((account, device)),
        Answer::Declined => refuse("authorization_declined", 65004, "The user declined the sign-in."),
        Answer::Pending | Answer::Redeemed => {
            if let Some(person) = interaction::person(state) {
                let user_code = front.devices.user_code(code).unwrap_or_default();
                front.devices.approve(&user_code, person);
            }
            refuse("authorization_pending", 70016, "The user has not finished the sign-in yet. Ask again.")
        }
    }
}
