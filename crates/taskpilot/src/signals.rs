//! SIGTERM and Ctrl-C: the first one asks for an orderly end, a further SIGTERM for haste in it
//! where something can be hastened, and a further Ctrl-C ends at once.

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
    let asked = Asked::default();
    listen(asked.end.clone(), Some(asked.haste.clone()))?;
    Ok(asked)
}

/// A token that the first signal cancels: for what has nothing that could be hastened.
pub(crate) fn shutdown_token() -> io::Result<CancellationToken> {
    let end = CancellationToken::new();
    listen(end.clone(), None)?;
    Ok(end)
}

fn listen(end: CancellationToken, haste: Option<CancellationToken>) -> io::Result<()> {
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    tokio::spawn(obey(interrupt, terminate, end, haste));
    Ok(())
}

async fn obey(
    mut interrupt: Signal,
    mut terminate: Signal,
    end: CancellationToken,
    haste: Option<CancellationToken>,
) {
    let again = haste.as_ref().map_or("", |_| "; again to hasten it");
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("Ctrl-C: shutting down; again to end at once"),
        _ = terminate.recv() => tracing::info!("SIGTERM: shutting down{again}"),
    }
    end.cancel();
    loop {
        tokio::select! {
            _ = interrupt.recv() => std::process::exit(Code::Interrupted as i32),
            _ = terminate.recv() => {
                if let Some(haste) = &haste {
                    tracing::info!("SIGTERM again: what runs is stopped now");
                    haste.cancel();
                } else {
                    tracing::info!("SIGTERM again: still shutting down");
                }
            }
        }
    }
}
