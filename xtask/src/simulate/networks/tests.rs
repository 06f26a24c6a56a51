//! Ports that lead into a machine, and what QEMU is told of its networks.

use super::*;
use crate::names::tests::{example, network_tables};

fn forward(device: Option<&str>, host: u16, guest: u16) -> Forward {
    Forward {
        device: device.map(str::to_owned),
        host,
        guest,
    }
}

fn options(tcp: &[Forward], udp: &[Forward]) -> BootOptions {
    BootOptions {
        forward: tcp.to_vec(),
        forward_udp: udp.to_vec(),
        ..BootOptions::default()
    }
}

fn refusal(plan: &Plan, options: &BootOptions) -> String {
    format!("{:#}", check(plan, options).unwrap_err())
}

#[test]
fn a_forward_is_two_ports_with_or_without_a_device() {
    assert_eq!(Forward::parse("8080:80"), Ok(forward(None, 8080, 80)));
    assert_eq!(Forward::parse("0:80"), Ok(forward(None, 0, 80)));
    assert_eq!(
        Forward::parse("net0=1:65535"),
        Ok(forward(Some("net0"), 1, 65535))
    );
    for bad in [
        "",
        "80",
        "80:",
        ":80",
        "80:0",
        "=80:80",
        "80:65536",
        "+1:80",
        "tcp:80:80",
        "127.0.0.1:80:80",
    ] {
        let refused = Forward::parse(bad).unwrap_err();
        assert!(refused.contains("HOST:GUEST"), "{bad}: {refused}");
    }
}

#[test]
fn a_free_port_is_chosen_and_kept_until_the_machine_takes_it() {
    let plan = network_tables().encode();
    let any = forward(None, 0, 80);
    let wanted = options(&[any.clone(), any.clone()], &[any]);
    let networks = Networks::reserve(&plan, &wanted).unwrap();
    let forwarded = networks.forwarded();
    let protocols: Vec<_> = forwarded.iter().map(|it| it.protocol).collect();
    assert_eq!(protocols, [Protocol::Tcp, Protocol::Tcp, Protocol::Udp]);
    assert!(forwarded.iter().all(|it| it.host > 0 && it.guest == 80));
    assert_ne!(forwarded[0].host, forwarded[1].host);
    let [tcp, udp] = [&forwarded[0], &forwarded[2]];
    assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, tcp.host)).is_err());
    let taken = options(&[forward(None, tcp.host, 1)], &[]);
    let text = refusal(&plan, &taken);
    assert!(text.contains(&format!("tcp port {}", tcp.host)), "{text}");
    assert!(text.contains("--forward 0:1"), "{text}");
    let taken = options(&[], &[forward(None, udp.host, 1)]);
    assert!(refusal(&plan, &taken).contains("--forward-udp 0:1"));
    drop(networks);
    check(&plan, &taken).unwrap();
}

#[test]
fn what_leads_nowhere_is_refused_with_what_to_do() {
    let one = options(&[forward(None, 0, 80)], &[]);
    let text = refusal(&example(), &one);
    assert!(text.contains("plan 2x2 has no network device"), "{text}");
    assert!(text.contains("leave --forward out, or add"), "{text}");
    let mut tables = network_tables();
    let named = |name| options(&[], &[forward(Some(name), 0, 80)]);
    check(&tables.encode(), &named("net")).unwrap();
    let text = refusal(&tables.encode(), &named("disk"));
    assert!(
        text.contains("no network device disk; it has: net"),
        "{text}"
    );
    let mut second = tables.devices[1];
    second.name = atoll_abi::name::Name::new("other").unwrap();
    tables.devices.push(second);
    let text = refusal(&tables.encode(), &one);
    assert!(text.contains("--forward DEVICE=0:80"), "{text}");
    assert!(text.contains("(network devices: net, other)"), "{text}");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let twice = [
        forward(Some("net"), port, 1),
        forward(Some("other"), port, 2),
    ];
    let text = refusal(&tables.encode(), &options(&twice, &[]));
    assert!(text.contains("is named twice"), "{text}");
}

#[test]
fn the_network_is_the_one_of_the_plan() {
    let mut tables = network_tables();
    let option = |tables: &atoll_abi::plan::Tables, options: &BootOptions| {
        let plan = tables.encode();
        let networks = Networks::reserve(&plan, options).unwrap();
        let ports = networks.forwarded();
        (networks.option(&plan, 1, "net1"), ports)
    };
    let none = options(&[], &[]);
    assert_eq!(option(&tables, &none).0, "user,id=net1");
    let (text, ports) = option(&tables, &options(&[forward(None, 0, 80)], &[]));
    let host = ports[0].host;
    let expected = format!("user,id=net1,hostfwd=tcp:127.0.0.1:{host}-:80");
    assert_eq!(text, expected);

    let address = |text: &str| u32::from(text.parse::<Ipv4Addr>().unwrap());
    let mut set = |own: &str, prefix: u32, gateway: &str| {
        tables.services[1].network = Network {
            address: address(own),
            prefix,
            gateway: address(gateway),
            padding: 0,
        };
        tables.clone()
    };
    let fixed = set("192.168.7.9", 24, "192.168.7.3");
    let (text, ports) = option(&fixed, &options(&[], &[forward(None, 0, 53)]));
    let host = ports[0].host;
    let expected = format!(
        "user,id=net1,net=192.168.7.0/24,host=192.168.7.3,dhcpstart=192.168.7.9,dns=192.168.7.255,\
         hostfwd=udp:127.0.0.1:{host}-192.168.7.9:53"
    );
    assert_eq!(text, expected);
    // Of the default network, what QEMU would choose itself.
    let usual = "user,id=net1,net=10.0.2.0/24,host=10.0.2.2,dhcpstart=10.0.2.15,dns=10.0.2.3";
    assert_eq!(option(&set("10.0.2.15", 24, "10.0.2.2"), &none).0, usual);
    // The smallest network there is.
    let small = "user,id=net1,net=10.0.0.4/30,host=10.0.0.5,dhcpstart=10.0.0.6,dns=10.0.0.7";
    assert_eq!(option(&set("10.0.0.6", 30, "10.0.0.5"), &none).0, small);
}
