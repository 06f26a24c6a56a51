//! What the program knows of the node.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::process::ProcInfo;
use atoll_abi::syscall::Route;
use atoll_runtime::Runtime;
use atoll_runtime::guest::observer::{plan, telemetry};
use atoll_runtime::guest::procinfo;
use atoll_web::metrics::{
    Calls, Channel, ChannelRoute, Cluster, Core, Direction, Holder, HolderKind, Memory, Node,
    Process, ProcessState,
};

use atoll_web::observed::observe;

use super::shared::Shared;

/// The node, as far as this program knows it.
pub fn node(shared: &Shared) -> Node {
    let facts = procinfo();
    let mut node = own_part(shared, &facts);
    if let Some(plan) = plan() {
        // An observer sees all of it.
        observe(&mut node, plan, &facts, |connection, ring| {
            direction(connection as u32, ring)
        });
    }
    node
}

/// What every process knows: itself.
fn own_part(shared: &Shared, facts: &ProcInfo) -> Node {
    let runtime = Runtime::current();
    let name = facts.name.as_str().to_string();
    let granted: Vec<(u32, u32)> = facts
        .cores
        .iter()
        .zip(0..facts.max_vcores)
        .filter(|(_, vcore)| facts.granted >> vcore & 1 == 1)
        .map(|(core, vcore)| (vcore, *core))
        .collect();
    let cores = facts.cores.iter().zip(0..facts.max_vcores);
    let cores = cores.map(|(core, vcore)| {
        let is_granted = facts.granted >> vcore & 1 == 1;
        let holder = is_granted.then(|| Holder {
            name: name.clone(),
            kind: HolderKind::Vcore(vcore),
        });
        Core {
            number: *core,
            holders: holder.into_iter().collect(),
        }
    });
    let cluster = format!("cluster {}", facts.cluster);
    let routes = runtime.routes();
    let answered = |route: Route| routes.get(route as usize).copied().unwrap_or(0);
    Node {
        name: None,
        address: shared.address(),
        uptime_ms: Some(shared.milliseconds()),
        clusters: [Cluster {
            name: cluster.clone(),
            kernel: None,
            generation: None,
            cores: cores.collect(),
        }]
        .into(),
        channels: channels(facts, &name),
        processes: [Process {
            name,
            cluster: Some(cluster),
            state: match facts.many_core {
                0 => ProcessState::SingleCore,
                _ => ProcessState::ManyCore,
            },
            generation: Some(facts.generation),
            vcores_granted: Some(granted.len() as u32),
            vcores_max: Some(facts.max_vcores),
            cores: granted.iter().map(|(_, core)| *core).collect(),
        }]
        .into(),
        calls: Some(Calls {
            runtime: answered(Route::Runtime),
            server: answered(Route::Server),
            service_here: answered(Route::Local),
            service_elsewhere: answered(Route::Remote),
        }),
        traffic: shared.traffic(),
        memory: Memory {
            heap: Some(facts.heap_size),
            blocks: Some(u64::from(facts.pool_blocks)),
            blocks_in_flight: Some(runtime.blocks_in_flight() as u64),
        },
    }
}

/// The channels of this process: one of each vcore to each service. What goes on them observers and operators alone can see.
fn channels(facts: &ProcInfo, client: &str) -> Vec<Channel> {
    let ports = facts.ports.iter().take(facts.port_count as usize);
    let mut channels = Vec::new();
    for port in ports {
        let provider: String = port.service.as_str().into();
        let route = match Route::from_raw(port.route) {
            Some(Route::Local) => ChannelRoute::SameKernel,
            Some(Route::Remote) => ChannelRoute::OtherKernel,
            _ => ChannelRoute::Unknown,
        };
        for vcore in 0..facts.max_vcores {
            let number = port.first_connection + vcore;
            channels.push(Channel {
                number,
                client: client.into(),
                vcore: Some(vcore),
                provider: provider.clone(),
                route,
                to_provider: direction(number, 0),
                to_client: direction(number, 1),
                slots: Some(RING_SLOTS as u32),
                generation: None,
            });
        }
    }
    channels
}

/// What went one way on a connection, where this process may look.
fn direction(connection: u32, ring: usize) -> Option<Direction> {
    let told = telemetry(connection as usize, ring)?;
    Some(Direction {
        messages: told.sent,
        doorbells: told.doorbells,
    })
}
