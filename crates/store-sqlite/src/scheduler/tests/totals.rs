//! The totals of what was counted before there were any.

use std::collections::BTreeMap;

use refinery::Target;
use taskpilot_domain::histogram::{Bucket, Histogram};
use taskpilot_domain::names::{Namespace, TaskType};
use taskpilot_domain::stop::StopStage;
use taskpilot_store::latency::LatencyStore;
use taskpilot_store::rows::latency::StopTotal;

use super::{SCHEDULER, SqliteSchedulerStore};
use crate::open::Connector;

/// The last release without totals.
const BEFORE: i32 = 8;

/// A type that was stopped in two minutes, before and after another one.
const COUNTED: &str = "
    INSERT INTO namespace (id, name) VALUES (1, 'default');
    INSERT INTO handler_type (id, name) VALUES (1, 'a'), (2, 'b');
    INSERT INTO stop_latency (minute, namespace, type, stage, bucket, count)
    VALUES (100, 1, 1, 2, 3, 4), (101, 1, 2, 4, 7, 1), (102, 1, 1, 2, 3, 5), (102, 1, 1, 4, 9, 2);
";

#[tokio::test]
async fn an_upgrade_begins_the_totals_with_what_was_counted_by_the_minute() {
    let directory = tempfile::tempdir().unwrap();
    let connector = Connector::new(directory.path(), SCHEDULER.name, SCHEDULER.caches);
    let mut old = connector.writer().unwrap();
    let runner = (SCHEDULER.migrations)().set_target(Target::Version(BEFORE));
    runner.run(&mut old).unwrap();
    old.execute_batch(COUNTED).unwrap();
    drop(old);
    let store = SqliteSchedulerStore::open(directory.path()).unwrap();
    let total = |name: &str, counts: &[(StopStage, u16, u64)]| {
        let mut stages: BTreeMap<StopStage, Histogram> = BTreeMap::new();
        for (stage, bucket, count) in counts {
            let histogram = stages.entry(*stage).or_default();
            histogram.add(Bucket(*bucket), *count);
        }
        let of = (Namespace::default_namespace(), TaskType::new(name).unwrap());
        StopTotal {
            of: Some(of),
            stages,
        }
    };
    let expected = [
        total(
            "a",
            &[(StopStage::Delivered, 3, 9), (StopStage::Stopped, 9, 2)],
        ),
        total("b", &[(StopStage::Stopped, 7, 1)]),
    ];
    let told = store.total_stop_latencies(9).await.unwrap();
    assert_eq!(told, expected);
}
