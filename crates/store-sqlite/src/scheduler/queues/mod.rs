//! Queues as an operator sees and steers them, and what the writer keeps in mind of them.

pub(super) mod board;
mod queue;
pub(super) mod steer;

pub(super) use board::{Board, Counted};
use queue::TABLE;
pub(super) use queue::{list, rule};
