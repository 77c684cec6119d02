//! Storage that fails under the real binary: nothing is acknowledged after it, and what was
//! acknowledged before it stays.

mod disk;
mod site;
mod space;
mod story;
mod syncs;
