//! What a scheduler store must keep.
//!
//! Each function is one promise and its name is the promise. `now` is whatever a case says: no case
//! reads a clock, and none waits for anything but an answer.
#![expect(missing_docs, reason = "the name of a case is its sentence")]

pub mod cancel;
pub mod cancel_batch;
pub mod cancel_by_key;
pub mod changes;
pub mod claim;
pub mod claim_cost;
pub mod claim_repeats;
pub mod cleanups;
pub mod create;
mod dice;
pub mod evidence;
pub mod families;
pub mod finish;
pub mod heartbeat;
pub mod latency;
pub mod later_cancels;
pub mod lists;
pub mod loops;
pub mod namespaces;
mod oracle;
pub mod outages;
mod promises;
pub mod queues;
pub mod races;
pub mod random;
mod random_calls;
pub mod random_cleanups;
pub mod releases;
pub mod restarts;
pub mod retention;
pub mod retries;
mod scene;
pub mod sessions;
pub mod starts;
pub mod stop_ends;
pub mod stops;
mod words;

/// Runs the whole contract: `scheduler_conformance!(open)` with
/// `async fn open() -> impl SchedulerHarness`.
#[macro_export]
macro_rules! scheduler_conformance {
    ($open:ident) => {
        $crate::conformance_tests! { $open; scheduler {
            create: [
                a_new_execution_stands_as_it_was_asked_for,
                an_execution_that_names_no_time_is_due_at_its_acceptance,
                a_time_in_the_past_is_kept_and_due_at_once,
                a_large_payload_is_kept_byte_for_byte,
                a_batch_of_nothing_answers_nothing,
                a_repeated_key_answers_the_same_execution_as_it_is_now,
                a_key_with_another_body_is_a_mismatch,
                a_key_twice_in_one_call_is_folded,
                an_expired_key_that_was_never_seen_creates_nothing,
                an_expired_key_that_is_known_still_answers,
                a_key_still_answers_after_its_execution_ended,
                keys_outlive_a_restart,
                ids_rise_and_are_given_once_over_a_restart,
                a_thousand_creates_in_one_call_keep_their_order,
            ]
            claim: [
                the_higher_priority_goes_first_and_then_the_older,
                a_session_is_served_from_all_its_queues_and_types_by_rank_and_age,
                what_belongs_to_others_is_not_granted,
                nothing_is_granted_before_its_time,
                a_grant_carries_all_that_a_worker_needs,
                a_claim_begins_an_attempt_and_starts_the_clock,
                a_claim_says_whether_it_had_room_for_more_than_there_was,
                a_second_attempt_keeps_the_first_clock,
                what_is_granted_is_granted_once,
                a_released_execution_goes_to_the_tail,
                a_retried_execution_goes_to_the_tail,
                what_is_too_large_for_one_answer_waits_for_the_next,
                every_attempt_has_its_own_token,
            ]
            claim_repeats: [
                a_repeat_of_the_last_claim_answers_the_same_grants,
                a_lost_reply_is_answered_after_a_restart,
                a_repeat_grants_nothing_new_when_an_attempt_of_it_has_ended,
                a_repeat_says_that_it_is_one_even_if_nothing_of_it_is_left,
                an_older_claim_is_out_of_order,
                a_claim_that_got_nothing_may_be_asked_again,
                a_claim_that_was_given_up_is_granted_nothing,
                numbers_of_claims_may_have_gaps,
                tokens_bound_the_grants,
                slots_bound_the_grants,
                a_slot_is_held_until_its_stop_is_settled,
                hand_ins_commit_before_the_grant_of_the_same_call,
                what_is_handed_back_can_be_granted_in_the_same_call,
                a_repeat_with_its_hand_ins_is_answered_as_the_first_was,
                hand_ins_get_their_verdicts_when_nothing_is_ready,
                a_claim_tells_what_is_left_of_the_lease,
                a_claim_does_not_renew_the_lease,
                an_unknown_session_claims_nothing_and_hands_in_nothing,
                a_session_that_ended_claims_nothing_but_its_hand_ins_are_judged,
                a_lapsed_session_claims_nothing_before_it_is_expired,
            ]
            claim_cost: [
                a_hundred_thousand_rows_of_a_foreign_type_are_never_walked,
                rows_of_foreign_queues_and_namespaces_are_never_walked,
                rows_whose_time_has_not_come_are_never_walked,
                rows_behind_the_ones_that_are_taken_are_never_walked,
                rows_of_a_paused_or_a_full_queue_are_never_walked,
            ]
            cleanups: [
                a_session_tells_what_it_cleans_up,
                what_never_began_is_cleaned_up_at_once,
                a_cleanup_waits_for_the_proof_of_the_stop,
                a_result_that_proves_the_stop_frees_the_cleanup,
                a_lost_host_is_cleaned_up_elsewhere_once_its_lease_is_over,
                a_cleanup_waits_for_the_stop_of_an_attempt_before_the_cancel,
                what_waits_between_two_attempts_is_cleaned_up_at_once,
                a_stuck_stop_holds_the_cleanup_until_it_is_released,
                there_is_one_cleanup_however_often_it_is_canceled,
                a_cleanup_that_is_canceled_owes_none,
                nothing_is_owed_for_what_ended_otherwise_or_has_no_cleanup,
                a_cleanup_goes_only_to_those_who_clean_up,
                it_is_owed_while_one_lives_that_cleans_up_or_the_last_one_did,
                the_terms_are_those_that_were_declared_last,
                a_cleanup_that_fails_is_tried_again_and_then_shown,
                a_cleanup_that_runs_too_long_is_stopped_with_a_record_of_its_own,
                a_lost_reply_tells_again_what_the_cleanup_is_for,
                every_way_to_be_canceled_owes_it,
                the_last_word_of_the_last_attempt_is_told,
                what_owes_a_cleanup_is_kept_until_that_has_ended,
                declarations_and_debts_outlive_a_restart,
                a_cleanup_is_counted_in_its_queue_and_opens_with_it,
            ]
            finish: [
                the_latest_outputs_are_told,
                a_result_ends_the_execution_and_is_kept_whole,
                a_repeated_result_is_a_duplicate_and_changes_nothing,
                another_outcome_of_an_ended_attempt_is_stale,
                a_failure_for_good_fails_the_execution,
                the_last_attempt_that_fails_fails_the_execution,
                a_result_after_a_failure_succeeds,
                a_repeat_for_an_earlier_attempt_is_heard_and_harmless,
                a_report_after_its_lease_expired_is_stale,
                a_forged_fence_is_stale,
                a_forged_fence_of_a_canceled_execution_is_no_evidence,
                items_are_judged_in_their_order,
                an_unknown_session_hands_in_nothing,
                a_report_after_a_cancel_is_late_and_kept_as_evidence,
                the_first_late_report_stands,
            ]
            starts: [
                an_attempt_in_force_may_begin_and_a_repeat_is_a_duplicate,
                after_a_cancel_nothing_may_begin_not_even_again,
                an_attempt_that_is_over_may_not_begin,
                only_its_own_session_is_told_that_an_attempt_may_begin,
                a_session_whose_lease_is_over_begins_nothing,
                of_a_start_and_a_cancel_the_first_one_wins,
            ]
            retries: [
                a_failure_waits_out_its_back_off_and_is_tried_again,
                the_back_off_is_drawn_within_a_bound_that_grows,
                a_draw_of_nothing_waits_for_nothing,
                a_release_does_not_count_and_stops_the_clock,
                an_interruption_does_not_count_and_stops_the_clock,
                a_release_after_a_counted_attempt_keeps_the_clock,
                one_uncounted_ending_too_many_fails_the_execution,
            ]
            cancel: [
                a_pending_execution_is_canceled_and_never_runs,
                an_execution_for_later_is_canceled_and_never_runs,
                an_execution_that_backs_off_is_canceled_without_a_stop,
                a_running_execution_is_canceled_and_its_attempt_is_stopped,
                the_bound_follows_the_lease_as_it_was_at_the_verdict,
                no_bound_is_promised_for_code_inside_a_worker,
                what_has_ended_otherwise_refuses_a_cancel,
                a_repeat_keeps_the_first_stamp_actor_and_reason,
                a_cancel_of_what_is_not_there_is_missing,
                an_expected_reference_must_be_the_execution_s_own,
                another_reference_hides_the_verdict_of_a_final_execution_too,
                one_execution_twice_in_a_batch_is_folded,
                a_cancel_of_a_blocked_execution_goes_on_showing_the_open_stop,
                a_thousand_cancels_are_one_call,
            ]
            cancel_batch: [
                each_of_many_is_decided_for_itself,
                what_is_in_another_state_by_then_is_left_alone,
                in_no_state_nothing_is_canceled_and_each_is_told,
                a_repeat_tells_what_the_first_one_did,
                what_comes_too_late_cancels_nothing_and_tells,
                what_somebody_else_canceled_is_told_as_that,
                a_cancel_of_one_is_not_taken_for_one_of_many,
                one_with_another_reference_is_missing,
                many_of_another_namespace_are_missing,
                one_of_many_that_is_named_twice_is_canceled_once,
            ]
            cancel_by_key: [
                a_key_that_was_never_seen_becomes_a_canceled_execution,
                a_delayed_create_takes_the_tombstone_and_never_runs,
                the_first_create_after_a_tombstone_fixes_its_body,
                a_tombstone_outlives_a_restart_and_the_age_of_its_key,
                a_known_key_cancels_its_execution,
                the_key_of_what_has_ended_refuses_a_cancel,
                a_repeat_by_key_keeps_the_first_verdict,
                one_key_twice_in_a_batch_is_folded,
                a_key_of_another_namespace_was_never_seen_here,
                a_tombstone_keeps_its_body_from_the_first_item_of_a_batch,
            ]
            families: [
                a_child_shows_its_parent_and_its_root,
                a_parent_must_be_there_and_in_the_same_namespace,
                a_refused_child_leaves_its_key_free,
                a_tree_has_a_depth_that_it_does_not_exceed,
                a_parent_has_no_more_children_than_it_may,
                a_cancel_without_a_cascade_leaves_the_children_alone,
                a_cascade_decides_every_state_below_it,
                nothing_below_a_closed_tree_is_granted_before_it_is_decided,
                what_is_created_below_a_closed_tree_is_born_canceled,
                a_repeated_create_of_what_was_born_canceled_is_replayed,
                a_cascade_in_the_middle_covers_exactly_its_subtree,
                what_has_ended_hides_nothing_below_it,
                a_cascade_on_what_has_ended_otherwise_is_refused_and_closes_nothing,
                a_repeat_with_a_cascade_closes_the_tree_of_what_was_canceled_without,
                an_execution_may_say_that_its_cancel_cascades,
                a_cascade_by_key_closes_what_is_not_created_yet,
                a_tombstone_takes_its_family_from_its_create,
                a_descendant_that_ends_first_has_its_own_outcome,
                an_attempt_that_is_lost_below_a_closed_tree_is_not_tried_again,
                each_descendant_has_a_stop_record_of_its_own,
                slices_are_bounded_and_go_on_after_a_restart,
                a_closed_tree_stays_closed_over_a_restart,
                a_parent_is_kept_as_long_as_its_children,
                a_claim_and_a_cascade_leave_no_lease_without_an_order,
            ]
            later_cancels: [
                every_later_request_is_kept_beside_the_first,
                the_same_call_once_more_is_not_another_request,
                the_latest_requests_are_kept_and_all_are_counted,
                a_request_that_is_refused_leaves_nothing,
                a_cancel_of_many_is_a_later_request_to_what_was_canceled_before,
                a_repeated_cancel_of_many_is_no_later_request_to_its_own,
                a_cancel_of_the_parent_is_no_later_request_to_a_child_that_was_canceled,
            ]
            stops: [
                each_stage_has_its_stamp_and_delivery_lowers_the_bound,
                stamps_lie_between_the_previous_stamp_and_now,
                a_late_delivery_does_not_raise_the_bound,
                a_stage_that_was_passed_over_is_filled,
                a_repeated_stage_is_recorded_once,
                a_stop_never_moves_back,
                reports_of_one_call_follow_each_other,
                a_stop_nobody_ordered_is_unknown,
                an_unknown_session_reports_nothing,
                an_order_is_repeated_until_it_is_delivered,
                a_report_may_travel_in_a_heartbeat,
                an_order_reaches_only_the_session_that_holds_the_attempt,
            ]
            stop_ends: [
                a_final_report_under_the_canceled_token_is_the_proof,
                a_final_report_says_when_the_work_ended,
                a_final_report_says_how_the_work_ended,
                an_expired_session_leaves_a_presumption,
                a_goodbye_without_a_proof_leaves_a_presumption,
                a_goodbye_may_prove_that_an_attempt_never_started,
                a_session_that_ended_may_still_report_and_presumed_stays,
                a_stop_report_after_the_final_report_adds_its_evidence,
                what_was_said_first_of_a_stop_stands_and_later_facts_fill_the_rest,
                a_stop_that_failed_holds_its_slot_until_it_is_proven,
                an_overdue_stop_is_stuck_until_it_is_proven,
                a_stuck_stop_is_presumed_when_its_session_ends,
                nothing_is_claimed_while_the_stop_of_an_earlier_attempt_is_open,
                a_blocked_execution_goes_on_when_its_stop_is_presumed,
                a_blocked_execution_goes_on_when_its_attempt_hands_in,
                a_proof_does_not_shorten_the_back_off,
                a_late_promotion_does_not_pass_an_open_stop,
            ]
            evidence: [
                what_a_stopped_attempt_reports_is_kept_whatever_was_the_proof,
                a_late_failure_is_kept_and_a_late_result_within_its_limit,
                what_is_overdue_says_so_beside_what_its_worker_says,
            ]
            releases: [
                a_session_with_a_stuck_stop_is_granted_nothing_until_that_is_settled_or_released,
                slot_place_and_retry_are_held_until_a_stop_is_proven_presumed_or_released,
                the_first_release_stands_and_its_repeat_is_answered_alike,
                what_was_released_is_freed_once_whatever_becomes_known,
                what_was_released_is_still_to_be_ended_by_its_worker,
                a_release_names_its_execution_and_its_attempt,
                a_release_and_a_proof_free_once,
            ]
            heartbeat: [
                a_heartbeat_renews_the_lease,
                a_heartbeat_never_shortens_a_lease,
                a_heartbeat_from_behind_does_not_move_a_lease_back,
                an_expired_session_is_dead_for_ever,
                a_lapsed_lease_is_not_renewed_even_before_it_is_expired,
                a_session_that_said_goodbye_is_not_renewed,
                an_unknown_session_is_not_renewed,
                an_attempt_of_an_answered_claim_that_is_not_held_is_released,
                an_attempt_whose_reply_may_be_on_its_way_is_not_released,
                what_is_held_stays_held,
                what_a_worker_holds_wrongly_is_named_lost,
                an_attempt_that_is_being_stopped_is_not_lost,
                a_released_attempt_frees_its_slot,
            ]
            sessions: [
                a_registered_session_is_listed_as_it_registered,
                a_session_is_read_with_its_namespace_whichever_that_is,
                two_lives_of_one_worker_are_two_sessions,
                a_session_is_known_by_its_token_alone,
                a_list_counts_what_runs_and_what_is_being_stopped,
                a_goodbye_releases_what_never_started_and_counts_the_rest,
                a_goodbye_of_a_full_session_has_its_whole_effect,
                a_goodbye_is_repeatable,
                a_goodbye_after_the_expiry_changes_nothing,
                a_goodbye_speaks_only_for_its_own_attempts,
                a_session_that_ended_has_no_orders_and_its_reports_are_judged,
                what_a_session_left_goes_to_another,
                the_living_are_listed_before_those_that_ended_last,
            ]
            loops: [
                a_lease_is_never_ended_early,
                the_last_counted_attempt_that_is_lost_fails_the_execution,
                expiry_is_bounded_by_its_limit,
                a_session_that_is_ended_in_part_does_nothing_more_and_is_ended_by_later_ticks,
                due_executions_are_promoted_in_the_order_of_their_time,
                what_is_due_first_is_promoted_first,
                an_attempt_that_runs_too_long_is_stopped_and_counted,
                the_last_attempt_that_runs_too_long_fails_the_execution,
                timeouts_are_bounded_by_their_limit,
                a_pending_execution_fails_at_its_deadline,
                a_running_execution_fails_at_its_deadline_and_is_stopped,
                a_deadline_does_not_touch_what_has_ended,
                deadlines_are_bounded_by_their_limit,
                overdue_stops_are_flagged_up_to_the_limit,
            ]
            retention: [
                history_is_kept_for_its_time_and_then_forgotten_whole,
                what_lives_is_never_forgotten_and_does_not_hide_what_is_behind,
                an_open_stop_keeps_its_execution,
                forgetting_is_bounded_by_its_limit,
                forgetting_is_bounded_by_the_bytes_that_go,
                a_key_outlives_its_execution_and_creates_nothing,
                a_key_is_forgotten_after_its_time_and_a_day,
                the_key_of_what_lives_is_kept_however_old,
                sessions_that_ended_long_ago_are_forgotten,
            ]
            latency: [
                each_stage_of_a_stop_is_counted_once,
                a_result_that_came_too_late_is_counted_as_the_end_of_its_stop,
                a_presumed_end_is_not_counted_as_an_end,
                counts_are_of_their_minute_and_forgotten_with_history,
                totals_outlive_history_and_restarts,
                totals_beyond_the_limit_are_told_together_and_none_ever_falls,
            ]
            outages: [
                an_extension_holds_every_live_lease_at_least_so_long,
                a_lease_that_lapsed_during_an_outage_is_extended,
                an_extension_does_not_revive_a_session_that_ended,
                a_store_that_is_well_serves_writes,
                an_empty_store_was_told_no_instant,
                the_latest_instant_never_steps_back_and_survives_a_restart,
                no_stamp_lies_before_one_that_was_committed_earlier,
            ]
            lists: [
                the_newest_are_listed_first_page_by_page,
                a_list_takes_any_of_the_states_it_is_asked_for,
                a_state_keeps_its_page_behind_many_others,
                a_list_shows_what_a_read_shows,
                those_of_the_ids_that_exist_are_found,
                a_thousand_ids_are_found_in_one_call,
                nothing_is_found_under_no_ids,
            ]
            namespaces: [
                an_execution_of_another_namespace_does_not_exist,
                a_key_belongs_to_its_namespace,
                queues_of_one_name_in_two_namespaces_are_two,
                a_session_is_listed_in_its_own_namespace,
                a_session_cannot_act_on_attempts_of_another_namespace,
                what_travels_with_a_claim_or_a_heartbeat_stays_in_its_namespace,
                what_is_held_of_another_namespace_is_lost_and_stays_as_it_is,
                a_goodbye_releases_nothing_of_another_namespace,
                orders_stay_in_their_namespace,
                loops_serve_every_namespace,
            ]
            changes: [
                a_create_that_is_due_is_said_to_be_ready,
                what_is_not_due_is_not_ready_before_its_promotion,
                what_is_given_back_is_ready_again,
                a_retry_is_ready_when_it_is_promoted_at_the_latest,
                a_goodbye_makes_ready_what_never_started,
                a_heartbeat_makes_ready_what_was_lost,
                a_blocked_retry_is_ready_once_its_stop_is_proven,
                a_cancel_of_running_work_tells_its_session_and_its_watchers,
                a_verdict_is_told_to_its_watchers,
                an_unconfirmed_order_is_told_again_by_a_repeated_cancel,
                each_move_of_a_stop_is_told_to_its_watchers,
                timeouts_and_deadlines_tell_the_session,
                an_expiry_tells_the_watchers_of_what_it_presumes,
                a_resume_tells_of_a_cleanup_that_waited,
            ]
            random_cleanups: [
                each_canceled_execution_has_one_cleanup_that_waits_for_its_stop,
            ]
            restarts: [
                everything_that_was_answered_survives_a_restart,
                work_goes_on_after_a_restart_where_it_was,
                a_loop_finds_after_a_restart_what_fell_due,
            ]
            queues: [
                a_queue_that_was_never_seen_begins_with_its_first_change,
                queues_are_listed_by_name_page_by_page,
                a_repeated_pause_leaves_who_paused_first,
                the_last_change_of_a_queue_is_kept_with_who_and_why,
                a_paused_queue_gives_no_claims_and_takes_all_else,
                a_limit_holds_over_all_claims_and_a_restart,
                a_place_is_held_until_the_stop_is_proven,
                an_expiry_gives_the_place_back,
                a_full_queue_does_not_hold_up_the_others,
                rank_and_age_hold_over_limited_and_free_queues,
                a_lowered_limit_ends_nothing_and_a_raised_one_gives_room,
                a_queue_tells_where_its_executions_stand,
            ]
            races: [
                one_of_many_cancels_is_the_verdict,
                a_row_that_moves_all_the_time_is_canceled_exactly_once,
                a_result_and_a_cancel_have_one_winner,
                a_claim_and_a_cancel_leave_no_lease_without_an_order,
                each_execution_is_granted_to_one_of_many_workers,
                one_of_many_creates_under_one_key_is_new,
                a_create_and_a_cancel_of_one_key_end_canceled,
                a_renewal_and_an_expiry_have_one_winner,
                loops_on_many_nodes_do_each_thing_once,
            ]
            random: [
                random_verbs_keep_every_promise,
                random_verbs_between_restarts_keep_every_promise,
            ]
        } }
    };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_case_is_on_the_list() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance/scheduler");
        let list = include_str!("mod.rs");
        let mut cases = 0;
        for entry in fs::read_dir(here).unwrap() {
            let source = fs::read_to_string(entry.unwrap().path()).unwrap();
            let functions = source
                .lines()
                .filter_map(|line| line.strip_prefix("pub async fn "))
                .filter_map(|line| line.split('(').next());
            for name in functions {
                assert!(
                    list.contains(&format!("                {name},\n")),
                    "{name}"
                );
                cases += 1;
            }
        }
        assert!(cases > 200, "only {cases} cases were found");
    }
}
