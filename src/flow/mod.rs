//! The ways to a token, one file each, named as the command; `exchange` is what they share.

pub(crate) mod client_creds;
mod exchange;
pub(crate) mod refresh;
