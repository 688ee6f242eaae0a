//! entra-token: Microsoft Entra ID access tokens on a command line.
//!
//! # The map
//!
//! A command goes through four steps: what was typed is parsed, resolved into a plan, carried out, and rendered.
//!
//! | module | what is there |
//! |---|---|
//! | `run` | one command from start to end |
//! | `process` | the process's memory and signals; the only place that builds an async runtime |
//! | `cli` | the command line as typed, the parameters file, and `plan`: flags + file + environment become one `Plan` (pure: precedence lives there only) |
//! | `cache` | the tokens on disk, in MSAL's schema: which one answers, what is added, where the files are and how they are changed |
//! | `flow` | one file a flow, named as its command; each reads top-down as the order of events |
//! | `entra` | the protocol, pure: authorities, scopes, requests, replies, refusals. No IO, no clock, no randomness |
//! | `hint` | what to do about an error: causes, who can lift it, the next step; a table for each family of codes |
//! | `output` | a token as text in each format; where it goes; errors and explanations in their one shape |
//! | `http` | the one file that names the HTTP library: lazy client, limits, retries, redacted trace |
//! | `loopback` | the port of this machine that catches the answer of a sign-in, whoever else calls there |
//! | `browser` | what opens an address for a person |
//! | `request` | a request as a value, between those who make it and the one that sends it |
//! | `trust` | which certificate authorities are believed, loaded when a server's certificate is at hand |
//! | `crypto` | the one file that names the cryptographic library |
//! | `folder` | files that are read only where they can be trusted, and replaced whole or not at all |
//! | `terminal` | the one file that writes to standard error and prompts |
//! | `env` | every environment variable, documented |
//! | `error`, `exit` | what can go wrong; the exit codes, with one exhaustive mapping |
//! | `secret`, `redact` | secrets that do not print; the one place that makes foreign text harmless and masks secrets |
//!
//! # Which way imports run
//!
//! One way, and CI holds it. `run` may use everything. `flow` uses `entra`, `http`, `request`, `loopback`, `browser`,
//! `terminal`, `crypto`, `env`, `error`, `redact` and `secret`, and never `cli`. `cli`, `output` and `hint` use only `entra`, `env`, `secret`, `redact`, `error` and `exit` (`output` also `hint`, which
//! `error` and `exit` ask what a refusal means, and `cache` and `folder`); they do not know `http`. `cache` uses `entra`,
//! `crypto`, `env`, `error`, `folder`, `redact` and `secret`. `http`, `trust`, `crypto`, `process`, `folder`, `loopback`,
//! `browser` and `terminal` know nothing of Entra. `entra` uses only `secret`, `redact` and `request`. Nothing imports `run`.

mod browser;
mod cache;
mod cli;
mod crypto;
mod entra;
mod env;
mod error;
mod exit;
mod flow;
#[cfg(unix)]
mod folder;
#[cfg(not(unix))]
#[path = "folder_elsewhere.rs"]
mod folder;
mod hint;
mod http;
mod loopback;
mod output;
mod process;
#[cfg(test)]
mod properties;
mod redact;
mod request;
mod run;
mod secret;
mod terminal;
mod trust;

pub use run::main;
