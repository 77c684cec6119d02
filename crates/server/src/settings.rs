//! The bounds of a listener and its edge, as values: tests shorten them.

use std::time::Duration;

use taskpilot_domain::limits::{
    ANSWER_WRITE_MS, BODY_BYTES_MAX, BODY_READ_MS, CONNECTIONS_MAX, CREATES_AT_ONCE_MAX,
    CREATES_WORKING_MAX, HEADER_READ_MS, WAITING_CALLS_MAX, WAITING_READS_MAX,
};

/// Bounds of one listener; the default is what `limits` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Open connections.
    pub connections: usize,
    /// Of these, calls that wait.
    pub waiting_calls: usize,
    /// Of these, calls that could be answered at once and would rather wait.
    pub waiting_reads: usize,
    /// Calls that make new work and are open at once.
    pub creates: usize,
    /// Of these, how many work at once.
    pub creating: usize,
    /// Time for the head of a request, and for a connection to be idle.
    pub header_read: Duration,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Time for a whole body.
    pub body_read: Duration,
    /// Time in which a client takes some of its answer.
    pub write: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            waiting_calls: WAITING_CALLS_MAX,
            waiting_reads: WAITING_READS_MAX,
            creates: CREATES_AT_ONCE_MAX,
            creating: CREATES_WORKING_MAX,
            header_read: Duration::from_millis(HEADER_READ_MS),
            body_bytes: BODY_BYTES_MAX,
            body_read: Duration::from_millis(BODY_READ_MS),
            write: Duration::from_millis(ANSWER_WRITE_MS),
        }
    }
}
