//! A short form of every measurement: that it measures, and that it leaves nothing behind.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::process_table::processes_with;
use taskpilot_e2e::run::Finished;
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_e2e::workbench::Workbench;

use crate::start::{ANY_PORT, ControlOnly, DRAIN, Up, launch};

/// Runs a measurement in a directory of its own and gives its report.
async fn measured(mode: &str, options: &str) -> Result<Value> {
    let bench = Workbench::new()?;
    let place = bench.path("place");
    std::fs::create_dir(&place)?;
    let launch = launch(&bench)
        .args(["bench", mode, "--json", "--runs", "1"])
        .option("--dir", &place)
        .args(options.split_whitespace());
    let ended = launch.run().await?;
    ensure!(ended.code == Some(0), "{mode} {options}: {ended:?}");
    let left: Vec<_> = std::fs::read_dir(&place)?.collect();
    ensure!(left.is_empty(), "{mode} left {left:?}");
    serde_json::from_str(&ended.stdout).context("no JSON")
}

/// The names of the figures, all of which are numbers above zero or zero itself.
fn figures(report: &Value) -> Result<Vec<&str>> {
    let figures = report["figures"].as_array().context("no figures")?;
    let name = |figure: &'_ Value| {
        let median = figure["median"].as_f64().context("no median")?;
        ensure!(median.is_finite() && median >= 0.0, "{figure}");
        Ok(())
    };
    figures.iter().try_for_each(name)?;
    Ok(figures
        .iter()
        .filter_map(|figure| figure["name"].as_str())
        .collect())
}

#[tokio::test]
async fn the_floor_is_measured() -> Result<()> {
    let report = measured("floor", "--count 200 --batch 50").await?;
    assert_eq!(figures(&report)?, ["floor"]);
    assert_eq!(report["settings"]["batch"], 50);
    Ok(())
}

#[tokio::test]
async fn lifecycles_are_measured_in_batches_and_beside_the_floor() -> Result<()> {
    let report = measured("lifecycle", "--count 210 --batch 50").await?;
    let expected = [
        "lifecycles",
        "floor",
        "lifecycles as a part of the floor",
        "create call under full load p50",
        "create call under full load p99",
        "create call under full load max",
        "claim call under full load p50",
        "claim call under full load p99",
        "claim call under full load max",
    ];
    assert_eq!(figures(&report)?, expected);
    Ok(())
}

#[tokio::test]
async fn single_creates_are_measured_at_either_service() -> Result<()> {
    let options = "--count 60 --clients 8 --batch 20 --through";
    let scheduler = measured("lifecycle", &format!("{options} scheduler")).await?;
    assert_eq!(figures(&scheduler)?[0], "single creates at the scheduler");
    let control = measured("lifecycle", &format!("{options} control")).await?;
    assert_eq!(figures(&control)?[0], "creates and binds in one call");
    assert_eq!(control["figures"][1]["unit"], "%");
    assert_eq!(control["figures"][1]["median"], 100.0);
    Ok(())
}

/// Runs a measurement of services that are there.
async fn measured_there(up: &Up, control: &str, options: &str) -> Result<Finished> {
    let launch = launch(&up.bench)
        .args(["bench"])
        .args(options.split_whitespace())
        .args(["--runs", "1", "--json"])
        .option("--scheduler-url", up.scheduler.url())
        .option("--url", control);
    launch.run().await
}

#[tokio::test]
async fn creates_that_are_not_bound_count_for_nothing() -> Result<()> {
    let up = Up::start().await?;
    let control = ControlOnly::on(Workbench::new()?, "http://127.0.0.1:1").await?;
    let options = "lifecycle --through control --count 2";
    let ended = measured_there(&up, &control.control.url(), options).await?;
    let said: Value = serde_json::from_str(&ended.stderr)?;
    let expected = "of 2 tasks 0 were bound when their creates were answered";
    assert_eq!((ended.code, &said["detail"]), (Some(1), &json!(expected)));
    Ok(())
}

