//! Random options, waits, leases and texts against the limits that were promised, as numbers.

use proptest::prelude::*;
use taskpilot_domain::ids::Token;
use taskpilot_domain::lease::{self_stop, stops_by_delivered, stops_by_undelivered};
use taskpilot_domain::names::QueueName;
use taskpilot_domain::options::{ExecutionOptions, InvalidOption, Priority};
use taskpilot_domain::retry::{Backoff, Jitter, RetryPolicy};
use taskpilot_domain::time::Timestamp;

const DAY_MS: u64 = 86_400_000;
const TEN_YEARS_MS: u64 = 3_660 * DAY_MS;

/// The fields of `options` that are out of their limits, told by numbers of this file's own.
fn broken(options: &ExecutionOptions, now: Timestamp) -> Vec<&'static str> {
    let Backoff {
        initial_ms,
        max_ms,
        factor,
    } = options.retry.backoff;
    let due = options.scheduled_for.unwrap_or(now);
    let deadline = options.deadline;
    let timeout = options.attempt_timeout_ms;
    [
        (
            "priority",
            options.priority.0 < -10 || options.priority.0 > 10,
        ),
        ("scheduledFor", due.ms_since(now) > TEN_YEARS_MS),
        (
            "maxAttempts",
            options.retry.max_attempts == 0 || options.retry.max_attempts > 100,
        ),
        (
            "backoff",
            initial_ms > max_ms || max_ms > DAY_MS || !(1.0..=10.0).contains(&factor),
        ),
        (
            "attemptTimeoutMs",
            timeout.is_some_and(|ms| ms == 0 || ms > 30 * DAY_MS),
        ),
        (
            "deadline",
            deadline.is_some_and(|at| at <= now || at <= due),
        ),
        ("cancelGraceMs", options.cancel_grace_ms > 600_000),
    ]
    .into_iter()
    .filter_map(|(field, is_broken)| is_broken.then_some(field))
    .collect()
}

/// A number near one of `edges`, or within them.
fn near(edges: [u64; 2]) -> impl Strategy<Value = u64> {
    let [low, high] = edges;
    let around = |edge: u64| edge.saturating_sub(1)..=edge.saturating_add(1);
    prop_oneof![1 => around(low), 1 => around(high), 6 => low..=high]
}

fn factor() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 1.0..=10.0_f64,
        1 => prop::sample::select(vec![0.0, 0.999, 10.001, -1.0, f64::NAN, f64::INFINITY]),
    ]
}

fn options() -> impl Strategy<Value = ExecutionOptions> {
    let priority = prop_oneof![8 => -10..=10_i8, 1 => prop::sample::select(vec![-11, 11])];
    let due = prop_oneof![1 => 0..NOW_MS, 3 => near([NOW_MS, NOW_MS + TEN_YEARS_MS])];
    // From one millisecond before the later of now and due: the limit itself is what matters.
    let life = prop_oneof![0..=2_u64, 0..=TEN_YEARS_MS];
    (
        priority,
        prop::option::of(due.prop_map(at)),
        near([1, 100]).prop_map(|attempts| u32::try_from(attempts).unwrap_or(u32::MAX)),
        (near([0, DAY_MS]), near([0, DAY_MS]), factor()),
        prop::option::of(near([1, 30 * DAY_MS])),
        prop::option::of(life),
        near([0, 600_000]),
    )
        .prop_map(
            |(priority, scheduled_for, max_attempts, backoff, timeout, life, grace)| {
                let (initial_ms, max_ms, factor) = backoff;
                let base = scheduled_for.unwrap_or(at(0)).max(at(NOW_MS)).minus_ms(1);
                ExecutionOptions {
                    queue: QueueName::default_queue(),
                    priority: Priority(priority),
                    scheduled_for,
                    retry: RetryPolicy {
                        max_attempts,
                        backoff: Backoff {
                            initial_ms,
                            max_ms,
                            factor,
                        },
                    },
                    attempt_timeout_ms: timeout,
                    deadline: life.map(|life| base.plus_ms(life)),
                    cancel_grace_ms: grace,
                    cancel_children: false,
                }
            },
        )
}

fn at(millis: u64) -> Timestamp {
    Timestamp::EPOCH.plus_ms(millis)
}

const NOW_MS: u64 = 1_700_000_000_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn options_pass_within_their_limits_and_name_the_first_field_beyond(options in options()) {
        let now = at(NOW_MS);
        let told = options.validate(now).map_err(InvalidOption::field);
        let expected = broken(&options, now).first().map_or(Ok(()), |field| Err(*field));
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn a_priority_is_made_within_its_limits_only(rank: i8) {
        prop_assert_eq!(Priority::new(rank).is_ok(), (-10..=10).contains(&rank));
    }

    #[test]
    fn a_wait_stays_below_its_bound_and_the_bound_grows_to_its_maximum(
        (initial_ms, more_ms, factor) in (0..=DAY_MS / 2, 0..=DAY_MS / 2, 1.0..=10.0_f64),
        failed in 1..=100_u32,
        draw: u64,
    ) {
        let backoff = Backoff { initial_ms, max_ms: initial_ms + more_ms, factor };
        prop_assert!(backoff.is_valid());
        prop_assert_eq!(backoff.bound_ms(1), initial_ms);
        prop_assert!(backoff.bound_ms(failed) <= backoff.bound_ms(failed + 1));
        prop_assert!(backoff.bound_ms(failed) <= backoff.max_ms);
        prop_assert!(backoff.delay_ms(failed, Jitter(draw)) <= backoff.bound_ms(failed));
    }

    #[test]
    fn a_stop_is_promised_within_grace_and_kill_and_never_later_again(
        lease_end in 0..NOW_MS,
        now in 0..NOW_MS,
        delivered in prop::collection::vec(0..NOW_MS, 1..5),
        grace in 0..=600_000_u64,
    ) {
        let mut promised = stops_by_undelivered(at(lease_end), at(now), grace);
        prop_assert_eq!(promised, at(lease_end.max(now) + grace + 5_000));
        for delivered_at in delivered {
            let lowered = stops_by_delivered(promised, at(delivered_at), grace);
            prop_assert!(lowered <= promised);
            prop_assert!(lowered <= at(delivered_at + grace + 5_000));
            promised = lowered;
        }
    }

    #[test]
    fn work_is_signaled_and_killed_before_its_lease_ends(lease in 6..=600_000_u64) {
        let plan = self_stop(lease);
        prop_assert!(0 < plan.kill_margin_ms && plan.kill_margin_ms <= plan.terminate_margin_ms);
        prop_assert!(plan.terminate_margin_ms < lease);
        prop_assert!(plan.terminate_margin_ms <= 10_000 && plan.kill_margin_ms <= 5_000);
    }

    #[test]
    fn every_instant_survives_its_text(millis: i64, nearby in 0..400_000_000_000_000_i64) {
        for instant in [millis, nearby].map(Timestamp::from_millis) {
            prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        }
    }

    #[test]
    fn what_is_read_as_an_instant_can_be_written(
        text in r"(19[67][0-9]|20[0-9]{2}|9999)-(0[1-9]|1[0-2])-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-5][0-9])",
    ) {
        if let Ok(instant) = text.parse::<Timestamp>() {
            prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        }
    }

    #[test]
    fn every_token_survives_its_text(bytes: [u8; 16]) {
        let token = Token::from_bytes(bytes);
        prop_assert_eq!(token.to_string().parse(), Ok(token));
    }
}
