//! How long a command waits, and what it waits through: servers that are away or have too much to do.

use std::time::Duration;

use taskpilot_client::ClientError;
use taskpilot_client::transport::NoAnswerKind;
use tokio::time::{Instant, timeout_at};

use crate::commands::Session;
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// Time between two looks: short enough that nobody feels it.
const LOOK: Duration = Duration::from_millis(100);

/// The longest that a server is asked to wait for a change: one that hangs is noticed after that.
const WAIT: Duration = Duration::from_secs(10);

/// The time that a command was given, and whether it has said that it waits.
pub(in crate::commands) struct Patience {
    url: String,
    format: Format,
    end: Option<Instant>,
    /// Whether the server has answered: before that, a wrong address is more likely than an outage.
    reached: bool,
    has_paused: bool,
    /// Why it waits now; it is said once.
    reason: Option<String>,
    /// The pause that the server asked for.
    asked: Duration,
}

impl Patience {
    /// The time begins now.
    pub(in crate::commands) fn new(session: &Session, timeout: Option<Duration>) -> Self {
        Self {
            url: session.client.base().to_owned(),
            format: session.format,
            end: timeout.and_then(|timeout| now().checked_add(timeout)),
            reached: false,
            has_paused: false,
            reason: None,
            asked: Duration::ZERO,
        }
    }

    /// The same for a server that has answered.
    pub(in crate::commands) fn reached(self) -> Self {
        Self {
            reached: true,
            ..self
        }
    }

    /// Calls until there is an answer for good, or the time is over.
    pub(in crate::commands) async fn answer<T, F>(
        &mut self,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        loop {
            // The first call is never cut short: there is something to tell even of the shortest wait.
            let answer = match self.end.filter(|_| self.has_paused) {
                Some(end) => timeout_at(end, call()).await.map_err(|_| self.ran_out())?,
                None => call().await,
            };
            match answer {
                Err(failure) if self.passes(&failure) => {
                    self.wait_because(&self.said(&failure));
                    self.pause().await?;
                }
                Err(failure) => return Err(failure),
                Ok(answer) => {
                    self.reached = true;
                    return Ok(answer);
                }
            }
        }
    }

    /// Says why it takes longer, once. Programs that read JSON from here are not disturbed.
    pub(in crate::commands) fn wait_because(&mut self, reason: &str) {
        if self.reason.is_none() && self.format == Format::Text {
            output::note(&format!("waiting: {reason}"));
        }
        self.reason = Some(reason.to_owned());
    }

    /// What it waited for is over: the next reason is said again.
    pub(in crate::commands) fn nothing_is_in_the_way(&mut self) {
        self.reason = None;
    }

    /// How long a server may wait in the place of this command: whole seconds, which end before the
    /// time does.
    pub(in crate::commands) fn to_spare(&self) -> Duration {
        let left = self.end.map(|end| end.saturating_duration_since(now()));
        let left = left.map_or(WAIT, |left| left.min(WAIT));
        Duration::from_secs(left.as_secs())
    }

    /// Goes on without a pause, unless the time is over.
    pub(in crate::commands) fn go_on(&mut self) -> Result<(), Failure> {
        self.has_paused = true;
        match self.end {
            Some(end) if now() >= end => Err(self.ran_out()),
            Some(_) | None => Ok(()),
        }
    }

    /// Lets some time go by, unless it is over.
    pub(in crate::commands) async fn pause(&mut self) -> Result<(), Failure> {
        self.go_on()?;
        let wait = LOOK.max(std::mem::take(&mut self.asked));
        let next = now().checked_add(wait).unwrap_or_else(|| now() + LOOK);
        pause_until(self.end.map_or(next, |end| next.min(end))).await;
        Ok(())
    }

    /// Whether a failure is one that passes by itself.
    fn passes(&mut self, failure: &Failure) -> bool {
        match failure {
            Failure::Call(ClientError::NoAnswer(none)) => {
                self.reached || none.kind != NoAnswerKind::Unreachable
            }
            Failure::Call(ClientError::Refused {
                status,
                problem,
                retry_after_s,
            }) => {
                self.reached = true;
                self.asked = Duration::from_secs(retry_after_s.unwrap_or(0));
                problem.retryable || matches!(status.as_u16(), 408 | 425 | 429 | 503)
            }
            _ => false,
        }
    }

    fn said(&self, failure: &Failure) -> String {
        match failure {
            Failure::Call(ClientError::NoAnswer(none)) => format!("{}: {none}", self.url),
            other => other.to_string(),
        }
    }

    fn ran_out(&self) -> Failure {
        let text = match &self.reason {
            Some(reason) => format!("the wait ran out: {reason}"),
            None => "the wait ran out".to_owned(),
        };
        Failure::Coded(Code::TimedOut, text)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line owns the time it waits"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line owns the pause between two looks"
)]
async fn pause_until(instant: Instant) {
    tokio::time::sleep_until(instant).await;
}
