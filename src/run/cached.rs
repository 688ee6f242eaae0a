//! Cache, then network, then cache: the order of events of every command that acquires a token.
//!
//! A token that is fresh is handed out at once, and no lock is taken for it. Else one process of all that want the same asks,
//! and what comes of it, good or bad, is for all of them.

use std::time::{Duration, Instant, SystemTime};

use crate::cache::failure;
use crate::cache::lookup::{self, Hit, Look, Miss, Now, Wanted};
use crate::cache::partition::Partition;
use crate::cache::place::Place;
use crate::cache::record;
use crate::cache::store::{self, Flight, Store, Trouble, Writing};
use crate::cli::input::Limit;
use crate::entra::token::TokenSet;
use crate::error::{Error, OutputError, seconds};
use crate::folder::Folder;
use crate::output::format::Source;
use crate::process::InHand;
use crate::terminal::Terminal;

/// The longest wait for a process that asks for the same and stands still; a request is then made without the cache.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long other programs' locks on a shared file are heeded, as by MSAL's extensions.
const COURTESY: Duration = Duration::from_secs(5);
/// How long the wait is before a person is told of it.
const SILENCE: Duration = Duration::from_secs(2);
/// How often a process that asks says that it is at work.
const BEAT: Duration = Duration::from_millis(250);
/// What a wait that the platform asks of a whole app is remembered for.
const THROTTLED: &str = "every request";
/// How long nobody tries again to renew a token that can still be used.
const RETRY: Duration = Duration::from_secs(30);
/// How much larger a file with tokens may become by those of one answer, in bytes: Entra's have some kilobytes.
const ROOM: usize = 32 << 10;
/// How long a renewal may take while there is a token that can be handed out.
const RENEWAL: Duration = Duration::from_secs(10);

const HOMELESS: &str =
    "there is no home folder; name a place with XDG_STATE_HOME or --cache FILE, or switch the cache off with --cache none";

/// A request for a token, and the cache that may have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cached<'a> {
    pub(super) store: &'a Store,
    pub(super) partition: &'a Partition,
    pub(super) wanted: Wanted<'a>,
    pub(super) min_ttl: Duration,
    /// Asked anew, whatever is stored (`--force-refresh`).
    pub(super) force_refresh: bool,
    /// Whether asking without the lock would do harm, as with a refresh token that is taken once.
    pub(super) needs_lock: bool,
    /// What a token that was asked for came from.
    pub(super) source: Source,
    pub(super) terminal: &'a Terminal,
    /// When the command began.
    pub(super) began: SystemTime,
    pub(super) limit: Limit,
}

/// A request, as others know it.
struct Request<'a> {
    /// What only one process at a time asks for: the partition itself where requests use up what is in it.
    flight: Partition,
    /// What its failure is remembered by.
    name: Partition,
    fingerprint: &'a str,
}

/// Tokens, and where they came from.
pub(super) type Obtained = (TokenSet, Source);

/// How a process that needs a token may go on.
enum Boarding {
    /// It asks, for all who wait.
    Leads(Flight),
    /// Another got one meanwhile.
    Served(Hit),
    /// Another was told why there is none.
    Failed(Error),
    /// It asks for itself alone.
    Alone(String),
}

