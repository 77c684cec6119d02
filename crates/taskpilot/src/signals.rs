//! SIGTERM and Ctrl-C: the first one asks for an orderly end, a further SIGTERM for haste in it,
//! and a further Ctrl-C ends at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Code;

/// What signals have asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// An orderly end.
    pub(crate) end: CancellationToken,
    /// That running work has no more time to end by itself.
    pub(crate) haste: CancellationToken,
}

/// Listens, to the end of the process.
pub(crate) fn asked() -> io::Result<Asked> {
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    let asked = Asked::default();
    tokio::spawn(listen(interrupt, terminate, asked.clone()));
    Ok(asked)
}

/// A token that the first signal cancels: for what has nothing that could be hastened.
pub(crate) fn shutdown_token() -> io::Result<CancellationToken> {
    asked().map(|asked| asked.end)
}

async fn listen(mut interrupt: Signal, mut terminate: Signal, asked: Asked) {
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("Ctrl-C: shutting down; again to end at once"),
        _ = terminate.recv() => tracing::info!("SIGTERM: shutting down; again to hasten it"),
    }
    asked.end.cancel();
    loop {
        tokio::select! {
            _ = interrupt.recv() => std::process::exit(Code::Interrupted as i32),
            _ = terminate.recv() => {
                tracing::info!("SIGTERM again: what runs is stopped now");
                asked.haste.cancel();
            }
        }
    }
}
