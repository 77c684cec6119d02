//! The worker protocol: registration, claims, hand-ins, stop reports, heartbeats, orders.
//!
//! Every call but the registration carries the session token in the header `TaskPilot-Session-Token`.

mod attempts;
mod claims;
mod evidence;
mod hand_in;
mod heartbeat;
mod sessions;
mod starts;
mod stops;
mod verdicts;

pub use attempts::{AttemptRef, FencedAttempt};
pub use claims::{Claim, ClaimAnswer, ClaimRequest, CleanupOf, Grant};
pub use evidence::{EvidenceBody, FailureBody, OutputBody};
pub use hand_in::{Ending, HandIn, HandInOutcome, Report, Results, Verdicts};
pub use heartbeat::{AttemptProgress, Beat, Heartbeat, HeartbeatAnswer, Order};
pub use sessions::{
    CleanupDeclaration, Goodbye, Register, Registered, Registration, SessionState,
    SessionStateWord, WorkerItem,
};
pub use starts::Starts;
pub use stops::{Stage, StopFact, StopReport, StopReports};
pub use verdicts::{ItemVerdict, ItemVerdictWord, Verdict};
