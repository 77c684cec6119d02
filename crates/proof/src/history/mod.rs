//! Histories of one execution as concurrent clients saw them, and whether some order explains them.
//!
//! The order has every operation between its call and its answer, and in it each answer is the one
//! that `transition` of `domain` gives. An operation whose answer was lost has happened at any time
//! after its call, or never.

mod execution;
mod search;

pub use execution::{Answer, Call, Execution, Outcome, Verdict};
pub use search::{Operation, Unexplained, explain};
