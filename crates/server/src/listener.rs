//! The listener: loopback only, a cap on connections, timeouts on slow clients, a graceful end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a listener serves.
pub use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::patient_stream::PatientStream;
use crate::settings::Settings;
use crate::shutdown::Shutdown;

/// Bytes of a request's head, and of what is read ahead: a thousand connections stay below 64 MiB.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Connections that wait to be accepted; Linux takes no more (`net.core.somaxconn`). Whoever finds
/// the queue full is not told: its system asks again a second later (RFC 6298).
const BACKLOG: u32 = 4_096;
/// Refusals that are written out at once; further connections are just closed.
const REFUSALS_MAX: usize = 64;
/// Connections over the cap that are looked at, or answered as probes, at once. Apart from refusals: a
/// client that is silent, or slow to take its refusal, must not keep a probe from its answer.
const LOOKS_MAX: usize = 256;
/// Time for a client over the cap to show that it is a probe.
const PROBE_TIME: Duration = Duration::from_millis(100);
/// Time for a refused client to take its answer.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// What a refused connection may still ask for: a probe must not take a flood for the end.
const PROBES: [&[u8]; 2] = [b"GET /livez ", b"GET /readyz "];
/// Pause after an accept that failed, as it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket that does not serve yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    local_addr: SocketAddr,
}

/// Why a listener cannot be had.
#[derive(Debug)]
pub enum BindError {
    /// The address is reachable from outside, and there is no authentication yet.
    NotLoopback(SocketAddr),
    /// The system refused it.
    Io(SocketAddr, io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(address) => write!(
                f,
                "{address} is not a loopback address: without authentication everybody who reaches \
                 it could run work here; listen on 127.0.0.1 or [::1]"
            ),
            Self::Io(address, error) => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotLoopback(_) => None,
            Self::Io(_, error) => Some(error),
        }
    }
}

impl Listener {
    /// Whether an address may be listened on at all: only loopback ones.
    pub fn check(address: SocketAddr) -> Result<(), BindError> {
        if address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(BindError::NotLoopback(address))
    }

    /// Binds a loopback address; port 0 takes a free one.
    #[expect(
        clippy::unused_async,
        reason = "a socket needs a runtime, and so does an await"
    )]
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        Self::check(address)?;
        let refused = |error| BindError::Io(address, error);
        let socket = listen(address).map_err(refused)?;
        let local_addr = socket.local_addr().map_err(refused)?;
        Ok(Self { socket, local_addr })
    }

    /// The address, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until the shutdown is asked for, then lets what runs end within the time to drain.
    pub async fn serve(self, router: Router, settings: Settings, shutdown: Shutdown) {
        let server = Server {
            service: TowerToHyperService::new(router),
            settings,
            shutdown,
            connections: Arc::new(Semaphore::new(settings.connections)),
            looks: Arc::new(Semaphore::new(LOOKS_MAX)),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            running: TaskTracker::new(),
        };
        server.accept_all(&self.socket).await;
        drop(self.socket);
        server.running.close();
        server.running.wait().await;
    }
}

/// Like `TcpListener::bind`, with a longer queue.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

struct Server {
    service: TowerToHyperService<Router>,
    settings: Settings,
    shutdown: Shutdown,
    connections: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    running: TaskTracker,
}

impl Server {
    async fn accept_all(&self, socket: &TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.requested() => return,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.take(stream),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    let _ = tokio::time::timeout(ACCEPT_PAUSE, self.shutdown.requested()).await;
                }
            }
        }
    }

    /// Over the cap a client is told so: without an answer it could not know what became of its call.
    fn take(&self, stream: TcpStream) {
        if let Ok(permit) = self.connections.clone().try_acquire_owned() {
            self.running.spawn(self.connection(stream, permit));
        } else if let Ok(permit) = self.looks.clone().try_acquire_owned() {
            self.running.spawn(self.over_the_cap(stream, permit));
        }
    }

    /// A probe is answered as ever, once; everybody else is refused.
    fn over_the_cap(
        &self,
        stream: TcpStream,
        look: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + use<> {
        let (service, refusals) = (self.service.clone(), self.refusals.clone());
        async move {
            let probes = tokio::time::timeout(PROBE_TIME, is_probe(&stream)).await;
            if !probes.unwrap_or(false) {
                drop(look);
                if let Ok(permit) = refusals.try_acquire_owned() {
                    refuse(stream, permit).await;
                }
                return;
            }
            let answer = http1::Builder::new()
                .keep_alive(false)
                .max_buf_size(READ_BUFFER_BYTES)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(REFUSAL_TIME, answer).await;
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + use<> {
        let (service, shutdown) = (self.service.clone(), self.shutdown.clone());
        let (header_read, write) = (self.settings.header_read, self.settings.write);
        async move {
            let _permit = permit;
            // Answers are small and written whole: waiting for more to send only delays them.
            let _ = stream.set_nodelay(true);
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(header_read)
                .max_buf_size(READ_BUFFER_BYTES)
                .serve_connection(TokioIo::new(PatientStream::new(stream, write)), service);
            let mut connection = std::pin::pin!(connection);
            let result = tokio::select! {
                result = connection.as_mut() => result,
                () = shutdown.requested() => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        result = connection => result,
                        () = shutdown.expired() => return,
                    }
                }
            };
            if let Err(error) = result {
                tracing::debug!(%error, "connection ended");
            }
        }
    }
}

/// Whether the first bytes are those of a probe. They stay unread.
async fn is_probe(stream: &TcpStream) -> bool {
    let mut head = [0; 16];
    let seen = stream.peek(&mut head).await.unwrap_or(0);
    PROBES.iter().any(|probe| head[..seen].starts_with(probe))
}

const REFUSAL: &str = concat!(
    r#"{"type":"urn:taskpilot:error:overloaded","title":"Overloaded","status":503,"#,
    r#""detail":"too many connections are open","instance":"","code":"overloaded","#,
    r#""retryable":true,"requestId":"","outcome":"not_applied"}"#,
);

/// Answers before anything was read, and then reads on: an unread request would reset the answer.
async fn refuse(mut stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
         content-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{REFUSAL}",
        REFUSAL.len()
    );
    let exchange = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        let mut scrap = [0; 1024];
        while stream.read(&mut scrap).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(REFUSAL_TIME, exchange).await;
}

#[cfg(test)]
mod tests {
    use taskpilot_api::errors::ErrorCode;
    use taskpilot_api::problem::{Outcome, Problem};

    use super::*;

    #[tokio::test]
    async fn only_loopback_is_bound() {
        for address in ["127.0.0.1:0", "[::1]:0", "127.9.9.9:0"] {
            let listener = Listener::bind(address.parse().unwrap()).await.unwrap();
            assert_ne!(listener.local_addr().port(), 0);
        }
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
            let refused = Listener::bind(address.parse().unwrap()).await.unwrap_err();
            assert!(matches!(refused, BindError::NotLoopback(_)), "{refused}");
        }
    }

    #[test]
    fn the_refusal_is_the_problem_of_its_code() {
        let detail = "too many connections are open";
        let expected = Problem {
            outcome: Some(Outcome::NotApplied),
            ..Problem::new(ErrorCode::Overloaded, detail)
        };
        assert_eq!(serde_json::from_str::<Problem>(REFUSAL).unwrap(), expected);
    }
}
