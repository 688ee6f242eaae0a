//! A browser that scripts and tests steer: it follows redirects, keeps cookies, and fills in the forms of the tenant's pages.
//!
//! What cannot be done is the mistake of whoever steers it, and panics with the reason.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::address::Address;
use crate::contoso;
use crate::web_page::{Form, Page};

/// Redirects, and forms that send themselves, one after the other.
const MOST_HOPS: usize = 20;
const PATIENCE: Duration = Duration::from_mins(1);

/// A browser. Clones have cookies of their own from then on.
#[derive(Clone, Debug)]
pub struct Browser {
    tls: Arc<ClientConfig>,
    proxy: Option<String>,
    cookies: BTreeMap<(String, String), String>,
}

/// A request to be made.
struct Visit {
    address: Address,
    fragment: Option<String>,
    /// A form by POST, and the origin of the page that it was on.
    form: Option<(String, String)>,
}

impl Visit {
    fn get(address: Address) -> Visit {
        Visit { address, fragment: None, form: None }
    }
}

impl Browser {
    /// A browser that trusts the authorities of a PEM file.
    ///
    /// # Panics
    /// When the file has none.
    pub fn new(ca_file: &Path) -> Browser {
        let mut roots = RootCertStore::empty();
        let file = CertificateDer::pem_file_iter(ca_file).unwrap_or_else(|error| panic!("{}: {error}", ca_file.display()));
        roots.add_parsable_certificates(file.flatten());
        assert!(!roots.is_empty(), "no certificate authority in {}", ca_file.display());
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("ring has the default versions");
        let tls = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Browser { tls, proxy: None, cookies: BTreeMap::new() }
    }

    /// Makes it reach all hosts but this machine by a CONNECT proxy: `http://127.0.0.1:PORT`.
    pub fn proxy(mut self, url: &str) -> Browser {
        self.proxy = Address::parse(url).map(|address| address.authority());
        self
    }

