//! The real binary against the local tenant, over real sockets and real TLS.

mod answers;
mod authorities;
mod cache;
mod cache_command;
#[cfg(unix)]
mod cache_files;
#[cfg(target_os = "linux")]
mod cache_kills;
mod cache_schema;
#[cfg(unix)]
mod cache_sharing;
mod client_creds;
mod input;
mod output;
mod process;
mod proxy;
mod readme;
mod refresh;
mod sandbox;
mod secrets;
