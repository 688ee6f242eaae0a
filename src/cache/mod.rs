//! The token cache on disk, in the unified schema of Microsoft's authentication libraries (MSAL).
//!
//! `schema` reads that format and `document` changes it; `lookup` finds what answers a request, `signed_in` who has signed in, and
//! `record` adds what came of a request: all of them pure. `failure` is the memory of a request that failed, `partition` gives
//! names to identities, `inventory` shows what there is, `place` says where the cache is, and `store` reads, locks and replaces
//! its files, with `msal_lock` for the lock that other programs take.

mod document;
pub(crate) mod failure;
pub(crate) mod inventory;
pub(crate) mod lookup;
mod msal_lock;
pub(crate) mod partition;
pub(crate) mod place;
pub(crate) mod record;
pub(crate) mod schema;
pub(crate) mod signed_in;
pub(crate) mod store;
