//! The protocol, pure: values in, values out. Times, random values and bytes from the network are arguments.

pub(crate) mod address;
pub(crate) mod authority;
pub(crate) mod client_auth;
pub(crate) mod cloud;
pub(crate) mod discovery;
pub(crate) mod grant;
pub(crate) mod person;
pub(crate) mod refusal;
pub(crate) mod reply;
pub(crate) mod resource;
pub(crate) mod scope;
pub(crate) mod token;
