//! A strict stand-in for a Microsoft Entra tenant, on loopback: real sockets, real TLS, real JWTs, no accounts.
//!
//! It answers as Entra and some of the APIs behind it do, and refuses what they refuse, so that a client which works
//! here has a fair chance to work there. Each test starts its own [`Tenant`]; nothing is shared between them.
//!
//! | module | what is there |
//! |---|---|
//! | `tenant` | [`Tenant`] and its builder: what a test holds |
//! | [`contoso`] | the default directory and its constants |
//! | `directory` | [`Directory`]: organizations, apps, resources, policies |
//! | `record`, `misbehave`, `traps` | what came, and what is to go wrong |
//! | `run`, `welcome` | a command led to the tenant by its environment; a tenant in the foreground |
//! | `server`, `proxy`, `wire`, `certificate`, `hosts` | listeners, the CONNECT proxy, the bytes below HTTP, TLS, host names |
//! | `route` | which request is whose |
//! | `token_endpoint`, `refresh` | Entra: tokens for apps, tokens for people |
//! | `password_grant`, `assertion_grant` | Entra: tokens for passwords and for the assertions of identity providers |
//! | `user_realm`, `federation`, `mex` | who signs users in, and what the identity providers of federated domains offer |
//! | `trust`, `trust_request`, `soap`, `assertion` | the endpoints of these, and what they issue |
//! | `user`, `staff` | people, and what stands in the way of their sign-ins; those of the default directory |
//! | `refusal`, `claims`, `discovery` | Entra: errors, what tokens say, documents |
//! | `sign_in` | who signed in, and the refresh tokens that came of it |
//! | `realm`, `authorize`, `way`, `interaction`, `pages`, `html`, `front` | people at a browser: requests, pages, sessions |
//! | `scopes` | what is asked for, and what people consented to |
//! | `codes`, `code_grant`, `devices`, `device_grant`, `people` | what came of the pages, redeemed |
//! | `browser`, `web_page`, `address` | a browser that scripts and tests steer |
//! | `adfs`, `b2c`, `oidc` | the other kinds of authority |
//! | `graph`, `databricks` | APIs that take the tokens |
//! | `form`, `client_auth`, `jwt`, `ids`, `reply`, `state` | what they share |

mod address;
mod adfs;
mod assertion;
mod assertion_grant;
mod authorize;
mod b2c;
mod browser;
mod certificate;
mod claims;
mod client_auth;
mod code_grant;
mod codes;
pub mod contoso;
mod databricks;
mod device_grant;
mod devices;
mod directory;
mod discovery;
mod federation;
mod form;
mod front;
mod graph;
mod hosts;
mod html;
mod ids;
mod interaction;
mod jwt;
mod mex;
mod misbehave;
mod oidc;
mod pages;
mod password_grant;
mod people;
mod proxy;
mod realm;
mod record;
mod refresh;
mod refusal;
mod reply;
mod route;
mod run;
mod scopes;
mod server;
mod sign_in;
mod soap;
mod staff;
mod state;
mod tenant;
mod token_endpoint;
mod traps;
mod trust;
mod trust_request;
mod user;
mod user_realm;
mod way;
mod web_page;
mod welcome;
mod wire;

pub use browser::Browser;
pub use directory::{App, Directory, Organization, Permission, Policy, Resource};
pub use federation::{Federation, TrustVersion};
pub use hosts::OIDC_HOST;
pub use misbehave::Misbehaviour;
pub use record::{Connect, Recorded};
pub use run::run;
pub use tenant::{Builder, Tenant};
pub use user::{Trouble, User};
pub use web_page::Page;
pub use welcome::serve_until_interrupt;
