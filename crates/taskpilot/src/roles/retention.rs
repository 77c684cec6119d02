//! How long the scheduler keeps what is final.

use taskpilot_domain::limits::{HISTORY_DAYS_MAX, HISTORY_DAYS_MIN};
use taskpilot_domain::retention::Retention;

use crate::arguments::RetentionArgs;
use crate::config::File;
use crate::exit::Failure;

const DAY_MS: u64 = 86_400_000;

/// The history that was asked for, within its limits.
pub(super) fn retention(arguments: &RetentionArgs, file: &File) -> Result<Retention, Failure> {
    match arguments.history_days.or(file.history_days) {
        None => Ok(Retention::default()),
        Some(days) if (HISTORY_DAYS_MIN..=HISTORY_DAYS_MAX).contains(&days) => Ok(Retention {
            history_ms: days * DAY_MS,
        }),
        Some(days) => {
            let range = format!("from {HISTORY_DAYS_MIN} to {HISTORY_DAYS_MAX}");
            Err(Failure::Usage(format!(
                "a history of {days} days is not possible: {range}"
            )))
        }
    }
}
