//! A node for tests.

use super::*;

/// A node with something of everything, and names that are hard to write.
pub(super) fn sample() -> Node {
    Node {
        name: Some("2x2 \"test\"".into()),
        address: Some("10.0.2.15".into()),
        uptime_ms: Some(61_500),
        clusters: alloc::vec![Cluster {
            name: "io".into(),
            kernel: Some(0),
            generation: None,
            cores: alloc::vec![
                Core {
                    number: 0,
                    holders: alloc::vec![
                        Holder {
                            name: "files".into(),
                            kind: HolderKind::Service,
                        },
                        Holder {
                            name: "web\\1\n".into(),
                            kind: HolderKind::Vcore(1),
                        },
                    ],
                },
                Core::default(),
            ],
        }],
        processes: alloc::vec![Process {
            name: "web\\1\n".into(),
            cluster: Some("io".into()),
            state: ProcessState::ManyCore,
            generation: Some(2),
            vcores_granted: Some(1),
            vcores_max: None,
            cores: alloc::vec![0],
        }],
        channels: alloc::vec![Channel {
            number: 3,
            client: "web\\1\n".into(),
            vcore: Some(1),
            provider: "files".into(),
            route: ChannelRoute::SameKernel,
            to_provider: Some(Direction {
                messages: 10,
                doorbells: 2,
            }),
            to_client: None,
            slots: Some(64),
            generation: None,
        }],
        calls: Some(Calls {
            runtime: 1,
            server: 2,
            service_here: 3,
            service_elsewhere: 4,
        }),
        traffic: Traffic {
            requests: 9,
            answers: [0, 5, 1, 2, 1],
            bytes_received: 100,
            bytes_sent: 1 << 40,
            connections_accepted: 4,
            connections_open: 1,
            connections_most: 32,
        },
        memory: Memory {
            heap: Some(1 << 20),
            ..Memory::default()
        },
    }
}
