//! What work is told of its stop beyond the signal: why, by whom and with which reason; and the file
//! in which a program finds that.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use taskpilot_api::workers::Order;
use taskpilot_domain::limits::{NAME_CHARS_MAX, REASON_CHARS_MAX};
use taskpilot_domain::stop::StopCause;

use crate::handout::hand_out;

/// Why work is stopped. What nobody said is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StopNotice {
    /// `USER`, `BULK`, `PARENT`, `DEADLINE` or `TIMEOUT`, as the scheduler says it; `TIMEOUT` also
    /// where the handler itself may not run so long, `SHUTDOWN` where the worker ends or has died,
    /// and `LEASE` where it has lost the attempt, or its scheduler is out of reach. There may be more
    /// some day.
    pub cause: String,
    /// The principal that canceled the execution.
    pub requested_by: Option<String>,
    /// When the stop was decided (RFC 3339).
    pub requested_at: Option<String>,
    /// The reason that was given with the cancel.
    pub reason: Option<String>,
}

impl StopNotice {
    /// For a reason of our own.
    pub(crate) fn of(cause: StopCause) -> Self {
        Self {
            cause: cause.as_str().to_owned(),
            requested_by: None,
            requested_at: None,
            reason: None,
        }
    }

    /// What an order says, cut to what fits into one write to a supervisor.
    pub(crate) fn ordered(order: &Order) -> Self {
        let cut = |text: &String, chars| text.chars().take(chars).collect::<String>();
        let requested_by = order.requested_by.as_ref();
        Self {
            cause: order.cause.as_str().chars().take(NAME_CHARS_MAX).collect(),
            requested_by: requested_by.map(|name| cut(name, NAME_CHARS_MAX)),
            requested_at: order.requested_at.map(|at| at.to_string()),
            reason: order
                .reason
                .as_ref()
                .map(|text| cut(text, REASON_CHARS_MAX)),
        }
    }

    /// Writes it for a program to find.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self).expect("invariant: a notice is plain data");
        hand_out(path, &text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};
    use taskpilot_domain::time::Timestamp;

    use super::*;
    use crate::wire;

    fn order(requested_by: &str, reason: &str) -> Order {
        Order {
            execution_id: ExecutionId::new(1).unwrap(),
            attempt: AttemptNumber(1),
            token: Token::from_bytes([1; 16]),
            cause: StopCause::User.into(),
            grace_ms: u64::MAX,
            requested_at: Some(Timestamp::from_millis(0)),
            requested_by: Some(requested_by.to_owned()),
            reason: Some(reason.to_owned()),
        }
    }

    #[test]
    fn the_longest_notice_goes_to_a_supervisor_in_one_write() {
        for text in ["\u{1}", "\u{1F980}", "\"", "x"] {
            let long = text.repeat(10_000);
            let notice = StopNotice::ordered(&order(&long, &long));
            assert_eq!(notice.reason, Some(text.repeat(REASON_CHARS_MAX)));
            let stop = wire::Order::Stop {
                grace_ms: u64::MAX,
                notice: Some(Box::new(notice)),
            };
            // PIPE_BUF of Linux: up to it the pipe takes all of a write or nothing.
            assert!(stop.encode().len() <= 4_096, "{}", stop.encode().len());
        }
    }

    #[test]
    fn a_notice_is_read_as_it_was_ordered() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        let notice = StopNotice::ordered(&order("ann", "too \"slow\""));
        notice.write(&path).unwrap();
        StopNotice::of(StopCause::Shutdown).write(&path).unwrap();
        notice.write(&path).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            r#"{"cause":"USER","requestedBy":"ann","requestedAt":"1970-01-01T00:00:00.000Z","reason":"too \"slow\""}"#
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