impl Cached<'_> {
    /// What is stored; none where there is no cache. Where it cannot be used, a warning says why, once.
    pub(super) fn look(&self) -> Option<Look> {
        let why = match self.store.place() {
            Place::Off => return None,
            Place::Homeless => HOMELESS.to_owned(),
            Place::Folder { .. } | Place::File { .. } => match self.read() {
                Ok(look) => return Some(look),
                Err(trouble) => trouble.to_string(),
            },
        };
        self.terminal.warn(&format!("tokens are not cached: {why}"));
        None
    }

    /// Hands out what is stored, or asks: what `look` found decides. The request's fingerprint tells it from others.
    ///
    /// # Errors
    ///
    /// What asking gives, or gave another process a moment ago.
    pub(super) async fn acquire<F>(&self, look: Option<Look>, fingerprint: &str, ask: F) -> Result<Obtained, Error>
    where
        F: AsyncFnOnce(Limit) -> Result<TokenSet, Error>,
    {
        let Some(look) = look else {
            return if self.needs_lock { Err(locked_out("it cannot be read")) } else { Ok((ask(self.limit).await?, self.source)) };
        };
        if self.force_refresh {
            return self.acquire_anew(ask).await;
        }
        let aging = match look {
            Look::Fresh(hit) => return Ok((hit.into(), Source::Cache)),
            Look::Aging(hit) => Some(hit),
            Look::Miss(_) => None,
        };
        let request = Request { flight: self.flight(), name: self.partition.for_request(fingerprint), fingerprint };
        let flight = match self.board(aging.as_ref(), &request).await {
            Boarding::Leads(flight) => flight,
            Boarding::Served(hit) => return Ok((hit.into(), Source::Cache)),
            Boarding::Failed(error) => return self.or_aging(error, aging),
            Boarding::Alone(why) if aging.is_some() => return self.or_aging(unusable("the cache cannot be used", &why), aging),
            Boarding::Alone(why) if self.needs_lock => return Err(locked_out(&why)),
            Boarding::Alone(why) => {
                self.terminal.warn(&format!("the cache was not used: {why}"));
                return Ok((ask(self.limit).await?, self.source));
            }
        };
        let _in_hand = match self.in_hand() {
            Ok(in_hand) => in_hand,
            Err(error) => return self.or_aging(error, aging),
        };
        // What may use up a refresh token is not called off.
        let limit = if aging.is_some() && !self.needs_lock { self.limit_of_renewal() } else { self.limit };
        let asked = at_work(&flight, ask(limit)).await;
        match asked {
            Ok(tokens) => {
                self.keep(&tokens, self.needs_lock).await;
                self.store.remember(&request.name, None);
                self.store.remember(self.partition, None);
                drop(flight);
                Ok((tokens, self.source))
            }
            Err(error) => {
                // Who has a token that can be used does not try again at every command.
                let least = if aging.is_some() { RETRY } else { Duration::ZERO };
                let (name, fingerprint) =
                    if failure::is_throttle(&error) { (self.partition, THROTTLED) } else { (&request.name, fingerprint) };
                if let Some(failure) = failure::of(&error, fingerprint, SystemTime::now(), least) {
                    self.store.remember(name, Some(&failure));
                }
                drop(flight);
                self.or_aging(error, aging)
            }
        }
    }

    /// What is asked for by one process at a time: one request of an app, and whatever uses up a person's refresh token.
    fn flight(&self) -> Partition {
        if self.needs_lock { self.partition.clone() } else { self.partition.for_scopes(self.wanted.scopes) }
    }

    /// The token that the platform wanted to be renewed, where it could not be reached for that.
    fn or_aging(&self, error: Error, aging: Option<Hit>) -> Result<Obtained, Error> {
        let is_unreachable =
            matches!(error, Error::Cache(_) | Error::TimedOut { .. } | Error::Transport(_) | Error::Unavailable(_) | Error::Unreadable(_));
        match aging {
            Some(hit) if is_unreachable => {
                let left = hit.lifetime(SystemTime::now()).as_secs();
                self.terminal.warn(&format!("the cached token, valid for {left} seconds more, could not be renewed: {error}"));
                Ok((hit.into(), Source::Cache))
            }
            _ => Err(error),
        }
    }

    /// Waits for the right to ask, or for what another process gets, whichever comes first. Who has a token that is merely to
    /// be renewed does not wait.
    async fn board(&self, aging: Option<&Hit>, request: &Request<'_>) -> Boarding {
        let start = Instant::now();
        let patience = PATIENCE.min(self.limit.deadline.saturating_duration_since(start) / 2);
        let mut pause = Duration::from_millis(2);
        let missed = self.store.version(self.partition);
        let mut version = None;
        let mut told = false;
        loop {
            let flight = match self.store.try_lock(&request.flight) {
                Ok(flight) => flight,
                Err(trouble) => return Boarding::Alone(trouble.to_string()),
            };
            let latest = self.store.version(self.partition);
            // What was read before the lock was there may have been replaced since.
            if flight.is_some() || latest != version {
                match self.read_again((latest != missed).then_some(self.began)) {
                    Ok(Look::Fresh(hit)) => {
                        log::info!("cache: another process got the token meanwhile");
                        return Boarding::Served(hit);
                    }
                    Ok(Look::Aging(_) | Look::Miss(_)) => {}
                    Err(trouble) => return Boarding::Alone(trouble.to_string()),
                }
            }
            version = latest;
            if let Some(error) = self.remembered(request) {
                return Boarding::Failed(error);
            }
            match (flight, aging) {
                (Some(flight), _) => return Boarding::Leads(flight),
                (None, Some(hit)) => return Boarding::Served(hit.clone()),
                (None, None) => {}
            }
            let waited = start.elapsed();
            let silence = self.store.silence(&request.flight).map_or(waited, |silence| silence.min(waited));
            let holder = || self.store.holder(&request.flight);
            if silence >= patience {
                let seconds = seconds(Duration::from_secs(silence.as_secs()));
                return Boarding::Alone(format!("{}, which asks for the same token, has stood still for {seconds}", holder()));
            }
            if Instant::now() >= self.limit.deadline {
                let doing = format!("waiting for {}, which asks for the same token", holder());
                return Boarding::Failed(Error::TimedOut { after: self.limit.timeout, doing, correlation_id: None });
            }
            if !told && (waited >= SILENCE || log::log_enabled!(log::Level::Info)) {
                self.terminal.progress(&format!("waiting for {}, which asks for the same token", holder()));
                told = true;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_millis(20));
        }
    }

    /// The failure of another process that holds for this request.
    fn remembered(&self, request: &Request<'_>) -> Option<Error> {
        let of_all = (self.partition, THROTTLED);
        [(&request.name, request.fingerprint), of_all].into_iter().find_map(|(name, fingerprint)| {
            let now = SystemTime::now();
            let failure = self.store.failure(name)?;
            let age = failure.age(now);
            let error = failure.for_request(fingerprint, self.began, now)?;
            log::info!("not asked again: this is the answer of {:.1} seconds ago (--force-refresh asks)", age.as_secs_f64());
            Some(error)
        })
    }

    /// The time that a renewal has.
    fn limit_of_renewal(&self) -> Limit {
        let deadline = self.limit.deadline.min(Instant::now() + RENEWAL);
        Limit { deadline, timeout: deadline.saturating_duration_since(Instant::now()) }
    }

    /// What is stored now.
    fn read(&self) -> Result<Look, Trouble> {
        let look = self.read_again(None)?;
        if self.force_refresh {
            log::info!("cache: what it holds is not used (--force-refresh)");
            return Ok(Look::Miss(Miss::NotLookedAt));
        }
        if !log::log_enabled!(log::Level::Info) {
            return Ok(look);
        }
        let place = self.place();
        match &look {
            Look::Fresh(hit) => log::info!("cache: hit in {place}: it lives for {} seconds more", hit.lifetime(self.began).as_secs()),
            Look::Aging(_) => log::info!("cache: hit in {place}: it can be used, and the platform wants it renewed"),
            Look::Miss(miss) => log::info!("cache: miss in {place}: {miss}"),
        }
        Ok(look)
    }

    /// The same without a word; with a time, a token that was got since is as good as another request would give.
    fn read_again(&self, enough_since: Option<SystemTime>) -> Result<Look, Trouble> {
        // MSAL's extensions write in place, so what is read meanwhile is half a file.
        const ATTEMPTS: u32 = 3;
        let now = Now { time: SystemTime::now(), enough_since, min_ttl: self.min_ttl };
        for attempt in 1.. {
            let Some(content) = self.store.read(self.partition)? else { return Ok(Look::Miss(Miss::NoFile)) };
            let look = store::text(&content).and_then(|text| lookup::access_token(text, &self.wanted, now));
            match look {
                Ok(look) => return Ok(look),
                Err(_) if self.store.is_shared() && attempt < ATTEMPTS => std::thread::sleep(Duration::from_millis(10)),
                // It is moved aside, with a warning, when there is something to put in its place.
                Err(broken) => {
                    log::info!("cache: {}: {broken}", self.place());
                    return Ok(Look::Miss(Miss::Broken));
                }
            }
        }
        Ok(Look::Miss(Miss::Broken))
    }

    /// Whether there is a place for tokens.
    fn has_place(&self) -> bool {
        matches!(self.store.place(), Place::Folder { .. } | Place::File { .. })
    }

    /// Writes the authority that a stored token was found for beside it, so that the next command finds it at once.
    pub(super) async fn adopt(&self) {
        let adopted = async {
            let (folder, name) = self.store.to_change(self.partition)?;
            let writing = writing(self.store, self.partition, (&folder, &name), self.limit.deadline).await?;
            writing.change(|document| record::name_authority(document, &self.wanted))
        };
        if let Err(trouble) = adopted.await {
            log::info!("cache: unchanged: {trouble}");
        }
    }

    /// Asks whatever is stored, and stores what comes of it. What may use up a refresh token is asked within the lock all the same.
    async fn acquire_anew<F>(&self, ask: F) -> Result<Obtained, Error>
    where
        F: AsyncFnOnce(Limit) -> Result<TokenSet, Error>,
    {
        let lock = match self.needs_lock {
            true => {
                Some(flight(self.store, &self.flight(), self.limit.deadline).await.map_err(|trouble| locked_out(&trouble.to_string()))?)
            }
            false => None,
        };
        let _in_hand = self.in_hand()?;
        let asked = match &lock {
            Some(flight) => at_work(flight, ask(self.limit)).await,
            None => ask(self.limit).await,
        };
        let tokens = asked.inspect_err(|error| {
            let failure = failure::of(error, THROTTLED, SystemTime::now(), Duration::ZERO);
            if let (Some(failure), true) = (failure, failure::is_throttle(error)) {
                self.store.remember(self.partition, Some(&failure));
            }
        })?;
        self.keep(&tokens, lock.is_some()).await;
        // The platform takes requests again, whatever it said before.
        self.store.remember(self.partition, None);
        Ok((tokens, self.source))
    }

    /// Stores tokens that somebody else asked for; whether they are stored is the result.
    pub(super) async fn keep_given(&self, tokens: &TokenSet) -> bool {
        self.has_place() && self.keep(tokens, false).await
    }

    /// Stores a token. Where that is not possible the command goes on, with one warning.
    async fn keep(&self, tokens: &TokenSet, is_locked: bool) -> bool {
        let stored = self.store_token(tokens, is_locked).await;
        if let Err(trouble) = &stored {
            let lost = if tokens.refresh_token.is_some() { ", nor is the new refresh token" } else { "" };
            self.terminal.warn(&format!("the token is not cached{lost}: {trouble}"));
        }
        stored.is_ok()
    }

    async fn store_token(&self, tokens: &TokenSet, is_locked: bool) -> Result<(), Trouble> {
        if tokens.expires_at.is_none() && tokens.refresh_token.is_none() {
            log::info!("cache: not stored, because nobody knows when the token ends");
            return Ok(());
        }
        let deadline = self.limit.deadline.min(Instant::now() + PATIENCE);
        // A shared file has a lock of its own.
        let needs_lock = !is_locked && !self.store.is_shared();
        let _lock = if needs_lock { Some(flight(self.store, self.partition, deadline).await?) } else { None };
        let (folder, name) = self.store.to_change(self.partition)?;
        // A name in the list that has no tokens does no harm, and tokens that are in no list would not be found.
        if let Some(all) = self.partition.of_all_people().filter(|_| !self.store.is_shared())
            && !self.store.people(&all)?.is_some_and(|people| people.contains(self.partition))
        {
            let _lock = flight(self.store, &all, deadline).await?;
            self.store.add_person(&all, self.partition)?;
        }
        let writing = writing(self.store, self.partition, (&folder, &name), deadline).await?;
        let changed = writing.change(|document| {
            let now = SystemTime::now();
            record::add_sign_in(document, &self.wanted, tokens, now);
            record::add_access_token(document, &self.wanted, tokens, now)
        })?;
        if let Some((aside, broken)) = changed.moved {
            let aside = crate::redact::foreign(&aside.to_string_lossy());
            self.terminal
                .warn(&format!("the cache {} could not be read ({broken}): it is now {aside}, and a new one is begun", self.place()));
        }
        log::info!("cache: stored in {}", self.place());
        Ok(())
    }

    /// What a refresh token gives may take its place, so it is asked for only where it can be kept, and then not called off.
    fn in_hand(&self) -> Result<Option<InHand>, Error> {
        if !self.needs_lock {
            return Ok(None);
        }
        // What there is, and what an answer may add.
        let size = self.store.read(self.partition).ok().flatten().map_or(0, |content| content.len()) + ROOM;
        let writable = self
            .store
            .to_change(self.partition)
            .and_then(|(folder, name)| folder.try_out(&name, size).map_err(|error| self.store.trouble(self.partition, &error.to_string())));
        writable.map_err(|trouble| locked_out(&trouble.to_string()))?;
        Ok(Some(InHand::begin()))
    }

    fn place(&self) -> String {
        let file = self.store.file(self.partition).unwrap_or_default();
        crate::redact::foreign(&file.to_string_lossy())
    }
}

