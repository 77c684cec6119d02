//! What holds in every history.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use taskpilot_domain::execution::{AttemptEnd, Event, FenceMatch, Refused, State, transition};
use taskpilot_domain::latency::Stamps;
use taskpilot_domain::stop::{CancelCause, StopChange, StopEvent, StopStatus, advance};

use crate::history::{Turn, history};
use crate::steps::{Step, Whose, any_steps, restless_steps, setting};
use crate::world::World;

/// One test per property: every turn of any history holds it.
macro_rules! every_turn {
    ($($name:ident($turn:ident) $body:block)+) => {
        proptest! {$(
            #[test]
            fn $name(setting in setting(), steps in any_steps()) {
                for $turn in &history(&setting, &steps) $body
            }
        )+}
    };
}

every_turn! {
    counted_attempts_never_exceed_max_attempts(turn) {
        let standing = &turn.after.standing;
        prop_assert_eq!(standing.attempt_count, turn.after.counted());
        prop_assert!(turn.after.counted() <= standing.policy.max_attempts);
    }

    the_attempt_only_rises_and_by_one_at_each_claim(turn) {
        let claimed = turn.after.standing.state == State::Running
            && turn.before.standing.state == State::Pending;
        let risen = if claimed {
            turn.before.standing.attempt.next()
        } else {
            turn.before.standing.attempt
        };
        prop_assert_eq!(turn.after.standing.attempt, risen);
        let numbers: HashSet<_> =
            turn.after.attempts.iter().map(|attempt| attempt.number).collect();
        prop_assert_eq!(numbers.len(), turn.after.attempts.len());
    }

    one_token_is_valid_while_it_runs_and_none_otherwise(turn) {
        let valid = turn.after.attempts.iter().filter(|attempt| attempt.end.is_none()).count();
        let running = turn.after.standing.state == State::Running;
        prop_assert_eq!(valid, usize::from(running));
    }

    final_states_absorb_everything(turn) {
        let (before, after) = (&turn.before, &turn.after);
        if before.standing.state.is_final() {
            prop_assert!(turn.change().is_none());
            prop_assert_eq!(after.standing.state, before.standing.state);
            prop_assert_eq!(after.completed_at, before.completed_at);
        }
        prop_assert_eq!(after.completed_at.is_some(), after.standing.state.is_final());
    }

    messages_without_the_lease_in_force_change_nothing(turn) {
        let fence = turn.outcome.decision.as_ref().and_then(|decision| decision.event.fence());
        if fence.is_some_and(|fence| fence != FenceMatch::Current) {
            prop_assert!(turn.change().is_none());
        }
    }

    a_message_sent_twice_is_told_that_it_was_heard(turn) {
        let fenced = turn.outcome.decision.as_ref().and_then(|decision| decision.event.fence());
        if fenced.is_some() && turn.change().is_some() {
            let again = turn.after.clone().take(turn.step, turn.now, turn.jitter);
            let verdict = again.decision.map(|decision| decision.verdict);
            prop_assert_eq!(verdict, Some(Err(Refused::Duplicate)));
        }
    }

    a_cancel_decides_whatever_has_not_ended(turn) {
        if turn.before.standing.state.is_final() {
            continue;
        }
        let runs = turn.before.standing.state == State::Running;
        for cause in CancelCause::ALL {
            let event = Event::CancelRequested(cause);
            let change = transition(&turn.before.standing, event, turn.now, turn.jitter).unwrap();
            prop_assert_eq!(change.next.state, State::Canceled);
            prop_assert_eq!(change.stop, runs.then_some(cause.into()), "for its own cause");
            let first = if runs {
                Some(StopStatus::Requested)
            } else {
                (!turn.before.is_unproven()).then_some(StopStatus::NotNeeded)
            };
            prop_assert_eq!(change.first_stop_status(), first);
        }
    }

    after_a_cancel_reports_are_late_repeated_or_nobodys(turn) {
        let Some(decision) = &turn.outcome.decision else { continue };
        if turn.before.standing.state == State::Canceled
            && let Some(fence) = decision.event.fence()
        {
            let expected = match fence {
                FenceMatch::Current | FenceMatch::EndedOtherwise => Refused::Late,
                FenceMatch::EndedSame => Refused::Duplicate,
                FenceMatch::Unknown => Refused::Stale,
            };
            prop_assert_eq!(&decision.verdict, &Err(expected));
        }
    }

    a_stop_only_moves_forward(turn) {
        let stops = |world: &World| -> Vec<_> {
            world.attempts.iter().map(|attempt| attempt.stop.map(rank)).collect()
        };
        for (before, after) in stops(&turn.before).into_iter().zip(stops(&turn.after)) {
            prop_assert!(before <= after, "{before:?} then {after:?}");
        }
        if let Some(stop) = &turn.outcome.stop_move
            && let StopChange::Moved(next) = stop.change
        {
            prop_assert!(rank(stop.from) < rank(next), "{stop:?}");
            prop_assert!(stop.from != StopStatus::NotNeeded);
        }
    }

    only_what_a_worker_could_not_end_is_released(turn) {
        for (before, after) in turn.before.attempts.iter().zip(&turn.after.attempts) {
            prop_assert!(after.released || !before.released, "a release is for good");
            if after.released && !before.released {
                let failed = [StopStatus::Abandoned, StopStatus::Stuck].map(Some);
                prop_assert!(failed.contains(&before.stop), "{before:?}");
                prop_assert_eq!(after.stop, before.stop, "it proves nothing");
            }
        }
    }

    work_that_may_still_run_has_an_open_stop(turn) {
        let stopped = |end| {
            matches!(
                end,
                AttemptEnd::TimedOut | AttemptEnd::DeadlineExceeded | AttemptEnd::Canceled
            )
        };
        for attempt in &turn.after.attempts {
            prop_assert_eq!(attempt.stop.is_some(), attempt.end.is_some_and(stopped));
        }
        prop_assert_eq!(turn.after.standing.stop_unproven, turn.after.is_unproven());
    }

    a_final_report_or_the_loss_of_the_worker_settles_the_stop(turn) {
        let back = match turn.step {
            Step::Report(Whose::BeforeLast(back), _) => back,
            Step::WorkerGone | Step::LeaseExpired => 0,
            Step::Report(Whose::Nobody, _)
            | Step::Pass(_)
            | Step::Claim
            | Step::TimeOut
            | Step::Deadline
            | Step::Cancel(_)
            | Step::Stop(..) => continue,
        };
        let about = turn.after.attempts.iter().rev().nth(back);
        prop_assert!(about.is_none_or(|attempt| !attempt.is_unproven()));
    }

    stamps_are_in_order_and_no_latency_is_negative(turn) {
        let World { standing, completed_at, .. } = &turn.after;
        let due = standing.scheduled_for;
        let started = standing.processing_started_at;
        prop_assert!(started.is_none_or(|at| at >= due));
        prop_assert!(started.zip(*completed_at).is_none_or(|(start, end)| end >= start));
        prop_assert_eq!(started.is_some(), turn.after.counted() > 0);
        let latencies = Stamps {
            scheduled_for: due,
            processing_started_at: started,
            completed_at: *completed_at,
        }
        .latencies();
        let [queue, processing, whole] =
            [latencies.queue_ms, latencies.processing_ms, latencies.end_to_end_ms];
        if let (Some(queue), Some(processing)) = (queue, processing) {
            prop_assert_eq!(whole, Some(queue + processing));
        }
        let ended_early = completed_at.is_some_and(|end| end < due);
        prop_assert_eq!(whole.is_none(), completed_at.is_none() || ended_early);
    }

    the_first_counted_claim_is_the_start(turn) {
        let first = turn.before.counted() == 0 && turn.after.counted() == 1;
        let (before, after) = (&turn.before.standing, &turn.after.standing);
        if first {
            prop_assert_eq!(after.processing_started_at, Some(turn.now));
        } else if turn.after.counted() > 0 {
            prop_assert_eq!(after.processing_started_at, before.processing_started_at);
        }
    }

    no_claim_comes_before_its_time_or_over_an_unproven_stop(turn) {
        if turn.after.attempts.len() > turn.before.attempts.len() {
            prop_assert!(turn.now >= turn.before.standing.scheduled_for);
            prop_assert!(turn.now >= turn.before.standing.available_at);
            prop_assert!(turn.now >= turn.before.not_before);
            prop_assert!(!turn.before.is_unproven());
        }
        prop_assert!(turn.after.standing.available_at >= turn.before.standing.available_at);
    }

    what_is_due_and_free_is_granted(turn) {
        let World { standing, not_before, .. } = &turn.after;
        if standing.state == State::Pending && !turn.after.is_unproven() {
            let claimed = transition(standing, Event::Claimed, *not_before, turn.jitter);
            prop_assert_eq!(claimed.map(|change| change.next.state), Ok(State::Running));
        }
    }

    a_change_is_guarded_by_what_it_was_decided_on(turn) {
        if let Some(change) = turn.change() {
            let before = &turn.before.standing;
            prop_assert_eq!(change.expected, (before.state, before.attempt));
        }
    }
}

