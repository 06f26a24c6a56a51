//! Reads devices and channels.

use atoll_abi::plan::DeviceKind;

use super::restart::{SYSTEM, restart};
use super::{core, own_name, references};
use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::table::{Located, Table, boolean, choice, integer, text};
use crate::written::{Channel, Device, Text};

/// Sizes that a block of a device may have, in bytes.
const BLOCK_SIZES: [(&str, u32); 2] = [("512 bytes", 512), ("4 KiB", 4096)];

/// Milliseconds that a device may take for a request, at least and at most.
const TIMEOUTS: (u32, u32) = (100, 600_000);
/// The same where the plan is silent.
const DEFAULT_TIMEOUT: u32 = 30_000;

/// Reads a `[[device]]`.
pub(super) fn device(mut table: Table<'_>, diagnostics: &mut Diagnostics<'_>) -> Device {
    let name = own_name(&mut table, "device", diagnostics);
    table.only(
        &[
            "name",
            "kind",
            "pci",
            "block-size",
            "read-only",
            "timeout-ms",
            "core",
            "restart",
        ],
        diagnostics,
    );
    let kind = table.required("kind", diagnostics).and_then(|value| {
        let kinds = [DeviceKind::VirtioBlk, DeviceKind::VirtioNet];
        let kinds = kinds.map(|kind| (kind.image(), kind));
        choice("kind", &kinds, value, diagnostics)
    });
    if let Some(net @ DeviceKind::VirtioNet) = kind {
        table.not_of_kind(
            &["block-size", "read-only"],
            net.image(),
            "is no disk",
            diagnostics,
        );
    }
    let pci = table
        .required("pci", diagnostics)
        .and_then(|value| text("pci", value, diagnostics))
        .and_then(|text| {
            let address = pci_address(text.value);
            if address.is_none() {
                diagnostics.report(
                    text.at,
                    ErrorKind::BadPciAddress {
                        device: name.value.clone(),
                        value: text.value.to_owned(),
                    },
                );
            }
            address.map(|address| Located::new(address, text.at))
        });
    let block_size = table
        .optional("block-size")
        .and_then(|value| choice("block-size", &BLOCK_SIZES, value, diagnostics))
        .unwrap_or(512);
    let read_only = table
        .optional("read-only")
        .and_then(|value| boolean("read-only", value, diagnostics))
        .unwrap_or(false);
    let timeout_ms = match table.optional("timeout-ms") {
        None => DEFAULT_TIMEOUT,
        Some(value) => {
            let what = format!("`timeout-ms` of {}", table.title);
            let timeout = integer("timeout-ms", &what, TIMEOUTS, value, diagnostics);
            timeout.map_or(DEFAULT_TIMEOUT, |it| it.value)
        }
    };
    Device {
        timeout_ms,
        core: core(&table, diagnostics),
        restart: restart(&table, SYSTEM, diagnostics),
        name,
        kind,
        pci,
        block_size,
        read_only,
    }
}

/// `bus:device.function` in hexadecimal as `bus << 8 | device << 3 | function`.
fn pci_address(text: &str) -> Option<u32> {
    let part = |text: &str, max: u32| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = u32::from_str_radix(text, 16).ok()?;
        (digits && value <= max).then_some(value)
    };
    let (bus, rest) = text.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    Some(part(bus, 0xff)? << 8 | part(device, 0x1f)? << 3 | part(function, 7)?)
}

/// Reads a `[[channel]]`.
pub(super) fn channel(table: Table<'_>, diagnostics: &mut Diagnostics<'_>) -> Channel {
    table.only(&["between"], diagnostics);
    let Some(value) = table.required("between", diagnostics) else {
        return unread_channel(table.at);
    };
    let at = value.span().start;
    let Some(ends) = references("between", "a cluster", value, diagnostics) else {
        return unread_channel(at);
    };
    match <[Text; 2]>::try_from(ends) {
        Ok(ends) => Channel { ends, at },
        Err(ends) => {
            diagnostics.report(at, ErrorKind::ChannelEnds { count: ends.len() });
            unread_channel(at)
        }
    }
}

/// Stands for a channel that could not be read: both ends are empty text.
pub(super) fn unread_channel(at: usize) -> Channel {
    Channel {
        ends: [Text::new(String::new(), at), Text::new(String::new(), at)],
        at,
    }
}
