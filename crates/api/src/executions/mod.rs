//! Executions as users see them, and the facts that both surfaces share.

mod cancel;
mod item;
mod list;
mod records;
mod view;

pub use cancel::CancelBody;
pub use item::ExecutionItem;
pub use list::ListExecutionsOfAll;
pub use records::{
    AttemptError, AttemptRecord, CancelRecord, Evidence, Failure, LaterRequest, OutputTail,
    Progress, StopRecord,
};
pub use view::{ExecutionSummary, ExecutionView};
