//! Whom an attempt tells what happens to it.

use taskpilot_api::workers::FencedAttempt;
use tokio::sync::mpsc;

use super::messages::{Message, Step};
use super::slots::Slot;

/// The way of one attempt to the dispatcher.
#[derive(Clone)]
pub(super) struct Teller {
    pub(super) fenced: FencedAttempt,
    pub(super) inbox: mpsc::Sender<Message>,
}

impl Teller {
    /// The session may be over: then nobody wants to know, and the end is awaited all the same.
    pub(super) async fn tell(&self, step: Step) {
        let message = Message::Attempt(self.fenced, step, None);
        let _ = self.inbox.send(message).await;
    }

    /// The slot is given back with the news, so that it is not used before it was heard.
    pub(super) async fn tell_last(&self, step: Step, slot: Slot) {
        let message = Message::Attempt(self.fenced, step, Some(slot));
        let _ = self.inbox.send(message).await;
    }
}
