//! Folders and files mirror the paths below `/api`.

mod batch;
mod beside;
mod bind;
mod binding;
mod cancel;
mod change;
mod clone;
mod create;
mod delete;
mod edit;
mod execution;
mod families;
mod forgotten;
mod keys;
mod late_cancel;
mod lists;
mod lost;
mod plain;
mod refused;
mod release;
mod withdraw;