/// Works with a lock in hand, and says all the time that it does.
pub(super) async fn at_work<T>(flight: &Flight, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(BEAT, &mut work).await {
            Ok(result) => return result,
            Err(_) => flight.beat(),
        }
    }
}

/// What uses up what is stored is not done where it could be done twice, or where what comes of it would be lost.
fn locked_out(why: &str) -> Error {
    unusable("the refresh token cannot be used, because its cache cannot be", why)
}

fn unusable(what: &str, why: &str) -> Error {
    let fix = "end the process that has the lock, or free the place, and try again";
    Error::Cache(OutputError { what: format!("{what}: {why}"), fix })
}

/// Waits for a partition's lock.
///
/// # Errors
///
/// Where it cannot be had by then, with who has it.
pub(super) async fn flight(store: &Store, partition: &Partition, deadline: Instant) -> Result<Flight, Trouble> {
    let start = Instant::now();
    loop {
        // Whoever is at work is waited for, and nobody who stands still.
        let is_at_work = || store.silence(partition).is_none_or(|silence| silence.min(start.elapsed()) < PATIENCE);
        match store.try_lock(partition)? {
            Some(flight) => return Ok(flight),
            None if Instant::now() < deadline && is_at_work() => tokio::time::sleep(Duration::from_millis(10)).await,
            None => return Err(store.trouble(partition, &format!("{} has its lock", store.holder(partition)))),
        }
    }
}

/// Waits for the lock that other programs heed on a file, in its folder and by its name.
///
/// # Errors
///
/// Where it cannot be had in time.
pub(super) async fn writing<'f>(
    store: &Store,
    partition: &Partition,
    (folder, name): (&'f Folder, &str),
    deadline: Instant,
) -> Result<Writing<'f>, Trouble> {
    let start = Instant::now();
    let deadline = deadline.min(start + 2 * COURTESY);
    let mut told = false;
    loop {
        match store.try_writing(folder, name, start.elapsed() >= COURTESY)? {
            Some(writing) => return Ok(writing),
            None if Instant::now() < deadline => {
                if !told {
                    log::info!("cache: waiting for {}, which has the lock file of {name}", store::msal_holder(folder, name));
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            None => {
                let why = format!("{} has its lock (the file {name}.lockfile)", store::msal_holder(folder, name));
                return Err(store.trouble(partition, &why));
            }
        }
    }
}
