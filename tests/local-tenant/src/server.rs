//! Listeners and connections: TCP, TLS, HTTP, and the requests' way to their answers.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::misbehave::Misbehaviour;
use crate::record::Recorded;
use crate::reply::{self, Reply};
use crate::route;
use crate::state::State;
use crate::wire::{self, Plan, SharedPlan, Stream};
use crate::{proxy, refusal};

/// The sockets of a tenant, bound and not yet served.
pub(crate) struct Listeners {
    https: Vec<StdListener>,
    http: StdListener,
    proxy: StdListener,
}

/// The ports of a tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) https: u16,
    pub(crate) http: u16,
    pub(crate) proxy: u16,
}

impl Listeners {
    /// Binds free ports on loopback; https has the same port in both families.
    pub(crate) fn bind() -> io::Result<(Listeners, Ports)> {
        let listeners = Listeners { https: bind_both()?, http: bind(0)?, proxy: bind(0)? };
        let ports = Ports {
            https: listeners.https[0].local_addr()?.port(),
            http: listeners.http.local_addr()?.port(),
            proxy: listeners.proxy.local_addr()?.port(),
        };
        Ok((listeners, ports))
    }

    /// Starts to serve them; needs a runtime.
    pub(crate) fn serve(self, state: &Arc<State>) -> io::Result<()> {
        for listener in self.https {
            accept(listener, state, |stream, state| Box::pin(serve_tls(stream, state, false)))?;
        }
        accept(self.http, state, |stream, state| Box::pin(serve_http(stream, state, Line::default())))?;
        accept(self.proxy, state, |stream, state| Box::pin(proxy::serve(stream, state)))
    }
}

fn bind(port: u16) -> io::Result<StdListener> {
    StdListener::bind((Ipv4Addr::LOCALHOST, port))
}

/// Both loopback addresses on one port; without IPv6 on this machine the one of IPv4 alone.
fn bind_both() -> io::Result<Vec<StdListener>> {
    let mut last = None;
    for _ in 0..32 {
        let first = bind(0)?;
        match StdListener::bind((Ipv6Addr::LOCALHOST, first.local_addr()?.port())) {
            Ok(second) => return Ok(vec![first, second]),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = Some(error),
            Err(_) => return Ok(vec![first]),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

fn accept(listener: StdListener, state: &Arc<State>, serve: fn(TcpStream, Arc<State>) -> Serving) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let state = Arc::clone(state);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, for instance: others will be closed soon.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            // A drip-fed answer has to leave byte by byte.
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream, Arc::clone(&state)));
        }
    });
    Ok(())
}

/// How a request came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Line {
    is_https: bool,
    via_proxy: bool,
}

/// Serves HTTP within TLS. A handshake that fails is the client's decision; there is nothing to answer.
pub(crate) async fn serve_tls(stream: TcpStream, state: Arc<State>, via_proxy: bool) {
    let acceptor = TlsAcceptor::from(Arc::clone(&state.tls));
    if let Ok(stream) = acceptor.accept(stream).await {
        serve_http(stream, state, Line { is_https: true, via_proxy }).await;
    }
}

async fn serve_http<S>(stream: S, state: Arc<State>, line: Line)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let plan = SharedPlan::default();
    let service = {
        let (state, plan) = (Arc::clone(&state), Arc::clone(&plan));
        service_fn(move |request| Box::pin(answer(request, Arc::clone(&state), Arc::clone(&plan), line)))
    };
    let stream = TokioIo::new(Stream::new(stream, Arc::clone(&plan)));
    let mut connection = http1::Builder::new().serve_connection(stream, service);
    // The stream is wanted back, however HTTP ended, for what is to be sent in its place.
    let _ = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner().into_inner();
    wire::finish(stream, &plan, &state.endless_bytes_sent).await;
}

type Answer = Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>>;

async fn answer(request: Request<Incoming>, state: Arc<State>, plan: SharedPlan, line: Line) -> Answer {
    let request = receive(request, line).await?;
    let misbehaviour = state.arrived(&request);
    Ok(reply_to(&request, misbehaviour, &state, &plan).await.into_http())
}

/// Reads a request whole.
async fn receive(request: Request<Incoming>, line: Line) -> Result<Recorded, hyper::Error> {
    let (head, body) = request.into_parts();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<(String, String)> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
    let named = headers.iter().find(|(name, _)| name == "host").map(|(_, host)| host.clone());
    Ok(Recorded {
        method: head.method.to_string(),
        scheme: if line.is_https { "https" } else { "http" },
        host: named.or_else(|| head.uri.authority().map(ToString::to_string)).unwrap_or_default(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers,
        body: body.collect().await?.to_bytes().to_vec(),
        via_proxy: line.via_proxy,
    })
}

async fn reply_to(request: &Recorded, misbehaviour: Option<Misbehaviour>, state: &State, plan: &Mutex<Plan>) -> Reply {
    if request.is_token_request() && !state.directory.answers_after.is_zero() {
        tokio::time::sleep(state.directory.answers_after).await;
    }
    let set = |wanted: Plan| *plan.lock().expect("no holder of the plan panics") = wanted;
    match misbehaviour {
        None => {}
        Some(Misbehaviour::Delay(time)) => tokio::time::sleep(time).await,
        Some(Misbehaviour::Status { status, headers, body }) => return Reply::raw(status, headers, body),
        Some(Misbehaviour::Refusal { status, error, codes, description, extra }) => {
            return refusal::arbitrary(request, status, &error, &codes, &description, extra);
        }
        Some(Misbehaviour::CutBeforeAnswer) => set(Plan::Cut(0)),
        Some(Misbehaviour::CutAfter(bytes)) => set(Plan::Cut(bytes)),
        Some(Misbehaviour::Raw(bytes)) => set(Plan::Replace(bytes)),
        Some(Misbehaviour::Endless { head, chunk, pause, limit }) => set(Plan::Endless { head, chunk, pause, limit }),
        Some(Misbehaviour::Token(members)) => {
            return reply::merged(route::reply(request, state), members).unwrap_or_else(|reply| {
                state.fault(format!("Misbehaviour::Token met {}, whose answer is not a JSON object with status 200", request.path));
                reply
            });
        }
        Some(Misbehaviour::Replace { from, to }) => {
            return reply::replaced(route::reply(request, state), &from, &to).unwrap_or_else(|reply| {
                state.fault(format!("Misbehaviour::Replace met {}, whose answer does not hold {from:?}", request.path));
                reply
            });
        }
        Some(Misbehaviour::Body(change)) => return reply::with_body(route::reply(request, state), change),
        Some(Misbehaviour::IdToken(claims)) => {
            return reply::with_id_token(route::reply(request, state), claims, &state.signer).unwrap_or_else(|reply| {
                state.fault(format!("Misbehaviour::IdToken met {}, whose answer has no id token", request.path));
                reply
            });
        }
    }
    route::reply(request, state)
}

/// The address of a listener, as a URL's authority.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
