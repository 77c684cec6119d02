//! Tasks: the users' records of intent.

pub(crate) mod batch;
pub(crate) mod clone;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod edit;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod withdraw;
