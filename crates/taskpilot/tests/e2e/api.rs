//! The calls that tests make again and again, in the words of the contract.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::{Http, Reply};
use taskpilot_e2e::wait::{SOON, wait_until};

/// Creates a task and gives its id.
pub(crate) async fn create(control: Http, body: &Value) -> Result<i64> {
    let reply = control.post("/api/tasks").json(body).send().await?;
    id_of(&reply.expect(201)?.json()?, "id")
}

/// Creates a task of a type with a payload.
pub(crate) async fn create_of(control: Http, kind: &str) -> Result<i64> {
    create(control, &json!({"type": kind, "payload": "hello"})).await
}

/// Binds a task and gives the id of its execution.
pub(crate) async fn bind(control: Http, task: i64, options: &Value) -> Result<i64> {
    let path = format!("/api/tasks/{task}/scheduler");
    let reply = control.post(&path).json(options).send().await?;
    id_of(&reply.expect(201)?.json()?, "schedulerTaskId")
}

/// Asks for a task to be bound, whatever the answer.
pub(crate) async fn ask_to_bind(control: Http, task: i64) -> Result<Reply> {
    let path = format!("/api/tasks/{task}/scheduler");
    control.post(&path).send().await
}

/// Creates a task and asks in vain for it to be bound: the scheduler is away. Gives its id and the
/// problem.
pub(crate) async fn bind_in_vain(control: Http, kind: &str) -> Result<(i64, Value)> {
    let id = create_of(control, kind).await?;
    let refused = ask_to_bind(control, id).await?;
    let problem = refused.problem(503, "scheduler_unavailable")?;
    ensure!(task(control, id).await?["status"] == "BINDING", "{problem}");
    Ok((id, problem))
}

/// A task of a type and its execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) task: i64,
    pub(crate) execution: i64,
}

/// Creates a task and binds it.
pub(crate) async fn start(control: Http, kind: &str, options: &Value) -> Result<Bound> {
    let task = create_of(control, kind).await?;
    let execution = bind(control, task, options).await?;
    Ok(Bound { task, execution })
}

/// Creates a task, binds it and waits until its execution has a status.
pub(crate) async fn start_until(
    control: Http,
    kind: &str,
    options: &Value,
    status: &str,
) -> Result<Bound> {
    let bound = start(control, kind, options).await?;
    view_when(control, bound.task, "status", status).await?;
    Ok(bound)
}

/// A task.
pub(crate) async fn task(control: Http, task: i64) -> Result<Value> {
    let path = format!("/api/tasks/{task}");
    control.get(&path).send().await?.expect(200)?.json()
}

/// The execution of a task.
pub(crate) async fn view(control: Http, task: i64) -> Result<Value> {
    let path = format!("/api/tasks/{task}/execution");
    control.get(&path).send().await?.expect(200)?.json()
}

/// A view without those who asked for a cancel again, and how many they were.
pub(crate) fn without_later_requests(mut view: Value) -> (Value, Value) {
    let Some(cancel) = view["cancel"].as_object_mut() else {
        return (view, Value::Null);
    };
    cancel.remove("laterRequests");
    let count = cancel.remove("laterRequestCount");
    (view, count.unwrap_or_default())
}

/// The execution of a task as soon as one of its members has a value.
pub(crate) async fn view_when(
    control: Http,
    task: i64,
    member: &str,
    value: impl Into<Value>,
) -> Result<Value> {
    let value = value.into();
    let what = format!("{member} of the execution of task {task} is {value}");
    wait_until(&what, SOON, || {
        let value = value.clone();
        async move {
            let view = view(control, task).await?;
            Ok((view[member] == value).then_some(view))
        }
    })
    .await
}

/// The execution of a task as soon as the end of its work is proven.
pub(crate) async fn proven_stop(control: Http, task: i64) -> Result<Value> {
    wait_until("the stop is proven", SOON, || async move {
        let view = view(control, task).await?;
        Ok((view["stop"]["status"] == "STOPPED").then_some(view))
    })
    .await
}

/// A task as soon as it has a status.
pub(crate) async fn task_when(control: Http, id: i64, status: &str) -> Result<Value> {
    wait_until(&format!("task {id} is {status}"), SOON, || async move {
        let task = task(control, id).await?;
        Ok((task["status"] == status).then_some(task))
    })
    .await
}

/// Presses the stop button.
pub(crate) async fn cancel(control: Http, task: i64) -> Result<Reply> {
    let path = format!("/api/tasks/{task}/execution/cancel");
    control.put(&path).send().await
}

/// Presses the stop button and waits for the proof.
pub(crate) async fn cancel_and_wait(control: Http, task: i64) -> Result<Reply> {
    let path = format!("/api/tasks/{task}/execution/cancel");
    control.put(&path).header("Prefer", "wait=15").send().await
}

/// All items of a list, page by page.
pub(crate) async fn all(server: Http, list: &str) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut after = String::new();
    loop {
        let separator = if list.contains('?') { '&' } else { '?' };
        let path = format!("{list}{separator}limit=200{after}");
        let page = server.get(&path).send().await?.expect(200)?.json()?;
        items.extend(
            page["items"]
                .as_array()
                .context("a list without items")?
                .clone(),
        );
        ensure!(page.get("next").is_some(), "a list without next");
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(items),
        }
    }
}

/// All tasks and all executions.
pub(crate) async fn all_work(control: Http, scheduler: Http) -> Result<[Vec<Value>; 2]> {
    Ok([
        all(control, "/api/tasks").await?,
        all(scheduler, "/tasks").await?,
    ])
}

/// Everything that requests can change: all tasks, all executions, and the worker sessions but for
/// what their heartbeats change.
pub(crate) async fn everything(control: Http, scheduler: Http) -> Result<[Vec<Value>; 3]> {
    let [tasks, executions] = all_work(control, scheduler).await?;
    let page = scheduler.get("/v1/workers").send().await?.expect(200)?;
    let mut sessions = page.json()?["items"].clone();
    let sessions = sessions.as_array_mut().context("a list without items")?;
    for session in sessions.iter_mut() {
        for renewed in ["lastHeartbeatAt", "leaseUntil"] {
            ensure!(session[renewed].take().is_string(), "no {renewed}");
        }
    }
    Ok([tasks, executions, std::mem::take(sessions)])
}

/// Waits until a number of worker sessions is active, and gives them.
pub(crate) async fn active_workers(scheduler: Http, number: usize) -> Result<Vec<Value>> {
    let what = format!("{number} workers are active");
    wait_until(&what, SOON, || async move {
        let page = scheduler.get("/v1/workers").send().await?;
        let page = page.expect(200)?.json()?;
        let workers = page["items"].as_array().context("a list without items")?;
        let active = workers.iter().filter(|worker| worker["state"] == "ACTIVE");
        let active: Vec<Value> = active.cloned().collect();
        Ok((active.len() == number).then_some(active))
    })
    .await
}

/// A member that is an id.
pub(crate) fn id_of(value: &Value, member: &str) -> Result<i64> {
    let id = value[member].as_i64();
    let id = id.with_context(|| format!("no {member} in {value}"))?;
    ensure!((1..1 << 53).contains(&id), "{member} {id} is no id");
    Ok(id)
}
