//! Lists page by page: nothing is missing, nothing comes twice, and a cursor is good for its list.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;

use crate::api::{bind, cancel, create, create_of, id_of, start, start_until};
use crate::start::Up;

async fn page(server: Http, path: &str) -> Result<(Vec<i64>, Option<String>)> {
    let page = server.get(path).send().await?.expect(200)?.json()?;
    let items = page["items"].as_array().context("no items")?;
    let ids = items
        .iter()
        .map(|item| id_of(item, "id"))
        .collect::<Result<_>>()?;
    Ok((ids, page["next"].as_str().map(str::to_owned)))
}

#[tokio::test]
async fn pages_join_to_the_whole_list_although_it_grows() -> Result<()> {
    let up = Up::start().await?;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(create_of(up.control, "nobody-handles-this").await?);
    }
    for (limit, sizes) in [(3, vec![3, 3, 1]), (7, vec![7]), (1_000, vec![7])] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        for (number, size) in sizes.iter().enumerate() {
            let path = format!("/api/tasks?limit={limit}{after}");
            let (ids, next) = page(up.control, &path).await?;
            assert_eq!(ids.len(), *size, "page {number} of {limit}");
            seen.extend(ids);
            after = next
                .map(|next| format!("&after={next}"))
                .unwrap_or_default();
            assert_eq!(
                after.is_empty(),
                number + 1 == sizes.len(),
                "page {number} of {limit}"
            );
        }
        seen.sort_unstable();
        assert_eq!(seen, made);
    }
    let (first, next) = page(up.control, "/api/tasks?limit=4").await?;
    create_of(up.control, "nobody-handles-this").await?;
    let path = format!("/api/tasks?limit=1000&after={}", next.context("no next")?);
    let (rest, _) = page(up.control, &path).await?;
    for id in &made {
        let times = first.iter().chain(&rest).filter(|seen| *seen == id).count();
        assert_eq!(times, 1, "task {id}");
    }
    Ok(())
}

#[tokio::test]
async fn a_page_has_fifty_items_unless_told_otherwise() -> Result<()> {
    let up = Up::start().await?;
    for _ in 0..51 {
        create_of(up.control, "nobody-handles-this").await?;
    }
    let (ids, next) = page(up.control, "/api/tasks").await?;
    assert_eq!((ids.len(), next.is_some()), (50, true));
    Ok(())
}

#[tokio::test]
async fn a_cursor_is_bound_to_its_list_and_its_filters() -> Result<()> {
    let up = Up::start().await?;
    for _ in 0..3 {
        start(up.control, "nobody-handles-this", &json!({})).await?;
    }
    let (_, tasks) = page(up.control, "/api/tasks?limit=1&status=BOUND").await?;
    let (_, executions) = page(up.scheduler, "/tasks?limit=1").await?;
    let (tasks, executions) = (tasks.context("no next")?, executions.context("no next")?);
    for (server, path) in [
        (up.control, format!("/api/tasks?after={tasks}")),
        (
            up.control,
            format!("/api/tasks?status=PENDING&after={tasks}"),
        ),
        (
            up.control,
            format!("/api/tasks?status=BOUND&type=a&after={tasks}"),
        ),
        (up.control, format!("/api/tasks?after={executions}")),
        (up.scheduler, format!("/tasks?after={tasks}")),
        (
            up.scheduler,
            format!("/tasks?state=RUNNING&after={executions}"),
        ),
    ] {
        server
            .get(&path)
            .send()
            .await?
            .problem(400, "invalid_cursor")?;
    }
    let path = format!("/api/tasks?status=BOUND&limit=2&after={tasks}");
    assert_eq!(page(up.control, &path).await?.0.len(), 2);
    Ok(())
}

