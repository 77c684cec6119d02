//! Calls of the user's surface: tasks, their bindings and their executions.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskpilot_api::bindings::BindTask;
use taskpilot_api::cancellations::{Cancellation, CancellationItem, CreateCancellation, DryRun};
use taskpilot_api::executions::{CancelBody, ExecutionItem, ExecutionView, ReleaseBody};
use taskpilot_api::headers;
use taskpilot_api::latency::StopLatencies;
use taskpilot_api::page::Page;
use taskpilot_api::queues::{LimitQueue, PauseQueue, QueueItem, ResumeQueue};
use taskpilot_api::tasks::{
    BatchAnswer, CloneTask, CreateBatch, CreateTask, KeyedCreate, PatchTask, Task, TaskItem,
};
use taskpilot_api::workers::WorkerItem;

use crate::ClientError;
use crate::query::with_query;
use crate::transport::{Call, InvalidTarget, Policy, Transport};

/// Many tasks are looked at to count some.
const COUNT_WAIT: Duration = Duration::from_secs(50);

/// How a cancel was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canceled {
    /// The verdict is committed; with a wait, the stop is also proven or presumed.
    Done,
    /// The verdict is committed and the stop is not settled: how far it has come.
    StopOpen(Box<ExecutionView>),
}

/// What a look at an execution found.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// How it stands; `None` where it is as it was known.
    pub view: Option<Box<ExecutionView>>,
    /// The `ETag` of that.
    pub tag: Option<String>,
    /// Whether the server waited for a change, or would have.
    pub waited: bool,
}

/// Calls one control plane on behalf of a user.
#[derive(Debug, Clone)]
pub struct TasksClient {
    transport: Transport,
}

impl TasksClient {
    /// Makes a client for the control plane at `base`, such as `http://127.0.0.1:8081`.
    pub fn new(base: &str) -> Result<Self, InvalidTarget> {
        // The control plane's own call to the scheduler may take five seconds.
        let policy = Policy {
            attempt: Duration::from_secs(8),
            overall: Duration::from_secs(10),
            ..Policy::default()
        };
        Ok(Self {
            transport: Transport::new(base, policy)?,
        })
    }

    /// The address of the control plane.
    pub fn base(&self) -> &str {
        self.transport.base()
    }

    /// `POST /api/tasks`; with a key it is repeatable.
    pub async fn create(&self, task: &CreateTask, key: Option<&str>) -> Result<Task, ClientError> {
        let call = Call::new(Method::POST, "/api/tasks").json(json(task)?);
        let call = match key {
            Some(key) => call.header(headers::IDEMPOTENCY_KEY, key),
            None => call.once(),
        };
        self.read(&call).await
    }

    /// `POST /api/tasks/{id}/clone`: the same work again; with a key it is repeatable.
    pub async fn clone_task(
        &self,
        id: i64,
        clone: &CloneTask,
        key: Option<&str>,
    ) -> Result<Task, ClientError> {
        let call = Call::new(Method::POST, format!("/api/tasks/{id}/clone")).json(json(clone)?);
        let call = match key {
            Some(key) => call.header(headers::IDEMPOTENCY_KEY, key),
            None => call.once(),
        };
        self.read(&call).await
    }

    /// `POST /api/tasks/batch`: one answer per create, in their order; repeatable where each has a
    /// key.
    pub async fn create_batch(
        &self,
        items: Vec<KeyedCreate>,
    ) -> Result<Page<BatchAnswer>, ClientError> {
        let repeatable = items.iter().all(|item| item.idempotency_key.is_some());
        let call = Call::new(Method::POST, "/api/tasks/batch").json(json(&CreateBatch::of(items))?);
        self.read(&if repeatable { call } else { call.once() })
            .await
    }

    /// `GET /api/tasks/{id}`.
    pub async fn get(&self, id: i64) -> Result<Task, ClientError> {
        self.read(&Call::new(Method::GET, format!("/api/tasks/{id}")))
            .await
    }

    /// `PATCH /api/tasks/{id}` of the version that was read. It is sent once: a repeat of one that
    /// was applied would find another version.
    pub async fn edit(
        &self,
        id: i64,
        version: u64,
        patch: &PatchTask,
    ) -> Result<Task, ClientError> {
        let call = Call::new(Method::PATCH, format!("/api/tasks/{id}"))
            .json(json(patch)?)
            .header("if-match", &format!("\"{version}\""))
            .once();
        self.read(&call).await
    }

