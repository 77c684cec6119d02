//! The life of one run of a function: it waits for its start, passes on the word to end, and
//! notices when that word is ignored. It holds the slot until the function has returned.

use std::sync::Arc;

use taskpilot_api::workers::FailureBody;
use taskpilot_domain::lease::self_stop;
use taskpilot_domain::stop::StopCause;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use super::attempts::{Stop, Why};
use super::messages::{Ready, Step};
use super::slots::Slot;
use super::teller::Teller;
use crate::clock::{BootInstant, pause};
use crate::handlers::{Context, Function, Halt, Returned, StopReason};
use crate::limits::LOST_GRACE_MS;
use crate::notice::StopNotice;

/// How the dispatcher holds a function.
#[derive(Debug)]
pub(crate) struct Reins {
    state: watch::Sender<Held>,
}

/// What the dispatcher wants of a function.
#[derive(Debug, Clone)]
struct Held {
    is_started: bool,
    stop: Option<Stop>,
    lease_end: BootInstant,
}

impl Reins {
    /// Lets it begin.
    pub(crate) fn start(&self) {
        self.state.send_modify(|held| held.is_started = true);
    }

    /// Tells it to end; a later word can only shorten the grace.
    pub(crate) fn stop(&self, stop: Stop) {
        self.state.send_if_modified(|held| {
            let stop = Some(stop);
            let is_news = held.stop != stop;
            held.stop = stop;
            is_news
        });
    }

    pub(crate) fn extend_lease(&self, lease_end: BootInstant) {
        self.state.send_modify(|held| held.lease_end = lease_end);
    }
}

/// One run that has not begun.
pub(crate) struct Run {
    pub(crate) function: Function,
    pub(crate) context: Context,
    pub(crate) halt: Halt,
    pub(crate) lease_ms: u64,
    pub(crate) lease_end: BootInstant,
}

/// Returns when the function has, or when it never will begin: what has to end by now is not begun.
pub(crate) async fn run(run: Run, slot: Slot, teller: &Teller) {
    let (state, mut orders) = watch::channel(Held {
        is_started: false,
        stop: None,
        lease_end: run.lease_end,
    });
    let ready = Ready::Function(Reins { state });
    teller.tell(Step::Ready(ready)).await;
    let watching = Watching {
        halt: run.halt,
        lease_ms: run.lease_ms,
        told: None,
        is_ignored: false,
    };
    let decided = orders.wait_for(|held| held.is_started || held.stop.is_some());
    let may_begin = decided
        .await
        .is_ok_and(|held| watching.may_begin(&held, BootInstant::now()));
    if !may_begin {
        return teller.tell_last(Step::NeverBegan, slot).await;
    }
    let running = run.function.start(run.context);
    let returned = watching.until_returned(running, orders, teller).await;
    teller.tell_last(Step::Returned(returned), slot).await;
}

/// A function that runs.
struct Watching {
    halt: Halt,
    lease_ms: u64,
    /// When it was told to end.
    told: Option<BootInstant>,
    is_ignored: bool,
}

/// What is due now, and when to look again at the latest.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Tell(StopReason, Arc<StopNotice>),
    Ignored,
    Nothing(BootInstant),
}

impl Watching {
    async fn until_returned(
        mut self,
        mut running: JoinHandle<Returned>,
        mut orders: watch::Receiver<Held>,
        teller: &Teller,
    ) -> Returned {
        let mut is_held = true;
        loop {
            let held = orders.borrow_and_update().clone();
            let now = BootInstant::now();
            let look_again = match self.due(&held, is_held, now) {
                Due::Tell(reason, notice) => {
                    self.told = Some(now);
                    self.halt.tell(reason, notice);
                    teller.tell(Step::Told(now)).await;
                    continue;
                }
                Due::Ignored => {
                    self.is_ignored = true;
                    teller.tell(Step::Ignored(now)).await;
                    continue;
                }
                Due::Nothing(look_again) => look_again,
            };
            tokio::select! {
                ended = &mut running => return ended.unwrap_or_else(|error| Err(broken(error))),
                changed = orders.changed(), if is_held => is_held = changed.is_ok(),
                () = pause(look_again.ms_since(now)) => {}
            }
        }
    }

    /// A stop, or the end of the lease, may have come between its start and the turn of its task.
    fn may_begin(&self, held: &Held, now: BootInstant) -> bool {
        held.is_started && matches!(self.due(held, true, now), Due::Nothing(_))
    }

    /// Whoever holds the reins no more cares for nothing: the session is over.
    fn due(&self, held: &Held, is_held: bool, now: BootInstant) -> Due {
        let margins = self_stop(self.lease_ms);
        let self_stop_at = held.lease_end.minus_ms(margins.terminate_margin_ms);
        let far = now.plus_ms(self.lease_ms.max(1));
        let Some(told) = self.told else {
            return match &held.stop {
                Some(stop) => Due::Tell(reason(stop.why), stop.notice.clone()),
                None if !is_held || now >= self_stop_at => {
                    let notice = Arc::new(StopNotice::of(StopCause::Lease));
                    Due::Tell(StopReason::LeaseLost, notice)
                }
                None => Due::Nothing(self_stop_at),
            };
        };
        if self.is_ignored {
            return Due::Nothing(far);
        }
        let grace_ms = held
            .stop
            .as_ref()
            .map_or(LOST_GRACE_MS, |stop| stop.grace_ms);
        let ignored_at = told.plus_ms(grace_ms);
        if now >= ignored_at {
            Due::Ignored
        } else {
            Due::Nothing(ignored_at)
        }
    }
}

fn reason(why: Why) -> StopReason {
    match why {
        // No function has a supervisor that could fail to start it.
        Why::Shutdown | Why::NotStarted => StopReason::Shutdown,
        Why::Order | Why::HandlerTimeout => StopReason::Ordered,
        Why::SessionDead | Why::Lost => StopReason::LeaseLost,
    }
}

