//! The result as text, where it goes, and errors in their one shape.

pub(crate) mod deliver;
pub(crate) mod explanation;
pub(crate) mod format;
pub(crate) mod list;
pub(crate) mod report;
