//! One session from its registration to its end: the loops, the dispatcher, the goodbye.

use std::sync::Arc;
use std::time::Duration;

use taskpilot_api::workers::{FencedAttempt, Goodbye};
use taskpilot_client::workers::WorkersClient;
use taskpilot_domain::limits::WORKER_ITEMS_MAX;
use taskpilot_fault::{self as fault, Step};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::attempts::Attempts;
use super::claiming::Claims;
use super::closing::Stage;
use super::dispatcher::{Dispatcher, Means, Over, Senders};
use super::enroll::Enrolled;
use super::feeding::Feeding;
use super::link::{Link, cut};
use super::orders::Orders;
use super::results::ResultOutbox;
use super::starts::StartOutbox;
use super::stops::StopOutbox;
use super::{claim_loop, heartbeat_loop, order_loop, result_loop, start_loop, stop_loop};
use crate::clock::BootInstant;
use crate::limits::INBOX_MAX;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// The scheduler has ended it: the worker needs another one.
    Dead,
    /// The worker said goodbye.
    Goodbye,
    /// The worker ends and could not say goodbye, or has reason not to.
    Unsaid,
}

/// Serves a session until it is over.
pub(crate) async fn serve(
    means: Means,
    client: WorkersClient,
    enrolled: Enrolled,
    shutdown: CancellationToken,
) -> SessionEnd {
    let (to_self, inbox) = mpsc::channel(INBOX_MAX);
    let link = Link {
        client,
        session: Arc::new(enrolled.session),
        inbox: to_self.clone(),
    };
    // Dropped with this function: the loops end with the session.
    let mut loops = JoinSet::new();
    let dispatcher = Dispatcher {
        means,
        session: link.session.clone(),
        senders: start_loops(&link, &mut loops),
        to_self,
        inbox,
        attempts: Attempts::default(),
        orders: Orders::default(),
        results: ResultOutbox::default(),
        stops: StopOutbox::default(),
        starts: StartOutbox::default(),
        claims: Claims::default(),
        stage: Stage::Serving,
        schedule: None,
        feeding: Feeding::new(link.session.heartbeat_ms, enrolled.lease_end),
        lease_end: enrolled.lease_end,
    };
    match dispatcher.run(shutdown).await {
        Over::Dead => SessionEnd::Dead,
        Over::Shutdown {
            never_started,
            all_ended: true,
            until,
        } => say_goodbye(&link, never_started, until).await,
        Over::Shutdown {
            all_ended: false, ..
        } => {
            // A goodbye would let another worker begin beside it; the lease still holds it back.
            tracing::error!("leaving without a goodbye: something cannot be ended");
            SessionEnd::Unsaid
        }
    }
}

fn start_loops(link: &Link, loops: &mut JoinSet<()>) -> Senders {
    let (claims, claim_orders) = mpsc::channel(1);
    let (results, result_batches) = mpsc::channel(1);
    let (stops, stop_batches) = mpsc::channel(1);
    let (starts, start_batches) = mpsc::channel(1);
    let beat_now = Arc::new(Notify::new());
    let end_claims = CancellationToken::new();
    let hasten_claim = Arc::new(Notify::new());
    let claiming = claim_loop::run(link.clone(), claim_orders, hasten_claim.clone());
    let ended = end_claims.clone();
    loops.spawn(async move {
        ended.run_until_cancelled(claiming).await;
    });
    loops.spawn(result_loop::run(link.clone(), result_batches));
    loops.spawn(stop_loop::run(link.clone(), stop_batches));
    loops.spawn(start_loop::run(link.clone(), start_batches));
    loops.spawn(heartbeat_loop::run(link.clone(), beat_now.clone()));
    loops.spawn(order_loop::run(link.clone()));
    Senders {
        claims,
        results,
        stops,
        starts,
        beat_now,
        hasten_claim,
        end_claims,
    }
}

async fn say_goodbye(
    link: &Link,
    mut never_started: Vec<FencedAttempt>,
    until: BootInstant,
) -> SessionEnd {
    never_started.truncate(WORKER_ITEMS_MAX);
    let goodbye = Goodbye { never_started };
    let goodbye = link.client.goodbye(&link.session, &goodbye);
    let goodbye = fault::around(Step::GoodbyeSend, goodbye, cut);
    let patience = Duration::from_millis(until.ms_since(BootInstant::now()));
    match tokio::time::timeout(patience, goodbye).await {
        Ok(Ok(())) => SessionEnd::Goodbye,
        Ok(Err(error)) => {
            tracing::warn!(%error, "no goodbye: the lease ends by itself");
            SessionEnd::Unsaid
        }
        Err(_) => {
            tracing::warn!("no time for a goodbye: the lease ends by itself");
            SessionEnd::Unsaid
        }
    }
}
