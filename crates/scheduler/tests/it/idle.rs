//! A scheduler with nothing to do leaves its disk alone: the loops tick many times a second.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::service::start;

/// Every file of the store with its bytes, but for the memory that its connections share.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = std::fs::read_dir(directory).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let kept = paths.filter(|path| !path.to_string_lossy().ends_with("-shm"));
    kept.map(|path| {
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    })
    .collect()
}

#[tokio::test]
async fn ticks_and_claims_that_find_nothing_write_nothing() {
    let service = start().await;
    let (worker, _) = service.running().await;
    let later = json!({"type": "demo", "scheduledFor": "2026-03-02T00:00:00Z"});
    service.create_with(later).await;
    let before = files(service.directory());
    assert!(before.values().any(|bytes| !bytes.is_empty()));
    for seq in 2..22 {
        service.pass_ms(1_000).await;
        service.say(worker.claim(seq)).await;
    }
    assert!(
        files(service.directory()) == before,
        "something was written"
    );
    service.create().await;
    assert!(
        files(service.directory()) != before,
        "a create is seen here"
    );
}
