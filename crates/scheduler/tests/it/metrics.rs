//! `/metrics`: read as a scraper reads it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::service::{Call, Service, start};
use crate::worker::{Worker, killed, registration, stage};

const NAME: &str = "taskpilot_stop_stage_seconds";

/// The labels of a series, without `le`.
type Labels = BTreeMap<String, String>;

/// One histogram as it was told.
#[derive(Debug, Default)]
struct Told {
    /// Bounds and counts, in their order.
    buckets: Vec<(f64, u64)>,
    sum: Option<f64>,
    count: Option<u64>,
}

impl Told {
    fn up_to(&self, bound: f64) -> u64 {
        let found = self
            .buckets
            .iter()
            .find(|(le, _)| le.total_cmp(&bound).is_eq());
        found.unwrap().1
    }
}

/// Asks for the metrics and reads every line.
async fn scrape(service: &Service) -> BTreeMap<Labels, Told> {
    let answer = service.send(Call::get("/metrics")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.body.as_str().unwrap();
    assert!(text.ends_with('\n'), "the last line has an end");
    assert!(
        text.contains(&format!("# TYPE {NAME} histogram\n")),
        "{text}"
    );
    assert!(text.contains(&format!("# HELP {NAME} ")), "{text}");
    let mut all: BTreeMap<Labels, Told> = BTreeMap::new();
    let of_stages = |line: &&str| line.starts_with(NAME);
    for line in text.lines().filter(of_stages) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.strip_suffix('}').unwrap().split_once('{').unwrap();
        let mut labels = labels_of(labels);
        let le = labels.remove("le");
        let told = all.entry(labels).or_default();
        match (name.strip_prefix(NAME).unwrap(), le) {
            ("_bucket", Some(le)) => {
                told.buckets
                    .push((le.parse().unwrap(), value.parse().unwrap()));
            }
            ("_sum", None) => assert_eq!(told.sum.replace(value.parse().unwrap()), None),
            ("_count", None) => assert_eq!(told.count.replace(value.parse().unwrap()), None),
            _ => panic!("a line that is none of a histogram: {line}"),
        }
    }
    all
}

fn labels_of(text: &str) -> Labels {
    let label = |one: &str| {
        let (name, value) = one.split_once('=').unwrap();
        let value = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        (name.to_owned(), value.to_owned())
    };
    text.split(',').map(label).collect()
}

