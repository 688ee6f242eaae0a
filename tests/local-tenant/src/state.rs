//! What the connections of one tenant share.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_rustls::rustls::ServerConfig;

use crate::directory::Directory;
use crate::front::Front;
use crate::jwt::Signer;
use crate::misbehave::{Misbehaviour, Queue};
use crate::record::{Connect, Recorded};
use crate::scopes::Consents;
use crate::server::Ports;
use crate::sign_in::SignIns;
use crate::user::{Trouble, User};

/// The state of a running tenant. Who needs several locks takes them in this order: `front`, `sign_ins`, any other.
pub(crate) struct State {
    pub(crate) directory: Directory,
    pub(crate) signer: Signer,
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) ports: Ports,
    pub(crate) proxy_credentials: Option<(String, String)>,
    pub(crate) log: Option<File>,
    pub(crate) is_idle_allowed: AtomicBool,
    pub(crate) endless_bytes_sent: AtomicU64,
    pub(crate) front: Mutex<Front>,
    pub(crate) sign_ins: Mutex<SignIns>,
    pub(crate) consents: Mutex<Consents>,
    pub(crate) demands: Mutex<Vec<String>>,
    pub(crate) troubles: Mutex<Vec<(String, Trouble)>>,
    pub(crate) queue: Mutex<Queue>,
    pub(crate) requests: Mutex<Vec<Recorded>>,
    pub(crate) connects: Mutex<Vec<Connect>>,
    pub(crate) faults: Mutex<Vec<String>>,
}

impl State {
    /// Records a request and takes what is to go wrong with it.
    pub(crate) fn arrived(&self, request: &Recorded) -> Option<Misbehaviour> {
        if let Some(Err(error)) = self.log.as_ref().map(|mut log| log.write_all(request.line().as_bytes())) {
            self.fault(format!("the log cannot be written: {error}"));
        }
        lock(&self.requests).push(request.clone());
        lock(&self.queue).take(&request.path)
    }

    /// Whether policies want a second factor of a user, from the beginning or by now.
    pub(crate) fn needs_multi_factor(&self, user: &User) -> bool {
        user.needs_multi_factor || lock(&self.demands).contains(&user.id)
    }

    /// What stands in the way of a user's sign-ins, by now or from the beginning.
    pub(crate) fn trouble_of(&self, user: &User) -> Option<Trouble> {
        let troubles = lock(&self.troubles);
        let last = troubles.iter().rev().find(|(id, _)| *id == user.id);
        last.map(|(_, trouble)| trouble.clone()).or_else(|| user.trouble.clone())
    }

    /// Records a request to the proxy.
    pub(crate) fn connected(&self, connect: Connect) {
        lock(&self.connects).push(connect);
    }

    /// Notes a mistake of the test, told when the tenant is dropped.
    pub(crate) fn fault(&self, text: String) {
        lock(&self.faults).push(text);
    }
}

/// Locks; after a panic elsewhere what was recorded is still worth reading.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
