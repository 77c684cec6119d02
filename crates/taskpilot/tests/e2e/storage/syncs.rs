//! A sync that fails, at each place of the main flows, on both databases.

use anyhow::{Result, bail, ensure};
use taskpilot_e2e::storage::StorageFaults;

use super::site::{Service, Site};
use super::story::{Act, Story};

/// What is done when a call was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It is repeated: the storage is well again.
    Repeat,
    /// The services crash, and begin again.
    Crash,
}

/// How many syncs the story takes where all is well.
async fn syncs_of(site: &Site, service: Service) -> Result<u64> {
    let _running = site.start().await?;
    let storage = site.storage(service);
    let mut story = Story::new(site, format!("clean-{service:?}"));
    for act in Act::ALL {
        let before = storage.syncs()?;
        let reply = story.act(act).await?;
        ensure!(reply.status < 300, "{act:?}: {}", reply.text());
        // Else the shim is not under it, and this test shows nothing.
        ensure!(
            act.calls() != service
                || storage.syncs()? > before
                || matches!(act, Act::Cancel | Act::BindAgain),
            "{act:?} was acknowledged without a sync"
        );
    }
    story.is_kept().await?;
    storage.syncs()
}

async fn every_sync_may_fail(service: Service, then: Then) -> Result<()> {
    let site = Site::new()?;
    let syncs = syncs_of(&site, service).await?;
    let mut running = None;
    let mut refused = 0;
    for n in 1..=syncs {
        if running.is_none() {
            running = Some(site.start().await?);
        }
        let storage = site.storage(service);
        let mut story = Story::new(&site, format!("{n}-{then:?}"));
        storage.fail_sync(Some(n))?;
        for act in Act::ALL {
            if acknowledged(&mut story, act, service, storage).await? {
                continue;
            }
            refused += 1;
            if then == Then::Crash {
                drop(running.take());
                running = Some(site.start().await?);
                story.is_kept().await?;
            }
            story.act_in_the_end(act).await?;
        }
        story.is_kept().await?;
        if then == Then::Crash {
            drop(running.take());
            running = Some(site.start().await?);
            story.is_kept().await?;
        }
    }
    // The other syncs are those of checkpoints, which nobody waits for.
    ensure!(
        refused >= Act::ALL.len() / 3,
        "{refused} refusals of {syncs} syncs"
    );
    Ok(())
}

/// Whether a call was; it may not be where the sync of its own commit failed meanwhile.
async fn acknowledged(
    story: &mut Story<'_>,
    act: Act,
    service: Service,
    storage: &StorageFaults,
) -> Result<bool> {
    let before = storage.failed()?;
    let reply = story.act(act).await?;
    let is_acknowledged = reply.status < 300;
    let has_failed = storage.failed()? > before;
    // Once its create is committed a task is acknowledged, as what it is by then.
    let is_begun = act == Act::CreateBound && reply.json()?["status"] != "BOUND";
    if is_acknowledged && has_failed && act.calls() == service && !is_begun {
        let thread = storage.failed_thread()?;
        if thread.contains("-writ") {
            bail!("{act:?} was acknowledged after its sync failed on {thread}");
        }
    }
    Ok(is_acknowledged)
}

#[tokio::test]
async fn a_control_plane_whose_sync_fails_acknowledges_nothing_and_goes_on_by_itself() -> Result<()>
{
    every_sync_may_fail(Service::Control, Then::Repeat).await
}

#[tokio::test]
async fn a_scheduler_whose_sync_fails_acknowledges_nothing_and_goes_on_by_itself() -> Result<()> {
    every_sync_may_fail(Service::Scheduler, Then::Repeat).await
}

#[tokio::test]
async fn a_control_plane_that_crashes_after_a_failed_sync_keeps_what_it_acknowledged() -> Result<()>
{
    every_sync_may_fail(Service::Control, Then::Crash).await
}

#[tokio::test]
async fn a_scheduler_that_crashes_after_a_failed_sync_keeps_what_it_acknowledged() -> Result<()> {
    every_sync_may_fail(Service::Scheduler, Then::Crash).await
}