#[tokio::test]
async fn filters_choose_and_items_say_how_their_execution_stands() -> Result<()> {
    let up = Up::start().await?;
    let unbound = create_of(up.control, "quick").await?;
    let withdrawn = create_of(up.control, "quick").await?;
    let withdraw = up
        .control
        .put(&format!("/api/tasks/{withdrawn}/cancel"))
        .send();
    withdraw.await?.expect(204)?;
    let done = start_until(up.control, "quick", &json!({}), "SUCCEEDED").await?;
    let waiting = start(up.control, "nobody-handles-this", &json!({})).await?;
    let canceled = start(up.control, "nobody-handles-this", &json!({})).await?;
    cancel(up.control, canceled.task).await?.expect(204)?;
    for (query, expected) in [
        ("status=PENDING", vec![unbound]),
        ("status=CANCELED", vec![withdrawn]),
        ("status=BOUND", vec![done.task, waiting.task, canceled.task]),
        ("type=quick", vec![unbound, withdrawn, done.task]),
        ("type=quick&status=BOUND", vec![done.task]),
        ("type=unheard-of", vec![]),
    ] {
        let (mut ids, _) = page(up.control, &format!("/api/tasks?{query}")).await?;
        ids.sort_unstable();
        assert_eq!(ids, expected, "{query}");
    }
    let list = up
        .control
        .get("/api/tasks")
        .send()
        .await?
        .expect(200)?
        .json()?;
    for (task, execution) in [
        (unbound, Value::Null),
        (withdrawn, Value::Null),
        (
            done.task,
            json!({"status": "SUCCEEDED", "phase": null, "cleanup": null}),
        ),
        (
            waiting.task,
            json!({"status": "PENDING", "phase": "READY", "cleanup": null}),
        ),
        (
            canceled.task,
            json!({"status": "CANCELED", "phase": null, "cleanup": null}),
        ),
    ] {
        let item = list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|item| item["id"] == task);
        let item = item.with_context(|| format!("task {task} is not in {list}"))?;
        assert_eq!(item["execution"], execution, "{item}");
        ensure!(
            item.get("executionUnavailable")
                .is_none_or(|flag| flag == false),
            "{item}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn executions_are_listed_by_ids_and_by_state() -> Result<()> {
    let up = Up::start().await?;
    let done = start_until(up.control, "quick", &json!({}), "SUCCEEDED")
        .await?
        .execution;
    let mail = json!({"queue": "mail"});
    let waiting = start(up.control, "nobody-handles-this", &mail)
        .await?
        .execution;
    for (query, expected) in [
        (format!("ids={done},{waiting}"), vec![done, waiting]),
        (format!("ids={waiting},9007199254740991"), vec![waiting]),
        ("state=PENDING".into(), vec![waiting]),
        ("state=SUCCEEDED".into(), vec![done]),
        ("state=FAILED".into(), vec![]),
    ] {
        let (mut ids, _) = page(up.scheduler, &format!("/tasks?{query}")).await?;
        ids.sort_unstable();
        assert_eq!(ids, expected, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn a_task_is_given_back_as_it_was_sent() -> Result<()> {
    let up = Up::start().await?;
    let text = "{\"z\": 1.10, \"a\":[12345678901234567890123, \"\\u00e4\"], \"z2\":null}";
    let body = format!(
        "{{\"type\":\"quick\",\"title\":\"ä\",\"labels\":{{\"k\":\"v\"}},\"payload\":{text}}}"
    );
    let created = up
        .control
        .post("/api/tasks")
        .json_text(body)
        .send()
        .await?
        .expect(201)?;
    let id = id_of(&created.json()?, "id")?;
    assert_eq!(
        created.header("location"),
        Some(format!("/api/tasks/{id}").as_str())
    );
    let read = up
        .control
        .get(&format!("/api/tasks/{id}"))
        .send()
        .await?
        .expect(200)?;
    assert_eq!(read.text(), created.text());
    ensure!(read.text().contains(text), "{}", read.text());
    let task = read.json()?;
    assert_eq!(
        (&task["title"], &task["labels"]),
        (&json!("ä"), &json!({"k": "v"}))
    );
    assert_eq!(
        (&task["status"], &task["version"]),
        (&json!("PENDING"), &json!(1))
    );
    assert_eq!(
        (&task["schedulerTaskId"], &task["createdAt"]),
        (&Value::Null, &task["updatedAt"])
    );
    let next = create(up.control, &json!({"type": "quick"})).await?;
    ensure!(next > id, "{next} after {id}");
    bind(up.control, id, &json!({})).await?;
    Ok(())
}
