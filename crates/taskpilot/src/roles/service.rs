//! A service that listens: bound, served, and shut down in order.

use std::net::SocketAddr;
use std::time::Duration;

use taskpilot_server::listener::{BindError, Listener, Router};
use taskpilot_server::settings::Settings;
use taskpilot_server::shutdown::Shutdown;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::announce;
use crate::exit::{Code, Failure};

/// The address of a flag, else of the file, else the default one. One that may not be listened on is
/// refused before anything is begun.
pub(super) fn address(
    given: Option<&str>,
    file: Option<&str>,
    default: &str,
) -> Result<SocketAddr, Failure> {
    let text = given.or(file).unwrap_or(default);
    let address = text.parse().map_err(|_| {
        Failure::Usage(format!(
            "{text:?} is no address: write 127.0.0.1:8080 or [::1]:8080"
        ))
    })?;
    Listener::check(address).map_err(refused)?;
    Ok(address)
}

/// Binds the address.
pub(super) async fn bind(address: SocketAddr) -> Result<Listener, Failure> {
    Listener::bind(address).await.map_err(refused)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what an error is mapped with"
)]
fn refused(error: BindError) -> Failure {
    Failure::Coded(Code::Address, error.to_string())
}

/// A service that runs.
pub(super) struct Service {
    name: &'static str,
    url: String,
    shutdown: Shutdown,
    parts: Vec<JoinHandle<()>>,
    gone: CancellationToken,
    close: Box<dyn FnOnce() + Send>,
}

/// What a service is made of.
pub(super) struct Parts {
    /// The role, as the ready line has it.
    pub(super) name: &'static str,
    pub(super) listener: Listener,
    pub(super) router: Router,
    pub(super) shutdown: Shutdown,
    /// What runs beside the listener until the shutdown.
    pub(super) loops: Vec<JoinHandle<()>>,
    /// Closes the store, at the very end; may block.
    pub(super) close: Box<dyn FnOnce() + Send>,
}

impl Service {
    /// Starts to serve.
    pub(super) fn start(parts: Parts) -> Self {
        let url = format!("http://{}", parts.listener.local_addr());
        let shutdown = parts.shutdown;
        let serving = parts
            .listener
            .serve(parts.router, Settings::default(), shutdown.clone());
        let gone = CancellationToken::new();
        let mut all = vec![watched(tokio::spawn(serving), &gone)];
        all.extend(parts.loops.into_iter().map(|part| watched(part, &gone)));
        Self {
            name: parts.name,
            url,
            shutdown,
            parts: all,
            gone,
            close: parts.close,
        }
    }

    /// Name and address, as they are announced.
    pub(super) fn listens(&self) -> (&str, &str) {
        (self.name, &self.url)
    }

    /// Where it listens.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Serves until it is asked to end, or a part of it ends unasked.
    pub(super) async fn run(self, asked: CancellationToken) -> Result<(), Failure> {
        announce(&[self.listens()]);
        let unasked = asked.run_until_cancelled(self.unasked()).await;
        self.stop().await;
        unasked.map_or(Ok(()), Err)
    }

    /// Returns when a part of it has ended, which none does before the shutdown, and says so in the
    /// log.
    pub(super) async fn unasked(&self) -> Failure {
        self.gone.cancelled().await;
        unasked(&format!("a part of the {}", self.name), "see the log")
    }

    /// Says to probes that it will end.
    pub(super) fn announce_end(&self) {
        self.shutdown.announce();
    }

    /// Lets open calls and running ticks end within the drain time, then closes the store.
    pub(super) async fn stop(self) {
        self.shutdown.request();
        self.ended().await;
    }

    /// The same within what is left of a drain time that others had a part of.
    pub(super) async fn stop_within(self, rest: Duration) {
        self.shutdown.request_within(rest);
        self.ended().await;
    }

    async fn ended(self) {
        for part in self.parts {
            let _ = part.await;
        }
        let _ = tokio::task::spawn_blocking(self.close).await;
    }
}

/// What ended although nobody asked for it, in the log and as the end of the process.
pub(super) fn unasked(what: &str, why: impl std::fmt::Display) -> Failure {
    tracing::error!("{what} has ended by itself, and so everything here ends: {why}");
    Failure::Other(anyhow::anyhow!("{what} has ended by itself: {why}"))
}

/// The same task, whose end, well or not, is told by `gone`.
fn watched(part: JoinHandle<()>, gone: &CancellationToken) -> JoinHandle<()> {
    let gone = gone.clone().drop_guard();
    tokio::spawn(async move {
        let _gone = gone;
        // What a panic said is on standard error already.
        let _ = part.await;
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_service_whose_loop_panics_ends_in_order_and_not_well() {
        let closed = Arc::new(AtomicBool::new(false));
        let told = closed.clone();
        let shutdown = Shutdown::new(Duration::from_secs(1));
        let other = shutdown.clone();
        let service = Service::start(Parts {
            name: "scheduler",
            listener: bind(([127, 0, 0, 1], 0).into()).await.unwrap(),
            router: Router::new(),
            shutdown,
            loops: vec![
                tokio::spawn(async move { other.requested().await }),
                tokio::spawn(async { panic!("on purpose") }),
            ],
            close: Box::new(move || told.store(true, Ordering::SeqCst)),
        });
        let ended = service.run(CancellationToken::new()).await.unwrap_err();
        assert_eq!(ended.code(), Code::Error);
        assert!(
            ended.to_string().contains("a part of the scheduler"),
            "{ended}"
        );
        assert!(closed.load(Ordering::SeqCst));
    }
}