fn labels(namespace: &str, kind: &str, stage: &str) -> Labels {
    let all = [("namespace", namespace), ("type", kind), ("stage", stage)];
    all.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// What holds of every histogram.
fn check(told: &Told) {
    assert!(told.buckets.is_sorted_by(|a, b| a.0 < b.0), "{told:?}");
    assert!(told.buckets.is_sorted_by(|a, b| a.1 <= b.1), "{told:?}");
    let last = told.buckets.last().copied();
    assert_eq!(last, Some((f64::INFINITY, told.count.unwrap())), "{told:?}");
    assert_eq!(told.sum.unwrap() > 0.0, told.count.unwrap() > 0, "{told:?}");
}

/// Runs one, cancels it, and hears of its stages after so many milliseconds.
async fn stop_one(service: &Service, seq: u64, worker: &Worker, times: &[(&str, u64)]) {
    let id = service.create().await;
    let answer = service.say(worker.claim(seq)).await;
    let grant = &answer["grants"][0];
    service.cancel(id).await;
    let mut now = 0;
    for (stage_of, ms) in times {
        service.clock.advance(ms - now);
        now = *ms;
        let item = match *stage_of {
            "stopped" => killed(grant),
            other => stage(grant, other),
        };
        service.say(worker.stops(&[item])).await;
    }
}

#[tokio::test]
async fn stages_are_histograms_by_type_whose_counts_only_grow() {
    let service = start().await;
    assert!(scrape(&service).await.is_empty(), "nothing was stopped");
    let worker = service.register(1).await;
    // 100 and 101 ms are one bucket, which is not below the bound of 100.
    let times = [("delivered", 2), ("acknowledged", 8), ("stopped", 100)];
    stop_one(&service, 1, &worker, &times).await;
    let told = scrape(&service).await;
    told.values().for_each(check);
    let stages: Vec<&Labels> = told.keys().collect();
    let expected =
        ["delivered", "signaled", "stopped"].map(|stage| labels("default", "demo", stage));
    assert_eq!(stages, expected.iter().collect::<Vec<_>>());
    let counts = |stage: usize, bounds: [f64; 3]| {
        let told = &told[&expected[stage]];
        (bounds.map(|bound| told.up_to(bound)), told.sum)
    };
    assert_eq!(counts(0, [0.001, 0.002, 0.005]), ([0, 1, 1], Some(0.002)));
    assert_eq!(counts(1, [0.005, 0.008, 60.0]), ([0, 1, 1], Some(0.008)));
    assert_eq!(counts(2, [0.05, 0.1, 0.25]), ([0, 0, 1], Some(0.101)));

    stop_one(&service, 2, &worker, &[("stopped", 25_000)]).await;
    let later = scrape(&service).await;
    later.values().for_each(check);
    let stopped = &later[&expected[2]];
    assert_eq!((stopped.up_to(10.0), stopped.up_to(30.0)), (1, 2));
    assert_eq!(later[&expected[0]].count, Some(1));
}

#[tokio::test]
async fn open_stops_are_told_by_status_and_none_that_is_settled_or_released() {
    let service = start().await;
    let told = async || {
        let text = service.send(Call::get("/metrics")).await.body;
        let text = text.as_str().unwrap();
        assert!(
            text.contains("# TYPE taskpilot_open_stops gauge\n"),
            "{text}"
        );
        let of = |line: &str| {
            let rest = line.strip_prefix("taskpilot_open_stops{status=\"")?;
            let (status, count) = rest.split_once("\"} ")?;
            Some((status.to_owned(), count.parse().unwrap()))
        };
        let told: BTreeMap<String, u64> = text.lines().filter_map(of).collect();
        assert_eq!(told.len(), 5, "{text}");
        let some = told.into_iter().filter(|(_, count)| *count > 0);
        some.collect::<Vec<(String, u64)>>()
    };
    let open = |status: &str| vec![(status.to_owned(), 1)];
    assert_eq!(told().await, vec![]);
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    assert_eq!(told().await, open("REQUESTED"));
    service.say(worker.stops(&[stage(&grant, "stuck")])).await;
    assert_eq!(told().await, open("STUCK"));
    let release = json!({"reason": "looked at it"});
    let answer = service
        .send(Call::put("/tasks/1/release-stuck").json(&release))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(told().await, vec![]);
}

#[tokio::test]
async fn metrics_are_of_all_namespaces_whoever_asks() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    service.say(worker.stops(&[killed(&grant)])).await;
    let abroad = |call: Call| call.header("taskpilot-namespace", "abroad");
    let answer = service
        .send(abroad(Call::post("/v1/workers", &registration(1))))
        .await;
    let worker = Worker {
        id: answer.body["sessionId"].as_i64().unwrap(),
        token: answer.body["token"].as_str().unwrap().to_owned(),
    };
    let body: Value = json!({"type": "demo", "payload": null});
    let id = service.send(abroad(Call::post("/tasks", &body))).await.id();
    let claimed = service.say(abroad(worker.claim(1))).await;
    service
        .send(abroad(Call::put(&format!("/tasks/{id}/cancel"))))
        .await;
    let stopped = worker.stops(&[killed(&claimed["grants"][0])]);
    service.say(abroad(stopped)).await;
    let told = scrape(&service).await;
    for namespace in ["default", "abroad"] {
        let stopped = &told[&labels(namespace, "demo", "stopped")];
        assert_eq!(stopped.count, Some(1), "{namespace}");
    }
    assert_eq!(told.len(), 6);
}
