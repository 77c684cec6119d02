//! The command line as scripts use it: what it prints, and the code it ends with.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::run::Finished;
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_e2e::workbench::Workbench;

use crate::api::{all, create_of, id_of, start, start_until, task, view, view_when};
use crate::cancel_waits::json_lines;
use crate::fleet::Fleet;
use crate::start::{Up, launch};

/// Runs a command against a control plane.
async fn run(bench: &Workbench, control: Http, command: &str) -> Result<Finished> {
    let launch = launch(bench)
        .args(command.split(' '))
        .env("TASKPILOT_URL", control.url());
    launch.run().await.context(command.to_owned())
}

/// Runs a command that has to end with a code, and gives what it printed.
pub(crate) async fn ends(up: &Up, command: &str, code: i32) -> Result<String> {
    let ended = run(&up.bench, up.control, command).await?;
    ensure!(
        ended.code == Some(code),
        "{command}: {code} expected: {ended:?}"
    );
    // Data goes to standard output, and why there is none to standard error.
    let refused = (1..=5).contains(&code);
    ensure!(refused == ended.stdout.is_empty(), "{command}: {ended:?}");
    ensure!(
        !refused || !ended.stderr.is_empty(),
        "{command}: no reason is given"
    );
    Ok(ended.stdout)
}

pub(crate) async fn json_of(up: &Up, command: &str, code: i32) -> Result<Value> {
    let text = ends(up, command, code).await?;
    serde_json::from_str(&text).with_context(|| format!("{command}: no JSON: {text}"))
}

#[tokio::test]
async fn a_task_is_created_bound_and_waited_for() -> Result<()> {
    let up = Up::start().await?;
    let created = json_of(
        &up,
        "task create --type quick --payload {\"a\":1} --title T --label k=v --json",
        0,
    )
    .await?;
    let id = id_of(&created, "id")?;
    assert_eq!(created, task(up.control, id).await?);
    assert_eq!(
        (&created["payload"], &created["title"]),
        (&json!({"a": 1}), &json!("T"))
    );
    assert_eq!(created["labels"], json!({"k": "v"}));
    let waited = json_of(&up, &format!("task bind {id} --wait --json"), 0).await?;
    assert_eq!(waited, view(up.control, id).await?);
    assert_eq!(waited["status"], "SUCCEEDED");
    let text = ends(&up, &format!("task get {id}"), 0).await?;
    ensure!(
        text.contains("SUCCEEDED") && text.contains("quick"),
        "{text}"
    );
    let at_once = json_of(&up, "task create --type quick --payload 1 --wait --json", 0).await?;
    assert_eq!(at_once["result"]["stdout"], "1");
    Ok(())
}