proptest! {
    // Each case is a history of hundreds of claims.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_endings_that_do_not_count_are_a_hundred_and_then_it_fails(
        setting in setting(),
        steps in restless_steps(),
    ) {
        for turn in history(&setting, &steps) {
            let attempts = &turn.after.attempts;
            let uncounted = attempts.iter().filter(|attempt| !attempt.counts()).count();
            let failed = turn.after.standing.state == State::Failed;
            prop_assert_eq!(usize::try_from(turn.after.standing.uncounted), Ok(uncounted));
            prop_assert!(uncounted <= 101);
            prop_assert!(uncounted <= 100 || failed);
            let spent = turn.after.counted() == setting.policy.max_attempts;
            prop_assert!(!failed || uncounted == 101 || spent);
        }
    }
}

proptest! {
    #[test]
    fn stop_reports_in_any_order_only_move_forward(
        first in prop::sample::select(StopStatus::ALL.to_vec()),
        events in prop::collection::vec(prop::sample::select(StopEvent::ALL.to_vec()), 1..12),
    ) {
        let mut status = first;
        for event in events {
            if let StopChange::Moved(next) = advance(status, event) {
                prop_assert!(rank(status) < rank(next), "{status:?} then {next:?}");
                prop_assert!(status != StopStatus::NotNeeded && !status.is_settled());
                status = next;
            }
            let ends = matches!(event, StopEvent::Ended(_) | StopEvent::WorkerGone);
            prop_assert!(status.is_settled() || !ends);
        }
    }
}

