//! Catches one call on this machine: the browser's, that is sent to `http://localhost:{port}` when a person is done with it.
//!
//! Every program and every web page on the machine can call too, so nothing that is not the awaited call ends, delays or fools
//! the wait. What a call means is for a judge to say; here it is read, within limits, and answered with constant pages.

mod pages;
mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

pub(crate) use pages::Page;
pub(crate) use request::{Call, Method};
use request::{Expected, Fault};

/// How long a connection may take to say all that it has to say.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// How many connections are served at once; beyond that the oldest gives way to the newest.
const CONNECTIONS: usize = 512;
/// How many connections the system keeps for us until they are accepted. The usual 128 is full when a machine is busy, and a
/// connection that is turned away there comes back after a second.
#[cfg(unix)]
const BACKLOG: i32 = 4096;
/// How long an answer may take to be sent. It fits into the system's buffer, so it takes no time.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// How long somebody who was turned away may go on talking before the connection is closed on them.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// How much of that talk is listened to, in bytes.
const LINGER_LIMIT: usize = 1 << 20;
/// How long to wait before accepting again where that failed and there was nothing to make room with.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// How many ports are tried when any will do.
const PICKS: usize = 64;

/// What a judge says of a call.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    /// It is somebody else's: it is told so, and the wait goes on.
    NotOurs,
    /// It is the one. The wait ends with this value, and the person sees this page.
    Taken(T, Page),
}

/// The port cannot be had.
#[derive(Debug)]
pub(crate) enum BindError {
    /// Another program listens on it, in one of the two address families at least.
    InUse {
        port: u16,
    },
    Other(io::Error),
}

impl From<io::Error> for BindError {
    fn from(error: io::Error) -> BindError {
        BindError::Other(error)
    }
}

/// What is allowed to those who call.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// From the connection to the end of the request.
    time: Duration,
    /// At once.
    connections: usize,
}

/// Listens on both loopback addresses and one port. Connections are kept by the system until somebody waits for them.
#[derive(Debug)]
pub(crate) struct Listener {
    sockets: Vec<std::net::TcpListener>,
    port: u16,
    limits: Limits,
}

impl Listener {
    /// Takes a port, or any that is free, on 127.0.0.1 and on `[::1]`; on one of them alone where the machine lacks the other's
    /// address family. The port stays taken from here to the end of the wait, and nobody can share it: on Unix a socket that
    /// listens does not let another one listen on its address and port, not even through the wildcard address on Linux; on
    /// Windows that holds against other users.
    ///
    /// # Errors
    ///
    /// `InUse` when somebody else listens on the port, in either family; `Other` when the system says no.
    pub(crate) fn bind(port: Option<u16>) -> Result<Listener, BindError> {
        let (sockets, port) = match port.filter(|port| *port != 0) {
            Some(port) => pair(port, &mut Vec::new())?,
            None => free_pair()?,
        };
        #[cfg(unix)]
        for socket in &sockets {
            // A shorter queue works as well, most of the time.
            let _ = rustix::net::listen(socket, BACKLOG);
        }
        Ok(Listener { sockets, port, limits: Limits { time: REQUEST_TIME, connections: affordable_connections() } })
    }

    /// The port that was taken.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Serves whoever calls, until the judge takes a GET or a POST to `path`. That one is answered, the port and every other
    /// connection are closed, and no second call is judged. Never ends by itself where no such call comes; dropping it closes the
    /// port at once.
    ///
    /// # Errors
    ///
    /// When the runtime cannot listen on the sockets.
    pub(crate) async fn wait<T>(self, path: &str, mut judge: impl FnMut(&Call) -> Verdict<T>) -> io::Result<T> {
        let mut doors = Doors::new(self.sockets)?;
        let mut guests = Guests::new(Expected::new(path, self.port), self.limits);
        loop {
            tokio::select! {
                accepted = doors.accept() => match accepted {
                    Ok(stream) => guests.receive(stream),
                    Err(error) => guests.make_room(&error).await,
                },
                Some((mut stream, call)) = guests.next_call() => match judge(&call) {
                    Verdict::NotOurs => guests.turn_away(stream),
                    Verdict::Taken(value, page) => {
                        drop(doors);
                        // A browser that does not take its page has its call taken nevertheless.
                        let _ = timeout(ANSWER_TIME, send(&mut stream, pages::taken(page))).await;
                        guests.dismiss().await;
                        finish(&stream).await;
                        return Ok(value);
                    }
                },
            }
        }
    }
}

