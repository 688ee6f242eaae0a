//! The real binary against the local tenant, over real sockets and real TLS.

mod answers;
mod authorities;
mod client_creds;
mod input;
mod output;
mod process;
mod proxy;
mod readme;
mod sandbox;
mod secrets;
