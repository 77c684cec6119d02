//! The execution: its states, what happens to it, and the one function that decides.

mod error;
mod event;
mod start;
mod state;
pub mod table;
mod transition;

pub use error::AttemptErrorText;
pub use event::{Event, FenceMatch};
pub use start::confirm_start;
pub use state::{BlockedBy, Phase, RetryState, Standing, State};
pub use transition::{AttemptEnd, Refused, Transition, transition};
