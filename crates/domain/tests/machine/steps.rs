//! What can happen to the world, and how often.

use proptest::prelude::*;
use taskpilot_domain::execution::{AttemptEnd, Event, FenceMatch};
use taskpilot_domain::retry::{Backoff, RetryPolicy};
use taskpilot_domain::stop::{CancelCause, How, StopEvent};
use taskpilot_domain::time::Timestamp;

/// Whose message it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    /// That of the attempt this many before the last.
    BeforeLast(usize),
    /// A token that never was.
    Nobody,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Report {
    Succeeded,
    Failed { retryable: bool },
    Released,
    Interrupted,
}

impl Report {
    pub(crate) fn event(self, fence: FenceMatch) -> Event {
        match self {
            Self::Succeeded => Event::Succeeded(fence),
            Self::Failed { retryable } => Event::AttemptFailed { fence, retryable },
            Self::Released => Event::Released(fence),
            Self::Interrupted => Event::Interrupted(fence),
        }
    }

    pub(crate) fn end(self) -> AttemptEnd {
        match self {
            Self::Succeeded => AttemptEnd::Succeeded,
            Self::Failed { .. } => AttemptEnd::Failed,
            Self::Released => AttemptEnd::Released,
            Self::Interrupted => AttemptEnd::Interrupted,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Milliseconds go by.
    Pass(u64),
    Claim,
    Report(Whose, Report),
    WorkerGone,
    LeaseExpired,
    TimeOut,
    Deadline,
    Cancel(CancelCause),
    Stop(Whose, StopEvent),
}

/// A step on a node whose clock is behind, with its draw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turned {
    pub(crate) step: Step,
    pub(crate) behind_ms: u64,
    pub(crate) draw: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) scheduled_for: Timestamp,
    pub(crate) policy: RetryPolicy,
}

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    (
        0..1_000_i64,
        1..=5_u32,
        0..100_u64,
        0..900_u64,
        1.0..=10.0_f64,
    )
        .prop_map(|(due, max_attempts, initial_ms, more_ms, factor)| Setting {
            scheduled_for: Timestamp::from_millis(due),
            policy: RetryPolicy {
                max_attempts,
                backoff: Backoff {
                    initial_ms,
                    max_ms: initial_ms + more_ms,
                    factor,
                },
            },
        })
}

/// Any history: mostly plausible, with every kind of stale, repeated and late message in it.
pub(crate) fn any_steps() -> impl Strategy<Value = Vec<Turned>> {
    let step = prop_oneof![
        4 => (0..1_500_u64).prop_map(Step::Pass),
        6 => Just(Step::Claim),
        6 => (whose(), report()).prop_map(|(whose, report)| Step::Report(whose, report)),
        1 => Just(Step::WorkerGone),
        1 => Just(Step::LeaseExpired),
        2 => Just(Step::TimeOut),
        5 => (whose(), stop_event()).prop_map(|(whose, event)| Step::Stop(whose, event)),
    ];
    let cancel = prop::sample::select(CancelCause::ALL.to_vec()).prop_map(Step::Cancel);
    let verdict = prop_oneof![Just(Step::Deadline), cancel];
    let steps = prop_oneof![60 => step, 1 => verdict];
    prop::collection::vec(turned(steps), 1..80)
}

/// A history of workers that take the work and give it back, and now and then do something else.
pub(crate) fn restless_steps() -> impl Strategy<Value = Vec<Turned>> {
    let last = Whose::BeforeLast(0);
    let returned = prop_oneof![
        20 => Just(Step::Report(last, Report::Released)),
        20 => Just(Step::Report(last, Report::Interrupted)),
        1 => Just(Step::LeaseExpired),
    ];
    let steps = prop_oneof![
        10 => Just(Step::Claim),
        10 => returned,
        1 => (0..1_500_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(turned(steps), 400..700)
}

fn turned(step: impl Strategy<Value = Step>) -> impl Strategy<Value = Turned> {
    let behind_ms = prop_oneof![3 => Just(0), 1 => 1..50_u64];
    let draw = prop_oneof![Just(0), Just(u64::MAX), any::<u64>()];
    (step, behind_ms, draw).prop_map(|(step, behind_ms, draw)| Turned {
        step,
        behind_ms,
        draw,
    })
}

fn whose() -> impl Strategy<Value = Whose> {
    prop_oneof![
        6 => Just(Whose::BeforeLast(0)),
        3 => (1..4_usize).prop_map(Whose::BeforeLast),
        1 => Just(Whose::Nobody),
    ]
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        1 => Just(Report::Succeeded),
        4 => Just(Report::Failed { retryable: true }),
        1 => Just(Report::Failed { retryable: false }),
        2 => Just(Report::Released),
        2 => Just(Report::Interrupted),
    ]
}

fn stop_event() -> impl Strategy<Value = StopEvent> {
    prop_oneof![
        4 => prop::sample::select(StopEvent::ALL.to_vec()),
        2 => prop::sample::select(vec![StopEvent::Delivered, StopEvent::Acknowledged]),
        1 => prop::sample::select(How::ALL.to_vec()).prop_map(StopEvent::Ended),
    ]
}
