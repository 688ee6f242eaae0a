//! What commands tell each other about how a sign-in ended: those that wait for the same, and those that would ask in vain a moment
//! later.

use std::time::{Duration, SystemTime};

use super::super::password::Password;
use super::SigningIn;
use crate::cache::failure;
use crate::cache::partition::Partition;
use crate::crypto;
use crate::error::{Cancelled, Error};
use crate::hint;

/// What is remembered for every command that waits for the same sign-in.
const EVERY: &str = "every sign-in";

impl SigningIn<'_> {
    /// Where it is remembered what was said of the person's passwords, whatever they were to get.
    fn of_passwords(&self) -> Option<[Partition; 4]> {
        self.password.and_then(Password::known)?;
        let username = self.plan.username.as_ref()?;
        Some(Partition::of_passwords(&self.plan.authority, &username.value))
    }

    /// Tells those who wait how it ended; whoever begins anew has mended something, and wants to be asked anew. But a password that
    /// was wrong is not tried again in a moment, because a few lock an account, and nobody asks while the platform throttles the app.
    pub(super) fn tell(&self, error: &Error, name: &Partition, fingerprint: &str) {
        let now = SystemTime::now();
        match error {
            // The next one who is asked may type another one.
            _ if matches!(self.password, Some(Password::Asked)) => {}
            Error::Refused(refused) if hint::is_of_password(&refused.refusal) && self.of_passwords().is_some() => {
                self.tell_of_password(error, now);
            }
            Error::Unavailable(busy) if failure::is_throttle(error) && busy.host == self.plan.authority.address_host() => {
                let throttled = Partition::of_throttling(&self.plan.authority, &self.plan.client_id);
                self.store.remember(&throttled, failure::of(error, EVERY, now, Duration::ZERO).as_ref());
            }
            // Others may have more time.
            Error::Cancelled(Cancelled::NoSignIn { .. }) if self.context.common.given_timeout().is_some() => {}
            _ => {
                let request = if matches!(error, Error::Cancelled(_)) { EVERY } else { fingerprint };
                // Who waits would send a password again that was perhaps taken.
                let least = if self.is_unattended() { Duration::from_millis(1) } else { Duration::ZERO };
                if let Some(failure) = failure::of(error, request, now, least) {
                    self.store.remember(name, Some(&failure.for_who_waited()));
                }
            }
        }
    }

    fn tell_of_password(&self, error: &Error, now: SystemTime) {
        let (Some(places), Some(password)) = (self.of_passwords(), self.password.and_then(Password::known)) else { return };
        // Before another is added: what is over lies about no longer.
        self.store.forget_passwords(&places[0], now);
        let age = |place: &&Partition| self.store.failure(place).map_or(Duration::MAX, |failure| failure.age(now));
        let Some(oldest) = places.iter().max_by_key(age) else { return };
        if let (Some(failure), Ok(salt)) = (failure::of(error, EVERY, now, Duration::ZERO), crypto::random_bytes()) {
            self.store.remember(oldest, Some(&failure.for_password(password, salt)));
        }
    }

    /// How the sign-in ended that this command waited for, or what the same password came to a moment ago.
    pub(super) fn remembered(&self, name: &Partition, fingerprint: &str) -> Option<Error> {
        let throttled = Partition::of_throttling(&self.plan.authority, &self.plan.client_id);
        let passwords = self.of_passwords();
        let passwords = passwords.iter().flatten().map(|place| (place, EVERY));
        let places = [(name, EVERY), (name, fingerprint), (&throttled, EVERY)].into_iter().chain(passwords);
        let (began, now) = (self.context.began, SystemTime::now());
        let error = places.into_iter().find_map(|(place, request)| {
            let failure = self.store.failure(place).filter(|failure| failure.is_for(request) && !failure.is_over(began, now))?;
            // The password is looked at last: that takes its time.
            if failure.fits(self.password.and_then(Password::known)) { failure.for_request(request, began, now) } else { None }
        })?;
        log::info!("not asked again: the same was answered a moment ago");
        Some(error)
    }
}
