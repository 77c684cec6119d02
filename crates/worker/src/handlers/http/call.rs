//! One call: it ends with its answer, with its time, or when its token says so. Whatever ends it
//! closes its connection; what the target does then is the target's.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue,
};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use taskpilot_api::json::JsonText;
use tokio::time::timeout;

use super::allow::{AllowList, Origin};
use super::connect::{Stream, connect};
use super::handler::Timing;
use super::response::Rules;
use crate::handlers::context::Context;
use crate::handlers::function::Failure;
use crate::handlers::judge;
use crate::limits::HTTP_HEADER_BYTES_MAX;

/// All that is needed for one call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) origin: Origin,
    pub(super) allow: Arc<AllowList>,
    pub(super) method: Method,
    pub(super) path: PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<JsonText>,
    pub(super) timing: Timing,
    pub(super) rules: Rules,
}

impl Call {
    /// Makes it. The connection is a part of this future: dropping it closes the connection.
    pub(super) async fn make(&self, context: &Context) -> Result<JsonText, Failure> {
        let total = Duration::from_millis(self.timing.total_ms);
        tokio::select! {
            biased;
            () = context.cancellation().cancelled() => Err(Failure::canceled()),
            answered = timeout(total, self.exchange()) => answered.unwrap_or_else(|_| {
                Err(judge::timed_out(self.timing.total_ms).into())
            }),
        }
    }

    async fn exchange(&self) -> Result<JsonText, Failure> {
        let patience = Duration::from_millis(self.timing.connect_ms);
        let connected = timeout(patience, connect(&self.origin, &self.allow)).await;
        let stream = connected.unwrap_or_else(|_| {
            let told = format!("no connection within {} ms", self.timing.connect_ms);
            Err(Failure::retryable("target_unreachable", told))
        })?;
        match stream {
            Stream::Plain(stream) => self.over(stream).await,
            Stream::Tls(stream) => self.over(*stream).await,
        }
    }

    async fn over<S>(&self, stream: S) -> Result<JsonText, Failure>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::Builder::new()
            .max_buf_size(HTTP_HEADER_BYTES_MAX)
            .handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|error| broken(&error))?;
        let request = self.request()?;
        let mut answered = pin!(async {
            let response = sender.send_request(request).await;
            let response = response.map_err(|error| broken(&error))?;
            self.rules.judge(response).await
        });
        let mut connection = pin!(connection);
        let mut is_open = true;
        loop {
            tokio::select! {
                biased;
                answered = &mut answered => return answered,
                // What it has read is still to be judged.
                _ = &mut connection, if is_open => is_open = false,
            }
        }
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let bytes = self.body.as_ref().map(|body| body.as_str().to_owned());
        let mut request = Request::new(Full::new(Bytes::from(bytes.unwrap_or_default())));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::from(self.path.clone());
        let mut headers = self.headers.clone();
        let host = HeaderValue::try_from(&self.origin.authority);
        let host = host.map_err(|error| Failure::lasting("request_failed", error.to_string()))?;
        headers.insert(HOST, host);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let any = HeaderValue::from_static("application/json, */*;q=0.5");
        headers.entry(ACCEPT).or_insert(any);
        if self.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// The connection broke, or what came was no HTTP.
pub(super) fn broken(error: &hyper::Error) -> Failure {
    let told = format!("no whole answer came, and the target may have done the work: {error}");
    Failure::retryable("request_failed", told)
}
