//! A command as the writer sees it: something that runs in a transaction, once or again, and then
//! answers its caller.

use std::fmt;

use taskpilot_store::StoreError;
use taskpilot_store::lanes::Command;
use taskpilot_store::reply::{Awaited, Reply, reply};

use crate::failure::Failure;
use crate::transaction::Tx;

/// A command whose own types are forgotten.
trait Job: Send {
    fn run(&mut self, tx: &Tx<'_>) -> Result<(), Failure>;
    fn settle(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What waits in a lane.
pub(crate) struct Queued(Box<dyn Job>);

struct Call<F, A> {
    run: F,
    outcome: Option<A>,
    reply: Reply<A>,
}

impl Queued {
    /// A command that runs `run`, and the answer that it will give.
    ///
    /// `run` is called again where a neighbour failed the transaction: it keeps what it needs.
    pub(crate) fn new<A, F>(run: F) -> (Self, Awaited<A>)
    where
        A: Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<A, Failure> + Send + 'static,
    {
        let (reply, awaited) = reply();
        let call = Call {
            run,
            outcome: None,
            reply,
        };
        (Self(Box::new(call)), awaited)
    }

    /// Runs it and keeps the outcome.
    pub(crate) fn run(&mut self, tx: &Tx<'_>) -> Result<(), Failure> {
        self.0.run(tx)
    }

    /// Answers the caller: its outcome once that is durable, or why it is not.
    pub(crate) fn settle(self, committed: Result<(), StoreError>) {
        self.0.settle(committed);
    }
}

impl Command for Queued {
    fn refuse(self, error: StoreError) {
        self.settle(Err(error));
    }
}

impl fmt::Debug for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queued")
    }
}

impl<A, F> Job for Call<F, A>
where
    A: Send,
    F: FnMut(&Tx<'_>) -> Result<A, Failure> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> Result<(), Failure> {
        self.outcome = None;
        self.outcome = Some((self.run)(tx)?);
        Ok(())
    }

    fn settle(self: Box<Self>, committed: Result<(), StoreError>) {
        let call = *self;
        let answer = committed.map(|()| {
            call.outcome
                .expect("invariant: what is committed was run to its end")
        });
        call.reply.send(answer);
    }
}
