//! The networks of a machine, and the ports of this host that lead into them.
//!
//! Each network is one of QEMU's own: QEMU is its router, and connects to others as any program of the host does. From outside
//! nobody reaches the machine but by the ports that the user names, which are open at 127.0.0.1 alone.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use anyhow::{Context, Result, bail};
use atoll_abi::plan::{Device, DeviceKind, Network, Plan};
use serde::Serialize;

use crate::cli::BootOptions;

/// What a port is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Protocol {
    /// The option of the command line, with which the user names its ports.
    fn option(self) -> &'static str {
        match self {
            Protocol::Tcp => "--forward",
            Protocol::Udp => "--forward-udp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}

/// A port that the user wants to lead into the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The network device; `None` where the plan has only one.
    device: Option<String>,
    /// The port of this host; 0 for any that is free.
    host: u16,
    /// The port of the machine.
    guest: u16,
}

impl Forward {
    /// A port of this host to one of the machine, of a plan with one network device.
    pub fn new(host: u16, guest: u16) -> Forward {
        Forward {
            device: None,
            host,
            guest,
        }
    }

    /// The port of the machine.
    pub fn guest(&self) -> u16 {
        self.guest
    }

    /// Reads `HOST:GUEST` or `DEVICE=HOST:GUEST`.
    ///
    /// # Errors
    /// Says how it is written.
    pub fn parse(text: &str) -> Result<Forward, String> {
        let (device, ports) = match text.split_once('=') {
            Some((device, ports)) => (Some(device.to_owned()), ports),
            None => (None, text),
        };
        let port = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| digits)
        };
        let ports = ports.split_once(':');
        let ports = ports.and_then(|(host, guest)| Some((port(host)?, port(guest)?)));
        match ports {
            Some((host, guest)) if guest > 0 && device.as_deref() != Some("") => Ok(Forward {
                device,
                host,
                guest,
            }),
            _ => Err("write it as HOST:GUEST, or as DEVICE=HOST:GUEST, with a port of this host or 0, and a port of the machine".to_owned()),
        }
    }

    /// Which device of a plan it is for.
    fn device_of(&self, plan: &Plan, option: &str) -> Result<usize> {
        let devices = plan.devices().iter().enumerate();
        let networks: Vec<(usize, &Device)> = devices.filter(|(_, it)| is_network(it)).collect();
        let name = plan.machine().name;
        let known = || {
            let names = networks.iter().map(|(_, device)| device.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        match (&self.device, networks.as_slice()) {
            (_, []) => bail!(
                "plan {name} has no network device, so no port can lead into its machine; leave {option} out, or add a [[device]] of kind \"virtio-net\" to the plan"
            ),
            (None, [(index, _)]) => Ok(*index),
            (None, _) => bail!(
                "plan {name} has {} network devices, so say to which one the port leads: {option} DEVICE={}:{} (network devices: {})",
                networks.len(),
                self.host,
                self.guest,
                known()
            ),
            (Some(wanted), _) => {
                let mut networks = networks.iter();
                let found = networks.find(|(_, device)| device.name.as_str() == wanted);
                let (index, _) = found.with_context(|| {
                    format!(
                        "plan {name} has no network device {}; it has: {}",
                        atoll_plan::shown(wanted),
                        known()
                    )
                })?;
                Ok(*index)
            }
        }
    }
}

/// A port of this host that leads into the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Forwarded {
    /// What it is one of.
    pub protocol: Protocol,
    /// The port of this host, at 127.0.0.1.
    pub host: u16,
    /// The port of the machine.
    pub guest: u16,
}

impl fmt::Display for Forwarded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} 127.0.0.1:{} leads to port {}",
            self.protocol, self.host, self.guest
        )
    }
}

/// Finds out whether the ports that the options name can lead into the machine of a plan.
///
/// # Errors
/// Where the plan has no such network, or a port of this host cannot be used.
pub fn check(plan: &Plan, options: &BootOptions) -> Result<()> {
    Networks::reserve(plan, options).map(drop)
}

/// The ports that lead into a machine, taken until QEMU takes them: dropping it frees them.
#[derive(Default)]
pub struct Networks(Vec<Port>);

