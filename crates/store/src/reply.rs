//! The way back from a committer to a caller: one answer, and never silence.

use tokio::sync::oneshot;

use crate::StoreError;

/// What a committer answers with. Dropped without an answer, it says that the fate is unknown.
#[derive(Debug)]
pub struct Reply<A>(oneshot::Sender<Result<A, StoreError>>);

/// What a caller waits on.
#[derive(Debug)]
pub struct Awaited<A>(oneshot::Receiver<Result<A, StoreError>>);

/// Both ends of one answer.
pub fn reply<A>() -> (Reply<A>, Awaited<A>) {
    let (sender, receiver) = oneshot::channel();
    (Reply(sender), Awaited(receiver))
}

impl<A> Reply<A> {
    /// Answers. A caller that has gone away hears nothing; what was done stays done.
    pub fn send(self, answer: Result<A, StoreError>) {
        drop(self.0.send(answer));
    }
}

impl<A> Awaited<A> {
    /// Waits for the answer.
    pub async fn answer(self) -> Result<A, StoreError> {
        self.0.await.unwrap_or_else(|_| {
            Err(StoreError::Unknown {
                detail: "the committer went away without an answer".into(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_reply_is_an_unknown_fate() {
        let (reply, awaited) = reply::<()>();
        drop(reply);
        assert!(matches!(
            awaited.answer().await,
            Err(StoreError::Unknown { .. })
        ));
    }

    #[tokio::test]
    async fn an_answer_arrives_once() {
        let (reply, awaited) = reply();
        reply.send(Ok(7));
        assert!(matches!(awaited.answer().await, Ok(7)));
    }
}