/// A panic is the failure of its attempt and of nothing else.
fn broken(error: JoinError) -> FailureBody {
    let message = match error.try_into_panic() {
        Ok(panic) => panic_text(panic.as_ref()),
        Err(error) => error.to_string(),
    };
    FailureBody {
        code: "handler_panicked".to_owned(),
        message,
        retryable: true,
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    // Not every database keeps a NUL in a text.
    text.unwrap_or("the handler panicked")
        .replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use serde_json::json;
    use taskpilot_api::workers::Grant;
    use tokio::sync::mpsc;

    use super::*;
    use crate::handlers::{Handlers, Prepared, ProgressCell};
    use crate::runtime::messages::Message;
    use crate::runtime::slots::Slots;

    const NOW: BootInstant = BootInstant::from_millis(1_000_000);

    fn held(stop: Option<Stop>) -> Held {
        Held {
            is_started: true,
            stop,
            lease_end: NOW.plus_ms(30_000),
        }
    }

    fn watching(told: Option<BootInstant>) -> Watching {
        Watching {
            halt: Halt::default(),
            lease_ms: 30_000,
            told,
            is_ignored: false,
        }
    }

    fn grant() -> Grant {
        let grant = json!({
            "executionId": 1, "attempt": 1, "token": "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
            "type": "noted", "payload": null, "reference": null, "queue": "default",
            "attemptCount": 1, "maxAttempts": 1, "attemptTimeoutMs": null, "cancelGraceMs": 10_000,
            "scheduledFor": "2026-01-01T00:00:00.000Z", "deadline": null,
        });
        serde_json::from_value(grant).unwrap()
    }

    /// Whether a function began that was let begin, and then pulled before its task had its turn.
    async fn began(lease_ms: u64, pull: impl FnOnce(&Reins)) -> bool {
        let began = Arc::new(AtomicBool::new(false));
        let noted = began.clone();
        let handlers = Handlers::none().with("noted", move |_| {
            noted.store(true, Ordering::Relaxed);
            async { Ok(()) }
        });
        let handler = handlers.find("noted").unwrap();
        let Ok(Prepared::Function(function)) = handler.prepare(&grant()) else {
            panic!("it is a function");
        };
        let (inbox, mut messages) = mpsc::channel(8);
        let fenced = grant().fenced();
        let halt = Halt::default();
        let run_of_it = Run {
            function,
            context: Context::new(grant(), halt.clone(), ProgressCell::default()),
            halt,
            lease_ms: 30_000,
            lease_end: BootInstant::now().plus_ms(lease_ms),
        };
        let slot = Slots::new(1).take();
        let ends = tokio::spawn(async move {
            run(run_of_it, slot, &Teller { fenced, inbox }).await;
        });
        let Some(Message::Attempt(_, Step::Ready(Ready::Function(reins)), None)) =
            messages.recv().await
        else {
            panic!("it is ready");
        };
        reins.start();
        pull(&reins);
        ends.await.unwrap();
        let mut last = None;
        while let Ok(message) = messages.try_recv() {
            last = Some(message);
        }
        let Some(Message::Attempt(_, last, Some(_))) = last else {
            panic!("the slot comes back: {last:?}");
        };
        let began = began.load(Ordering::Relaxed);
        assert_eq!(began, matches!(last, Step::Returned(_)), "{last:?}");
        began
    }

    #[tokio::test]
    async fn what_has_to_end_before_its_turn_never_begins() {
        assert!(began(30_000, |_| {}).await);
        for why in [Why::Order, Why::Shutdown, Why::SessionDead, Why::Lost] {
            let stop = Stop::new(why, 700);
            assert!(!began(30_000, |reins| reins.stop(stop)).await, "{why:?}");
        }
        let lease_over = began(0, |_| {}).await;
        assert!(!lease_over);
    }

    #[test]
    fn a_function_is_told_once_and_watched_for_its_grace() {
        let stop = Stop::new(Why::Order, 700);
        let notice = stop.notice.clone();
        let (free, stopped) = (held(None), held(Some(stop)));
        let fresh = watching(None);
        assert_eq!(
            fresh.due(&free, true, NOW),
            Due::Nothing(NOW.plus_ms(20_000))
        );
        assert_eq!(
            fresh.due(&stopped, true, NOW),
            Due::Tell(StopReason::Ordered, notice)
        );
        let told = watching(Some(NOW));
        let end = NOW.plus_ms(700);
        assert_eq!(told.due(&stopped, true, NOW), Due::Nothing(end));
        assert_eq!(told.due(&stopped, true, end), Due::Ignored);
    }

    #[test]
    fn without_a_lease_or_a_session_it_is_told_too() {
        let late = NOW.plus_ms(20_000);
        let notice = |cause| Arc::new(StopNotice::of(cause));
        let lost = Due::Tell(StopReason::LeaseLost, notice(StopCause::Lease));
        assert_eq!(watching(None).due(&held(None), true, late), lost);
        assert_eq!(watching(None).due(&held(None), false, NOW), lost);
        let shutdown = Some(Stop::new(Why::Shutdown, 1));
        assert_eq!(
            watching(None).due(&held(shutdown), false, NOW),
            Due::Tell(StopReason::Shutdown, notice(StopCause::Shutdown))
        );
    }

    #[test]
    fn what_was_ignored_is_said_once() {
        let mut ignored = watching(Some(NOW));
        ignored.is_ignored = true;
        let stop = Some(Stop::new(Why::Order, 0));
        let later = NOW.plus_ms(30_000);
        assert_eq!(ignored.due(&held(stop), true, NOW), Due::Nothing(later));
    }
}
