//! Calls of the scheduler's surface, as the control plane makes them.
//!
//! Answers come back whole: what they mean for a user is the control plane's to say.

use std::sync::Mutex;
use std::time::Duration;

use reqwest::Method;
use taskpilot_api::extensions::Extensions;
use taskpilot_api::headers;
use taskpilot_api::scheduler::{CancelBatch, CancelExecution};

use crate::query::with_query;
use crate::transport::{Answer, Call, InvalidTarget, NoAnswer, Policy, Transport};

/// The largest id there can be (2^53 − 1): a read of it finds nothing.
const PROBE_ID: i64 = (1 << 53) - 1;

/// A cancel of many is background work: it waits behind everything else.
const BATCH_WAIT: Duration = Duration::from_secs(10);

/// What a read that changes nothing showed.
#[derive(Debug)]
pub enum Probe {
    /// A scheduler answered, and offers this; the plain contract is the empty set.
    Offers(Extensions),
    /// Something else was said, which tells nothing of what a scheduler offers.
    Other(Answer),
}

/// On whose behalf a call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnBehalf {
    /// The principal.
    pub principal: String,
    /// Its namespace.
    pub namespace: String,
    /// Names the request in both logs.
    pub request_id: String,
}

/// What a read waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch<'a> {
    /// The `ETag` of what is known: the answer is to differ from it.
    pub seen: &'a str,
    /// Whole seconds, at most 60.
    pub wait: Duration,
}

/// Calls one scheduler. Cancels have a connection pool of their own: they never wait behind others.
#[derive(Debug)]
pub struct SchedulerClient {
    ordinary: Transport,
    cancel: Transport,
    announced: Mutex<Option<Extensions>>,
}

