//! From an origin to a connection. A name is looked up once, and what is connected to is one of the
//! addresses that were checked: a name that leads elsewhere a moment later changes nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::allow::{AllowList, Origin};
use crate::handlers::function::Failure;
use crate::limits::{HTTP_ADDRESSES_MAX, HTTP_CONNECT_ONE_MS};

/// A connection to a target.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects to an origin, if one of its addresses may be connected to.
pub(super) async fn connect(origin: &Origin, allow: &AllowList) -> Result<Stream, Failure> {
    let addresses = permitted(origin, allow, look_up(origin).await?)?;
    let stream = first_of(&addresses).await?;
    if !origin.is_tls {
        return Ok(Stream::Plain(stream));
    }
    let failed = |told: String| Failure::retryable("tls_failed", told);
    let config = allow.tls();
    let config = config.ok_or_else(|| failed("there is no TLS without an https origin".into()))?;
    let name = server_name(&origin.host).map_err(failed)?;
    let connected = TlsConnector::from(config).connect(name, stream).await;
    let stream = connected.map_err(|error| failed(error.to_string()))?;
    Ok(Stream::Tls(Box::new(stream)))
}

async fn look_up(origin: &Origin) -> Result<Vec<IpAddr>, Failure> {
    if let Some(address) = origin.address() {
        return Ok(vec![address]);
    }
    let name = origin.host.to_string();
    let unknown = |told| Failure::retryable("target_unreachable", told);
    let found = lookup_host((name.as_str(), origin.port)).await;
    let found = found.map_err(|error| unknown(format!("{name} cannot be looked up: {error}")))?;
    let addresses: Vec<IpAddr> = found
        .map(|address| address.ip())
        .take(HTTP_ADDRESSES_MAX)
        .collect();
    if addresses.is_empty() {
        return Err(unknown(format!("{name} has no address")));
    }
    Ok(addresses)
}

/// Those that may be connected to. The message says what kind of address was refused and keeps the
/// address itself, which is the operator's, for the log.
fn permitted(
    origin: &Origin,
    allow: &AllowList,
    addresses: Vec<IpAddr>,
) -> Result<Vec<SocketAddr>, Failure> {
    let mut refused = None;
    let mut permitted = Vec::new();
    for address in addresses {
        match allow.permits(origin, address) {
            Ok(()) => permitted.push(SocketAddr::new(address.to_canonical(), origin.port)),
            Err(kind) => {
                tracing::warn!(target = origin.authority, %address, "not connecting to {kind}");
                refused = Some(kind);
            }
        }
    }
    match (permitted.is_empty(), refused) {
        (true, Some(kind)) => Err(Failure::lasting(
            "target_refused",
            format!(
                "{} leads to {kind}, which [http] addresses does not name",
                origin.authority
            ),
        )),
        _ => Ok(permitted),
    }
}

/// One after the other, and none so long that the next would have no time.
async fn first_of(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut last = "it has no address".to_owned();
    for (index, address) in addresses.iter().enumerate() {
        let attempt = TcpStream::connect(address);
        let is_last = index + 1 == addresses.len();
        let attempted = if is_last {
            attempt.await
        } else {
            timeout(Duration::from_millis(HTTP_CONNECT_ONE_MS), attempt)
                .await
                .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        };
        match attempted {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error.to_string(),
        }
    }
    let told = format!("cannot connect: {last}");
    Err(Failure::retryable("target_unreachable", told))
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, String> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|error| error.to_string()),
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::V4(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::V6(*address))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_addresses_that_were_checked_are_left() {
        let allow: super::super::HttpSection =
            toml::from_str("allow = ['http://h.test:9']\naddresses = ['10.0.0.0/8']").unwrap();
        let allow = allow.check(Path::new("/")).unwrap();
        let origin = Origin::parse("http://h.test:9").unwrap();
        let permitted = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|text| text.parse().unwrap());
            permitted(&origin, &allow, addresses.collect())
        };
        let mixed = permitted(&["127.0.0.1", "1.1.1.1", "169.254.169.254", "::ffff:10.0.0.1"]);
        let left = ["1.1.1.1:9", "10.0.0.1:9"].map(|text| text.parse().unwrap());
        assert_eq!(mixed.unwrap(), left);
        let failure = permitted(&["127.0.0.1", "::1"]).unwrap_err();
        assert_eq!(
            failure,
            Failure::lasting(
                "target_refused",
                "h.test:9 leads to a loopback address, which [http] addresses does not name"
            )
        );
    }
}
