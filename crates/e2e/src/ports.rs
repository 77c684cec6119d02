//! Ports that stay with a test while nobody listens on them: for a role that is started again on
//! its address, and for an address that refuses.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};

/// Below what Linux hands out by itself (from 32768), above what services are known by.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port of the loopback address that no other test takes, and no outgoing connection.
///
/// A port that the kernel hands out may become the near end of somebody's connection as soon as
/// its listener is gone, and then cannot be listened on again.
#[derive(Debug)]
pub struct ReservedPort {
    port: u16,
    /// The lock that says so to the other test processes.
    _lock: File,
}

impl ReservedPort {
    /// Takes a port.
    pub fn take() -> Result<Self> {
        let locks = std::env::temp_dir().join("taskpilot-e2e-ports");
        std::fs::create_dir_all(&locks).context("failed to create the directory of port locks")?;
        // Test processes start at different places, so that they seldom meet.
        let start = std::process::id().wrapping_mul(37) % u32::from(COUNT);
        for step in 0..u32::from(COUNT) {
            let offset = u16::try_from((start + step) % u32::from(COUNT))?;
            let port = FIRST + offset;
            let lock = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(locks.join(port.to_string()))
                .context("failed to open a port lock")?;
            let locked = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
            if locked && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(Self { port, _lock: lock });
            }
        }
        bail!("all ports from {FIRST} on are taken")
    }

    /// The address with this port.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The URL of a service at this address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_once_and_refuses_until_somebody_listens() {
        let (one, other) = (ReservedPort::take().unwrap(), ReservedPort::take().unwrap());
        assert_ne!(one.port, other.port);
        assert!(std::net::TcpStream::connect(one.address()).is_err());
    }
}
