//! One request (RFC 9112), read within limits, and the call that it makes. What is odd is refused, not mended.

use std::fmt;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::pages::{self, Status};
use crate::secret::Secret;

/// The largest request line and headers together, in bytes.
pub(super) const HEAD_LIMIT: usize = 16 << 10;
/// The largest number of headers.
const HEADERS_LIMIT: usize = 100;
/// The largest body, in bytes.
pub(super) const BODY_LIMIT: usize = 64 << 10;
/// The largest number of parameters: each is compared with the others.
const PARAMETERS_LIMIT: usize = 64;

/// How a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Its parameters stand in the address.
    Get,
    /// Its parameters are the body, a form; those of the address do not count.
    Post,
}

/// A well-formed call. Each parameter has one value, which is wiped when dropped.
pub(crate) struct Call {
    method: Method,
    parameters: Vec<(String, Secret)>,
}

impl Call {
    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// The value of a parameter, decoded; it may be empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Secret> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).finish_non_exhaustive()
    }
}

/// What a request must be addressed to.
#[derive(Debug)]
pub(super) struct Expected {
    path: String,
    /// The authorities that this machine calls itself by (RFC 9110 section 7.2). Any other is a name on the internet that was made to
    /// lead here.
    hosts: Vec<String>,
}

impl Expected {
    pub(super) fn new(path: &str, port: u16) -> Expected {
        let names = ["localhost", "127.0.0.1", "[::1]"];
        let mut hosts: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
        // The port that goes without saying.
        if port == 80 {
            hosts.extend(names.map(str::to_owned));
        }
        Expected { path: path.to_owned(), hosts }
    }

    fn check_host(&self, host: &[u8]) -> Result<(), Status> {
        let is_ours = self.hosts.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(host));
        if is_ours { Ok(()) } else { Err(pages::MISDIRECTED_REQUEST) }
    }
}

/// Why there is no call.
#[derive(Debug)]
pub(super) enum Fault {
    /// The other side has hung up.
    Gone,
    /// It is to be told this.
    Refused(Status),
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Fault {
        Fault::Gone
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Fault {
        Fault::Refused(status)
    }
}

/// Reads a request. Takes as long as the other side does.
///
/// # Errors
///
/// `Gone` when it ends before its end; `Refused` when it is malformed, too large, or not for us.
pub(super) async fn read(stream: &mut TcpStream, expected: &Expected) -> Result<Call, Fault> {
    // Nothing is set aside for a connection that says nothing.
    stream.readable().await?;
    // Of its full size at once: growing would leave copies behind.
    let mut buffer = Zeroizing::new(vec![0; HEAD_LIMIT]);
    let mut filled = 0;
    let mut next_look = 1;
    let head = loop {
        let length = stream.read(&mut buffer[filled..]).await?;
        if length == 0 {
            // A buffer without room is refused below, so this is the end.
            return Err(Fault::Gone);
        }
        let new = filled.saturating_sub(2);
        filled += length;
        // What is not HTTP is refused as soon as it shows; a head that comes byte by byte is not parsed at each of them.
        if filled >= next_look || has_empty_line(&buffer[new..filled]) {
            next_look = filled * 2;
            if let Some(head) = head(&buffer[..filled], expected)? {
                break head;
            }
        }
        if filled == HEAD_LIMIT {
            return Err(pages::HEADERS_TOO_LARGE.into());
        }
    };
    let Form { starts_at, length, is_held_back } = match head {
        Head::Call(call) => return Ok(call),
        Head::Form(form) => form,
    };
    let mut body = Zeroizing::new(vec![0; length]);
    let have = (filled - starts_at).min(length);
    body[..have].copy_from_slice(&buffer[starts_at..starts_at + have]);
    drop(buffer);
    if is_held_back && have < length {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    stream.read_exact(&mut body[have..]).await?;
    Ok(Call { method: Method::Post, parameters: parameters(&body)? })
}

/// Whether a line ends here and the next is empty.
fn has_empty_line(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|two| two == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

/// What the head of a request leads to.
enum Head {
    /// All is said.
    Call(Call),
    /// The rest is in the body.
    Form(Form),
}

/// A body that is announced.
struct Form {
    /// Where it starts in what was read.
    starts_at: usize,
    length: usize,
    /// The other side waits for a word before it sends it (RFC 9110 section 10.1.1).
    is_held_back: bool,
}

/// Parses and checks a head; `None` as long as it is not complete.
fn head(bytes: &[u8], expected: &Expected) -> Result<Option<Head>, Status> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut request = httparse::Request::new(&mut headers);
    let starts_at = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(pages::HEADERS_TOO_LARGE),
        Err(_) => return Err(pages::BAD_REQUEST),
    };
    let method = match request.method {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        _ => return Err(pages::METHOD_NOT_ALLOWED),
    };
    let headers = Headers(request.headers);
    expected.check_host(headers.one("Host").ok().flatten().unwrap_or_default())?;
    let (path, query) = target(request.path.unwrap_or_default(), expected)?;
    if path != expected.path {
        return Err(pages::NOT_FOUND);
    }
    if headers.all("Transfer-Encoding").next().is_some() {
        return Err(pages::NOT_IMPLEMENTED);
    }
    let length = headers.one("Content-Length")?.map(content_length).transpose()?;
    match (method, length) {
        (Method::Get, None | Some(0)) => Ok(Some(Head::Call(Call { method, parameters: parameters(query.as_bytes())? }))),
        (Method::Get, Some(_)) => Err(pages::BAD_REQUEST),
        (Method::Post, None) => Err(pages::LENGTH_REQUIRED),
        (Method::Post, Some(length)) => {
            check_form(&headers)?;
            if length > BODY_LIMIT {
                return Err(pages::CONTENT_TOO_LARGE);
            }
            Ok(Some(Head::Form(Form { starts_at, length, is_held_back: is_held_back(&headers, request.version)? })))
        }
    }
}

/// The headers of a request.
struct Headers<'a>(&'a [httparse::Header<'a>]);

impl<'a> Headers<'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    /// The value of a header that may be there once.
    fn one(&self, name: &str) -> Result<Option<&'a [u8]>, Status> {
        let mut all = self.all(name);
        let first = all.next();
        if all.next().is_some() { Err(pages::BAD_REQUEST) } else { Ok(first) }
    }
}

