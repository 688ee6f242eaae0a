//! A running local tenant, as tests and the example hold it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::browser::Browser;
use crate::directory::Directory;
use crate::front::Account;
use crate::jwt::Signer;
use crate::misbehave::{Misbehaviour, Queue};
use crate::record::{Connect, Recorded};
use crate::server::{self, Listeners};
use crate::sign_in::SignIns;
use crate::state::{State, lock};
use crate::user::{Trouble, User};
use crate::{certificate, contoso};

/// A local tenant that serves until it is dropped.
///
/// Dropping it panics when the test did not do what it set out to: no request came and [`Tenant::allow_idle`] was not
/// called, or a [`Misbehaviour`] still waits for its request.
pub struct Tenant {
    state: Arc<State>,
    ca_file: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// How a tenant is to be.
#[derive(Default)]
pub struct Builder {
    directory: Directory,
    proxy_credentials: Option<(String, String)>,
    log: Option<PathBuf>,
}

impl Builder {
    /// What is registered, in place of the default directory.
    pub fn directory(mut self, directory: Directory) -> Builder {
        self.directory = directory;
        self
    }

    /// Makes the proxy ask for these (407 without them).
    pub fn proxy_credentials(mut self, user: &str, password: &str) -> Builder {
        self.proxy_credentials = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Makes it add a line to a file for every request: its method and its address.
    pub fn log(mut self, file: PathBuf) -> Builder {
        self.log = Some(file);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When the machine does not let it: no loopback address, no folder for the CA file, no log where it is to be. When the
    /// directory does not have the [`Directory::person`].
    pub fn start(self) -> Tenant {
        self.try_start().unwrap_or_else(|error| panic!("the local tenant cannot start: {error}"))
    }

    fn try_start(self) -> Result<Tenant, Box<dyn std::error::Error>> {
        if let Some(name) = self.directory.person.as_deref().filter(|name| self.directory.find_user(name).is_none()) {
            return Err(format!("the directory has no user {name} who could sit at the browsers").into());
        }
        let identity = certificate::identity()?;
        let folder = tempfile::Builder::new().prefix("local-tenant-").tempdir()?;
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, &identity.authority)?;
        let log = self.log.map(|file| std::fs::OpenOptions::new().create(true).append(true).open(file)).transpose()?;
        let (listeners, ports) = Listeners::bind()?;
        let state = Arc::new(State {
            directory: self.directory,
            signer: Signer::new()?,
            tls: identity.server,
            ports,
            proxy_credentials: self.proxy_credentials,
            log,
            is_idle_allowed: AtomicBool::new(false),
            endless_bytes_sent: AtomicU64::new(0),
            front: Mutex::default(),
            consents: Mutex::default(),
            demands: Mutex::default(),
            troubles: Mutex::default(),
            sign_ins: Mutex::new(SignIns::default()),
            queue: Mutex::new(Queue::default()),
            requests: Mutex::default(),
            connects: Mutex::default(),
            faults: Mutex::default(),
        });
        let (stop, thread) = spawn(listeners, &state)?;
        Ok(Tenant { state, ca_file, stop: Some(stop), thread: Some(thread), _folder: folder })
    }
}

type Running = (oneshot::Sender<()>, JoinHandle<()>);

/// Serves on a thread of its own, with a runtime of its own, until told to stop.
fn spawn(listeners: Listeners, state: &Arc<State>) -> Result<Running, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    {
        let _inside = runtime.enter();
        listeners.serve(state)?;
    }
    let thread = std::thread::Builder::new().name("local-tenant".to_owned()).spawn(move || {
        let _ = runtime.block_on(stopped);
        runtime.shutdown_background();
    })?;
    Ok((stop, thread))
}

impl Tenant {
    /// Starts one with the default directory, [`contoso::directory`].
    ///
    /// # Panics
    /// As [`Builder::start`].
    pub fn start() -> Tenant {
        Tenant::builder().start()
    }

