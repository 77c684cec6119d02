//! What kind of address a call would connect to. Only what is public is open to everybody.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kinds of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of the Internet.
    Public,
    /// Of this machine.
    Loopback,
    /// Of a private network, or one between private networks.
    Private,
    /// Of this link.
    LinkLocal,
    /// Of the service that tells a machine in a cloud its secrets.
    Metadata,
    /// Of a group.
    Multicast,
    /// Of nobody, which systems take for themselves.
    Unspecified,
    /// Of a range that no host has, or that leads to another address.
    Reserved,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata address",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "an unspecified address",
            Self::Reserved => "a reserved address",
        })
    }
}

/// Where the clouds answer for their machines: AWS, Azure, Google, Oracle, `OpenStack`; ECS and EKS;
/// Scaleway; Alibaba; Azure's wire server; Oracle.
const METADATA_V4: [Ipv4Addr; 8] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 169, 253),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(169, 254, 42, 42),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// AWS; EKS; Google; Scaleway.
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254),
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254),
    Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042),
];

/// The kind of an address. One that is written as another (IPv4 in IPv6) is that other one.
pub(super) fn kind(address: IpAddr) -> Kind {
    match address.to_canonical() {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    if METADATA_V4.contains(&address) {
        return Kind::Metadata;
    }
    match address.octets() {
        [0, 0, 0, 0] => Kind::Unspecified,
        [127, ..] => Kind::Loopback,
        // 100.64.0.0/10 is what providers put between their customers and the Internet.
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Kind::Private,
        [169, 254, ..] => Kind::LinkLocal,
        [224..=239, ..] => Kind::Multicast,
        // "This network", protocol assignments, documentation, 6to4 relays, benchmarks, the future.
        [0 | 240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Kind::Reserved,
        _ => Kind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    if METADATA_V6.contains(&address) {
        return Kind::Metadata;
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        // The well-known prefix of NAT64: what counts is where it leads.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            kind_v4(Ipv4Addr::new(a, b, c, d))
        }
        [0xfc00..=0xfdff, ..] => Kind::Private,
        [0xfe80..=0xfebf, ..] => Kind::LinkLocal,
        [0xff00..=0xffff, ..] => Kind::Multicast,
        // Protocol assignments and Teredo, documentation, 6to4.
        [0x2001, 0x0000..=0x01ff | 0x0db8, ..] | [0x2002 | 0x3fff, ..] => Kind::Reserved,
        [0x2000..=0x3fff, ..] => Kind::Public,
        _ => Kind::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[(Kind, &str)] = &[
        (
            Kind::Public,
            "1.1.1.1 93.184.216.34 172.32.0.1 100.128.0.1 2606:4700::1111 64:ff9b::101:101 \
             ::ffff:1.1.1.1",
        ),
        (
            Kind::Loopback,
            "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1",
        ),
        (
            Kind::Private,
            "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 fc00::1 fd12:3456::1 \
             ::ffff:10.0.0.1 64:ff9b::a00:1",
        ),
        (Kind::LinkLocal, "169.254.0.1 fe80::1 ::ffff:169.254.1.1"),
        (
            Kind::Metadata,
            "169.254.169.254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 100.100.100.200 \
             168.63.129.16 fd00:ec2::254 fd20:ce::254",
        ),
        (Kind::Multicast, "224.0.0.1 239.255.255.255 ff02::1"),
        (Kind::Unspecified, "0.0.0.0 :: ::ffff:0.0.0.0"),
        (
            Kind::Reserved,
            "0.1.2.3 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 240.0.0.1 \
             255.255.255.255 ::7f00:1 ::127.0.0.1 2001::1 2001:db8::1 2002:7f00:1::1 \
             64:ff9b:1::1 fec0::1 100::1",
        ),
    ];

    #[test]
    fn every_way_to_write_an_inner_address_is_seen_through() {
        for (expected, addresses) in TABLE {
            for address in addresses.split_whitespace() {
                assert_eq!(kind(address.parse().unwrap()), *expected, "{address}");
            }
        }
    }
}
