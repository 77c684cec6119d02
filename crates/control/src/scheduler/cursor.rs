//! Cursors of the scheduler's lists, which are passed through: only the scheduler can read them.

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::page::InvalidCursor;
use taskpilot_api::problem::Problem;
use taskpilot_client::transport::Answer;
use taskpilot_domain::limits::CURSOR_BYTES_MAX;

/// The cursor as it came; one that cannot be of a scheduler is not sent.
pub(crate) fn passed_on(cursor: String) -> Result<String, InvalidCursor> {
    if cursor.len() > CURSOR_BYTES_MAX {
        return Err(InvalidCursor::Malformed);
    }
    Ok(cursor)
}

/// Whether the scheduler took it. The caller's fault is told as that.
pub(crate) fn taken(answer: &Answer) -> Result<(), InvalidCursor> {
    let code = |problem: Problem| problem.error_code();
    let refused = answer.status.as_u16() == 400
        && answer.read().ok().and_then(code) == Some(ErrorCode::InvalidCursor);
    if refused {
        return Err(InvalidCursor::Malformed);
    }
    Ok(())
}