    /// For one that differs from the default.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `https://localhost:PORT`.
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.state.ports.https)
    }

    /// The plain listener: `http://127.0.0.1:PORT`.
    pub fn http_origin(&self) -> String {
        format!("http://{}", server::loopback(self.state.ports.http))
    }

    /// Contoso's authority on this machine: the origin and the tenant id.
    pub fn authority(&self) -> String {
        format!("{}/{}", self.origin(), contoso::TENANT_ID)
    }

    /// The CONNECT proxy that leads the real host names here: `http://127.0.0.1:PORT`.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", server::loopback(self.state.ports.proxy))
    }

    /// The certificate authority to trust, as PEM; it is gone when the tenant is.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Signs a user in to an app that exists in their home tenant, and gives the refresh token of that sign-in.
    ///
    /// # Panics
    /// When the directory has no such user, or no such app in the user's tenant.
    pub fn sign_in(&self, client_id: &str, user_principal_name: &str) -> String {
        let token = self.try_sign_in(client_id, user_principal_name);
        token.unwrap_or_else(|| panic!("the directory has no user {user_principal_name} who could use an app {client_id}"))
    }

    fn try_sign_in(&self, client_id: &str, user_principal_name: &str) -> Option<String> {
        let directory = &self.state.directory;
        let (home, user) = directory.find_user(user_principal_name)?;
        let app = directory.find_app(client_id, &home.id)?;
        Some(lock(&self.state.sign_ins).begin(app, user, home, false).1)
    }

    /// Lets a refresh token expire as one does that nobody used for 90 days (AADSTS700082).
    ///
    /// # Panics
    /// When the tenant did not issue it.
    pub fn expire_refresh_token(&self, refresh_token: &str) {
        assert!(lock(&self.state.sign_ins).expire(refresh_token), "the tenant did not issue this refresh token: {refresh_token}");
    }

    /// Ends all sign-ins of a user so far (Microsoft page "user: revokeSignInSessions"): their refresh tokens are refused
    /// (AADSTS50173).
    ///
    /// # Panics
    /// When the directory has no such user.
    pub fn revoke_sign_ins(&self, user_principal_name: &str) {
        let user = self.user(user_principal_name);
        lock(&self.state.sign_ins).revoke_all_of(&user.id);
    }

    /// Makes a policy want multi-factor authentication of a user from now on: what is refreshed without it is refused
    /// (AADSTS50076, with `claims`), and the next sign-in in a browser asks for it.
    ///
    /// # Panics
    /// When the directory has no such user.
    pub fn demand_multi_factor(&self, user_principal_name: &str) {
        let id = self.user(user_principal_name).id.clone();
        lock(&self.state.demands).push(id);
    }

    /// Puts something in the way of a user's sign-ins from now on.
    ///
    /// # Panics
    /// When the directory has no such user.
    pub fn trouble(&self, user_principal_name: &str, trouble: Trouble) {
        let id = self.user(user_principal_name).id.clone();
        lock(&self.state.troubles).push((id, trouble));
    }

    fn user(&self, user_principal_name: &str) -> &User {
        let found = self.state.directory.find_user(user_principal_name).map(|(_, user)| user);
        found.unwrap_or_else(|| panic!("the directory has no user {user_principal_name}"))
    }

    /// Lets all authorization codes expire that were issued so far (AADSTS70008).
    pub fn expire_codes(&self) {
        lock(&self.state.front).codes.expire();
    }

    /// Approves a device code as a user would on the page for it, but with a password alone.
    ///
    /// # Panics
    /// When the directory has no such user, or no such code waits.
    pub fn approve_device(&self, user_code: &str, user_principal_name: &str) {
        let account = Account::new(&self.user(user_principal_name).id);
        let is_done = lock(&self.state.front).devices.approve(user_code, account);
        assert!(is_done, "no device with this code waits: {user_code}");
    }

    /// Declines a device code as a user would.
    ///
    /// # Panics
    /// When no such code waits.
    pub fn decline_device(&self, user_code: &str) {
        assert!(lock(&self.state.front).devices.decline(user_code), "no device with this code waits: {user_code}");
    }

    /// Lets a device code expire.
    ///
    /// # Panics
    /// When there is no such code.
    pub fn expire_device(&self, user_code: &str) {
        assert!(lock(&self.state.front).devices.expire(user_code), "there is no device with this code: {user_code}");
    }

    /// A browser that finds the tenant by its own address and, by the proxy, by all others.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.ca_file).proxy(&self.proxy_url())
    }

    /// The people of the directory and their passwords, a line each.
    pub(crate) fn people(&self) -> impl Iterator<Item = String> {
        let users = self.state.directory.organizations.iter().flat_map(|organization| &organization.users);
        users.map(|user| {
            let more = match &user.trouble {
                _ if user.needs_multi_factor => ", needs multi-factor authentication".to_owned(),
                Some(trouble) => format!(", refused (AADSTS{})", trouble.code()),
                None if self.state.directory.find_federation(user.domain()).is_some() => ", of a federated domain".to_owned(),
                None => String::new(),
            };
            format!("{:36}  {:28}  {}{more}", user.user_principal_name, user.password, user.display_name)
        })
    }

    /// A new refresh token of the default user for Azure CLI, if the directory has both.
    pub(crate) fn refresh_token(&self) -> Option<String> {
        self.try_sign_in(contoso::AZURE_CLI.client_id, contoso::USER)
    }

    /// A folder for what programs keep of this tenant (`XDG_STATE_HOME`); it is gone when the tenant is.
    pub fn state_folder(&self) -> PathBuf {
        self.ca_file.with_file_name("state")
    }

    /// Every HTTP request that arrived whole, in order.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.state.requests).clone()
    }

    /// The POSTs to token endpoints among them.
    pub fn token_requests(&self) -> Vec<Recorded> {
        lock(&self.state.requests).iter().filter(|request| request.is_token_request()).cloned().collect()
    }

    /// The requests to the proxy.
    pub fn connects(&self) -> Vec<Connect> {
        lock(&self.state.connects).clone()
    }

    /// Makes something go wrong with the next request that no earlier misbehaviour is meant for.
    ///
    /// # Panics
    /// On a status or header that HTTP cannot carry.
    pub fn next(&self, misbehaviour: Misbehaviour) {
        lock(&self.state.queue).push(None, misbehaviour);
    }

    /// The same for the next request whose path contains a text.
    ///
    /// # Panics
    /// As [`Tenant::next`].
    pub fn next_for(&self, path: &str, misbehaviour: Misbehaviour) {
        lock(&self.state.queue).push(Some(path), misbehaviour);
    }

    /// Bytes that clients took of [`Misbehaviour::Endless`] answers, without their heads. What waits in the kernel's
    /// buffers counts as taken, so a client that stopped reading shows a few hundred kilobytes more than it read.
    pub fn endless_bytes_sent(&self) -> u64 {
        self.state.endless_bytes_sent.load(Ordering::Relaxed)
    }

    /// Says that no request need come.
    pub fn allow_idle(&self) {
        self.state.is_idle_allowed.store(true, Ordering::Relaxed);
    }

    /// The registered resources, a line each.
    pub(crate) fn resources(&self) -> impl Iterator<Item = String> {
        self.state.directory.resources.iter().map(|resource| {
            let version = if resource.takes_version_2 { 2 } else { 1 };
            format!("{}  {} (version {version} tokens) {}", resource.app_id, resource.name, resource.uris.join(" "))
        })
    }

    /// What the test did not do that it set out to.
    fn complaint(&self) -> Option<String> {
        if let Some(fault) = lock(&self.state.faults).first() {
            return Some(fault.clone());
        }
        if let Some(left) = lock(&self.state.queue).left() {
            return Some(format!("no request met this misbehaviour: {left:?}"));
        }
        let is_idle = lock(&self.state.requests).is_empty() && lock(&self.state.connects).is_empty();
        let is_wrong = is_idle && !self.state.is_idle_allowed.load(Ordering::Relaxed);
        is_wrong.then(|| "no request came; call allow_idle() if none should".to_owned())
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if std::thread::panicking() {
            return;
        }
        if let Some(complaint) = self.complaint() {
            panic!("the local tenant at {} was not used as planned: {complaint}", self.origin());
        }
    }
}
