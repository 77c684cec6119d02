//! Rules that a run can break on purpose, to see that their properties notice it.

/// One broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A deadline is applied to what it was decided on, although that has ended meanwhile.
    AppliesWithoutItsGuard,
    /// A retry goes on under the fence of the attempt before.
    ReusesTheFence,
    /// A result is taken without a look at its token.
    TrustsAnyFence,
    /// A result that came after a cancel becomes the outcome.
    TakesAResultAfterTheVerdict,
    /// A cancel is answered before it is durable, and lost.
    AnswersBeforeTheCommit,
    /// A claim does not count.
    CountsNothing,
    /// A refused task is free again before its key is spent.
    FreesWithoutATombstone,
    /// The control plane takes an execution without a look at the key in force.
    BindsUnderAnyKey,
    /// A cancel of a key that was never seen leaves nothing behind.
    ForgetsTheTombstone,
    /// The wish to cancel a task that is binding is kept in memory only.
    IntendsInMemory,
    /// An execution is granted while the stop of an earlier attempt is open.
    GrantsOverAnOpenStop,
    /// A session is expired before its lease is over.
    HandsOverEarly,
    /// A worker says that an attempt has stopped as soon as it has signaled it.
    ProvesBeforeTheEnd,
    /// A cancel is answered when it is taken, and decided later; it is not lost.
    DecidesAfterTheAnswer,
    /// A worker begins without being told that it may.
    BeginsUnasked,
    /// A start is confirmed by what the row said before the verdict.
    ConfirmsAfterTheVerdict,
    /// An operator may release a stop that is on its way.
    ReleasesWhatMayYetStop,
    /// A worker that ends gives back what it runs.
    GivesBackWhatRuns,
    /// A cancel that cascades is a verdict alone.
    ForgetsTheTree,
    /// A create does not look whether the tree above is closed.
    BearsBelowAClosedTree,
    /// Nor does a claim.
    GrantsBelowAClosedTree,
}