    /// Opens an address, and goes on to where it leads.
    ///
    /// # Panics
    /// When there is no such page: no http address, no answer, no end of redirects.
    pub fn open(&mut self, url: &str) -> Page {
        self.try_open(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// The same, for addresses that may lead nowhere.
    ///
    /// # Errors
    /// When there is no such page.
    pub fn try_open(&mut self, url: &str) -> io::Result<Page> {
        let address = Address::parse(url).ok_or_else(|| wrong(&format!("no address: {url}")))?;
        self.follow(Visit::get(address))
    }

    /// Fills in fields of the form that has a button of this label (or value), presses it, and goes on to where that leads.
    ///
    /// # Panics
    /// When no form has the button or a field, or there is no page behind it.
    pub fn submit(&mut self, page: &Page, fields: &[(&str, &str)], button: &str) -> Page {
        let is_it = |form: &Form| form.buttons.iter().any(|it| it.label == button || it.value == button);
        let form = page.forms().into_iter().find(is_it);
        let mut form = form.unwrap_or_else(|| panic!("no button {button:?} on {}: {}", page.url(), page.text()));
        for (name, value) in fields {
            let input = form.inputs.iter_mut().find(|(key, _)| key == name);
            let input = input.unwrap_or_else(|| panic!("no field {name:?} on {}: {}", page.url(), page.text()));
            (*value).clone_into(&mut input.1);
        }
        let pressed = form.buttons.iter().find(|it| it.label == button || it.value == button).cloned();
        if let Some(name) = pressed.as_ref().and_then(|pressed| pressed.name.clone()) {
            form.inputs.push((name, pressed.map(|pressed| pressed.value).unwrap_or_default()));
        }
        let visit = visit(page, &form).and_then(|visit| self.follow(visit));
        visit.unwrap_or_else(|error| panic!("{button:?} on {}: {error}", page.url()))
    }

    /// Opens an address and does what the tenant's pages ask for, until there is nothing more to do: signs in as a user, types
    /// in the one-time code, consents, goes on. On pages that complain it stops.
    ///
    /// # Panics
    /// As [`Browser::open`].
    pub fn sign_in(&mut self, url: &str, username: &str, password: &str) -> Page {
        let page = self.open(url);
        self.go_on(page, username, password)
    }

    /// The same from a page that is open already.
    ///
    /// # Panics
    /// As [`Browser::submit`].
    pub fn go_on(&mut self, mut page: Page, username: &str, password: &str) -> Page {
        for _ in 0..MOST_HOPS {
            let buttons = page.buttons();
            let has = |label: &str| buttons.iter().any(|button| button == label);
            let account = buttons.iter().find(|button| button.eq_ignore_ascii_case(username));
            page = match account {
                _ if page.html().contains("class=\"error\"") => return page,
                _ if has("Sign in") => self.submit(&page, &[("username", username), ("password", password)], "Sign in"),
                _ if has("Verify") => self.submit(&page, &[("otc", contoso::MULTI_FACTOR_CODE)], "Verify"),
                _ if has("Accept") => self.submit(&page, &[], "Accept"),
                _ if has("Continue") => self.submit(&page, &[], "Continue"),
                Some(account) => self.submit(&page, &[], account),
                None if has("Use another account") => self.submit(&page, &[], "Use another account"),
                None => return page,
            };
        }
        page
    }

    /// Goes on through redirects and forms that send themselves.
    fn follow(&mut self, mut visit: Visit) -> io::Result<Page> {
        for _ in 0..MOST_HOPS {
            let page = self.load(&visit)?;
            let form = page.forms().into_iter().find(|form| form.sends_itself);
            visit = match (page.status, page.header("location"), form) {
                (301..=303, Some(location), _) => {
                    let address = page.address.join(location).ok_or_else(|| wrong(&format!("no address: {location}")))?;
                    let fragment = location.split_once('#').map(|(_, fragment)| fragment.to_owned());
                    Visit { address, fragment, form: None }
                }
                (200, _, Some(form)) => self::visit(&page, &form)?,
                _ => return Ok(page),
            };
        }
        Err(wrong("redirects without end"))
    }

    fn load(&mut self, visit: &Visit) -> io::Result<Page> {
        let address = &visit.address;
        let request = self.request(visit);
        let stream = match self.connect(address) {
            // The address bar has the address all the same.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && address.is_loopback() => {
                let (address, fragment) = (address.clone(), visit.fragment.clone());
                return Ok(Page { status: 0, address, fragment, headers: Vec::new(), body: String::new() });
            }
            connected => connected?,
        };
        let answer = match (address.is_https, stream) {
            (true, stream) => {
                let name = address.host.trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(name).map_err(io::Error::other)?;
                let connection = ClientConnection::new(Arc::clone(&self.tls), name).map_err(io::Error::other)?;
                exchange(StreamOwned::new(connection, stream), &request)?
            }
            (false, stream) => exchange(stream, &request)?,
        };
        let (status, headers, body) = answer;
        for (_, cookie) in headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert((address.host.clone(), name.trim().to_owned()), value.trim().to_owned());
            }
        }
        Ok(Page { status, address: address.clone(), fragment: visit.fragment.clone(), headers, body })
    }

    /// Connects to a host, by the proxy unless it is this machine.
    fn connect(&self, address: &Address) -> io::Result<TcpStream> {
        let proxy = self.proxy.as_ref().filter(|_| !address.is_loopback());
        let host = address.host.trim_matches(['[', ']']);
        let mut stream = match proxy {
            Some(proxy) => TcpStream::connect(proxy.as_str())?,
            None => TcpStream::connect((host, address.port))?,
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        if proxy.is_some() {
            let target = format!("{}:{}", address.host, address.port);
            stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes())?;
            let head = read_head(&mut stream)?;
            let is_open = head.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
            if !is_open {
                return Err(wrong(&format!("the proxy says {}", head.lines().next().unwrap_or_default())));
            }
        }
        Ok(stream)
    }

    /// A request with the headers that browsers send.
    fn request(&self, visit: &Visit) -> Vec<u8> {
        let Visit { address, form, .. } = visit;
        let method = if form.is_some() { "POST" } else { "GET" };
        let mut head = format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) local-tenant\r\n\
             Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: en\r\nUpgrade-Insecure-Requests: 1\r\n\
             Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
            address.target,
            address.authority()
        );
        let cookies = self.cookies.iter().filter(|((host, _), _)| *host == address.host);
        let cookies: Vec<String> = cookies.map(|((_, name), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            head.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        let body = form.as_ref().map(|(body, origin)| {
            let site = if *origin == address.origin() { "same-origin" } else { "cross-site" };
            head.push_str(&format!("Origin: {origin}\r\nReferer: {origin}/\r\nSec-Fetch-Site: {site}\r\n"));
            head.push_str(&format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len()));
            body.as_str()
        });
        format!("{head}\r\n{}", body.unwrap_or_default()).into_bytes()
    }
}

/// What sending a form comes to.
fn visit(page: &Page, form: &Form) -> io::Result<Visit> {
    let address = page.address.join(&form.action).ok_or_else(|| wrong(&format!("no address: {}", form.action)))?;
    let values = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.inputs).finish();
    if form.is_post {
        return Ok(Visit { address, fragment: None, form: Some((values, page.address.origin())) });
    }
    let path = address.target.split('?').next().unwrap_or_default();
    Ok(Visit::get(Address { target: format!("{path}?{values}"), ..address }))
}

type Answer = (u16, Vec<(String, String)>, String);

/// Sends a request and reads its answer: as long as it says, else to the end.
fn exchange<S: Read + Write>(mut stream: S, request: &[u8]) -> io::Result<Answer> {
    stream.write_all(request)?;
    stream.flush()?;
    let head = read_head(&mut stream)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(|| wrong("no HTTP answer"))?;
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let find = |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    if find("transfer-encoding").is_some() {
        return Err(wrong("the answer comes in chunks, which this browser does not read"));
    }
    let mut body = Vec::new();
    match find("content-length").map(str::parse) {
        Some(length) => {
            body.resize(length.map_err(|_| wrong("the length of the answer is no number"))?, 0);
            stream.read_exact(&mut body)?;
        }
        None => match stream.read_to_end(&mut body) {
            // Servers that do not say that they close are common.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        },
    }
    Ok((status, headers, String::from_utf8_lossy(&body).into_owned()))
}

/// Reads to the empty line, and no further.
fn read_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 65_536 {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn wrong(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}
