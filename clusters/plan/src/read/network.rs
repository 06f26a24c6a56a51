//! Reads where a service of sockets is in its network.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use atoll_abi::plan::Network;

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::table::{Located, Table, text};

/// Bits that a network has: not fewer than the largest ones that there are, and so many that it has more addresses than its first
/// and last one, which belong to no machine.
const BITS: RangeInclusive<u32> = 8..=30;

/// The `address` and `gateway` of a service; all zero where there are none, or they could not be read.
pub(super) fn network(table: &Table<'_>, diagnostics: &mut Diagnostics<'_>) -> Network {
    let (address, gateway) = match (table.optional("address"), table.optional("gateway")) {
        (None, None) => return Network::default(),
        (Some(value), None) => {
            incomplete(
                table,
                value.span().start,
                ["address", "gateway"],
                diagnostics,
            );
            return Network::default();
        }
        (None, Some(value)) => {
            incomplete(
                table,
                value.span().start,
                ["gateway", "address"],
                diagnostics,
            );
            return Network::default();
        }
        (Some(address), Some(gateway)) => (
            text("address", address, diagnostics),
            text("gateway", gateway, diagnostics),
        ),
    };
    let own = address.and_then(|text| {
        let parsed = own_address(text.value);
        if parsed.is_none() {
            bad("address", table, text, "10.0.2.15/24", diagnostics);
        }
        Some(Located::new(parsed?, text.at))
    });
    let router = gateway.and_then(|text| {
        let parsed = text.value.parse().ok().filter(|it| is_of_machine(*it));
        if parsed.is_none() {
            bad("gateway", table, text, "10.0.2.2", diagnostics);
        }
        Some(Located::new(parsed?, text.at))
    });
    let (Some(own), Some(router)) = (own, router) else {
        return Network::default();
    };
    let (address, prefix) = own.value;
    if router.value == address || !is_host(router.value, address, prefix) {
        let place = diagnostics.place(own.at);
        let network = Ipv4Addr::from(u32::from(address) & mask(prefix));
        diagnostics.report(
            router.at,
            ErrorKind::GatewayElsewhere {
                gateway: router.value.to_string(),
                table: table.title.clone(),
                network: format!("{network}/{prefix}"),
                place,
            },
        );
    }
    Network {
        address: address.into(),
        prefix,
        gateway: router.value.into(),
        padding: 0,
    }
}

/// `a.b.c.d/bits`, of an address that a machine may have.
fn own_address(text: &str) -> Option<(Ipv4Addr, u32)> {
    let (address, bits) = text.split_once('/')?;
    let address: Ipv4Addr = address.parse().ok()?;
    let digits = bits.bytes().all(|byte| byte.is_ascii_digit());
    let prefix: u32 = bits.parse().ok().filter(|_| digits)?;
    let good = BITS.contains(&prefix) && is_of_machine(address);
    (good && is_host(address, address, prefix)).then_some((address, prefix))
}

/// Whether an address may be that of one machine in some network.
fn is_of_machine(address: Ipv4Addr) -> bool {
    // From 240.0.0.0 on they are reserved; 0.0.0.0 to 0.255.255.255 mean this network.
    !address.is_loopback() && (1..224).contains(&address.octets()[0])
}

/// Whether an address is one of a machine in the network of another one.
fn is_host(address: Ipv4Addr, other: Ipv4Addr, prefix: u32) -> bool {
    let [address, other] = [address, other].map(u32::from);
    let host = address & !mask(prefix);
    (address ^ other) & mask(prefix) == 0 && host != 0 && host != !mask(prefix)
}

/// The bits of a network, of which there is one at least.
fn mask(prefix: u32) -> u32 {
    u32::MAX << (u32::BITS - prefix)
}

fn bad(
    key: &'static str,
    table: &Table<'_>,
    text: Located<&str>,
    example: &'static str,
    diagnostics: &mut Diagnostics<'_>,
) {
    diagnostics.report(
        text.at,
        ErrorKind::BadAddress {
            key,
            table: table.title.clone(),
            value: text.value.to_owned(),
            example,
        },
    );
}

fn incomplete(
    table: &Table<'_>,
    at: usize,
    [key, missing]: [&'static str; 2],
    diagnostics: &mut Diagnostics<'_>,
) {
    diagnostics.report(
        at,
        ErrorKind::NetworkIncomplete {
            table: table.title.clone(),
            key,
            missing,
        },
    );
}
