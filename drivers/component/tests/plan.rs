//! What a driver makes of its plan: the pools of its clients, and its interrupt.

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::plan::{
    Cluster, DEVICE_VECTOR, Device, EncodedPlan, Instance, NONE, Pool, Process, Service, Tables,
    VECTOR_BASE,
};
use atoll_abi::syscall::Status;
use atoll_driver::{Pools, interrupt_message};
use atoll_virtio::VirtioError;
use zerocopy::FromZeros;

const BLOCKS: u32 = 8;

/// Three services, of which the first and the last have device 1, and a process for each of them, which the last one shares with the
/// first. Pools 0 to 2 are those of the processes, 3 to 5 those of the services.
fn plan() -> EncodedPlan {
    let pool = |index: u32| Pool {
        base: u64::from(index) << 32,
        blocks: BLOCKS,
        process: if index < 3 { index } else { NONE },
        service: if index < 3 { NONE } else { index - 3 },
        cluster: 0,
    };
    let service = |index: u32| Service {
        pool: 3 + index,
        device: if index == 1 { 0 } else { 1 },
        ..Service::new_zeroed()
    };
    let process = |index: u32| Process {
        pool: index,
        services: [0b101, 0b010, 0b100][index as usize],
        ..Process::new_zeroed()
    };
    let device = |core| Device {
        core,
        ..Device::new_zeroed()
    };
    let mut instance = Instance::new_zeroed();
    instance.core_count = 2;
    instance.cores[..2].copy_from_slice(&[5, 0x100]);
    let tables = Tables {
        clusters: vec![Cluster::new_zeroed()],
        instances: vec![instance],
        devices: vec![device(0), device(0), device(1), device(2)],
        services: [0, 1, 2].map(service).into(),
        processes: [0, 1, 2].map(process).into(),
        pools: [0, 1, 2, 3, 4, 5].map(pool).into(),
        ..Tables::default()
    };
    tables.encode()
}

#[test]
fn a_client_names_blocks_of_its_own_pools() {
    let pools = Pools::new(&plan(), 1);
    let block = BlockList::one(BLOCKS - 1);
    let may = |client: usize| {
        let may = (0..7).filter(|pool| pools.of(*pool, client, &block).is_ok());
        may.collect::<Vec<u32>>()
    };
    assert_eq!(
        [may(0), may(1), may(2)],
        [vec![0, 3], vec![0, 2, 5], vec![]]
    );
    let beyond = BlockList::one(BLOCKS);
    assert_eq!(pools.of(0, 0, &beyond), Err(Status::BadBlock));
    assert_eq!(
        (pools.find(1), pools.find(4), pools.find(6)),
        (None, None, None)
    );
}

#[test]
fn a_pool_of_two_clients_is_one() {
    let mut pools = Pools::new(&plan(), 1);
    let list = BlockList::of(&[6, 2]).unwrap();
    let [first, second] = [0, 1].map(|client| pools.of(0, client, &list).unwrap());
    assert_eq!((first, Some(first)), (second, pools.find(0)));
    assert_eq!(pools.take(first, &list), Ok(()));
    assert_eq!(
        pools.take(second, &BlockList::one(2)),
        Err(Status::BadBlock)
    );
    let other = pools.of(3, 0, &list).unwrap();
    assert_eq!((pools.take(other, &list), pools.taken()), (Ok(()), 4));
    pools.give_back(first, &list);
    assert_eq!(pools.taken(), 2);
    let segment = pools.segment(other, 2).unwrap();
    let address = (3 << 32) + 2 * BLOCK_SIZE as u64;
    assert_eq!(
        (segment.address, segment.length),
        (address, BLOCK_SIZE as u32)
    );
    assert_eq!(pools.segment(9, 0), None);
    assert_eq!(pools.take(9, &list), Err(Status::BadBlock));
}

#[test]
fn a_device_interrupts_the_core_of_its_driver() {
    let plan = plan();
    let message = interrupt_message(&plan, 1).unwrap().unwrap();
    assert_eq!(message.address, 0xFEE0_5000);
    assert_eq!(u64::from(message.data), VECTOR_BASE + DEVICE_VECTOR + 1);
    let unreachable = VirtioError::UnreachableCore { apic_id: 0x100 };
    assert_eq!(interrupt_message(&plan, 2), Some(Err(unreachable)));
    // A core that the instance does not have, and devices that there are not.
    for device in [3, 4, 300] {
        assert_eq!(interrupt_message(&plan, device), None);
    }
}
