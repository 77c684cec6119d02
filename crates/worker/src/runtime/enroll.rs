//! From nothing to a session: goodbye for the old one, then a new one. Both wait for a scheduler
//! that is not there yet.

use std::fmt::Display;

use taskpilot_api::workers::{Goodbye, Register, Registered};
use taskpilot_client::ClientError;
use taskpilot_client::workers::WorkersClient;
use taskpilot_fault::{self as fault, Step};

use super::backoff::Backoff;
use super::link::{Trouble, cut};
use super::worker::WorkerError;
use crate::clock::BootInstant;

/// A session, and since when its lease counts.
#[derive(Debug)]
pub(crate) struct Enrolled {
    pub(crate) session: Registered,
    pub(crate) lease_end: BootInstant,
}

/// Ends the session of an earlier life: what it had is swept, so its attempts can go elsewhere at
/// once.
pub(crate) async fn bid_farewell(client: &WorkersClient, session: &Registered) {
    let (mut backoff, mut told) = (Backoff::default(), Told::default());
    loop {
        let nothing = Goodbye::default();
        let goodbye = client.goodbye(session, &nothing);
        let Err(error) = fault::around(Step::FarewellSend, goodbye, cut).await else {
            return;
        };
        if Trouble::of(&error) != Trouble::Away {
            tracing::debug!(%error, "the old session had ended");
            return;
        }
        told.once_per_change(&error);
        backoff.pause_after(&error).await;
    }
}

/// Registers; waits as long as the scheduler cannot be reached.
pub(crate) async fn register(
    client: &WorkersClient,
    register: &Register,
) -> Result<Enrolled, WorkerError> {
    let (mut backoff, mut told) = (Backoff::default(), Told::default());
    loop {
        let sent_at = BootInstant::now();
        let call = client.register(register);
        let error = match fault::around(Step::RegisterSend, call, cut).await {
            Ok(session) => {
                tracing::info!(session = session.session_id.get(), "registered");
                let lease_end = sent_at.plus_ms(session.lease_ms);
                return Ok(Enrolled { session, lease_end });
            }
            Err(error) => error,
        };
        // A service that is not (yet) ours at this address is waited for like none at all.
        if Trouble::of(&error) == Trouble::Refused {
            return Err(WorkerError::Refused(error));
        }
        told.once_per_change(&error);
        backoff.pause_after(&error).await;
    }
}

/// What was said last, so that a wait of hours is one line in the log.
#[derive(Debug, Default)]
struct Told(Option<String>);

impl Told {
    fn once_per_change(&mut self, error: &ClientError) {
        let text = error.to_string();
        if self.0.as_ref() != Some(&text) {
            warn(error);
            self.0 = Some(text);
        }
    }
}

fn warn(error: &dyn Display) {
    tracing::warn!(%error, "waiting for the scheduler");
}