/// The order of the protocol: proofs and presumptions stand above the failures to stop.
fn rank(status: StopStatus) -> u8 {
    match status {
        StopStatus::NotNeeded | StopStatus::Requested => 0,
        StopStatus::Delivered => 1,
        StopStatus::Acknowledged => 2,
        StopStatus::Abandoned | StopStatus::Stuck => 3,
        StopStatus::Presumed | StopStatus::Stopped => 4,
    }
}

/// A property that is never put to the test holds always: the histories must go everywhere.
#[test]
fn histories_reach_every_state_ending_refusal_and_stop() {
    let mut runner = TestRunner::deterministic();
    let (mut states, mut ends) = (HashSet::new(), HashSet::new());
    let (mut refusals, mut stops) = (HashSet::new(), HashSet::new());
    let mut longest = 0;
    for _ in 0..1_000 {
        let tree = (setting(), any_steps()).new_tree(&mut runner).unwrap();
        let (setting, steps) = tree.current();
        for Turn { outcome, after, .. } in history(&setting, &steps) {
            states.insert(after.standing.state);
            ends.extend(after.attempts.iter().filter_map(|attempt| attempt.end));
            stops.extend(after.attempts.iter().filter_map(|attempt| attempt.stop));
            refusals.extend(outcome.decision.and_then(|decision| decision.verdict.err()));
            longest = longest.max(after.attempts.len());
        }
    }
    assert_eq!(states, HashSet::from(State::ALL));
    assert_eq!(ends, HashSet::from(AttemptEnd::ALL));
    assert_eq!(refusals.len(), 5);
    let with_an_attempt = StopStatus::ALL
        .into_iter()
        .filter(|stop| *stop != StopStatus::NotNeeded);
    assert_eq!(stops, with_an_attempt.collect());
    assert!(longest > 5, "{longest}");
}
