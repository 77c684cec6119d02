//! The target of a call: a listener that shows each request as it came and answers what it is told.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::worker::PATIENCE;

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

pub(crate) struct Target {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

/// One request that is not answered yet.
pub(crate) struct Asked {
    /// Request line and headers, and the body behind them.
    pub(crate) text: String,
    stream: Pin<Box<dyn Stream>>,
}

impl Target {
    pub(crate) async fn start() -> Self {
        Self {
            listener: TcpListener::bind(("127.0.0.1", 0)).await.unwrap(),
            tls: None,
        }
    }

    /// One that is `localhost` for whoever trusts `tls/authority.pem`.
    pub(crate) async fn with_tls() -> Self {
        let chain = CertificateDer::from_pem_slice(include_bytes!("tls/localhost.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/localhost.key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        Self {
            tls: Some(TlsAcceptor::from(Arc::new(config))),
            ..Self::start().await
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address().port()
    }

    /// The next request, whole.
    pub(crate) async fn next(&self) -> Asked {
        let asked = tokio::time::timeout(PATIENCE, self.accept()).await;
        asked.expect("a request")
    }

    /// Whether nobody has connected so far.
    pub(crate) async fn is_untouched(&self) -> bool {
        let now = std::time::Duration::ZERO;
        tokio::time::timeout(now, self.listener.accept())
            .await
            .is_err()
    }

    /// Somebody connects and does not believe that this is whom it wanted.
    pub(crate) async fn turned_away(&self) {
        let (stream, _) = self.listener.accept().await.unwrap();
        let tls = self.tls.as_ref().unwrap();
        let Ok(mut stream) = tls.accept(stream).await else {
            return;
        };
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes).await;
        assert_eq!((read.is_ok(), bytes), (false, Vec::new()));
    }

    async fn accept(&self) -> Asked {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut stream: Pin<Box<dyn Stream>> = match &self.tls {
            Some(tls) => Box::pin(tls.accept(stream).await.unwrap()),
            None => Box::pin(stream),
        };
        let mut bytes = Vec::new();
        loop {
            if let Some(text) = whole(&bytes) {
                return Asked { text, stream };
            }
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "it ends");
        }
    }
}

fn whole(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().unwrap())
    });
    (body.len() >= length.unwrap_or(0)).then_some(text)
}

impl Asked {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn line(&self) -> &str {
        self.text.lines().next().unwrap()
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    /// Answers, with these headers if any, each with its end of line.
    pub(crate) async fn answer(mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
        // Whoever has read enough of it may be gone.
        let _ = self.stream.write_all(text.as_bytes()).await;
        let _ = self.stream.shutdown().await;
    }

    /// Waits until the caller has closed the connection.
    pub(crate) async fn closed(mut self) {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        // Closed with a reset is closed too.
        let _ = closed.expect("the connection is closed");
        assert_eq!(rest, b"");
    }
}
