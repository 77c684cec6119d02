//! Proof instead of argument: a model of the whole that a checker walks state by state, and the
//! check that what concurrent clients saw has an order in which it is right.
//!
//! Both ask the functions of `domain` that production asks. Nothing here is part of the product.

pub mod history;
pub mod model;