#[tokio::test]
async fn the_end_that_was_waited_for_is_the_exit_code() -> Result<()> {
    let up = Up::start().await?;
    let failed = json_of(
        &up,
        "task create --type fails --max-attempts 1 --wait --json",
        10,
    )
    .await?;
    assert_eq!(failed["status"], "FAILED");
    let open = json_of(&up, "task create --type gate --wait=200ms --json", 6).await?;
    ensure!(
        open["status"] == "PENDING" || open["status"] == "RUNNING",
        "{open}"
    );
    let bound = start(up.control, "nobody-handles-this", &json!({})).await?;
    ends(
        &up,
        &format!("task cancel {} --reason enough", bound.task),
        0,
    )
    .await?;
    let canceled = json_of(&up, &format!("task watch {} --json", bound.task), 11).await?;
    assert_eq!(canceled["cancel"]["reason"], "enough");
    ends(&up, &format!("task watch {}", bound.task), 11).await?;
    for number in 1..=7 {
        let again = format!("task cancel {} --reason again-{number}", bound.task);
        ends(&up, &again, 0).await?;
    }
    let text = ends(&up, &format!("execution get {}", bound.task), 0).await?;
    for part in ["2 times before", "again-3", "again-7", "enough"] {
        ensure!(text.contains(part), "{part} is not in {text}");
    }
    ensure!(!text.contains("again-2"), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_is_refused_says_why_and_how() -> Result<()> {
    let up = Up::start().await?;
    let id = create_of(up.control, "quick").await?;
    let done = start_until(up.control, "quick", &json!({}), "SUCCEEDED").await?;
    for (command, code) in [
        ("task get 9007199254740991".to_owned(), 3),
        ("task cancel 9007199254740991".to_owned(), 3),
        ("task bind 9007199254740991".to_owned(), 3),
        ("execution get 9007199254740991".to_owned(), 3),
        (format!("execution get {id}"), 5),
        (format!("task cancel {}", done.task), 5),
        ("task get 0".to_owned(), 2),
        ("task get abc".to_owned(), 2),
        ("task create".to_owned(), 2),
        ("task create --type quick --payload {".to_owned(), 2),
        (
            "task create --type quick --bind --priority 11".to_owned(),
            2,
        ),
        (
            "task create --type quick --bind --backoff-factor 11".to_owned(),
            2,
        ),
        ("task list --after nonsense".to_owned(), 2),
        ("task list --status blue".to_owned(), 2),
        ("execution list --state blue".to_owned(), 2),
        ("task levitate".to_owned(), 2),
    ] {
        ends(&up, &command, code).await?;
    }
    assert_eq!(all(up.control, "/api/tasks").await?.len(), 2);
    ends(&up, &format!("task cancel {id}"), 0).await?;
    assert_eq!(task(up.control, id).await?["status"], "CANCELED");
    ends(&up, &format!("task bind {id}"), 5).await?;
    Ok(())
}

#[tokio::test]
async fn with_json_a_refusal_is_the_problem_document() -> Result<()> {
    let up = Up::start().await?;
    let refused = run(&up.bench, up.control, "task list --limit 0 --json").await?;
    let problem: Value = serde_json::from_str(&refused.stderr)?;
    assert_eq!(
        (refused.code, &problem["code"], &problem["field"]),
        (Some(2), &json!("invalid_query"), &json!("limit"))
    );
    let refused = run(&up.bench, up.control, "task list --limit 0").await?;
    ensure!(refused.stderr.starts_with("error: limit: "), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn with_json_commands_without_a_server_say_their_errors_in_json_too() -> Result<()> {
    let bench = Workbench::new()?;
    let (away, empty) = (bench.path("away"), bench.path("empty"));
    std::fs::create_dir(&empty)?;
    let there = bench.path("there");
    std::fs::write(&there, "")?;
    let (away, empty, there) = (away.display(), empty.display(), there.display());
    // `@` is where the flag goes.
    for (command, code, word) in [
        (format!("backup @ {away} --data {empty}"), 3, "not_found"),
        (format!("backup @ {there} --data {empty}"), 5, "conflict"),
        (format!("restore @ {away} --data {empty}"), 3, "not_found"),
        (format!("restore @ {there} --data {there}"), 1, "error"),
        (
            "bench lifecycle @ --scheduler-url nowhere".into(),
            1,
            "error",
        ),
        ("config show @ nobody".into(), 2, "usage"),
        (format!("task list @ --config {away}"), 2, "usage"),
    ] {
        let run = |flag: &str| {
            let command = command.replace("@ ", flag);
            launch(&bench).args(command.split(' ')).run()
        };
        let (text, json) = (run("").await?, run("--json ").await?);
        let error: Value = serde_json::from_str(&json.stderr).context(command.clone())?;
        assert_eq!(
            (json.code, json.stdout.as_str(), &error["code"]),
            (Some(code), "", &json!(word)),
            "{command}"
        );
        let detail = error["detail"].as_str().unwrap_or_default();
        assert_eq!(
            (text.code, text.stderr),
            (Some(code), format!("error: {detail}\n")),
            "{command}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_that_names_it() -> Result<()> {
    let (bench, port) = (Workbench::new()?, ReservedPort::take()?);
    let nobody = Http::at(port.address());
    let told = format!(
        "{}: connection refused: is `taskpilot up` running?",
        nobody.url()
    );
    for command in ["task list", "worker list", "execution list", "task watch 1"] {
        let ended = run(&bench, nobody, command).await?;
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(1), "", format!("error: {told}\n").as_str()),
            "{command}"
        );
    }
    let ended = run(&bench, nobody, "task list --json").await?;
    let error: Value = serde_json::from_str(&ended.stderr)?;
    assert_eq!(
        (ended.code, error),
        (Some(1), json!({"code": "no_answer", "detail": told}))
    );
    let ended = launch(&bench)
        .args(["task", "list", "--url", "gopher://x"])
        .run()
        .await?;
    assert_eq!(ended.code, Some(2));
    Ok(())
}

#[tokio::test]
async fn the_stages_of_stops_are_told_in_quantiles() -> Result<()> {
    let up = Up::start().await?;
    ends(&up, "latency stops", 0).await?;
    let polite = start_until(up.control, "polite", &json!({}), "RUNNING").await?;
    // What has not begun is not signaled.
    up.bench.begun(polite.execution).await?;
    ends(&up, &format!("task cancel {} --wait", polite.task), 0).await?;
    // That the handler was signaled may be heard after the proof of its end.
    wait_until("all stages are counted", SOON, || async {
        let told = json_of(&up, "latency stops --type polite --json", 0).await?;
        let items = told["items"].as_array().context("no items")?.iter();
        let counts: Vec<(Value, Value)> = items
            .filter(|item| item["type"].is_null())
            .map(|item| (item["stage"].clone(), item["count"].clone()))
            .collect();
        let all = ["delivered", "signaled", "stopped"].map(|stage| (json!(stage), json!(1)));
        Ok((counts == all).then_some(()))
    })
    .await?;
    let text = ends(&up, "latency stops --last 1h", 0).await?;
    let header = text.lines().next().unwrap_or_default();
    let columns: Vec<&str> = header.split_whitespace().collect();
    assert_eq!(
        columns,
        ["TYPE", "STAGE", "COUNT", "P50", "P90", "P95", "P99", "MAX"]
    );
    assert_eq!(text.lines().count(), 7, "{text}");
    ends(&up, "latency stops --last 0s", 2).await?;
    Ok(())
}

#[tokio::test]
async fn lists_are_those_of_the_server() -> Result<()> {
    let up = Up::start().await?;
    let labeled = "task create --type quick --label team=blue --label k=v --json";
    let labeled = json_of(&up, labeled, 0).await?["id"].clone();
    let done = start_until(up.control, "quick", &json!({}), "SUCCEEDED").await?;
    let list = json_of(&up, "task list --json", 0).await?;
    assert_eq!(list, up.control.get("/api/tasks").send().await?.json()?);
    let bound = json_of(&up, "task list --status bound --type quick --json", 0).await?;
    assert_eq!(ids(&bound), [json!(done.task)]);
    let blue = json_of(&up, "task list --label team=blue --json", 0).await?;
    assert_eq!(ids(&blue), [labeled]);
    let executions = json_of(&up, "execution list --state succeeded --json", 0).await?;
    let items = executions["items"].as_array().context("no items")?;
    let told = items.iter().map(|item| {
        let (task, execution) = (&item["taskId"], &item["schedulerTaskId"]);
        (task.clone(), execution.clone())
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [(json!(done.task), json!(done.execution))]
    );
    let workers = json_of(&up, "worker list --json", 0).await?;
    assert_eq!(
        (&workers["items"][0]["slots"], &workers["items"][0]["state"]),
        (&json!(4), &json!("ACTIVE"))
    );
    ends(&up, "queue pause mail", 0).await?;
    let resumed = json_of(&up, "queue resume mail --reason over --json", 0).await?;
    assert_eq!(
        (
            &resumed["lastChange"]["what"],
            &resumed["lastChange"]["reason"]
        ),
        (&json!("resumed"), &json!("over"))
    );
    let first = json_of(&up, "queue list --limit 1 --json", 0).await?;
    assert_eq!(first["items"][0]["name"], "default");
    let next = first["next"].as_str().context("no next page")?;
    let rest = format!("queue list --limit 1 --after {next} --json");
    let rest = json_of(&up, &rest, 0).await?;
    assert_eq!(
        (&rest["items"][0]["name"], &rest["next"]),
        (&json!("mail"), &json!(null))
    );
    for command in ["task list", "execution list", "worker list", "queue list"] {
        let text = ends(&up, command, 0).await?;
        ensure!(
            text.lines().count() >= 2 && !text.contains('\x1b'),
            "{command}: {text}"
        );
    }
    Ok(())
}

fn ids(page: &Value) -> Vec<Value> {
    page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| item["id"].clone())
        .collect()
}

#[tokio::test]
async fn a_create_with_a_key_is_repeatable() -> Result<()> {
    let up = Up::start().await?;
    let command = "task create --type quick --payload 1 --key once --json";
    let first = json_of(&up, command, 0).await?;
    assert_eq!(json_of(&up, command, 0).await?, first);
    ends(&up, "task create --type quick --payload 2 --key once", 2).await?;
    assert_eq!(all(up.control, "/api/tasks").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn many_tasks_are_created_from_lines() -> Result<()> {
    let up = Up::start().await?;
    let file = up.bench.path("tasks.jsonl");
    let command = |more: &str| format!("task create --batch {}{more}", file.display());
    let lines = [
        json!({"type": "quick", "payload": 1, "bind": true, "idempotencyKey": "a"}),
        json!({"type": "quick", "title": "T"}),
    ];
    let text = |lines: &[Value]| {
        let lines = lines.iter().map(Value::to_string);
        lines.collect::<Vec<_>>().join("\n\n")
    };
    std::fs::write(&file, text(&lines))?;
    let told = ends(&up, &command(""), 0).await?;
    assert_eq!(
        told,
        "line 1: task 1 BOUND\nline 3: task 2 PENDING\n2 of 2 tasks were created\n"
    );
    assert_eq!(
        view_when(up.control, 1, "status", "SUCCEEDED").await?["result"]["stdout"],
        "1"
    );

    let more = [lines[0].clone(), json!({"type": "no such type"})];
    std::fs::write(&file, text(&more))?;
    let ended = run(&up.bench, up.control, &command(" --json")).await?;
    let answers = ended.stdout.lines().map(serde_json::from_str);
    let answers: Vec<Value> = answers.collect::<Result<_, _>>()?;
    assert_eq!(
        answers[0],
        json!({"status": 201, "task": task(up.control, 1).await?})
    );
    assert_eq!(
        (answers.len(), &answers[1]["problem"]["field"]),
        (2, &json!("type"))
    );
    let error: Value = serde_json::from_str(&ended.stderr)?;
    let expected = json!({"code": "error", "detail": "1 of 2 tasks were created"});
    assert_eq!((ended.code, error), (Some(1), expected));

    std::fs::write(
        &file,
        "{\"type\":\"quick\"}\n{\"type\":\"quick\",\"shard\":1}\n",
    )?;
    for (more, code) in [
        ("", 2),
        (" --type quick", 2),
        (" --bind", 2),
        (" --priority 1", 2),
    ] {
        ends(&up, &command(more), code).await?;
    }
    ends(&up, "task create --batch /nonexistent", 2).await?;
    assert_eq!(all(up.control, "/api/tasks").await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_cancel_that_waits_ends_with_the_proof() -> Result<()> {
    let up = Up::start().await?;
    let bound = start_until(up.control, "tree", &json!({}), "RUNNING").await?;
    up.bench.whole_tree().await?;
    let text = ends(&up, &format!("task cancel {} --wait", bound.task), 0).await?;
    assert_eq!(up.bench.processes()?, []);
    ensure!(text.contains("STOPPED"), "{text}");
    let again = ends(&up, &format!("task cancel {} --wait --json", bound.task), 0).await?;
    let again = json_lines(&again)?.pop();
    assert_eq!(again, Some(view(up.control, bound.task).await?));
    Ok(())
}

#[tokio::test]
async fn a_stop_that_nobody_can_prove_has_its_own_code() -> Result<()> {
    let fleet = Fleet::with_lease_ms(3_000)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("killed")?;
    let bound = start_until(fleet.control(), "polite", &json!({}), "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    worker.crash().await?;
    let command = format!("task cancel {} --wait=30s --json", bound.task);
    let ended = run(&fleet.bench, fleet.control(), &command).await?;
    assert_eq!(ended.code, Some(12), "{ended:?}");
    let view = json_lines(&ended.stdout)?
        .pop()
        .context("nothing is told")?;
    assert_eq!(
        (&view["status"], &view["stop"]["status"]),
        (&json!("CANCELED"), &json!("PRESUMED"))
    );
    Ok(())
}

#[tokio::test]
async fn an_interrupt_ends_a_command_that_waits() -> Result<()> {
    let up = Up::start().await?;
    let bound = start_until(up.control, "gate", &json!({}), "RUNNING").await?;
    let watch = launch(&up.bench).args(["task", "watch", &bound.task.to_string()]);
    let mut watch = watch
        .env("TASKPILOT_URL", up.control.url())
        .spawn("watch")?;
    wait_until("it watches", SOON, || async {
        Ok(watch.stdout()?.contains("RUNNING").then_some(()))
    })
    .await?;
    watch.signal(Signal::INT)?;
    assert_eq!(watch.ended(SOON).await?.code(), Some(130));
    assert_eq!(view(up.control, bound.task).await?["status"], "RUNNING");
    Ok(())
}
