//! Proof instead of argument: a model of the whole that a checker walks state by state.
//!
//! It asks the functions of `domain` that production asks. Nothing here is part of the product.

pub mod model;
