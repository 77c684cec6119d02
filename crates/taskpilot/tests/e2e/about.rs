//! What the binary says of itself: its version, its settings, its completions.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::workbench::Workbench;

use crate::start::launch;

#[tokio::test]
async fn the_version_names_release_and_engine() -> Result<()> {
    let bench = Workbench::new()?;
    let release = env!("CARGO_PKG_VERSION");
    let short = launch(&bench).args(["-V"]).run().await?;
    assert_eq!(short.stdout, format!("taskpilot {release}\n"));
    let long = launch(&bench).args(["--version"]).run().await?.stdout;
    let mut lines = long.lines();
    assert_eq!(lines.next(), Some(format!("taskpilot {release}").as_str()));
    ensure!(
        lines.any(|line| line.starts_with("SQLite  3.")),
        "no engine in {long}"
    );
    Ok(())
}

#[tokio::test]
async fn every_shell_has_completions_and_those_of_bash_are_a_script() -> Result<()> {
    let bench = Workbench::new()?;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = launch(&bench).args(["completions", shell]).run().await?;
        ensure!(
            ended.code == Some(0) && ended.stdout.contains("scheduler"),
            "{shell}: {ended:?}"
        );
        if shell == "bash" {
            let script = bench.path("completions.bash");
            std::fs::write(&script, &ended.stdout)?;
            let parsed = std::process::Command::new("bash")
                .arg("-n")
                .arg(&script)
                .status()?;
            ensure!(parsed.success(), "bash does not read its completions");
        }
    }
    let ended = launch(&bench).args(["completions", "cmd"]).run().await?;
    assert_eq!(ended.code, Some(2));
    Ok(())
}

/// The settings as a program reads them, by role and name.
fn find<'a>(settings: &'a Value, role: &str, name: &str) -> Result<&'a Value> {
    let settings = settings.as_array().context("no list")?;
    let found = settings
        .iter()
        .find(|one| one["role"] == role && one["name"] == name);
    found.with_context(|| format!("{name} of {role} is missing"))
}

#[tokio::test]
async fn each_setting_says_where_it_comes_from() -> Result<()> {
    let bench = Workbench::new()?;
    let config = bench.path("config.toml");
    std::fs::write(
        &config,
        "slots = 3\nqueues = [\"a\", \"b\"]\nscheduler_url = \"http://me:secret@host:1\"\n",
    )?;
    let show = || {
        launch(&bench)
            .args(["config", "show"])
            .env("TASKPILOT_CONFIG", &config)
            .env("TASKPILOT_LEASE_MS", "4000")
            .env("TASKPILOT_NAME", "")
    };
    let ended = show()
        .args(["--json", "worker", "--slots", "5"])
        .run()
        .await?;
    let told: Value = serde_json::from_str(&ended.stdout).with_context(|| format!("{ended:?}"))?;
    let path = config.to_str().context("a path in UTF-8")?;
    for (name, value, origin) in [
        (
            "slots",
            json!(5),
            json!({"kind": "flag", "name": "--slots"}),
        ),
        (
            "queues",
            json!(["a", "b"]),
            json!({"kind": "file", "name": path}),
        ),
        (
            "scheduler_url",
            json!("http://***@host:1"),
            json!({"kind": "file", "name": path}),
        ),
        (
            "name",
            json!("host name and process id"),
            json!({"kind": "default"}),
        ),
        ("handlers", Value::Null, json!({"kind": "default"})),
        ("drain_ms", json!(10_000), json!({"kind": "default"})),
    ] {
        let expected = json!({"role": "worker", "name": name, "value": value, "origin": origin});
        assert_eq!(find(&told, "worker", name)?, &expected);
    }
    let ended = show().args(["--json"]).run().await?;
    let told: Value = serde_json::from_str(&ended.stdout)?;
    let lease = find(&told, "scheduler", "lease_ms")?;
    assert_eq!(
        (&lease["value"], &lease["origin"]["name"]),
        (&json!(4_000), &json!("TASKPILOT_LEASE_MS"))
    );
    let home = bench.path(".local/share/taskpilot");
    assert_eq!(find(&told, "up", "data")?["value"], json!(home));
    assert_eq!(
        find(&told, "client", "url")?["value"],
        "http://127.0.0.1:8081"
    );
    let text = show().args(["--origin"]).run().await?.stdout;
    ensure!(
        text.contains("environment TASKPILOT_LEASE_MS") && !text.contains("secret"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn no_such_role_and_no_such_flag_are_refused() -> Result<()> {
    let bench = Workbench::new()?;
    for wrong in [&["nobody"][..], &["worker", "--slot"]] {
        let show = launch(&bench).args(["config", "show"]);
        let ended = show.args(wrong.iter().copied()).run().await?;
        ensure!(
            ended.code == Some(2) && ended.stdout.is_empty(),
            "{ended:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_history_that_is_too_short_or_too_long_is_refused() -> Result<()> {
    let bench = Workbench::new()?;
    for days in ["0", "3661", "-1", "month"] {
        let days = format!("--history-days={days}");
        let ended = launch(&bench).args(["scheduler", &days]).run().await?;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{days}");
    }
    Ok(())
}
