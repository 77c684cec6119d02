//! A disk without space, and one that has become read-only.

use anyhow::{Result, ensure};
use serde_json::json;
use taskpilot_e2e::storage::Sick;

use super::site::{Service, Site};
use super::story::{Act, Story};
use crate::api::{all, create_of, task};

async fn writes_fail_and_come_back(sick: Sick) -> Result<()> {
    let site = Site::new()?;
    let running = site.start().await?;
    let control = site.http(Service::Control);
    let before = create_of(control, "quick").await?;
    let mut story = Story::new(&site, format!("{sick:?}"));
    for act in Act::ALL {
        let (service, storage) = (act.calls(), site.storage(act.calls()));
        // These two write nothing here: the one is the scheduler's, the other is done.
        if !matches!(act, Act::Cancel | Act::BindAgain) {
            storage.fail_writes(Some(sick))?;
            let failed = storage.failed()?;
            let reply = story.act(act).await?;
            let problem = reply.any_problem()?;
            ensure!(reply.status == 503, "{act:?}: {problem}");
            assert_eq!(problem["retryable"], json!(true), "{problem}");
            ensure!(storage.failed()? > failed, "{act:?}: nothing has failed");
            // What is there can be read all the while.
            let list = if service == Service::Control {
                "/api/tasks"
            } else {
                "/tasks"
            };
            all(site.http(service), list).await?;
            task(control, before).await?;
            storage.fail_writes(None)?;
        }
        story.act_in_the_end(act).await?;
    }
    story.is_kept().await?;
    drop(running);
    let _running = site.start().await?;
    story.is_kept().await?;
    task(control, before).await?;
    Ok(())
}

#[tokio::test]
async fn a_full_disk_refuses_every_write_until_there_is_space() -> Result<()> {
    writes_fail_and_come_back(Sick::Full).await
}

#[tokio::test]
async fn a_read_only_disk_refuses_every_write_until_it_can_be_written() -> Result<()> {
    writes_fail_and_come_back(Sick::ReadOnly).await
}

#[tokio::test]
async fn a_start_on_a_disk_that_cannot_be_written_ends_and_names_it() -> Result<()> {
    for (sick, words) in [
        (Sick::ReadOnly, "Read-only file system"),
        (Sick::Full, "No space left"),
    ] {
        for service in Service::BOTH {
            let site = Site::new()?;
            site.storage(service).fail_writes(Some(sick))?;
            let ended = site.launch(service).run().await?;
            assert_eq!(ended.code, Some(1), "{ended:?}");
            let path = site.bench.path("").to_string_lossy().into_owned();
            ensure!(ended.stderr.contains(words), "{ended:?}");
            ensure!(ended.stderr.contains(&path), "{ended:?}");
            assert_eq!(ended.stdout, "");
        }
    }
    Ok(())
}
