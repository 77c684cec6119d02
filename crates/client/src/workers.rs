//! Calls of the worker protocol: one session of one worker.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskpilot_api::headers;
use taskpilot_api::workers::{
    ClaimAnswer, ClaimRequest, Goodbye, Heartbeat, HeartbeatAnswer, Register, Registered, Results,
    Starts, StopReports, Verdicts,
};

use crate::ClientError;
use crate::stream::Events;
use crate::transport::{Call, InvalidTarget, Policy, Transport};

/// Calls one scheduler on behalf of a worker. Signs of life and stops have a connection pool of
/// their own: they never wait behind a claim.
#[derive(Debug, Clone)]
pub struct WorkersClient {
    claims: Transport,
    life: Transport,
}

impl WorkersClient {
    /// Makes a client for the scheduler at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str, policy: Policy) -> Result<Self, InvalidTarget> {
        Ok(Self {
            claims: Transport::new(base, policy)?,
            life: Transport::new(base, policy)?,
        })
    }

    /// `POST /v1/workers`, once: a registration whose answer is lost leaves a session that expires.
    pub async fn register(&self, register: &Register) -> Result<Registered, ClientError> {
        let call = Call::new(Method::POST, "/v1/workers")
            .json(json(register)?)
            .once();
        self.life.send(&call).await?.success()?.read()
    }

    /// `POST …/claims`. Repeating it with the same `claimSeq` is safe.
    pub async fn claim(
        &self,
        session: &Registered,
        request: &ClaimRequest,
    ) -> Result<ClaimAnswer, ClientError> {
        let call = call(session, Method::POST, "/claims", request)?;
        let call = call.waiting(Duration::from_millis(request.wait_ms));
        read(&self.claims, &call).await
    }

    /// `POST …/results`.
    pub async fn results(
        &self,
        session: &Registered,
        results: &Results,
    ) -> Result<Verdicts, ClientError> {
        read(
            &self.life,
            &call(session, Method::POST, "/results", results)?,
        )
        .await
    }

    /// `POST …/starts`.
    pub async fn starts(
        &self,
        session: &Registered,
        starts: &Starts,
    ) -> Result<Verdicts, ClientError> {
        read(&self.life, &call(session, Method::POST, "/starts", starts)?).await
    }

    /// `POST …/stops`.
    pub async fn stops(
        &self,
        session: &Registered,
        stops: &StopReports,
    ) -> Result<Verdicts, ClientError> {
        read(&self.life, &call(session, Method::POST, "/stops", stops)?).await
    }

    /// `PUT …/heartbeat`.
    pub async fn heartbeat(
        &self,
        session: &Registered,
        heartbeat: &Heartbeat,
    ) -> Result<HeartbeatAnswer, ClientError> {
        read(
            &self.life,
            &call(session, Method::PUT, "/heartbeat", heartbeat)?,
        )
        .await
    }

    /// `GET …/orders`: the stream of orders; it begins with all that are not confirmed.
    pub async fn orders(&self, session: &Registered) -> Result<Events, ClientError> {
        let path = format!("/v1/workers/{}/orders", session.session_id);
        let call = Call::new(Method::GET, path)
            .header(headers::SESSION_TOKEN, &session.token.to_string())
            .header("accept", "text/event-stream");
        let response = self.life.open(&call).await?;
        if response.status().is_success() {
            return Ok(Events::new(response));
        }
        Err(ClientError::Refused {
            status: response.status(),
            problem: Box::default(),
            retry_after_s: None,
        })
    }

    /// `DELETE …/{id}`: goodbye.
    pub async fn goodbye(
        &self,
        session: &Registered,
        goodbye: &Goodbye,
    ) -> Result<(), ClientError> {
        let call = call(session, Method::DELETE, "", goodbye)?;
        self.life.send(&call).await?.success().map(drop)
    }
}

fn call<T: Serialize>(
    session: &Registered,
    method: Method,
    verb: &str,
    body: &T,
) -> Result<Call, ClientError> {
    let path = format!("/v1/workers/{}{verb}", session.session_id);
    let call = Call::new(method, path).json(json(body)?);
    Ok(call.header(headers::SESSION_TOKEN, &session.token.to_string()))
}

fn json<T: Serialize>(body: &T) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(body).map_err(|error| ClientError::Unreadable {
        detail: error.to_string(),
    })
}

async fn read<T: DeserializeOwned>(transport: &Transport, call: &Call) -> Result<T, ClientError> {
    transport.send(call).await?.success()?.read()
}
