//! Waits for what the kernel says by making a descriptor readable: that a timer is over, or a process.

use anyhow::Result;
use rustix::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Returns once it can be read.
#[expect(
    deprecated,
    reason = "sound for a descriptor that is owned and stays; what replaces it is unsafe for all types"
)]
pub(crate) async fn readable(descriptor: OwnedFd) -> Result<()> {
    let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
    descriptor.readable().await?.retain_ready();
    Ok(())
}
