//! When a supervisor that has proven nothing is given up. Its own timers are the rule; these stand
//! behind them, for one that hangs: whoever runs under it may have stopped it (`kill -STOP $PPID`).

use tokio::sync::watch;

use crate::clock::{BootInstant, pause};
use crate::limits::PROOF_SLACK_MS;
use crate::spec::{CommandSpec, Timing};
use crate::wire::EndCause;

/// What a supervisor was told, as far as it bounds the life of its tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// The end that it was told to prove by then.
    ended_by: Option<BootInstant>,
    lease_end: BootInstant,
}

/// Watches over one supervisor.
#[derive(Debug)]
pub(crate) struct Backstop {
    told: watch::Receiver<Told>,
    timing: Timing,
    /// Nobody is there any more who could tell it anything.
    orphan_ends_by: Option<BootInstant>,
}

/// The two ends of a backstop.
pub(crate) fn backstop(spec: &CommandSpec) -> (watch::Sender<Told>, Backstop) {
    let (sender, told) = watch::channel(Told {
        ended_by: None,
        lease_end: spec.lease_end,
    });
    let backstop = Backstop {
        told,
        timing: spec.timing,
        orphan_ends_by: None,
    };
    (sender, backstop)
}

impl Told {
    pub(crate) fn stop(&mut self, by: BootInstant) {
        self.ended_by = Some(self.ended_by.map_or(by, |known| known.min(by)));
    }

    pub(crate) fn extend_lease(&mut self, lease_end: BootInstant) {
        self.lease_end = self.lease_end.max(lease_end);
    }
}

impl Backstop {
    /// Returns when the supervisor is overdue, and with what. Cancel safe.
    pub(crate) async fn overdue(&mut self) -> EndCause {
        loop {
            let (at, cause) = self.next();
            let now = BootInstant::now();
            if now >= at {
                return cause;
            }
            let is_orphan = self.orphan_ends_by.is_some();
            tokio::select! {
                () = pause(at.ms_since(now)) => {}
                is_there = self.told.changed(), if !is_orphan => {
                    if is_there.is_err() {
                        let patience_ms = self.timing.orphan_grace_ms
                            + self.timing.kill_ms + PROOF_SLACK_MS;
                        self.orphan_ends_by = Some(BootInstant::now().plus_ms(patience_ms));
                    }
                }
            }
        }
    }

    fn next(&mut self) -> (BootInstant, EndCause) {
        let told = *self.told.borrow_and_update();
        // One that does not hang has killed at the margin, and has half of it to prove the end.
        let lease = told
            .lease_end
            .minus_ms(self.timing.lease_kill_margin_ms / 2);
        let bounds = [
            Some((lease, EndCause::Lease)),
            told.ended_by.map(|by| (by, EndCause::Order)),
            self.orphan_ends_by.map(|by| (by, EndCause::WorkerGone)),
        ];
        let first = bounds.into_iter().flatten().min_by_key(|(at, _)| *at);
        first.expect("invariant: every lease has an end")
    }
}