/// The path and the query of a request's target, in origin-form or absolute-form (RFC 9112 section 3.2).
fn target<'a>(text: &'a str, expected: &Expected) -> Result<(&'a str, &'a str), Status> {
    let mut rest = text;
    if !text.starts_with('/') {
        let (scheme, after) = text.split_once("://").ok_or(pages::BAD_REQUEST)?;
        let (authority, local) = after.split_at(after.find(['/', '?']).unwrap_or(after.len()));
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(pages::MISDIRECTED_REQUEST);
        }
        expected.check_host(authority.as_bytes())?;
        rest = local;
    }
    if rest.contains('#') {
        return Err(pages::BAD_REQUEST);
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Ok((if path.is_empty() { "/" } else { path }, query))
}

/// A number of bytes in digits (RFC 9110 section 8.6). One that is beyond counting is too large.
fn content_length(value: &[u8]) -> Result<usize, Status> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(pages::BAD_REQUEST);
    }
    Ok(value.iter().fold(0, |sum: usize, digit| sum.saturating_mul(10).saturating_add(usize::from(digit - b'0'))))
}

/// A body is a form or is not for us.
fn check_form(headers: &Headers<'_>) -> Result<(), Status> {
    let value = headers.one("Content-Type")?.unwrap_or_default();
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_plain = headers.all("Content-Encoding").next().is_none();
    if is_plain && kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        return Ok(());
    }
    Err(pages::UNSUPPORTED_MEDIA_TYPE)
}

fn is_held_back(headers: &Headers<'_>, version: Option<u8>) -> Result<bool, Status> {
    match headers.one("Expect")? {
        // HTTP/1.0 does not know of it.
        _ if version == Some(0) => Ok(false),
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(pages::EXPECTATION_FAILED),
    }
}

/// The names and values of a form (URL Standard, `application/x-www-form-urlencoded`). No name may come twice: who means one value
/// does not send two.
fn parameters(form: &[u8]) -> Result<Vec<(String, Secret)>, Status> {
    let mut parameters: Vec<(String, Secret)> = Vec::new();
    for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = equals.map_or((pair, &pair[..0]), |at| (&pair[..at], &pair[at + 1..]));
        let name = decoded(name)?;
        if parameters.len() == PARAMETERS_LIMIT || parameters.iter().any(|(known, _)| *known == *name) {
            return Err(pages::BAD_REQUEST);
        }
        parameters.push((name.to_string(), Secret::new(std::mem::take(&mut *decoded(value)?))));
    }
    Ok(parameters)
}

/// A name or a value as it is meant. The library that does this leaves copies behind.
fn decoded(text: &[u8]) -> Result<Zeroizing<String>, Status> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                bytes.push(hexadecimal(*high)? << 4 | hexadecimal(*low)?);
                rest = after;
            }
            (b'%', _) => return Err(pages::BAD_REQUEST),
            (byte, _) => bytes.push(*byte),
        }
    }
    let text = String::from_utf8(std::mem::take(&mut *bytes));
    text.map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        pages::BAD_REQUEST
    })
}

fn hexadecimal(digit: u8) -> Result<u8, Status> {
    let digit = char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digit.ok_or(pages::BAD_REQUEST)
}
