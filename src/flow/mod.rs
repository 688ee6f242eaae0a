//! The ways to a token, one file each, named as the command.

pub(crate) mod client_creds;
