//! What a control store must keep.
#![expect(clippy::unwrap_used, reason = "a store that fails here fails the case")]

pub mod bindings;
pub mod cancellations;
pub mod cancels;
pub mod creates;
pub mod deletions;
pub mod due;
pub mod edits;
pub mod keys;
pub mod lists;
pub mod namespaces;
pub mod parents;
pub mod plain;
pub mod random;
mod reference;
pub mod refusals;
pub mod restarts;
mod scene;
pub mod withdrawals;
mod words;

/// Makes every case a test of its own, over what `open` returns.
///
/// `open` names an `async fn() -> impl ControlHarness` beside the call.
#[macro_export]
macro_rules! control_conformance {
    ($open:ident) => {
        $crate::conformance_tests! { $open; control {
            creates: [
                a_new_task_is_kept_as_it_was_asked_for,
                a_large_payload_is_kept_to_the_byte,
                a_task_that_is_bound_at_once_is_binding,
                a_clone_knows_what_it_was_made_from,
                a_batch_is_answered_in_its_order,
                a_thousand_tasks_are_one_batch,
                an_empty_batch_is_no_work,
                concurrent_creates_all_get_ids_of_their_own,
                a_fresh_store_serves_writes,
            ]
            keys: [
                the_same_request_is_replayed,
                a_replay_shows_the_task_as_it_is_now,
                a_replay_shows_the_binding_while_it_is_unfinished,
                another_request_under_the_key_is_a_mismatch,
                only_a_repeat_is_answered_where_only_that_is_wanted,
                a_key_of_another_namespace_is_another_key,
                a_key_twice_in_one_batch_is_folded,
                requests_without_a_key_are_never_folded,
                racing_creates_under_one_key_make_one_task,
                what_stands_under_a_key_is_found_as_a_repeat_finds_it,
                a_key_is_forgotten_after_its_time_and_its_task_stays,
            ]
            bindings: [
                a_begin_commits_what_will_be_sent,
                a_second_begin_is_told_what_the_first_one_sends,
                a_hundred_racing_begins_give_one_key,
                a_finish_binds_for_ever,
                a_second_finish_with_the_same_execution_changes_nothing,
                another_execution_is_an_alarm_and_changes_nothing,
                an_execution_under_another_key_is_an_alarm,
                an_execution_for_a_task_that_is_not_binding_is_an_alarm,
                a_bound_task_is_not_begun_again,
                racing_finishes_with_two_executions_keep_one,
                instants_of_a_task_never_step_back,
                bound_tasks_are_found_by_their_executions,
            ]
            refusals: [
                a_failure_is_shown_and_counted,
                the_same_failure_again_is_no_new_version,
                a_refused_binding_waits_for_its_tombstone,
                an_abandoned_task_is_pending_with_its_error,
                a_new_begin_has_a_key_of_its_own,
                answers_to_an_earlier_key_change_nothing,
                a_failure_after_the_finish_changes_nothing,
                abandoning_a_bound_task_changes_nothing,
            ]
            parents: [
                a_child_keeps_its_parent,
                a_parent_is_there_and_in_the_same_namespace,
                the_children_of_a_task_are_listed_newest_first,
                a_task_with_children_is_not_deleted,
                a_later_wish_to_cascade_is_kept_beside_the_first_wish,
            ]
            plain: [
                the_plain_body_is_sent_once,
                one_of_many_racing_senders_may_send,
                nothing_is_sent_under_another_key,
                nothing_is_sent_once_it_is_bound,
            ]
            edits: [
                an_edit_is_a_new_version,
                an_edit_that_changes_nothing_is_no_new_version,
                another_version_is_stale,
                labels_that_were_edited_are_found_anew,
                an_edit_leaves_the_binding_alone,
                a_task_never_gets_too_many_labels,
                of_racing_edits_of_one_version_one_wins,
                what_is_not_there_is_not_edited,
            ]
            deletions: [
                a_deleted_task_is_gone_and_stays_deleted,
                a_binding_task_is_not_deleted,
                a_bound_task_is_deleted_once_its_execution_has_ended,
                a_key_outlives_its_task_and_creates_no_other,
                a_begin_and_a_deletion_never_both_win,
                a_deletion_ends_a_cancel_that_is_owed,
                what_never_was_here_is_not_deleted,
            ]
            withdrawals: [
                a_pending_task_is_withdrawn_and_stays_so,
                a_binding_task_is_not_withdrawn,
                a_bound_task_is_not_withdrawn,
                a_withdrawn_task_is_not_begun,
                an_abandoned_task_can_be_withdrawn,
                a_begin_and_a_withdrawal_never_both_win,
                what_is_not_there_is_missing,
            ]
            cancels: [
                a_task_that_is_not_bound_takes_no_intent,
                a_bound_task_is_shown_instead,
                the_first_intent_stands_and_later_ones_are_kept_beside_it,
                each_intent_is_settled_for_itself,
                the_same_call_once_more_is_not_another_intent,
                the_latest_intents_are_kept_beside_the_first_and_the_one_that_cascades,
                racing_intents_agree_on_their_order,
                an_intent_wakes_a_binding_that_waits_for_an_operator,
                an_intent_outlives_the_finish_until_it_is_settled,
                a_settled_intent_is_carried_out_no_more,
                settling_under_another_key_changes_nothing,
                an_intent_ends_with_an_abandoned_binding,
                only_what_is_unfinished_and_owes_no_cancel_is_wanted,
            ]
            cancellations: [
                one_of_tasks_is_kept_with_its_items,
                one_with_a_filter_begins_with_the_tasks_that_there_are,
                a_page_of_matches_is_kept_once,
                one_that_is_about_nothing_is_completed,
                the_first_word_on_an_item_stands_and_counts_once,
                what_is_on_its_way_is_kept_until_it_is_not,
                the_last_item_completes_it,
                one_that_is_given_up_stays_open_until_it_is_settled,
                one_that_is_completed_is_not_given_up,
                nothing_more_is_found_for_one_that_is_given_up,
                what_is_decided_uses_up_its_rate,
                one_that_is_due_comes_before_one_that_is_not,
                the_same_cancellation_is_replayed_under_its_key,
                undecided_items_are_told_with_what_their_task_is_by_now,
                items_are_listed_page_by_page_and_by_what_became_of_them,
                cancellations_are_listed_newest_first_in_their_namespace,
                a_cancellation_outlives_a_restart,
                one_that_is_done_is_forgotten_after_its_time,
            ]
            due: [
                a_new_binding_is_due_when_its_call_is_overdue,
                the_longest_due_comes_first,
                a_page_of_due_bindings_is_bounded,
                a_failed_try_is_due_when_it_said,
                a_binding_for_an_operator_is_never_due,
            ]
            lists: [
                the_newest_comes_first,
                a_page_starts_below_its_cursor,
                each_filter_keeps_what_it_names,
                filters_hold_together,
                a_status_filter_follows_the_status,
                pages_have_no_gaps_and_no_repeats_while_tasks_come_in,
                a_title_is_found_by_a_text_in_it,
                a_page_says_whether_there_is_another,
                a_page_ends_where_its_walk_is_long,
                a_page_is_bounded,
                a_page_ends_with_the_task_that_fills_its_bytes,
            ]
            namespaces: [
                a_foreign_task_is_not_read_or_listed,
                a_foreign_task_is_not_changed,
                a_foreign_task_is_not_found_by_its_execution,
            ]
            restarts: [
                everything_is_there_after_a_restart,
                ids_are_never_given_twice,
                keys_hold_over_a_restart,
                the_plain_body_is_not_sent_again_after_a_restart,
                an_intent_is_not_lost_in_a_restart,
            ]
            random: [
                random_verbs_are_answered_as_the_reference_answers_them,
                so_are_those_between_restarts,
            ]
        } }
    };
}