struct Port {
    device: usize,
    forwarded: Forwarded,
    _taken: Taken,
}

/// Keeps a port of this host.
enum Taken {
    Tcp { _socket: TcpListener },
    Udp { _socket: UdpSocket },
}

impl Networks {
    /// Takes the ports that the options name, and free ones where these leave that open.
    ///
    /// # Errors
    /// As [`check`].
    pub fn reserve(plan: &Plan, options: &BootOptions) -> Result<Networks> {
        let mut networks = Networks::default();
        let tcp = options.forward.iter().map(|it| (Protocol::Tcp, it));
        let udp = options.forward_udp.iter().map(|it| (Protocol::Udp, it));
        for (protocol, wanted) in tcp.chain(udp) {
            let device = wanted.device_of(plan, protocol.option())?;
            let same = |it: &Forwarded| (it.protocol, it.host) == (protocol, wanted.host);
            if networks.forwarded().iter().any(same) {
                bail!(
                    "{protocol} port {} of this host is named twice; give one of the two another port",
                    wanted.host
                );
            }
            let (taken, host) = take(protocol, wanted.host).with_context(|| {
                let (option, guest) = (protocol.option(), wanted.guest);
                format!(
                    "{protocol} port {} of 127.0.0.1 cannot be used; end what uses it, name another port, or have a free one chosen: {option} 0:{guest}",
                    wanted.host
                )
            })?;
            networks.0.push(Port {
                device,
                forwarded: Forwarded {
                    protocol,
                    host,
                    guest: wanted.guest,
                },
                _taken: taken,
            });
        }
        Ok(networks)
    }

    /// The ports.
    pub fn forwarded(&self) -> Vec<Forwarded> {
        self.0.iter().map(|port| port.forwarded).collect()
    }

    /// The network of a device, as QEMU is told of it by this name.
    pub fn option(&self, plan: &Plan, device: usize, name: &str) -> String {
        let service = plan.services_of_device(device).next();
        let network = service.map_or(Network::default(), |(_, service)| service.network);
        let own = match network.address {
            0 => String::new(),
            address => Ipv4Addr::from(address).to_string(),
        };
        let mut words = vec![format!("user,id={name}")];
        words.extend(addresses(&network));
        let ports = self.0.iter().filter(|port| port.device == device);
        words.extend(ports.map(|port| {
            let Forwarded {
                protocol,
                host,
                guest,
            } = port.forwarded;
            format!("hostfwd={protocol}:127.0.0.1:{host}-{own}:{guest}")
        }));
        words.join(",")
    }
}

/// Whether a device is one of a network.
fn is_network(device: &Device) -> bool {
    DeviceKind::from_raw(device.kind) == Some(DeviceKind::VirtioNet)
}

fn take(protocol: Protocol, port: u16) -> io::Result<(Taken, u16)> {
    let address = (Ipv4Addr::LOCALHOST, port);
    Ok(match protocol {
        Protocol::Tcp => {
            let socket = TcpListener::bind(address)?;
            let port = socket.local_addr()?.port();
            (Taken::Tcp { _socket: socket }, port)
        }
        Protocol::Udp => {
            let socket = UdpSocket::bind(address)?;
            let port = socket.local_addr()?.port();
            (Taken::Udp { _socket: socket }, port)
        }
    })
}

/// What QEMU is told of a network in which the machine's address is fixed: the router is where the plan has it, and would give by
/// DHCP the address that the machine has. QEMU wants its name server at an address of its own.
fn addresses(network: &Network) -> Option<String> {
    let Network {
        address,
        prefix,
        gateway,
        ..
    } = *network;
    if address == 0 {
        return None;
    }
    let mask = u32::MAX.checked_shl(u32::BITS - prefix).unwrap_or(0);
    let first = address & mask;
    // Where QEMU has it, unless that is taken; else the address of all, which no machine has.
    let usual = first | 0x0203 & !mask;
    let names = match usual == gateway || usual == address {
        true => first | !mask,
        false => usual,
    };
    let [first, gateway, address, names] = [first, gateway, address, names].map(Ipv4Addr::from);
    Some(format!(
        "net={first}/{prefix},host={gateway},dhcpstart={address},dns={names}"
    ))
}

#[cfg(test)]
mod tests;
