//! The token cache on disk, in the unified schema of Microsoft's authentication libraries (MSAL).
//!
//! `schema` reads and writes that format, `lookup` finds what answers a request and `record` adds what came of one, all of them
//! pure; `failure` is the memory of a request that failed, `partition` gives names to identities, `place` says where the cache
//! is, `inventory` shows what there is, and `store` reads, locks and replaces its files, with `msal_lock` for the lock that others take.

pub(crate) mod failure;
pub(crate) mod inventory;
pub(crate) mod lookup;
mod msal_lock;
pub(crate) mod partition;
pub(crate) mod place;
pub(crate) mod record;
pub(crate) mod schema;
pub(crate) mod store;