type Pair = (Vec<std::net::TcpListener>, u16);

/// Both loopback addresses on a port that is free in both families. One that is free in one only is held until the end, so that it
/// does not come up again, and none is let go and taken again.
fn free_pair() -> Result<Pair, BindError> {
    let mut half_free = Vec::new();
    let mut last = BindError::InUse { port: 0 };
    for _ in 0..PICKS {
        match pair(0, &mut half_free) {
            Ok(pair) => return Ok(pair),
            Err(error @ BindError::InUse { .. }) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Both loopback addresses on a port; 0 is any that is free for IPv4. A socket whose other half is in use goes to `half_free`.
fn pair(port: u16, half_free: &mut Vec<std::net::TcpListener>) -> Result<Pair, BindError> {
    let mut sockets = Vec::new();
    let mut port = port;
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        match std::net::TcpListener::bind((address, port)) {
            Ok(socket) => {
                port = socket.local_addr()?.port();
                socket.set_nonblocking(true)?;
                sockets.push(socket);
            }
            Err(error) if is_in_use(&error, port) => {
                half_free.append(&mut sockets);
                return Err(BindError::InUse { port });
            }
            // The last to fail says why, where there is no other.
            Err(error) if !lacks_family(&error) || (sockets.is_empty() && address.is_ipv6()) => return Err(error.into()),
            Err(_) => {}
        }
    }
    Ok((sockets, port))
}

fn is_in_use(error: &io::Error, port: u16) -> bool {
    // Windows refuses what another program holds for itself alone, and what is set aside for virtual machines, as if it were a
    // matter of permissions.
    error.kind() == io::ErrorKind::AddrInUse || (cfg!(windows) && port != 0 && error.kind() == io::ErrorKind::PermissionDenied)
}

/// Whether the machine, or this process on it, has no such addresses: not compiled in, or switched off.
fn lacks_family(error: &io::Error) -> bool {
    #[cfg(unix)]
    let unknown = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    #[cfg(not(unix))]
    let unknown = 10047; // WSAEAFNOSUPPORT
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(unknown)
}

/// As many connections as leave this process half of the files that it may have open.
#[cfg(unix)]
fn affordable_connections() -> usize {
    use rustix::process::{Resource, getrlimit};
    let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok());
    files.map_or(CONNECTIONS, |files| CONNECTIONS.min(files / 2).max(1))
}

#[cfg(not(unix))]
fn affordable_connections() -> usize {
    CONNECTIONS
}

/// The sockets that listen.
struct Doors {
    sockets: Vec<TcpListener>,
    /// Which is looked at first; they take turns, so that a crowd at one does not keep the other shut.
    first: usize,
}

impl Doors {
    fn new(sockets: Vec<std::net::TcpListener>) -> io::Result<Doors> {
        Ok(Doors { sockets: sockets.into_iter().map(TcpListener::from_std).collect::<Result<_, _>>()?, first: 0 })
    }

    /// The next connection at any of them. Nothing is lost where the future is dropped.
    async fn accept(&mut self) -> io::Result<TcpStream> {
        self.first = (self.first + 1) % self.sockets.len();
        let (after, before) = self.sockets.split_at(self.first);
        poll_fn(|context| {
            for socket in before.iter().chain(after) {
                if let Poll::Ready(accepted) = socket.poll_accept(context) {
                    return Poll::Ready(accepted.map(|(stream, _)| stream));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// What a connection came to: a call, or nothing that anybody needs to know.
type Outcome = Option<(TcpStream, Call)>;

/// The connections that are open, each with a task of its own, so that none waits for another.
struct Guests {
    tasks: JoinSet<(u64, Outcome)>,
    /// The tasks that run, oldest first.
    running: BTreeMap<u64, AbortHandle>,
    count: u64,
    expected: Arc<Expected>,
    limits: Limits,
}

impl Guests {
    fn new(expected: Expected, limits: Limits) -> Guests {
        Guests { tasks: JoinSet::new(), running: BTreeMap::new(), count: 0, expected: Arc::new(expected), limits }
    }

    fn spawn(&mut self, work: impl Future<Output = Outcome> + Send + 'static) {
        if self.running.len() >= self.limits.connections {
            self.drop_oldest();
        }
        self.count += 1;
        let number = self.count;
        let task = self.tasks.spawn(async move { (number, work.await) });
        self.running.insert(number, task);
    }

    /// Lets somebody in, and hears what they want.
    fn receive(&mut self, mut stream: TcpStream) {
        let (expected, time) = (Arc::clone(&self.expected), self.limits.time);
        self.spawn(async move {
            // One who is too slow is hung up on: a connection that a browser opened ahead of need is not told off.
            match timeout(time, request::read(&mut stream, &expected)).await.ok()? {
                Ok(call) => return Some((stream, call)),
                Err(Fault::Gone) => {}
                Err(Fault::Refused(status)) => refuse(stream, status).await,
            }
            None
        });
    }

    fn turn_away(&mut self, stream: TcpStream) {
        self.spawn(async move {
            refuse(stream, pages::BAD_REQUEST).await;
            None
        });
    }

    /// The next call that is well-formed; `None` when a connection came to anything else, or when there is none.
    async fn next_call(&mut self) -> Outcome {
        loop {
            // A task that was called off has no number to give, and was forgotten then.
            let Ok((number, outcome)) = self.tasks.join_next().await? else { continue };
            self.running.remove(&number);
            if outcome.is_some() {
                return outcome;
            }
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self.running.pop_first();
        oldest.is_some_and(|(_, task)| {
            task.abort();
            true
        })
    }

    /// Goes on after a connection could not be accepted: usually because this process or the machine has no files left.
    async fn make_room(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
            return;
        }
        log::debug!("a connection could not be accepted: {error}");
        if self.drop_oldest() {
            // It is closed when its task is looked at again.
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }

    /// Closes every connection.
    async fn dismiss(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Says why not, and hears the rest: a connection that is closed while something in it is unread takes the answer with it.
async fn refuse(mut stream: TcpStream, status: pages::Status) {
    log::debug!("a call to the local port was answered with status {}", status.code());
    if !matches!(timeout(ANSWER_TIME, send(&mut stream, pages::refused(status))).await, Ok(Ok(()))) {
        return;
    }
    let listen = async {
        let mut scrap = [0; 2048];
        let mut heard = 0;
        while heard < LINGER_LIMIT {
            match stream.read(&mut scrap).await {
                Ok(length) if length > 0 => heard += length,
                _ => break,
            }
        }
    };
    // Who is still there after that has had their answer.
    let _ = timeout(LINGER_TIME, listen).await;
}

async fn send(stream: &mut TcpStream, answer: String) -> io::Result<()> {
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Takes what else has come in already, for the same reason, and waits for nothing.
async fn finish(stream: &TcpStream) {
    // What has come in is seen when the runtime looks.
    tokio::task::yield_now().await;
    let mut scrap = [0; 2048];
    for _ in 0..LINGER_LIMIT / scrap.len() {
        if !matches!(stream.try_read(&mut scrap), Ok(1..)) {
            break;
        }
    }
}
