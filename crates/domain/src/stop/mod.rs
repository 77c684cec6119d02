//! The stop of an attempt: how far the end of the work has come, apart from the verdict.

mod measure;
mod stages;
mod status;
mod transition;

pub use measure::StopStage;
pub use stages::{Release, StopFact, StopStages};
pub use status::{CancelCause, Containment, How, StopCause, StopStatus};
pub use transition::{StopChange, StopEvent, advance};