#[tokio::test]
async fn a_drain_leaves_the_backlog_that_was_there() -> Result<()> {
    let up = Up::start().await?;
    for number in 0..30 {
        let body = json!({ "type": "bench", "payload": number });
        up.scheduler
            .post("/tasks")
            .json(&body)
            .send()
            .await?
            .expect(201)?;
    }
    let options = "drain --count 70 --batch 20 --workers 3";
    let ended = measured_there(&up, &up.control.url(), options).await?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let pending = up.scheduler.get("/tasks?state=PENDING&limit=1000");
    let pending = pending.send().await?.expect(200)?.json()?;
    assert_eq!(pending["items"].as_array().map(Vec::len), Some(30));
    Ok(())
}

#[tokio::test]
async fn a_drain_is_measured() -> Result<()> {
    let report = measured("drain", "--count 200 --batch 50").await?;
    assert_eq!(figures(&report)?[..2], ["drained", "filled"]);
    Ok(())
}

#[tokio::test]
async fn a_dispatch_is_measured_by_the_word_of_the_handler() -> Result<()> {
    for handler in ["in-process", "command"] {
        let options = format!("--count 12 --interval-ms 5 --handler {handler}");
        let report = measured("dispatch", &options).await?;
        assert_eq!(figures(&report)?[0], "create to handler start p50");
        assert_eq!(figures(&report)?[6], "lateness of the sends p50");
        let median = &report["figures"][0]["median"];
        assert!(median.as_f64() > Some(0.0), "{handler}: {report}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cancel_is_measured_to_the_end_of_the_process() -> Result<()> {
    for service in ["scheduler", "control"] {
        let options = "--processes 6 --in-process 0 --count 4 --interval-ms 60 --through";
        let report = measured("cancel", &format!("{options} {service}")).await?;
        let expected = [STAGES.as_slice(), &["lateness of the sends"]].concat();
        assert_eq!(figures(&report)?, quantiles(&expected));
    }
    Ok(())
}

const STAGES: [&str; 3] = [
    "request to verdict",
    "request to handler signaled",
    "request to process gone",
];

fn quantiles(names: &[&str]) -> Vec<String> {
    let of = |name: &&str| ["p50", "p99", "max"].map(|quantile| format!("{name} {quantile}"));
    names.iter().flat_map(of).collect()
}

#[tokio::test]
async fn cancels_are_measured_beside_more_and_with_several_workers() -> Result<()> {
    let options = "--processes 6 --in-process 1500 --workers 2 --count 4 --interval-ms 60";
    let report = measured("cancel", options).await?;
    let names = figures(&report)?;
    let all = [STAGES.as_slice(), &["lateness of the sends"]].concat();
    let beside = all.iter().map(|name| format!("{name}, beside 1500 more,"));
    let beside: Vec<String> = beside.collect();
    let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
    assert_eq!(names[12..24], quantiles(&beside));
    let multiples = STAGES.map(|stage| {
        let of = |word| format!("{stage} {word} beside 1500 more, as a multiple of that without");
        ["p50", "p99"].map(of)
    });
    assert_eq!(names[24..], multiples.concat());
    assert_eq!(report["settings"]["workers"], 2);
    Ok(())
}

#[tokio::test]
async fn memory_is_measured_idle_and_with_a_backlog() -> Result<()> {
    let options = "--waiting 100 --connections 8 --seconds 1";
    let report = measured("memory", options).await?;
    let expected = [
        "memory, idle",
        "memory with the backlog and the connections",
        "processor time, idle",
    ];
    assert_eq!(figures(&report)?, expected);
    Ok(())
}

#[tokio::test]
async fn curves_are_measured_and_drawn() -> Result<()> {
    let plots = tempfile::tempdir()?;
    let plot = plots.path().join("curves.svg");
    let options = format!(
        "--scale 0.0001 --count 60 --batch 20 --plot {}",
        plot.display()
    );
    let report = measured("curve", &options).await?;
    let curves = report["curves"].as_array().context("no curves")?;
    let axis = |curve: &Value| -> Result<(String, Vec<Option<f64>>)> {
        let points = curve["points"].as_array().context("no points")?;
        let over = curve["over"].as_str().context("no name")?;
        let sizes = points.iter().map(|point| point["x"].as_f64()).collect();
        Ok((over.to_owned(), sizes))
    };
    let axes: Vec<_> = curves.iter().map(axis).collect::<Result<_>>()?;
    let expected = [
        ("executions waiting behind", vec![0, 1, 10, 100]),
        ("executions running", vec![0, 1]),
        ("workers", vec![1]),
        // The 60 of each run are there for the points behind it.
        ("executions ended before", vec![0, 60, 120, 500]),
    ];
    let expected = expected.map(|(over, sizes)| {
        let sizes = sizes.into_iter().map(|size| Some(f64::from(size)));
        (over.to_owned(), sizes.collect())
    });
    // The rate, and the claims.
    let twice: Vec<_> = expected
        .into_iter()
        .flat_map(|axis| [axis.clone(), axis])
        .collect();
    assert_eq!(axes, twice);
    assert!(std::fs::read_to_string(&plot)?.starts_with("<svg"));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_measured_is_refused() -> Result<()> {
    let bench = Workbench::new()?;
    let ended = launch(&bench)
        .args(["bench", "lifecycle", "--count", "1", "--runs", "1"])
        .args(["--scheduler-url", "http://127.0.0.1:1"])
        .run()
        .await?;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("no connection"), "{ended:?}");
    assert_eq!(ended.stdout, "");
    Ok(())
}

#[tokio::test]
async fn an_address_is_taken_only_where_it_is_measured() -> Result<()> {
    let bench = Workbench::new()?;
    for mode in ["floor", "dispatch", "cancel", "memory", "curve", "all"] {
        let launch = launch(&bench).args(["bench", mode]);
        let ended = launch
            .option("--scheduler-url", "http://127.0.0.1:1")
            .run()
            .await?;
        assert_eq!(ended.code, Some(2), "{mode}: {ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn all_is_measured_and_written_down() -> Result<()> {
    let out = tempfile::tempdir()?;
    let options = format!("--quick --out {}", out.path().display());
    let report = measured("all", &options).await?;
    let names = figures(&report)?;
    for mode in [
        "floor",
        "lifecycle",
        "drain",
        "dispatch",
        "cancel",
        "memory",
    ] {
        assert!(names.iter().any(|name| name.starts_with(mode)), "{mode}");
    }
    let read = |name: &str| std::fs::read_to_string(out.path().join(name));
    let results: Value = serde_json::from_str(&read("results.json")?)?;
    assert_eq!(results.as_array().map(Vec::len), Some(13));
    let page = read("README.md")?;
    // The method, the goals and the machine stand before the thirteen.
    assert_eq!(page.matches("\n## ").count(), 3 + 13);
    assert!(page.contains("| File system | "), "{page}");
    assert!(!page.contains("Not complete"), "{page}");
    assert_eq!(read("curves.svg")?.matches("<polyline").count(), 8);
    assert!(read("missed.md")?.contains("written by hand"));
    Ok(())
}

/// A measurement that is told to end once `began` says so; what it says then, after it was seen that
/// nothing of it is left.
async fn told_to_end(
    signal: Signal,
    options: &str,
    began: impl Fn(&Path) -> Result<bool>,
) -> Result<(Option<i32>, String)> {
    let bench = Workbench::new()?;
    let place = bench.path("place");
    std::fs::create_dir(&place)?;
    let launch = launch(&bench)
        .args(["bench"])
        .args(options.split_whitespace())
        .option("--dir", &place);
    let mut process = launch.spawn("bench")?;
    wait_until("it measures", SOON * 2, || async {
        Ok(began(&place)?.then_some(()))
    })
    .await?;
    process.signal(signal)?;
    let status = process.ended(DRAIN).await?;
    let left: Vec<_> = std::fs::read_dir(&place)?.collect();
    ensure!(left.is_empty(), "{options} left {left:?}");
    let running = processes_with(&place.to_string_lossy())?;
    ensure!(running.is_empty(), "{options} left {running:?}");
    Ok((status.code(), process.stderr()?))
}

/// What one that was told to end by SIGTERM says.
const TOLD: &str = "error: told to end before it was done\n";

#[tokio::test]
async fn a_floor_ends_when_it_is_told_to() -> Result<()> {
    let options = "floor --count 50000 --runs 1000";
    let began = |place: &Path| Ok(std::fs::read_dir(place)?.next().is_some());
    let ended = told_to_end(Signal::TERM, options, began).await?;
    assert_eq!(ended, (Some(1), TOLD.to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_cancel_that_is_interrupted_leaves_no_process() -> Result<()> {
    let options = "cancel --processes 6 --workers 2 --count 1000";
    let began = |place: &Path| Ok(until_told(place)? >= 6);
    let (code, said) = told_to_end(Signal::INT, options, began).await?;
    let expected = "error: interrupted before it was done\n";
    assert_eq!((code, said.as_str()), (Some(1), expected));
    Ok(())
}

/// Programs of a measurement in this place that run until they are told to end.
fn until_told(place: &Path) -> Result<usize> {
    let running = processes_with(&place.join("").to_string_lossy())?;
    let handlers = running
        .iter()
        .filter(|process| process.command.contains(" until-told "));
    Ok(handlers.count())
}

#[tokio::test]
async fn a_cancel_that_is_killed_takes_its_services_and_their_work_with_it() -> Result<()> {
    let bench = Workbench::new()?;
    let place = bench.path("place");
    std::fs::create_dir(&place)?;
    let launch = launch(&bench)
        .args(["bench", "cancel", "--processes", "6", "--workers", "2"])
        .args(["--count", "1000"])
        .option("--dir", &place);
    let process = launch.spawn("bench")?;
    wait_until("it measures", SOON * 2, || async {
        Ok((until_told(&place)? >= 6).then_some(()))
    })
    .await?;
    process.crash().await?;
    // In order, as after a SIGTERM: what runs has its part of the drain time.
    let gone = wait_until("nothing of it runs", DRAIN, || async {
        let running = processes_with(&place.to_string_lossy())?;
        Ok(running.is_empty().then_some(()))
    });
    let gone = gone.await;
    for left in processes_with(&place.to_string_lossy())? {
        left.signal(Signal::KILL);
    }
    gone
}

#[tokio::test]
async fn a_service_whose_measurement_has_ended_does_not_start() -> Result<()> {
    let bench = Workbench::new()?;
    // Nothing that starts a test has this id.
    let ended = launch(&bench)
        .args(["bench-service", "2147483647", "up", "--data", "data"])
        .args(["--control", ANY_PORT, "--scheduler", ANY_PORT])
        .run()
        .await?;
    let said = (ended.code, ended.stderr.as_str());
    assert_eq!(said, (Some(1), "error: the measurement has ended\n"));
    assert!(!bench.path("data").exists());
    Ok(())
}

#[tokio::test]
async fn what_was_measured_is_kept_when_the_rest_is_not() -> Result<()> {
    let out = tempfile::tempdir()?;
    std::fs::write(out.path().join("missed.md"), "by hand")?;
    let read = |name: &str| std::fs::read_to_string(out.path().join(name));
    let options = format!("all --quick --runs 1 --out {}", out.path().display());
    let began = |_: &Path| Ok(out.path().join("README.md").exists());
    let ended = told_to_end(Signal::TERM, &options, began).await?;
    assert_eq!(ended, (Some(1), TOLD.to_owned()));
    let results: Value = serde_json::from_str(&read("results.json")?)?;
    let done = results.as_array().map_or(0, Vec::len);
    ensure!((1..13).contains(&done), "{done}");
    let told = format!("{done} of 13 measurements are here");
    assert!(read("README.md")?.contains(&told));
    assert_eq!(read("missed.md")?, "by hand");
    Ok(())
}