    /// `DELETE /api/tasks/{id}`; repeatable.
    pub async fn delete(&self, id: i64) -> Result<(), ClientError> {
        let call = Call::new(Method::DELETE, format!("/api/tasks/{id}"));
        self.transport.send(&call).await?.success().map(drop)
    }

    /// `GET /api/tasks?…`; each pair is one parameter.
    pub async fn list(&self, query: &[(&str, String)]) -> Result<Page<TaskItem>, ClientError> {
        self.read(&Call::new(Method::GET, with_query("/api/tasks", query)))
            .await
    }

    /// `PUT /api/tasks/{id}/cancel`: withdraws a task that is not bound.
    pub async fn withdraw(&self, id: i64) -> Result<(), ClientError> {
        let call = Call::new(Method::PUT, format!("/api/tasks/{id}/cancel"));
        self.transport.send(&call).await?.success().map(drop)
    }

    /// `POST /api/tasks/{id}/scheduler`: binds; repeatable.
    pub async fn bind(&self, id: i64, bind: &BindTask) -> Result<Task, ClientError> {
        let path = format!("/api/tasks/{id}/scheduler");
        self.read(&Call::new(Method::POST, path).json(json(bind)?))
            .await
    }

    /// `GET /api/tasks/{id}/execution`.
    pub async fn execution(&self, id: i64) -> Result<ExecutionView, ClientError> {
        self.read(&Call::new(
            Method::GET,
            format!("/api/tasks/{id}/execution"),
        ))
        .await
    }

