//! The host's own place in its network.

use atoll_abi::plan::Network;
use atoll_abi::socket::HostAddress;
use smoltcp::iface::Interface;
use smoltcp::socket::dhcpv4::{self, Event};
use smoltcp::wire::{IpAddress, IpCidr, Ipv4Address, Ipv4Cidr};

use super::demux::is_one_host;

/// Bits of an address.
const ADDRESS_BITS: u8 = 32;

/// Gives the host the place that the plan says.
pub(super) fn place(interface: &mut Interface, network: &Network) {
    let prefix = network.prefix.min(ADDRESS_BITS.into()) as u8;
    let address = Ipv4Cidr::new(network.address.into(), prefix);
    let gateway = (network.gateway != 0).then(|| network.gateway.into());
    set(interface, Some(address), gateway);
}

/// Takes in what a server of DHCP has said since the last time; whether it was anything.
pub(super) fn ask(interface: &mut Interface, socket: &mut dhcpv4::Socket<'static>) -> bool {
    let (address, gateway) = match socket.poll() {
        None => return false,
        Some(Event::Configured(config)) => {
            // A router that is no host would have every packet to it fail in smoltcp.
            let router = config.router.filter(|router| is_one_host(*router));
            (Some(config.address), router)
        }
        Some(Event::Deconfigured) => (None, None),
    };
    set(interface, address, gateway);
    true
}

fn set(interface: &mut Interface, address: Option<Ipv4Cidr>, gateway: Option<Ipv4Address>) {
    interface.update_ip_addrs(|addresses| {
        addresses.clear();
        // There is room: it has just been emptied.
        addresses.extend(address.map(IpCidr::Ipv4));
    });
    let routes = interface.routes_mut();
    routes.remove_default_ipv4_route();
    if let Some(gateway) = gateway {
        // There is room: the table has no other route.
        let _ = routes.add_default_ipv4_route(gateway);
    }
}

/// Where the host is; `None` while it does not know.
pub(super) fn address(interface: &Interface) -> Option<HostAddress> {
    let IpCidr::Ipv4(own) = interface.ip_addrs().first()?;
    let route = interface.routes().get_default_ipv4_route();
    let gateway = route.map(|route| match route.via_router {
        IpAddress::Ipv4(gateway) => gateway.octets(),
    });
    Some(HostAddress {
        address: own.address().octets(),
        prefix: own.prefix_len(),
        gateway: gateway.unwrap_or_default(),
    })
}
