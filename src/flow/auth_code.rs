//! A person signs in with the browser: the authorization code grant with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 8252).

use url::Url;

use super::client::Client;
use super::exchange::{Endpoints, Exchange};
use super::patience::Patience;
use crate::browser;
use crate::crypto;
use crate::entra::authority::{Endpoint, Kind};
use crate::entra::authorize::{self, Answer, AuthorizeRequest, Hints, ResponseMode};
use crate::entra::grant::{Grant, TokenRequest};
use crate::entra::pkce;
use crate::entra::token::TokenSet;
use crate::env::Env;
use crate::error::{Cancelled, Error, Exchanged, UsageError};
use crate::http::{Http, Repeat};
use crate::loopback::{Call, Listener, Method, Page, Verdict};
use crate::secret::Secret;
use crate::terminal::{self, Terminal};

/// A sign-in that is to be.
#[derive(Debug)]
pub(crate) struct SignIn<'a> {
    pub(crate) client: &'a Client,
    pub(crate) hints: &'a Hints,
    /// Where the platform is to send the answer, as it is registered but for a port on this machine.
    pub(crate) redirect_uri: &'a str,
    pub(crate) patience: Patience,
    pub(crate) terminal: &'a Terminal,
    pub(crate) environment: &'a Env,
    /// Variables of that environment which hold a secret, beside the ones that are known to.
    pub(crate) secret_variables: &'a [&'a str],
}

/// How the answer reaches this command.
#[derive(Debug)]
pub(crate) enum Way {
    /// The browser brings it to a port of this machine; `opens` tells whether a browser is started.
    Listener { listener: Listener, path: String, opens: bool },
    /// The person pastes it.
    Paste,
}

/// What the answer is held against.
struct Begun {
    url: Url,
    state: Secret,
    nonce: String,
    verifier: Secret,
    /// Whether a code may come in the address.
    takes_shown: bool,
}

/// Has a person sign in, and gets their tokens.
///
/// # Errors
///
/// `Cancelled` by the person; `Refused`, `Unreadable`, and what the network gives: `TimedOut`, `Transport`, `Unavailable`.
pub(crate) async fn acquire(sign_in: &SignIn<'_>, way: Way, http: &Http) -> Result<TokenSet, Error> {
    let client = sign_in.client;
    let exchange = Exchange { exchanged: Exchanged::Browser, ..Exchange::new(http, &client.authority, &client.client_id, &client.scopes)? };
    let endpoints = exchange.endpoints().await?;
    let begun = begin(sign_in, &way, &endpoints)?;
    http.hide(&begun.verifier);
    let answer = tokio::time::timeout_at(sign_in.patience.deadline(), ask(sign_in, way, &begun)).await;
    let answer = answer.unwrap_or(Err(Error::Cancelled(Cancelled::NoSignIn { after: sign_in.patience.time() })))?;
    let code = match answer {
        Answer::Code(code) => code,
        Answer::Declined => return Err(Error::Cancelled(Cancelled::Declined)),
        Answer::Refused(refusal) => return Err(exchange.refused(*refusal)),
    };
    log::info!("the answer has come");
    http.hide(&code);
    http.extend(sign_in.patience.for_network());
    let endpoint = endpoints.get(Endpoint::Token)?;
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: &client.client_id,
        auth: &client.auth,
        grant: Grant::AuthorizationCode { code: &code, redirect_uri: sign_in.redirect_uri, code_verifier: &begun.verifier },
        scopes: &client.scopes.with_reserved(),
        claims: client.claims.as_deref(),
        caller: exchange.caller,
    };
    // A code is taken once (RFC 6749 section 4.1.2): one that may have arrived is not sent again.
    let tokens = exchange.tokens(&endpoint, &request.to_http(), Repeat::Unsent).await?;
    exchange.check_id_token(&tokens, Some(&begun.nonce), &endpoints)?;
    Ok(tokens)
}

fn begin(sign_in: &SignIn<'_>, way: &Way, endpoints: &Endpoints<'_>) -> Result<Begun, Error> {
    let random = || crypto::random_bytes().map_err(|error| Error::System(error.to_string()));
    let client = sign_in.client;
    let verifier = pkce::verifier(&random()?);
    let state = pkce::verifier(&random()?);
    let nonce = pkce::verifier(&random()?).expose().to_owned();
    let response_mode = match way {
        Way::Listener { .. } => endpoints.response_mode(),
        Way::Paste => ResponseMode::Query,
    };
    let url = AuthorizeRequest {
        endpoint: &endpoints.get(Endpoint::Authorization)?,
        client_id: &client.client_id,
        redirect_uri: sign_in.redirect_uri,
        response_mode,
        scopes: &client.scopes.with_reserved(),
        state: &state,
        nonce: &nonce,
        code_challenge: &pkce::challenge(&crypto::sha256(verifier.expose())),
        hints: sign_in.hints,
        claims: client.claims.as_deref(),
    }
    .url();
    // AD FS of before 2016 knows one way alone.
    let takes_shown = response_mode == ResponseMode::Query || client.authority.kind() == Kind::AdFs;
    Ok(Begun { url, state, nonce, verifier, takes_shown })
}

