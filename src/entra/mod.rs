//! The protocol, pure: values in, values out. Times, random values and bytes from the network are arguments.

pub(crate) mod address;
pub(crate) mod authority;
pub(crate) mod authorize;
pub(crate) mod client_auth;
pub(crate) mod cloud;
pub(crate) mod device;
pub(crate) mod discovery;
pub(crate) mod grant;
pub(crate) mod id_token;
pub(crate) mod mex;
pub(crate) mod person;
pub(crate) mod pkce;
pub(crate) mod realm;
pub(crate) mod redirect;
pub(crate) mod refusal;
pub(crate) mod reply;
pub(crate) mod resource;
pub(crate) mod scope;
pub(crate) mod token;
pub(crate) mod wstrust;
mod xml;