    /// The same once it differs from what is known, or when the whole seconds to wait are over. A
    /// server that cannot wait answers at once.
    pub async fn execution_changed(
        &self,
        id: i64,
        known: Option<&str>,
        wait: Duration,
    ) -> Result<Seen, ClientError> {
        let mut call = Call::new(Method::GET, format!("/api/tasks/{id}/execution"));
        if let Some(known) = known {
            call = call.header("if-none-match", known);
        }
        if wait >= Duration::from_secs(1) {
            call = call.preferring(wait);
        }
        let answer = self.transport.send(&call).await?;
        let is_known = known.is_some() && answer.status == StatusCode::NOT_MODIFIED;
        let answer = if is_known { answer } else { answer.success()? };
        let tag = answer.headers.get("etag");
        Ok(Seen {
            tag: tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned),
            waited: answer.headers.contains_key(headers::PREFERENCE_APPLIED),
            view: if is_known { None } else { Some(answer.read()?) },
        })
    }

    /// `PUT /api/tasks/{id}/execution/cancel`; with a wait it answers when the stop is settled.
    pub async fn cancel(
        &self,
        id: i64,
        body: &CancelBody,
        wait: Option<Duration>,
    ) -> Result<Canceled, ClientError> {
        let path = format!("/api/tasks/{id}/execution/cancel");
        let mut call = Call::new(Method::PUT, path).json(json(body)?);
        if let Some(wait) = wait {
            call = call.preferring(wait);
        }
        let answer = self.transport.send(&call).await?.success()?;
        if answer.status == StatusCode::ACCEPTED {
            return Ok(Canceled::StopOpen(Box::new(answer.read()?)));
        }
        Ok(Canceled::Done)
    }

    /// `PUT /api/tasks/{id}/execution/release-stuck`; repeatable.
    pub async fn release_stuck(
        &self,
        id: i64,
        body: &ReleaseBody,
    ) -> Result<ExecutionView, ClientError> {
        let path = format!("/api/tasks/{id}/execution/release-stuck");
        self.read(&Call::new(Method::PUT, path).json(json(body)?))
            .await
    }

    /// `GET /api/executions?…`.
    pub async fn executions(
        &self,
        query: &[(&str, String)],
    ) -> Result<Page<ExecutionItem>, ClientError> {
        self.read(&Call::new(
            Method::GET,
            with_query("/api/executions", query),
        ))
        .await
    }

    /// `POST /api/cancellations`: cancels many; with a key it is repeatable.
    pub async fn create_cancellation(
        &self,
        wish: &CreateCancellation,
        key: Option<&str>,
    ) -> Result<Cancellation, ClientError> {
        let call = Call::new(Method::POST, "/api/cancellations").json(json(wish)?);
        let call = match key {
            Some(key) => call.header(headers::IDEMPOTENCY_KEY, key),
            None => call.once(),
        };
        self.read(&call).await
    }

    /// The same as a dry run: what it would be about. It may take a while to count.
    pub async fn dry_run_cancellation(
        &self,
        wish: &CreateCancellation,
    ) -> Result<DryRun, ClientError> {
        let wish = CreateCancellation {
            dry_run: Some(true),
            ..wish.clone()
        };
        let call = Call::new(Method::POST, "/api/cancellations").json(json(&wish)?);
        self.read(&call.waiting(COUNT_WAIT)).await
    }

    /// `GET /api/cancellations/{id}`.
    pub async fn cancellation(&self, id: i64) -> Result<Cancellation, ClientError> {
        self.read(&Call::new(Method::GET, format!("/api/cancellations/{id}")))
            .await
    }

    /// `GET /api/cancellations?…`; each pair is one parameter.
    pub async fn cancellations(
        &self,
        query: &[(&str, String)],
    ) -> Result<Page<Cancellation>, ClientError> {
        let path = with_query("/api/cancellations", query);
        self.read(&Call::new(Method::GET, path)).await
    }

    /// `GET /api/cancellations/{id}/items?…`; each pair is one parameter.
    pub async fn cancellation_items(
        &self,
        id: i64,
        query: &[(&str, String)],
    ) -> Result<Page<CancellationItem>, ClientError> {
        let path = with_query(&format!("/api/cancellations/{id}/items"), query);
        self.read(&Call::new(Method::GET, path)).await
    }

    /// `PUT /api/cancellations/{id}/cancel`: what is not decided is left alone; repeatable.
    pub async fn cancel_cancellation(&self, id: i64) -> Result<Cancellation, ClientError> {
        let path = format!("/api/cancellations/{id}/cancel");
        self.read(&Call::new(Method::PUT, path)).await
    }

    /// `GET /api/workers`.
    pub async fn workers(&self) -> Result<Page<WorkerItem>, ClientError> {
        self.read(&Call::new(Method::GET, "/api/workers")).await
    }

    /// `GET /api/latency/stops?…`; each pair is one parameter.
    pub async fn stop_latencies(
        &self,
        query: &[(&str, String)],
    ) -> Result<StopLatencies, ClientError> {
        let path = with_query("/api/latency/stops", query);
        self.read(&Call::new(Method::GET, path)).await
    }

    /// `GET /api/queues?…`; each pair is one parameter.
    pub async fn queues(&self, query: &[(&str, String)]) -> Result<Page<QueueItem>, ClientError> {
        let path = with_query("/api/queues", query);
        self.read(&Call::new(Method::GET, path)).await
    }

    /// `PUT /api/queues/{name}`: sets its limit, or takes it away.
    pub async fn limit_queue(
        &self,
        name: &str,
        body: &LimitQueue,
    ) -> Result<QueueItem, ClientError> {
        let path = format!("/api/queues/{name}");
        self.read(&Call::new(Method::PUT, path).json(json(body)?))
            .await
    }

    /// `PUT /api/queues/{name}/pause`; repeatable.
    pub async fn pause_queue(
        &self,
        name: &str,
        body: &PauseQueue,
    ) -> Result<QueueItem, ClientError> {
        let path = format!("/api/queues/{name}/pause");
        self.read(&Call::new(Method::PUT, path).json(json(body)?))
            .await
    }

    /// `PUT /api/queues/{name}/resume`; repeatable.
    pub async fn resume_queue(
        &self,
        name: &str,
        body: &ResumeQueue,
    ) -> Result<QueueItem, ClientError> {
        let path = format!("/api/queues/{name}/resume");
        self.read(&Call::new(Method::PUT, path).json(json(body)?))
            .await
    }

    async fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ClientError> {
        self.transport.send(call).await?.success()?.read()
    }
}

fn json<T: Serialize>(body: &T) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(body).map_err(|error| ClientError::Unreadable {
        detail: error.to_string(),
    })
}
