//! Random histories of one execution, driven through `transition` and `stop::advance`.
//!
//! The world around them issues tokens, delays and repeats messages and lets clocks differ, as
//! stores and workers do; each property then looks at the whole history.

mod history;
mod properties;
mod steps;
mod world;
