//! The real binary against the local tenant, over real sockets and real TLS.

mod answers;
#[cfg(unix)]
mod auth_code;
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
#[cfg(unix)]
mod device_code;
mod explain;
#[cfg(unix)]
mod federation;
mod input;
#[cfg(unix)]
mod listener;
mod output;
mod process;
mod proxy;
mod readme;
mod refresh;
mod sandbox;
mod secrets;
#[cfg(unix)]
mod staying;
#[cfg(unix)]
mod username_password;
#[cfg(unix)]
mod waiting;
