//! What an operator lets calls reach: origins by their names, and addresses that are not public.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use url::{Host, Url};

use super::address::{Kind, kind};

/// The `[http]` of the handlers file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::handlers) struct HttpSection {
    /// Origins that handlers may call: scheme, host and port.
    #[serde(default)]
    allow: Vec<String>,
    /// Addresses and networks that names may lead to though they are not public.
    #[serde(default)]
    addresses: Vec<String>,
    /// Certificates of further authorities, as PEM.
    ca_certificates: Option<PathBuf>,
}

/// The checked section.
#[derive(Debug)]
pub(in crate::handlers) struct AllowList {
    origins: Vec<Origin>,
    networks: Vec<IpNet>,
    tls: Option<Arc<ClientConfig>>,
}

/// Where a URL leads: what a payload never has a say in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) is_tls: bool,
    pub(super) host: Host<String>,
    pub(super) port: u16,
    /// As it stands in the `Host` header: without a port that goes without saying.
    pub(super) authority: String,
}

impl HttpSection {
    /// Checks it; a relative path begins at `base`, the directory of its file.
    pub(in crate::handlers) fn check(self, base: &Path) -> Result<AllowList, String> {
        let origins = self.allow.iter().map(|text| {
            Origin::parse(text).map_err(|error| format!("[http] allow: {text:?}: {error}"))
        });
        let origins: Vec<Origin> = origins.collect::<Result<_, _>>()?;
        let networks = self.addresses.iter().map(|text| {
            let single = text.parse::<IpAddr>().map(IpNet::from);
            single.or_else(|_| text.parse()).map_err(|_| {
                format!(
                    "[http] addresses: {text:?} is no address and no network such as 10.0.0.0/8"
                )
            })
        });
        let networks: Vec<IpNet> = networks.collect::<Result<_, _>>()?;
        let tls = if origins.iter().any(|origin| origin.is_tls) {
            Some(Arc::new(tls(self.ca_certificates.as_deref(), base)?))
        } else {
            None
        };
        Ok(AllowList {
            origins,
            networks,
            tls,
        })
    }
}

impl AllowList {
    pub(super) fn has(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }

    pub(super) fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.clone()
    }

    /// Whether a call of an origin may connect to an address. One that is not public must be named:
    /// by the origin itself, or by a network of the list; one of a cloud's metadata by itself.
    pub(super) fn permits(&self, origin: &Origin, address: IpAddr) -> Result<(), Kind> {
        let address = address.to_canonical();
        let kind = kind(address);
        let named_by = |network: &IpNet| {
            network.contains(&address)
                && (kind != Kind::Metadata || network.prefix_len() == network.max_prefix_len())
        };
        if kind == Kind::Public
            || origin.address() == Some(address)
            || self.networks.iter().any(named_by)
        {
            return Ok(());
        }
        Err(kind)
    }
}

impl Origin {
    /// Of `https://host` or `http://host:port`, and nothing more.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err("it begins with http:// or https://".to_owned()),
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err("it has a scheme, a host, perhaps a port, and nothing else".to_owned());
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err("it has no host".to_owned());
        };
        let name = host.to_string();
        let authority = match url.port() {
            Some(port) => format!("{name}:{port}"),
            None => name,
        };
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port,
            authority,
        })
    }

    /// The address that it names, if it does.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address).to_canonical()),
            Host::Domain(_) => None,
        }
    }
}

/// Trusts the authorities of the machine, and those of the file.
fn tls(further: Option<&Path>, base: &Path) -> Result<ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if let Some(path) = further {
        let path = base.join(path);
        let wrong = |what: String| format!("[http] ca_certificates {}: {what}", path.display());
        let text = fs::read(&path).map_err(|error| wrong(error.to_string()))?;
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            let added = roots.add(certificate);
            added.map_err(|error| wrong(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(wrong("it has no certificate".to_owned()));
        }
    }
    if roots.is_empty() {
        return Err(
            "this machine trusts no certificate authority: install the package ca-certificates, \
             or name a file of them in [http] ca_certificates"
                .to_owned(),
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(allow: &[&str], addresses: &[&str]) -> Result<AllowList, String> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let section = HttpSection {
            allow: owned(allow),
            addresses: owned(addresses),
            ca_certificates: None,
        };
        section.check(Path::new("/"))
    }

    #[test]
    fn an_address_that_is_not_public_must_be_named() {
        let list = list(
            &["http://named.test", "http://127.0.0.1:9000"],
            &[
                "10.1.0.0/16",
                "169.254.0.0/16",
                "100.100.100.200",
                "fd00::/8",
            ],
        );
        let list = list.unwrap();
        let named = Origin::parse("http://named.test").unwrap();
        let literal = Origin::parse("http://127.0.0.1:9000").unwrap();
        let permits = |origin, address: &str| list.permits(origin, address.parse().unwrap());
        for address in [
            "1.1.1.1",
            "10.1.2.3",
            "::ffff:10.1.2.3",
            "169.254.3.4",
            "100.100.100.200",
            "fd01::1",
        ] {
            assert_eq!(permits(&named, address), Ok(()), "{address}");
        }
        for (address, kind) in [
            ("127.0.0.1", Kind::Loopback),
            ("::ffff:127.0.0.1", Kind::Loopback),
            ("10.2.0.1", Kind::Private),
            // A network does not name them; only they themselves do.
            ("169.254.169.254", Kind::Metadata),
            ("fd00:ec2::254", Kind::Metadata),
        ] {
            assert_eq!(permits(&named, address), Err(kind), "{address}");
        }
        assert_eq!(permits(&literal, "127.0.0.1"), Ok(()));
        assert_eq!(permits(&literal, "127.0.0.2"), Err(Kind::Loopback));
    }

    #[test]
    fn an_entry_is_an_origin_and_nothing_more() {
        for text in [
            "example.com",
            "ftp://example.com",
            "http://",
            "http://user@example.com",
            "http://example.com/path",
            "http://example.com/?q",
            "http://example.com/#f",
        ] {
            let refused = list(&[text], &[]).unwrap_err();
            assert!(refused.contains("[http] allow"), "{text}: {refused}");
        }
        for text in ["10.0.0.0/33", "localhost", "10.0.0.*"] {
            let refused = list(&[], &[text]).unwrap_err();
            assert!(refused.contains("[http] addresses"), "{text}: {refused}");
        }
        let all = list(&["http://EXAMPLE.com:80", "http://0x7f.1:9"], &[]).unwrap();
        assert!(all.has(&Origin::parse("http://example.com").unwrap()));
        assert!(all.has(&Origin::parse("http://127.0.0.1:9").unwrap()));
        for other in [
            "http://example.com:81",
            "http://example.com.",
            "http://a.example.com",
        ] {
            assert!(!all.has(&Origin::parse(other).unwrap()), "{other}");
        }
    }
}
