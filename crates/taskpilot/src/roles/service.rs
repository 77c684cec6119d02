//! A service that listens: bound, served, and shut down in order.

use std::net::SocketAddr;

use taskpilot_server::listener::{BindError, Listener, Router};
use taskpilot_server::settings::Settings;
use taskpilot_server::shutdown::Shutdown;
use tokio::task::JoinHandle;

use crate::exit::{Code, Failure};

/// Reads an address and refuses one that may not be listened on, before anything is begun.
pub(super) fn address(text: &str) -> Result<SocketAddr, Failure> {
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
    url: String,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
    loops: Vec<JoinHandle<()>>,
    close: Box<dyn FnOnce() + Send>,
}

/// What a service is made of.
pub(super) struct Parts {
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
        let Parts {
            listener,
            router,
            shutdown,
            loops,
            close,
        } = parts;
        let url = format!("http://{}", listener.local_addr());
        let serving = tokio::spawn(listener.serve(router, Settings::default(), shutdown.clone()));
        Self {
            url,
            shutdown,
            serving,
            loops,
            close,
        }
    }

    /// Where it listens.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Lets open calls and running ticks end within the drain time, then closes the store.
    pub(super) async fn stop(self) {
        self.shutdown.request();
        let _ = self.serving.await;
        for task in self.loops {
            let _ = task.await;
        }
        let _ = tokio::task::spawn_blocking(self.close).await;
    }
}
