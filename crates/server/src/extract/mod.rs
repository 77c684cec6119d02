//! Extractors: the parts of a request as checked values, or the problem that says what is wrong.

mod body;
mod conditional;
mod idempotency;
mod path;
mod patience;
mod prefer;
mod query;
mod room;

pub use body::{JsonBody, OptionalJsonBody, PatchBody};
pub use conditional::{IfMatch, IfNoneMatch, Tag, Tags};
pub use idempotency::{Idempotency, KeyPerItem};
pub use path::PathId;
pub use patience::Patience;
pub use prefer::PreferWait;
pub use query::Query;
pub(crate) use room::Door;
pub use room::Room;
