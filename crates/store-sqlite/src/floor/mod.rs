//! The floor that the engine is measured against: the facts of a lifecycle, kept by nothing but SQL.

mod lifecycles;

pub use lifecycles::{Floor, FloorItem};
