//! The ways to a token, one file each, named as the command; `exchange` is what they share.

pub(crate) mod auth_code;
pub(crate) mod client;
pub(crate) mod client_creds;
pub(crate) mod device_code;
pub(crate) mod discovery;
mod exchange;
pub(crate) mod patience;
pub(crate) mod refresh;
pub(crate) mod username_password;
