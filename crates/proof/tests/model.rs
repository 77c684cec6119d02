//! The model within small bounds, and each promise once where it does not hold.

use taskpilot_proof::model::{Bounds, Mutation, Promise, check, check_broken};

/// What the small bounds must have at least: a model that lost its steps would hold, too.
const STATES_MIN: usize = 5_000;

fn holds(bounds: Bounds) {
    let report = check(bounds, 1);
    assert!(report.holds(), "{report}");
    assert!(report.unique_states >= STATES_MIN, "{report}");
}

#[test]
fn every_promise_holds_on_the_way_of_a_stop() {
    holds(Bounds::STOPS_SMALL);
}

#[test]
fn every_promise_holds_on_the_way_of_a_binding() {
    holds(Bounds::BINDING_SMALL);
}

#[test]
fn every_promise_holds_where_work_asks_before_it_begins() {
    holds(Bounds::STARTS_SMALL);
}

#[test]
fn every_promise_holds_where_failed_stops_are_released() {
    holds(Bounds::RELEASES);
}

#[test]
fn every_promise_holds_where_workers_end_in_order() {
    holds(Bounds::GOODBYES_SMALL);
}

#[test]
fn every_promise_holds_in_a_tree() {
    holds(Bounds::FAMILY_SMALL);
}

/// Under the mutation these promises do not hold, and no other is found broken before them.
fn breaks(bounds: Bounds, mutation: Mutation, expected: &[Promise]) {
    let report = check_broken(bounds, mutation);
    let broken: Vec<_> = report.broken.iter().map(|(promise, _)| *promise).collect();
    let expected: Vec<_> = expected.iter().map(|promise| promise.name()).collect();
    assert_eq!(broken, expected, "{report}");
}

#[test]
fn a_decision_that_is_applied_without_its_guard_is_a_second_verdict() {
    breaks(
        Bounds::RETRY,
        Mutation::AppliesWithoutItsGuard,
        &[Promise::OnlyLegalTransitions],
    );
}

#[test]
fn a_fence_that_is_used_again_is_valid_twice() {
    breaks(
        Bounds::RETRY,
        Mutation::ReusesTheFence,
        &[Promise::OneValidFence],
    );
}

#[test]
fn a_report_that_is_taken_whatever_its_token_changes_what_it_must_not() {
    breaks(
        Bounds::RETRY,
        Mutation::TrustsAnyFence,
        &[Promise::StaleMessagesChangeNothing],
    );
}

#[test]
fn a_result_that_wins_over_a_cancel_is_noticed() {
    breaks(
        Bounds::RETRY,
        Mutation::TakesAResultAfterTheVerdict,
        &[Promise::OnlyLegalTransitions, Promise::NothingAfterACancel],
    );
}

#[test]
fn a_cancel_that_is_answered_and_lost_is_noticed() {
    breaks(
        Bounds::RETRY,
        Mutation::AnswersBeforeTheCommit,
        &[Promise::NothingAfterACancel, Promise::ACancelIsKept],
    );
}

#[test]
fn claims_that_do_not_count_are_noticed() {
    breaks(
        Bounds::RETRY,
        Mutation::CountsNothing,
        &[Promise::CountedWithinThePolicy],
    );
}

#[test]
fn a_task_that_is_freed_before_its_key_is_spent_gets_two_executions() {
    breaks(
        Bounds::BINDING,
        Mutation::FreesWithoutATombstone,
        &[Promise::OneExecutionPerTask],
    );
}

#[test]
fn a_binding_under_any_key_is_noticed() {
    breaks(
        Bounds::BINDING,
        Mutation::BindsUnderAnyKey,
        &[Promise::OneExecutionPerTask],
    );
}

#[test]
fn a_delayed_create_undoes_a_cancel_without_a_tombstone() {
    breaks(
        Bounds::BINDING_SMALL,
        Mutation::ForgetsTheTombstone,
        &[Promise::ACancelIsKept],
    );
}

#[test]
fn a_wish_to_cancel_that_is_kept_in_memory_is_lost_in_a_crash() {
    breaks(
        Bounds::BINDING_SMALL,
        Mutation::IntendsInMemory,
        &[Promise::ACancelIsKept],
    );
}

#[test]
fn a_grant_over_an_open_stop_lets_attempts_overlap() {
    breaks(
        Bounds::RETRY,
        Mutation::GrantsOverAnOpenStop,
        &[Promise::NoOverlap],
    );
}

#[test]
fn a_lease_that_is_handed_over_early_lets_attempts_overlap() {
    breaks(
        Bounds::RETRY,
        Mutation::HandsOverEarly,
        &[Promise::NoOverlap],
    );
}

#[test]
fn a_proof_before_the_end_is_a_lie() {
    breaks(
        Bounds::RETRY,
        Mutation::ProvesBeforeTheEnd,
        &[Promise::StoppedIsTrue],
    );
}

#[test]
fn a_cancel_that_is_answered_before_it_is_decided_is_followed_by_a_grant() {
    breaks(
        Bounds::STOPS_SMALL,
        Mutation::DecidesAfterTheAnswer,
        &[Promise::NothingAfterACancel],
    );
}

#[test]
fn work_that_begins_unasked_is_noticed() {
    breaks(
        Bounds::STARTS_SMALL,
        Mutation::BeginsUnasked,
        &[Promise::NothingUnconfirmed],
    );
}

#[test]
fn a_start_that_is_confirmed_after_the_verdict_is_noticed() {
    breaks(
        Bounds::STARTS_SMALL,
        Mutation::ConfirmsAfterTheVerdict,
        &[Promise::NothingAfterACancel],
    );
}

#[test]
fn a_release_of_what_may_yet_stop_lets_attempts_overlap() {
    breaks(
        Bounds::RELEASES,
        Mutation::ReleasesWhatMayYetStop,
        &[Promise::NoOverlap],
    );
}

#[test]
fn a_goodbye_that_gives_back_what_runs_is_a_lie() {
    breaks(
        Bounds::GOODBYES_SMALL,
        Mutation::GivesBackWhatRuns,
        &[Promise::GivenBackIsTrue],
    );
}

#[test]
fn a_cascade_that_is_a_verdict_alone_is_noticed() {
    breaks(
        Bounds::FAMILY_SMALL,
        Mutation::ForgetsTheTree,
        &[Promise::AClosedTreeIsClosed],
    );
}

#[test]
fn a_child_that_is_born_alive_below_a_closed_tree_is_noticed() {
    breaks(
        Bounds::FAMILY_SMALL,
        Mutation::BearsBelowAClosedTree,
        &[Promise::AClosedTreeIsClosed],
    );
}

#[test]
fn a_grant_below_a_closed_tree_is_noticed() {
    breaks(
        Bounds::FAMILY_SMALL,
        Mutation::GrantsBelowAClosedTree,
        &[Promise::AClosedTreeIsClosed],
    );
}
