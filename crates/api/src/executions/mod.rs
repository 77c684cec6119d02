//! Executions as users see them, and the facts that both surfaces share.

mod cancel;
mod item;
mod list;
mod records;
mod release;
mod view;

pub use cancel::CancelBody;
pub use item::ExecutionItem;
pub use list::ListExecutionsOfAll;
pub use records::{
    AttemptError, AttemptRecord, CancelRecord, Evidence, Failure, LateReport, LaterRequest,
    OutputTail, Progress, ReleaseRecord, StopRecord,
};
pub use release::ReleaseBody;
pub(crate) use release::checked;
pub use view::{ExecutionSummary, ExecutionView};