impl SchedulerClient {
    /// Makes a client for the scheduler at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str, policy: Policy) -> Result<Self, InvalidTarget> {
        Ok(Self {
            ordinary: Transport::new(base, policy)?,
            cancel: Transport::new(base, policy)?,
            announced: Mutex::new(None),
        })
    }

    /// What the scheduler announced last; `None` before its first answer.
    pub fn announced(&self) -> Option<Extensions> {
        self.announced
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Asks the scheduler what it offers, by the read of `id` or of one that there never is. It is
    /// sent as the plain contract has it.
    ///
    /// Only an answer that a working scheduler gives to such a read counts: what a gateway says in
    /// its place announces nothing.
    pub async fn probe(&self, on: &OnBehalf, id: Option<i64>) -> Result<Probe, NoAnswer> {
        let call = Call::new(Method::GET, format!("/tasks/{}", id.unwrap_or(PROBE_ID)));
        let seen = self.look(call, on).await?;
        if let Probe::Offers(offers) = &seen {
            self.remember(offers.clone());
        }
        Ok(seen)
    }

    /// The same, tried once and of no consequence: what it offers is not remembered.
    pub async fn glance(&self, on: &OnBehalf) -> Result<Probe, NoAnswer> {
        let call = Call::new(Method::GET, format!("/tasks/{PROBE_ID}")).once();
        self.look(call, on).await
    }

    async fn look(&self, call: Call, on: &OnBehalf) -> Result<Probe, NoAnswer> {
        let answer = self.ordinary.send(&signed(call, on, false)).await?;
        let speaks = matches!(answer.status.as_u16(), 200..=299 | 400 | 404 | 410 | 422);
        if speaks {
            Ok(Probe::Offers(extensions_of(&answer)))
        } else {
            Ok(Probe::Other(answer))
        }
    }

    /// `POST /tasks` with exactly these bytes. Without a key it is sent once.
    pub async fn create(
        &self,
        on: &OnBehalf,
        key: Option<&str>,
        body: &str,
    ) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::POST, "/tasks").json(body.as_bytes().to_vec());
        let call = match key {
            Some(key) => call.header(headers::IDEMPOTENCY_KEY, key),
            None => call.once(),
        };
        self.send(&self.ordinary, call, on).await
    }

    /// `POST /tasks/batch` with exactly these bytes, in which each create has its key. Once: what was
    /// not answered is better asked for one by one.
    pub async fn create_batch(&self, on: &OnBehalf, body: &str) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::POST, "/tasks/batch").json(body.as_bytes().to_vec());
        self.send(&self.ordinary, call.once(), on).await
    }

    /// `GET /tasks/{id}`; with a watch, the answer is 304 where nothing changed in its time.
    pub async fn get(
        &self,
        on: &OnBehalf,
        id: i64,
        watch: Option<Watch<'_>>,
    ) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::GET, format!("/tasks/{id}"));
        let call = match watch {
            Some(Watch { seen, wait }) => call.header("if-none-match", seen).preferring(wait),
            None => call,
        };
        self.send(&self.ordinary, call, on).await
    }

    /// `GET /tasks?…`; each pair is one parameter.
    pub async fn list(&self, on: &OnBehalf, query: &[(&str, String)]) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::GET, with_query("/tasks", query));
        self.send(&self.ordinary, call, on).await
    }

    /// `GET /v1/workers`.
    pub async fn workers(&self, on: &OnBehalf) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::GET, "/v1/workers");
        self.send(&self.ordinary, call, on).await
    }

    /// `GET /queues?…`; each pair is one parameter.
    pub async fn queues(
        &self,
        on: &OnBehalf,
        query: &[(&str, String)],
    ) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::GET, with_query("/queues", query));
        self.send(&self.ordinary, call, on).await
    }

    /// `GET /latency/stops?…`; each pair is one parameter.
    pub async fn stop_latencies(
        &self,
        on: &OnBehalf,
        query: &[(&str, String)],
    ) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::GET, with_query("/latency/stops", query));
        self.send(&self.ordinary, call, on).await
    }

    /// `PUT /queues/{path}`: a name, or a name with what is done to it.
    pub async fn change_queue(
        &self,
        on: &OnBehalf,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::PUT, format!("/queues/{path}"));
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        self.send(&self.ordinary, call, on).await
    }

    /// `PUT /tasks/{id}/cancel`. A command of `None` sends no body, as the plain contract has it.
    pub async fn cancel(
        &self,
        on: &OnBehalf,
        id: i64,
        command: Option<&CancelExecution>,
        wait: Option<Duration>,
    ) -> Result<Answer, NoAnswer> {
        self.send_cancel(on, format!("/tasks/{id}/cancel"), command, wait)
            .await
    }

    /// `PUT /tasks/by-key/{key}/cancel`.
    pub async fn cancel_by_key(
        &self,
        on: &OnBehalf,
        key: &str,
        command: Option<&CancelExecution>,
        wait: Option<Duration>,
    ) -> Result<Answer, NoAnswer> {
        self.send_cancel(on, format!("/tasks/by-key/{key}/cancel"), command, wait)
            .await
    }

    /// `PUT /tasks/{id}/release-stuck`; repeatable.
    pub async fn release_stuck(
        &self,
        on: &OnBehalf,
        id: i64,
        body: Vec<u8>,
    ) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::PUT, format!("/tasks/{id}/release-stuck")).json(body);
        self.send(&self.ordinary, call, on).await
    }

    /// `POST /tasks/cancel-batch`, with time for what goes before it. Once: who asks repeats it with
    /// what it knows by then.
    pub async fn cancel_batch(
        &self,
        on: &OnBehalf,
        batch: &CancelBatch,
    ) -> Result<Answer, NoAnswer> {
        let call = Call::new(Method::POST, "/tasks/cancel-batch").waiting(BATCH_WAIT);
        let call = match serde_json::to_vec(batch) {
            Ok(body) => call.json(body),
            Err(_) => call,
        };
        self.send(&self.ordinary, call.once(), on).await
    }

    async fn send_cancel(
        &self,
        on: &OnBehalf,
        path: String,
        command: Option<&CancelExecution>,
        wait: Option<Duration>,
    ) -> Result<Answer, NoAnswer> {
        let mut call = Call::new(Method::PUT, path).status_suffices();
        if let Some(body) = command.and_then(|command| serde_json::to_vec(command).ok()) {
            call = call.json(body);
        }
        if let Some(wait) = wait {
            call = call.preferring(wait);
        }
        self.send(&self.cancel, call, on).await
    }

    async fn send(
        &self,
        transport: &Transport,
        call: Call,
        on: &OnBehalf,
    ) -> Result<Answer, NoAnswer> {
        let extended = self.announced().is_some_and(|offers| !offers.is_plain());
        let answer = transport.send(&signed(call, on, extended)).await?;
        if answer.status.is_success() {
            self.remember(extensions_of(&answer));
        }
        Ok(answer)
    }

    fn remember(&self, offers: Extensions) {
        let mut announced = self
            .announced
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *announced = Some(offers);
    }
}

fn extensions_of(answer: &Answer) -> Extensions {
    let value = answer
        .headers
        .get(headers::EXTENSIONS)
        .and_then(|value| value.to_str().ok());
    Extensions::from_header(value.unwrap_or_default())
}

/// Names who asks; a scheduler that announced nothing is told nothing beyond the plain contract.
fn signed(call: Call, on: &OnBehalf, extended: bool) -> Call {
    let call = call.header(headers::REQUEST_ID, &on.request_id);
    if !extended {
        return call;
    }
    call.header(headers::PRINCIPAL, &on.principal)
        .header(headers::NAMESPACE, &on.namespace)
}
