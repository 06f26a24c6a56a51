//! A network device, which is no disk, and its service.

mod common;

use atoll_abi::name::Name;
use atoll_abi::plan::{DeviceKind, Network, ServiceKind};
use atoll_plan::{CheckedPlan, Plan};
use common::{assert_sound, shipped};

/// The shipped plan 2x2 with a network beside its disk; `address` is a line of the service, or several.
fn plan(address: &str) -> CheckedPlan {
    let text = std::fs::read_to_string(shipped("2x2")).unwrap();
    let text = text
        .replace("devices = [\"disk0\"]", "devices = [\"disk0\", \"net0\"]")
        .replace("services = [\"files\"]", "services = [\"files\", \"net\"]");
    let text = format!(
        "{text}\n[[device]]\nname = \"net0\"\nkind = \"virtio-net\"\npci = \"0:5.0\"\ntimeout-ms = 500\n\
         [[service]]\nname = \"net\"\nkind = \"sockets\"\ncluster = \"io\"\ndevice = \"net0\"\n{address}\n"
    );
    let plan = Plan::from_text("2x2.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
    assert_sound(&plan);
    plan
}

const FIXED: &str = "address = \"10.0.2.15/24\"\ngateway = \"10.0.2.2\"";

#[test]
fn a_network_has_a_driver_and_a_service_of_its_own() {
    let plan = plan(FIXED);
    assert_eq!(plan.drivers(), ["virtio-blk", "virtio-net"]);
    assert_eq!(plan.service_images(), ["files", "sockets"]);
    let encoded = plan.encode();
    let device = &encoded.devices()[1];
    assert_eq!(device.kind, DeviceKind::VirtioNet as u32);
    assert_eq!(device.timeout_ms, 500);
    let service = &encoded.services()[1];
    assert_eq!(service.kind, ServiceKind::Sockets as u32);
    assert_eq!((service.device, service.heap_size), (1, 8 << 20));
    assert_eq!(
        (service.partition, service.partition_size),
        (Name::EMPTY, 0)
    );
    assert_eq!(
        service.network,
        Network {
            address: 0x0a00_020f,
            prefix: 24,
            gateway: 0x0a00_0202,
            padding: 0
        }
    );
    assert_eq!(encoded.services()[0].network, Network::default());
    let pool = &encoded.pools()[service.pool as usize];
    assert_eq!(pool.blocks as usize, ServiceKind::Sockets.own_blocks());
}

#[test]
fn a_service_without_an_address_asks() {
    let plan = plan("");
    assert_eq!(plan.encode().services()[1].network, Network::default());
    let drawing = plan.draw();
    assert!(
        drawing.contains("device net0, pool 2, heap 8 MiB, address by DHCP\n"),
        "{drawing}"
    );
}

#[test]
fn a_drawing_names_the_address_and_the_driver() {
    let drawing = plan(FIXED).draw();
    for line in [
        "  net          image sockets, in io on core 0, device net0, pool 2, heap 8 MiB, address 10.0.2.15/24, gateway 10.0.2.2",
        "  net0         virtio-net at PCI 0:5.0, of io",
    ] {
        assert!(drawing.lines().any(|it| it == line), "{line} in\n{drawing}");
    }
}

#[test]
fn another_address_is_another_plan() {
    let other = "address = \"10.0.2.16/24\"\ngateway = \"10.0.2.2\"";
    assert_ne!(plan(FIXED).fingerprint(), plan(other).fingerprint());
    assert_ne!(plan(FIXED).fingerprint(), plan("").fingerprint());
}
