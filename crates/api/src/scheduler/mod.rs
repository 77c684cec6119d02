//! The scheduler's own surface: executions, and the commands upon them.

mod cancels;
mod commands;
mod execution;

pub use cancels::{CancelBatch, CancelBatchItem, CanceledBatch, CanceledItem, CheckedCancelBatch};
pub use commands::{
    BatchAnswer, CancelExecution, CreateBatch, CreateExecution, KeyedCreate, ListExecutions,
    NewExecution, ReleaseStuck,
};
pub use execution::Execution;
