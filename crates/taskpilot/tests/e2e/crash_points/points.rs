//! Which script passes which point: a test of its own for each, and no point without one.

use anyhow::Result;
use taskpilot_fault::Step;

use super::case::bears_every_fault;
use super::scripts::Script;
use super::world::Role;

/// Who passes a step, and in which scripts.
pub(crate) struct Passed {
    pub(crate) by: Role,
    pub(crate) in_scripts: &'static [Script],
}

macro_rules! points {
    ($($test:ident: $step:ident by $role:ident in [$($script:ident),+],)+) => {
        /// A step that stands here twice or not at all does not compile.
        #[deny(unreachable_patterns)]
        fn passed(step: Step) -> Passed {
            match step {
                $(Step::$step => Passed {
                    by: Role::$role,
                    in_scripts: &[$(Script::$script),+],
                },)+
            }
        }

        $(
            #[tokio::test]
            async fn $test() -> Result<()> {
                bears_every_fault(Step::$step, passed(Step::$step)).await
            }
        )+
    };
}

points! {
    a_task_create_bears_every_fault: TaskCreate by Control in [Run, RunAtOnce],
    a_withdrawal_bears_every_fault: TaskWithdraw by Control in [Withdraw],
    the_begin_of_a_binding_bears_every_fault: BindingBegin by Control in [Run],
    the_create_that_binds_bears_every_fault: BindingSend by Control in [Run, RunAtOnce],
    the_mark_of_a_plain_create_bears_every_fault: BindingMarkPlain by Control in [Plain],
    the_end_of_a_binding_bears_every_fault: BindingFinish by Control in [Run, RunAtOnce],
    the_note_of_an_open_binding_bears_every_fault: BindingNoteFailure by Control in [CancelUnbound],
    the_end_of_a_refused_binding_bears_every_fault: BindingAbandon by Control in [Refused],
    the_wish_to_cancel_bears_every_fault: CancelIntend by Control in [CancelUnbound],
    the_cancel_that_is_forwarded_bears_every_fault: CancelSend by Control in [Cancel, CancelUnbound],
    the_end_of_a_wish_to_cancel_bears_every_fault: CancelSettle by Control in [CancelUnbound],

    a_cancel_of_many_bears_every_fault: CancellationCreate by Control in [CancelMany],
    the_search_of_a_cancel_of_many_bears_every_fault: CancellationMatch by Control in [CancelMany],
    a_slice_of_a_cancel_of_many_bears_every_fault: CancellationSend by Control in [CancelMany],
    the_outcomes_of_a_cancel_of_many_bear_every_fault: CancellationDecide by Control in [CancelMany],
    the_end_of_a_cancel_of_many_bears_every_fault: CancellationGiveUp by Control in [GiveUpMany],

    an_execution_create_bears_every_fault: ExecutionCreate by Scheduler in [Run, RunAtOnce],
    a_verdict_bears_every_fault: ExecutionCancel by Scheduler in [Cancel, Cascade],
    the_decision_of_descendants_bears_every_fault: DescendantsDecide by Scheduler in [Cascade],
    the_verdicts_of_many_bear_every_fault: ExecutionCancelBatch by Scheduler in [CancelMany],
    a_stop_order_bears_every_fault: OrderSend by Scheduler in [Cancel],
    a_session_register_bears_every_fault: SessionRegister by Scheduler in [Enroll],
    a_heartbeat_bears_every_fault: SessionRenew by Scheduler in [Run],
    a_grant_bears_every_fault: AttemptClaim by Scheduler in [Run],
    a_confirmed_start_bears_every_fault: AttemptStart by Scheduler in [RunConfirmed],
    a_hand_in_bears_every_fault: AttemptFinish by Scheduler in [Finish, Cancel],
    a_stop_report_bears_every_fault: StopTake by Scheduler in [Cancel],
    a_release_bears_every_fault: StopRelease by Scheduler in [Release],
    the_end_of_a_session_bears_every_fault: SessionEnd by Scheduler in [Goodbye],

    a_farewell_bears_every_fault: FarewellSend by Worker in [Enroll],
    a_registration_bears_every_fault: RegisterSend by Worker in [Enroll],
    the_file_of_a_session_bears_every_fault: SessionSave by Worker in [Enroll],
    a_claim_bears_every_fault: ClaimSend by Worker in [Run],
    the_start_of_a_supervisor_bears_every_fault: SupervisorStart by Worker in [Run],
    the_journal_of_a_start_bears_every_fault: JournalAdd by Worker in [Run],
    a_question_whether_to_begin_bears_every_fault: StartSend by Worker in [RunConfirmed],
    the_start_of_a_program_bears_every_fault: ProgramStart by Worker in [Run],
    the_journal_of_an_end_bears_every_fault: JournalRemove by Worker in [Finish],
    a_result_on_its_way_bears_every_fault: ResultSend by Worker in [Finish],
    a_stop_report_on_its_way_bears_every_fault: StopSend by Worker in [Cancel],
    a_goodbye_bears_every_fault: GoodbyeSend by Worker in [Goodbye],
    the_end_of_the_file_of_a_session_bears_every_fault: SessionForget by Worker in [Goodbye],
}
