//! The list: every step that outlives its process, in the order of the life of a task.

macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $step:ident = $name:literal,)+) => {
        /// A step that outlives its process, or the call that asks another process for one.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "points", derive(Debug))]
        pub enum Step {
            $($(#[doc = $doc])+ $step,)+
        }

        #[cfg(feature = "points")]
        impl Step {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$step,)+];

            /// Its name, for the variable that arms it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$step => $name,)+
                }
            }
        }
    };
}

steps! {
    // The control plane: its commits, and its calls of the scheduler.
    /// Tasks are stored.
    TaskCreate = "task-create",
    /// A task that is not bound is withdrawn.
    TaskWithdraw = "task-withdraw",
    /// The wish to bind, its key and what will be sent are stored.
    BindingBegin = "binding-begin",
    /// The scheduler is asked for the execution.
    BindingSend = "binding-send",
    /// It is stored that a create without a key goes out.
    BindingMarkPlain = "binding-mark-plain",
    /// The execution of the task is stored.
    BindingFinish = "binding-finish",
    /// It is stored why a binding is still open, or that it was refused.
    BindingNoteFailure = "binding-note-failure",
    /// A refused task is free again.
    BindingAbandon = "binding-abandon",
    /// The wish to cancel a task that is binding is stored.
    CancelIntend = "cancel-intend",
    /// The scheduler is asked for a cancel, by id or by key.
    CancelSend = "cancel-send",
    /// It is stored that such a wish was carried out.
    CancelSettle = "cancel-settle",
    /// A cancel of many is stored.
    CancellationCreate = "cancellation-create",
    /// A part of what a cancel of many is about is stored.
    CancellationMatch = "cancellation-match",
    /// The scheduler is asked for a part of a cancel of many.
    CancellationSend = "cancellation-send",
    /// It is stored what became of a part of a cancel of many.
    CancellationDecide = "cancellation-decide",
    /// It is stored that a cancel of many is given up.
    CancellationGiveUp = "cancellation-give-up",

    // The scheduler: its commits, and its orders.
    /// Executions are stored.
    ExecutionCreate = "execution-create",
    /// The verdict of a cancel is stored.
    ExecutionCancel = "execution-cancel",
    /// Executions below a closed tree are decided.
    DescendantsDecide = "descendants-decide",
    /// The verdicts of a part of a cancel of many are stored.
    ExecutionCancelBatch = "execution-cancel-batch",
    /// A stop order goes to the worker.
    OrderSend = "order-send",
    /// A session of a worker is stored.
    SessionRegister = "session-register",
    /// A session is renewed.
    SessionRenew = "session-renew",
    /// Leases are granted.
    AttemptClaim = "attempt-claim",
    /// Starts are confirmed.
    AttemptStart = "attempt-start",
    /// Hand-ins are judged.
    AttemptFinish = "attempt-finish",
    /// Reports of stops are taken.
    StopTake = "stop-take",
    /// An operator releases a stop that failed.
    StopRelease = "stop-release",
    /// A session has ended by a goodbye.
    SessionEnd = "session-end",

    // The worker: its files, its processes, and its calls of the scheduler.
    /// The scheduler is told goodbye for the session of an earlier life.
    FarewellSend = "farewell-send",
    /// The scheduler is asked for a session.
    RegisterSend = "register-send",
    /// The session is kept for the next life.
    SessionSave = "session-save",
    /// The scheduler is asked for work.
    ClaimSend = "claim-send",
    /// A supervisor process is started.
    SupervisorStart = "supervisor-start",
    /// A supervisor is in the journal.
    JournalAdd = "journal-add",
    /// The scheduler is asked whether attempts may begin.
    StartSend = "start-send",
    /// The supervisor is told to let the program run, and says that it does.
    ProgramStart = "program-start",
    /// A supervisor whose end is proven is out of the journal.
    JournalRemove = "journal-remove",
    /// The scheduler is told how attempts ended.
    ResultSend = "result-send",
    /// The scheduler is told how far a stop has come.
    StopSend = "stop-send",
    /// The scheduler is told goodbye.
    GoodbyeSend = "goodbye-send",
    /// The session that ended is forgotten.
    SessionForget = "session-forget",
}
