//! The documents that a newcomer follows: the sessions of the README and the examples, as they stand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::console::{Step, steps};
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_e2e::workbench::Workbench;

use crate::api::{cancel_and_wait, create, view_when};
use crate::start::{ANY_PORT, Up, launch};

/// Where the documents say that the services are.
const CONTROL: &str = "127.0.0.1:8081";
const SCHEDULER: &str = "127.0.0.1:8080";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `taskpilot up` with the handlers of the examples.
async fn with_examples() -> Result<Up> {
    let bench = Workbench::new()?;
    let process = launch(&bench)
        .args(["up"])
        .option("--data", bench.path("data"))
        .option("--control", ANY_PORT)
        .option("--scheduler", ANY_PORT)
        .option("--handlers", repository().join("examples/handlers.toml"))
        .spawn("up")?;
    Up::when_ready(process, bench).await
}

#[tokio::test]
async fn the_sessions_of_the_readme_go_as_they_are_written() -> Result<()> {
    let readme = fs::read_to_string(repository().join("README.md")).context("no README.md")?;
    let steps = steps(&readme)?;
    let curls = steps
        .iter()
        .filter(|step| step.command.starts_with("curl "));
    ensure!(curls.count() > 0, "README.md has no session with curl");
    let up = with_examples().await?;
    // As on a terminal, where curl shows no progress of its own.
    fs::write(up.bench.path(".curlrc"), "silent\nshow-error\n")?;
    std::os::unix::fs::symlink(repository().join("examples"), up.bench.path("examples"))?;
    for step in steps {
        let output = type_in(&up, &step).await?;
        step.compare(&output)?;
    }
    Ok(())
}

/// Runs a command as a reader would, but on the ports of this test.
async fn type_in(up: &Up, step: &Step) -> Result<String> {
    let (control, scheduler) = (
        up.control.address().to_string(),
        up.scheduler.address().to_string(),
    );
    let command = step.command.replace("localhost:808", "127.0.0.1:808");
    let command = command
        .replace(CONTROL, &control)
        .replace(SCHEDULER, &scheduler);
    let binary = Path::new(env!("CARGO_BIN_EXE_taskpilot"))
        .parent()
        .context("no directory")?;
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "PATH=\"$1:$PATH\" && export PATH && eval \"$2\" 2>&1",
            "sh",
        ])
        .arg(binary)
        .arg(command)
        .current_dir(up.bench.root())
        .env("HOME", up.bench.root())
        .env("TASKPILOT_URL", up.control.url())
        .env("no_proxy", "*");
    let output = tokio::process::Command::from(shell)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(SOON * 4, output).await;
    let output = output.with_context(|| format!("line {}: it does not end", step.line))??;
    let output = String::from_utf8(output.stdout)?;
    Ok(output
        .replace(&control, CONTROL)
        .replace(&scheduler, SCHEDULER))
}

async fn run(up: &Up, kind: &str, payload: Value, status: &str) -> Result<Value> {
    let body =
        json!({"type": kind, "payload": payload, "bind": true, "execution": {"maxAttempts": 1}});
    let id = create(up.control, &body).await?;
    view_when(up.control, id, "status", status).await
}

#[tokio::test]
async fn the_checksums_are_those_of_the_files() -> Result<()> {
    let up = with_examples().await?;
    let tree = up.bench.path("tree");
    fs::create_dir_all(tree.join("b c"))?;
    fs::write(tree.join("a"), "")?;
    fs::write(tree.join("b c/-d"), "abc")?;
    let done = run(&up, "checksums", json!({"directory": tree}), "SUCCEEDED").await?;
    // Of nothing, and of "abc" (FIPS 180-2, appendix B.1).
    let expected = "\
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  ./a
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  ./b c/-d
";
    assert_eq!(done["result"]["stdout"], expected);
    let missing = json!({"directory": up.bench.path("nowhere")});
    let failed = run(&up, "checksums", missing, "FAILED").await?;
    ensure!(
        failed["attempts"][0]["output"]["stderr"]
            .to_string()
            .contains("nowhere"),
        "{failed}"
    );
    Ok(())
}

