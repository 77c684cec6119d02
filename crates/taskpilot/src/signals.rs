//! SIGTERM and Ctrl-C: the first one asks for an orderly end, a second Ctrl-C ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Code;

/// A token that the first signal cancels.
pub(crate) fn shutdown_token() -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let asked = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => tracing::info!("Ctrl-C: shutting down; again to end at once"),
            _ = terminate.recv() => tracing::info!("SIGTERM: shutting down"),
        }
        asked.cancel();
        interrupt.recv().await;
        std::process::exit(Code::Interrupted as i32);
    });
    Ok(token)
}