/// Leads the person to the sign-in page, and waits for what comes of it.
async fn ask(sign_in: &SignIn<'_>, way: Way, begun: &Begun) -> Result<Answer, Error> {
    let terminal = sign_in.terminal;
    match way {
        Way::Listener { listener, path, opens } => {
            log::info!("listening on port {}", listener.port());
            let beginning = if opens {
                "A browser opens to sign in. If it does not, open this address"
            } else {
                "To sign in, open this address in a browser"
            };
            terminal.say(&format!("{beginning} on this machine:"));
            terminal.say(begun.url.as_str());
            let judge = |call: &Call| judge(call, begun);
            let answer = async {
                let answer = listener.wait(&path, judge).await;
                answer.map_err(|error| Error::System(format!("no port of this machine can be listened on: {error}")))
            };
            if !opens {
                return answer.await;
            }
            let open = async {
                if let Err(why) = browser::open(begun.url.as_str(), sign_in.environment, sign_in.secret_variables).await {
                    terminal.warn(&format!("no browser could be opened ({why}): open the address above, or use --manual or device-code"));
                }
                std::future::pending::<()>().await;
            };
            // Whoever opens the browser may be slow about it, and the answer need not wait for that.
            tokio::select! { answer = answer => answer, () = open => Err(Error::Internal("a browser".to_owned())) }
        }
        Way::Paste => {
            terminal.say("To sign in, open this address in a browser, on any machine:");
            terminal.say(begun.url.as_str());
            terminal
                .say("At the end the browser goes to an address that begins with the one below, and may say that it cannot be reached.");
            terminal.say(&format!("  {}", sign_in.redirect_uri));
            terminal.say("Paste that whole address here, and nowhere else: whoever else asks for it wants to sign in as you.");
            paste(sign_in, begun).await
        }
    }
}

fn judge(call: &Call, begun: &Begun) -> Verdict<Answer> {
    let parameter = |name: &str| call.parameter(name).map(Secret::expose);
    match authorize::answer(parameter, &begun.state, begun.takes_shown, call.method() == Method::Get) {
        Some(answer @ Answer::Code(_)) => Verdict::Taken(answer, Page::Done),
        Some(answer) => Verdict::Taken(answer, Page::Failed),
        None => Verdict::NotOurs,
    }
}

/// Reads addresses until one is the answer.
async fn paste(sign_in: &SignIn<'_>, begun: &Begun) -> Result<Answer, Error> {
    /// So many lines that are not the answer come from no person.
    const MOST_LINES: usize = 1_000;
    let mut had_any = false;
    for _ in 0..MOST_LINES {
        let line =
            terminal::ask_for_long("Address").await.map_err(|error| Error::System(format!("standard input cannot be read: {error}")))?;
        let Some(line) = line else { break };
        let text = address(line.expose());
        if let Some(answer) = pasted(text, begun) {
            return Ok(answer);
        }
        had_any |= !text.is_empty();
        if terminal::can_ask() {
            sign_in.terminal.say("That is not the answer to this sign-in. It has code= and state= in it; paste all of it.");
        }
    }
    let error = UsageError::new("what was pasted is not the answer to this sign-in");
    let error = error.fix("give the whole address that the browser ended at, with everything after the question mark");
    Err(if had_any { error.into() } else { Error::Cancelled(Cancelled::NothingGiven) })
}

/// An address as it was meant: without what surrounds it in a message, or in a terminal that marks what is pasted.
fn address(line: &str) -> &str {
    let text = line.trim().trim_start_matches("\u{1b}[200~").trim_end_matches("\u{1b}[201~");
    text.trim_matches(|character: char| character.is_whitespace() || "\"'<>`".contains(character))
}

fn pasted(text: &str, begun: &Begun) -> Option<Answer> {
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let pairs: Vec<(String, Secret)> = pairs.map(|(name, value)| (name.into_owned(), Secret::new(value.into_owned()))).collect();
    let parameter = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.expose());
    authorize::answer(parameter, &begun.state, true, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_surrounds_a_pasted_address_is_left_out() {
        let plain = "http://localhost/?code=a&state=b";
        for line in [
            format!("{plain}\n"),
            format!("  \"{plain}\" \r\n"),
            format!("<{plain}>"),
            format!("\u{1b}[200~{plain}\u{1b}[201~\n"),
            format!("`{plain}`"),
        ] {
            assert_eq!(address(&line), plain, "{line:?}");
        }
    }
}
