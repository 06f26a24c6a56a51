//! Every device belongs to one cluster and stands at one PCI address.

use crate::diagnostics::Diagnostics;
use crate::error::ErrorKind;
use crate::table::Located;
use crate::written::{Plan, Text};

/// Bits of a PCI address that say which function of its device it is.
const FUNCTION: u32 = 7;

pub(super) fn check(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    claims(plan, diagnostics);
    addresses(plan, diagnostics);
}

fn claims(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let mut owners: Vec<Option<(&Text, &Text)>> = vec![None; plan.devices.len()];
    for cluster in &plan.clusters {
        let user = format!("cluster `{}`", cluster.name.value);
        for device in &cluster.devices {
            let Some(index) = super::device(plan, device, &user, diagnostics) else {
                continue;
            };
            if let Some((owner, claim)) = owners[index] {
                let first = diagnostics.place(claim.at);
                diagnostics.report(
                    device.at,
                    ErrorKind::DeviceClaimedTwice {
                        device: device.value.clone(),
                        first_cluster: owner.value.clone(),
                        first,
                        cluster: cluster.name.value.clone(),
                    },
                );
                continue;
            }
            owners[index] = Some((&cluster.name, device));
        }
    }
    if !plan.claims_resolved() {
        return;
    }
    for (device, owner) in plan.devices.iter().zip(owners) {
        // A second device of a name cannot be claimed; the name has been reported.
        let first_of_name = plan
            .device(&device.name.value)
            .is_some_and(|index| std::ptr::eq(&plan.devices[index], device));
        if owner.is_none() && first_of_name {
            diagnostics.report(
                device.name.at,
                ErrorKind::DeviceUnclaimed {
                    device: device.name.value.clone(),
                },
            );
        }
    }
}

fn addresses(plan: &Plan, diagnostics: &mut Diagnostics<'_>) {
    let mut taken: Vec<(Located<u32>, &str)> = Vec::new();
    for device in &plan.devices {
        let Some(pci) = device.pci else {
            continue;
        };
        let name = device.name.value.as_str();
        let address = show_pci(pci.value);
        if pci.value >> 8 != 0 {
            diagnostics.report(
                pci.at,
                ErrorKind::PciBusMissing {
                    device: name.to_owned(),
                    address: address.clone(),
                },
            );
        }
        let first = pci.value & !FUNCTION;
        let at_first = |other: &Located<u32>| other.value == first;
        // An address that could not be read may be that one.
        let mut addresses = plan.devices.iter().map(|it| it.pci.as_ref());
        if !addresses.any(|pci| pci.is_none_or(at_first)) {
            diagnostics.report(
                pci.at,
                ErrorKind::PciFunctionAlone {
                    device: name.to_owned(),
                    address: address.clone(),
                    first: show_pci(first),
                },
            );
        }
        // Device 0 of bus 0 is the host bridge of the q35 machine, device 1f its ISA bridge and disk controller.
        if matches!(pci.value >> 3, 0 | 0x1f) {
            diagnostics.report(
                pci.at,
                ErrorKind::PciAddressReserved {
                    device: name.to_owned(),
                    address: address.clone(),
                },
            );
        }
        let earlier = taken.iter().find(|(earlier, _)| earlier.value == pci.value);
        match earlier {
            Some((earlier, owner)) => {
                let first = diagnostics.place(earlier.at);
                diagnostics.report(
                    pci.at,
                    ErrorKind::PciAddressTaken {
                        device: name.to_owned(),
                        address,
                        first_device: owner.to_string(),
                        first,
                    },
                );
            }
            None => taken.push((pci, name)),
        }
    }
}

/// An encoded PCI address as `bus:device.function`.
pub(crate) fn show_pci(address: u32) -> String {
    format!(
        "{:x}:{:x}.{:x}",
        address >> 8,
        address >> 3 & 0x1f,
        address & 7
    )
}
