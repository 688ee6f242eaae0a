//! What the user says: the command line as typed, the parameters file, the environment, and the plan that follows.

pub(crate) mod args;
pub(crate) mod flags;
mod help;
pub(crate) mod input;
pub(crate) mod layer;
pub(crate) mod network;
pub(crate) mod parameters;
pub(crate) mod placeholder;
pub(crate) mod plan;
mod sign_in;
pub(crate) mod usage;
