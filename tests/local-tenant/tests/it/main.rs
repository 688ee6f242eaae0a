//! The local tenant is held to what it promises, over its sockets.

mod apis;
mod authorize;
mod browser;
mod callback;
mod client;
mod codes;
mod device;
mod documents;
mod federation;
mod misbehaviours;
mod other_authorities;
mod other_passwords;
mod password;
mod proxy;
mod refresh;
mod refusals;
#[cfg(unix)]
mod run;
mod tokens;
mod trust;
mod trust_refusals;
