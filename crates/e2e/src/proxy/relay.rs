//! Connections of a proxy: one request each, and its answer piece by piece, so that streams flow.

use std::future::pending;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::fault::{Cut, Fault, Told};
use super::server::Shared;
use crate::http1;
use crate::stand_in::Seen;

/// Accepts until it is aborted, and takes its connections with it.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            // The end of a connection, well or not, is the caller's affair.
            Some(_) = connections.join_next() => {}
            else => pending().await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let Some(request) = Seen::read(&mut stream).await? else {
        return Ok(());
    };
    let (place, fault) = shared.arrived(&request);
    let mut way = Way {
        shared,
        place,
        request,
        caller: stream.into_inner(),
    };
    match fault {
        None => {
            let server = way.forward().await?;
            way.relay(server, 0, Vec::new()).await
        }
        Some(fault) => way.spoil(fault).await,
    }
}

/// One request on its way.
struct Way {
    shared: Arc<Shared>,
    place: usize,
    request: Seen,
    caller: TcpStream,
}

/// A server that was asked, and the beginning of its answer.
struct Asked {
    server: TcpStream,
    begun: Vec<u8>,
}

impl Way {
    async fn spoil(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::LostRequest => self.until_given_up().await,
            Fault::Reset => Ok(self.caller.set_zero_linger()?),
            Fault::LostReply => {
                let _open = self.carry_out(0).await?;
                self.until_given_up().await
            }
            Fault::HangsUpAfter => self.carry_out(0).await.map(drop),
            Fault::ResetAfter => {
                self.carry_out(0).await?;
                Ok(self.caller.set_zero_linger()?)
            }
            Fault::Twice(told) => {
                let first = self.carry_out(0).await?;
                let second = self.carry_out(1).await?;
                // The other one stays open until this one has ended.
                let (copy, told, _other) = match told {
                    Told::First => (0, first, second),
                    Told::Second => (1, second, first),
                };
                self.relay(told.server, copy, told.begun).await
            }
            Fault::HeldRequest => {
                self.shared.released(self.place).await?;
                let asked = self.carry_out(0).await?;
                self.relay(asked.server, 0, asked.begun).await
            }
            Fault::HeldReply => {
                let asked = self.carry_out(0).await?;
                self.shared.released(self.place).await?;
                self.relay(asked.server, 0, asked.begun).await
            }
        }
    }

    /// Asks the server.
    async fn forward(&self) -> Result<TcpStream> {
        self.open(|cut| cut.requests).await?;
        let mut server = TcpStream::connect(self.shared.server).await?;
        self.shared
            .note(self.place, |exchange| exchange.replies.push(Vec::new()));
        server.write_all(&message(&self.request)).await?;
        Ok(server)
    }

    /// Asks the server and waits until it has begun to answer: by then it has decided.
    async fn carry_out(&self, copy: usize) -> Result<Asked> {
        let mut server = self.forward().await?;
        let mut begun = vec![0; 64 * 1024];
        let length = server.read(&mut begun).await?;
        begun.truncate(length);
        self.shared
            .note(self.place, |exchange| exchange.keep(copy, &begun));
        Ok(Asked { server, begun })
    }

    /// Passes on what was read already and everything that follows.
    async fn relay(&mut self, mut server: TcpStream, copy: usize, begun: Vec<u8>) -> Result<()> {
        let mut piece = begun;
        loop {
            self.open(|cut| cut.replies).await?;
            self.caller.write_all(&piece).await?;
            if !piece.is_empty() {
                self.shared
                    .note(self.place, |exchange| exchange.is_passed = true);
            }
            piece.resize(64 * 1024, 0);
            let mut unused = [0; 1];
            let length = tokio::select! {
                read = server.read(&mut piece) => read?,
                // The caller has given up: the server is to see that too.
                read = self.caller.read(&mut unused) => { read?; return Ok(()); }
            };
            piece.truncate(length);
            if length == 0 {
                return Ok(self.caller.shutdown().await?);
            }
            self.shared
                .note(self.place, |exchange| exchange.keep(copy, &piece));
        }
    }

    /// Returns when a way lets something through.
    async fn open(&self, is_cut: impl Fn(&Cut) -> bool) -> Result<()> {
        let mut cut = self.shared.cut.subscribe();
        cut.wait_for(|cut| !is_cut(cut)).await?;
        Ok(())
    }

    async fn until_given_up(&mut self) -> Result<()> {
        let mut unused = [0; 1];
        self.caller.read(&mut unused).await.context("given up")?;
        Ok(())
    }
}

/// The request as the server is asked: one per connection.
fn message(request: &Seen) -> Vec<u8> {
    let own = [
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
    ];
    let headers = request.headers.iter();
    let kept = headers.filter(|(name, _)| !own.contains(&name.as_str()));
    let lines = http1::header_lines(&kept.cloned().collect());
    let (method, path) = (&request.method, &request.path);
    let length = request.body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{lines}Connection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), &request.body].concat()
}
