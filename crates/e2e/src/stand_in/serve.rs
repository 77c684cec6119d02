//! Connections of a stand-in: one request each, read whole, recorded, answered.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, bail};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::server::{Shared, lock};
use super::{Manner, Says, Seen};
use crate::http::Http;

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
    // Subscribed before it is recorded: a test that has seen the request can let it go.
    let mut changes = shared.manner.subscribe();
    let manner = changes.borrow_and_update().clone().of(&request);
    lock(&shared.seen).push(request.clone());
    let message = match manner {
        Manner::Plain => lock(&shared.plain).answer(&request).message(),
        Manner::Says(says) => says.message(),
        Manner::Bytes(bytes) => bytes,
        Manner::BytesAndHangs(bytes) => {
            stream.write_all(&bytes).await?;
            changes.changed().await?;
            return Ok(());
        }
        Manner::Hangs => {
            changes.changed().await?;
            return Ok(());
        }
        Manner::HangsUp => return Ok(()),
        Manner::WorksAndHangsUp => {
            lock(&shared.plain).answer(&request);
            return Ok(());
        }
        Manner::Forwards(server) => forward(server, &request).await?.message(),
        Manner::ForwardsAndHangsUp(server) => {
            forward(server, &request).await?;
            return Ok(());
        }
        Manner::Split { .. } => bail!("a split that was not decided"),
    };
    stream.write_all(&message).await?;
    stream.shutdown().await?;
    Ok(())
}

async fn forward(server: SocketAddr, request: &Seen) -> Result<Says> {
    let mut call = Http::at(server).call(&request.method, &request.path);
    for (name, value) in end_to_end(&request.headers) {
        call = call.header(name, value);
    }
    let reply = call.body(request.body.clone()).send().await?;
    let mut says = Says::status(reply.status).body(reply.body.clone());
    for (name, value) in end_to_end(&reply.headers) {
        says = says.header(name, value.clone());
    }
    Ok(says)
}

/// The headers that are not about the connection.
fn end_to_end(headers: &[(String, String)]) -> impl Iterator<Item = &(String, String)> {
    let own = [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
    ];
    headers
        .iter()
        .filter(move |(name, _)| !own.contains(&name.as_str()))
}
