//! `Idempotency-Key`: the same command once, however often it is sent.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::{Call, Http};

use crate::api::{all, all_work, bind, id_of, view_when};
use crate::start::Up;

fn create(server: Http, path: &str, key: &str, body: &Value) -> Call {
    server.post(path).header("Idempotency-Key", key).json(body)
}

#[tokio::test]
async fn the_same_key_and_body_answer_the_same_task_as_it_is_now() -> Result<()> {
    let up = Up::start().await?;
    let body = json!({"type": "quick", "payload": {"a": 1, "b": [2]}});
    let first = create(up.control, "/api/tasks", "key-1", &body)
        .send()
        .await?
        .expect(201)?;
    let first_task = first.json()?;
    let again = create(up.control, "/api/tasks", "key-1", &body)
        .send()
        .await?
        .expect(201)?;
    assert_eq!(
        (again.json()?, again.header("location")),
        (first_task.clone(), first.header("location"))
    );
    // The same value in another spelling is the same body.
    let spelled = "{ \"payload\" : {\"b\":[2],\"a\":1}, \"type\" : \"quick\" }";
    let call = up
        .control
        .post("/api/tasks")
        .header("Idempotency-Key", "key-1")
        .json_text(spelled);
    assert_eq!(call.send().await?.expect(201)?.json()?, first_task);
    let id = id_of(&first_task, "id")?;
    let execution = bind(up.control, id, &json!({})).await?;
    let now = create(up.control, "/api/tasks", "key-1", &body)
        .send()
        .await?
        .expect(201)?
        .json()?;
    assert_eq!(
        (&now["id"], &now["status"], &now["schedulerTaskId"]),
        (&json!(id), &json!("BOUND"), &json!(execution))
    );
    let other = create(up.control, "/api/tasks", "key-2", &body)
        .send()
        .await?
        .expect(201)?
        .json()?;
    ensure!(id_of(&other, "id")? > id, "{other}");
    assert_eq!(all(up.control, "/api/tasks").await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_changes_nothing() -> Result<()> {
    let up = Up::start().await?;
    for (server, path) in [(up.control, "/api/tasks"), (up.scheduler, "/tasks")] {
        let body = json!({"type": "nobody-handles-this", "payload": 1});
        create(server, path, "key", &body)
            .send()
            .await?
            .expect(201)?;
        let before = all_work(up.control, up.scheduler).await?;
        for other in [
            json!({"type": "nobody-handles-this", "payload": 2}),
            json!({"type": "another", "payload": 1}),
        ] {
            let reply = create(server, path, "key", &other).send().await?;
            reply.problem(422, "idempotency_mismatch")?;
        }
        assert_eq!(all_work(up.control, up.scheduler).await?, before);
    }
    Ok(())
}

#[tokio::test]
async fn a_key_is_each_services_own() -> Result<()> {
    let up = Up::start().await?;
    let body = json!({"type": "nobody-handles-this", "payload": 1});
    create(up.control, "/api/tasks", "key", &body)
        .send()
        .await?
        .expect(201)?;
    create(up.scheduler, "/tasks", "key", &body)
        .send()
        .await?
        .expect(201)?;
    let [tasks, executions] = all_work(up.control, up.scheduler).await?;
    assert_eq!((tasks.len(), executions.len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn fifty_creates_at_once_with_one_key_make_one() -> Result<()> {
    let up = Up::start().await?;
    for (server, path) in [(up.control, "/api/tasks"), (up.scheduler, "/tasks")] {
        let body = json!({"type": "nobody-handles-this", "payload": "x"});
        let call = || create(server, path, "key", &body).send();
        let calls: Vec<_> = (0..50).map(|_| tokio::spawn(call())).collect();
        let mut ids = Vec::new();
        for call in calls {
            let reply = call.await??;
            if reply.status == 409 {
                let problem = reply.problem(409, "idempotency_in_flight")?;
                assert_eq!(problem["retryable"], true);
            } else {
                ids.push(id_of(&reply.expect(201)?.json()?, "id")?);
            }
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "{path}");
        assert_eq!(all(server, path).await?.len(), 1, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_create_that_binds_with_a_key_makes_one_task_and_one_execution() -> Result<()> {
    let up = Up::start().await?;
    let body = json!({
        "type": "quick", "payload": "x", "bind": true, "execution": {"maxAttempts": 2}
    });
    let call = || create(up.control, "/api/tasks", "key", &body).send();
    let calls: Vec<_> = (0..20).map(|_| tokio::spawn(call())).collect();
    for call in calls {
        let reply = call.await??;
        if reply.status == 409 {
            reply.problem(409, "idempotency_in_flight")?;
        } else {
            reply.expect(201)?;
        }
    }
    let task = call().await?.expect(201)?.json()?;
    assert_eq!(task["status"], "BOUND");
    let done = view_when(up.control, id_of(&task, "id")?, "status", "SUCCEEDED").await?;
    assert_eq!(
        (&done["maxAttempts"], &done["attemptCount"]),
        (&json!(2), &json!(1))
    );
    let [tasks, executions] = all_work(up.control, up.scheduler).await?;
    assert_eq!((tasks.len(), executions.len()), (1, 1));
    assert_eq!(executions[0]["id"], task["schedulerTaskId"]);
    Ok(())
}

#[tokio::test]
async fn a_key_outlives_a_crash() -> Result<()> {
    let up = Up::start().await?;
    let body = json!({"type": "nobody-handles-this", "payload": 1});
    let first = create(up.control, "/api/tasks", "key", &body)
        .send()
        .await?
        .expect(201)?
        .json()?;
    let Up { process, bench, .. } = up;
    process.crash().await?;
    let process = crate::start::up(&bench).spawn("up")?;
    let up = Up::when_ready(process, bench).await?;
    let again = create(up.control, "/api/tasks", "key", &body)
        .send()
        .await?
        .expect(201)?
        .json()?;
    assert_eq!(again, first);
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() -> Result<()> {
    let up = Up::start().await?;
    let body = json!({"type": "nobody-handles-this"});
    let long = "k".repeat(256);
    for key in ["", " ", "a b", "ä", &long] {
        for (server, path) in [(up.control, "/api/tasks"), (up.scheduler, "/tasks")] {
            let problem = create(server, path, key, &body).send().await?;
            problem.problem(400, "invalid_header")?;
        }
    }
    let [tasks, executions] = all_work(up.control, up.scheduler).await?;
    assert_eq!((tasks, executions), (vec![], vec![]));
    Ok(())
}