#[tokio::test]
async fn parameters_outside_their_schema_run_nothing() -> Result<()> {
    let up = with_examples().await?;
    for payload in [
        json!({}),
        json!("text"),
        json!({"directory": 7}),
        json!({"directory": "relative"}),
        json!({"directory": "/tmp", "more": 1}),
    ] {
        let body = json!({"type": "checksums", "payload": payload, "bind": true});
        let id = create(up.control, &body).await?;
        let failed = view_when(up.control, id, "status", "FAILED").await?;
        let attempt = &failed["attempts"][0];
        ensure!(
            attempt["exitCode"].is_null() && attempt["error"]["code"] == "invalid_payload",
            "{payload}: {failed}"
        );
        assert_eq!(
            (&failed["attemptCount"], &failed["maxAttempts"]),
            (&json!(1), &json!(3)),
            "another attempt would get the same payload"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_archive_holds_the_directory_and_none_is_left_of_a_failure() -> Result<()> {
    let up = with_examples().await?;
    let (tree, archive) = (up.bench.path("tree"), up.bench.path("tree.tar.gz"));
    fs::create_dir(&tree)?;
    fs::write(tree.join("a"), "content")?;
    run(
        &up,
        "archive",
        json!({"directory": tree, "archive": archive}),
        "SUCCEEDED",
    )
    .await?;
    let listed = Command::new("tar").arg("-tzf").arg(&archive).output()?;
    assert_eq!(String::from_utf8(listed.stdout)?, "./\n./a\n");
    let nowhere =
        json!({"directory": up.bench.path("nowhere"), "archive": up.bench.path("x.tar.gz")});
    run(&up, "archive", nowhere, "FAILED").await?;
    ensure!(!up.bench.path("x.tar.gz").exists() && !up.bench.path("x.tar.gz.partial").exists());
    Ok(())
}

#[tokio::test]
async fn the_primes_are_counted_and_the_count_can_be_stopped() -> Result<()> {
    let up = with_examples().await?;
    let done = run(&up, "primes", json!({"below": 10_000}), "SUCCEEDED").await?;
    assert_eq!(
        done["result"],
        json!({"exitCode": 0, "stdout": "1229\n", "stderr": "", "truncated": false})
    );
    let body = json!({"type": "primes", "payload": {"below": 999_999_937}, "bind": true});
    let id = create(up.control, &body).await?;
    view_when(up.control, id, "status", "RUNNING").await?;
    let counts = || async { Ok(counting()?.then_some(())) };
    wait_until("it counts", SOON, counts).await?;
    cancel_and_wait(up.control, id).await?.expect(204)?;
    ensure!(!counting()?, "it counts on");
    Ok(())
}

/// Whether the long count of this test runs.
fn counting() -> Result<bool> {
    Ok(!taskpilot_e2e::process_table::processes_with("below=999999937")?.is_empty())
}

#[test]
fn every_example_has_its_line() -> Result<()> {
    let examples = repository().join("examples");
    let handlers = fs::read_to_string(examples.join("handlers.toml"))?;
    let readme = fs::read_to_string(examples.join("README.md"))?;
    let types = handlers
        .lines()
        .filter_map(|line| line.strip_prefix("type = \""));
    let types: Vec<&str> = types.map(|rest| rest.trim_end_matches('"')).collect();
    ensure!(types.len() >= 3, "{types:?}");
    for kind in types {
        let lines = readme
            .lines()
            .filter(|line| line.starts_with(&format!("| `{kind}` |")));
        assert_eq!(lines.count(), 1, "{kind}");
    }
    Ok(())
}

/// A claim that names a test is worth no more than the test.
#[test]
fn the_tests_that_the_comparison_names_are_there() -> Result<()> {
    let text = fs::read_to_string(repository().join("docs/comparison.md"))?;
    let quoted = text.split('`').skip(1).step_by(2);
    let tests: Vec<&str> = quoted.filter(|word| word.contains("::")).collect();
    ensure!(tests.len() > 10, "{tests:?}");
    for test in tests {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
        let file = |path: &str| here.join(path.replace("::", "/")).with_extension("rs");
        if file(test).is_file() {
            continue;
        }
        let (module, name) = test.rsplit_once("::").context("no module")?;
        let source = fs::read_to_string(file(module)).context(test.to_owned())?;
        ensure!(
            source.contains(&format!("fn {name}(")),
            "{test} is not there"
        );
    }
    Ok(())
}
