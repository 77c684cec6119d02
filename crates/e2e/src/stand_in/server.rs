//! The stand-in itself: a port, a manner, and a memory.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::manner::Manner;
use super::plain::Plain;
use super::seen::Seen;
use super::serve;
use crate::http::Http;
use crate::ports::ReservedPort;

/// A scheduler under the control of a test.
///
/// It starts with the plain contract: `POST /tasks`, `GET /tasks/{id}`, `PUT /tasks/{id}/cancel`.
#[derive(Debug)]
pub struct StandIn {
    port: ReservedPort,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) manner: watch::Sender<Manner>,
    pub(super) plain: Mutex<Plain>,
    pub(super) seen: Mutex<Vec<Seen>>,
}

impl StandIn {
    /// Starts one that keeps the plain contract.
    pub async fn start() -> Result<Self> {
        Self::start_as(Manner::Plain).await
    }

    /// Starts one with a manner.
    pub async fn start_as(manner: Manner) -> Result<Self> {
        let shared = Shared {
            manner: watch::Sender::new(manner),
            plain: Mutex::default(),
            seen: Mutex::default(),
        };
        let mut stand_in = Self {
            port: ReservedPort::take()?,
            shared: Arc::new(shared),
            accepting: None,
        };
        stand_in.listen().await?;
        Ok(stand_in)
    }

    /// Takes connections again.
    pub async fn listen(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.address())
            .await
            .context("failed to listen")?;
        self.accepting = Some(tokio::spawn(serve::accept(
            listener,
            Arc::clone(&self.shared),
        )));
        Ok(())
    }

    /// Refuses connections from now on, and drops those that are open.
    pub async fn refuse(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // The listener is closed when the task is gone, and not before.
            let _aborted = accepting.await;
        }
    }

    /// Changes its manner for every request from now on; what hangs now is let go.
    pub fn behave(&self, manner: Manner) {
        self.shared.manner.send_replace(manner);
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        Http::at(self.address()).url()
    }

    /// Adds or changes members of what the plain contract says of a task.
    pub fn amend(&self, id: i64, members: &Value) -> Result<()> {
        lock(&self.shared.plain).amend(id, members)
    }

    /// Loses a task, as a scheduler does that was restored from an old copy.
    pub fn lose(&self, id: i64) {
        lock(&self.shared.plain).lose(id);
    }

    /// What the plain contract holds of a task.
    pub fn task(&self, id: i64) -> Option<Value> {
        lock(&self.shared.plain).task(id).cloned()
    }

    /// Everything it was sent, in the order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// The creates it was sent.
    pub fn creates(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_create).collect()
    }

    /// The cancels it was sent.
    pub fn cancels(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_cancel).collect()
    }

    /// Forgets what it was sent.
    pub fn forget(&self) {
        lock(&self.shared.seen).clear();
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Says;
    use super::*;

    #[tokio::test]
    async fn the_plain_contract_is_kept_strictly_and_every_request_is_remembered() {
        let stand_in = StandIn::start().await.unwrap();
        let server = Http::at(stand_in.address());
        let create = |body| server.post("/tasks").json(&body).send();
        let task = json!({"id": 4_001, "type": "a", "payload": "b", "status": "PENDING"});
        let created = create(json!({"type": "a", "payload": "b"})).await.unwrap();
        assert_eq!((created.status, created.json().unwrap()), (201, task));
        for body in [json!({"type": "a", "payload": {}}), json!({"type": "a"})] {
            assert_eq!(create(body).await.unwrap().status, 400);
        }
        let extended = json!({"type": "a", "payload": "b", "queue": "c"});
        assert_eq!(create(extended).await.unwrap().status, 400);
        assert_eq!(
            server
                .put("/tasks/4001/cancel")
                .send()
                .await
                .unwrap()
                .status,
            200
        );
        assert_eq!(stand_in.task(4_001).unwrap()["status"], "CANCELED");
        assert_eq!(
            server
                .put("/tasks/4002/cancel")
                .send()
                .await
                .unwrap()
                .status,
            404
        );
        stand_in.amend(4_001, &json!({"status": "FAILED"})).unwrap();
        assert_eq!(
            server
                .put("/tasks/4001/cancel")
                .send()
                .await
                .unwrap()
                .status,
            409
        );
        stand_in.lose(4_001);
        assert_eq!(server.get("/tasks/4001").send().await.unwrap().status, 404);
        assert_eq!((stand_in.creates().len(), stand_in.cancels().len()), (4, 3));
    }

    #[tokio::test]
    async fn every_manner_shows_on_the_wire() {
        let mut stand_in = StandIn::start().await.unwrap();
        let server = Http::at(stand_in.address());
        stand_in.behave(
            Says::status(429)
                .header("Retry-After", "7")
                .body("wait")
                .into(),
        );
        let reply = server.get("/x").send().await.unwrap();
        assert_eq!(
            (reply.status, reply.header("retry-after")),
            (429, Some("7"))
        );
        stand_in.behave(Manner::Bytes(b"SSH-2.0\r\n".to_vec()));
        assert!(server.get("/x").send().await.is_err());
        stand_in.behave(Manner::WorksAndHangsUp);
        let create = server
            .post("/tasks")
            .json(&json!({"type": "a", "payload": "b"}));
        assert!(create.send().await.is_err());
        assert!(stand_in.task(4_001).is_some());
        let other = StandIn::start_as(Says::status(418).into()).await.unwrap();
        stand_in.behave(Manner::Forwards(other.address()));
        assert_eq!(server.get("/y").send().await.unwrap().status, 418);
        assert_eq!(other.seen()[0].path, "/y");
        stand_in.refuse().await;
        assert!(server.connect().await.is_err());
        stand_in.listen().await.unwrap();
        assert!(server.connect().await.is_ok());
    }

    #[tokio::test]
    async fn what_hangs_is_let_go_by_a_change_of_manner() {
        let stand_in = StandIn::start_as(Manner::Hangs).await.unwrap();
        let call = tokio::spawn(Http::at(stand_in.address()).get("/x").send());
        let seen = || async { Ok((!stand_in.seen().is_empty()).then_some(())) };
        crate::wait::wait_until("it came", crate::wait::SOON, seen)
            .await
            .unwrap();
        assert!(!call.is_finished());
        stand_in.behave(Manner::Plain);
        assert!(call.await.unwrap().is_err());
    }
}
