//! A bounded number of seeds of every scenario; exact replay; the script's trace.

use atoll_abi::syscall::Status;
use atoll_sim::{SCENARIOS, Tally, find, run};

/// Seeds of each scenario.
const SEEDS: u64 = 50;

fn all_seeds(name: &str) -> Tally {
    seeds(name, SEEDS)
}

fn seeds(name: &str, count: u64) -> Tally {
    let scenario = find(name).unwrap();
    let mut total = Tally::default();
    for seed in 0..count {
        match run(scenario, seed) {
            Ok(outcome) => total.add(&outcome.tally),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{name}: {total:?}");
    let ended: u64 = total.completions.iter().sum();
    let accounted = ended + total.ended_with_process;
    assert_eq!(accounted, total.calls, "every call ends once");
    total
}

#[test]
fn one_cluster() {
    let total = all_seeds("one-cluster");
    assert!(total.reads_checked > 0 && total.ended(Status::Cancelled) > 0);
}

#[test]
fn two_clusters() {
    assert!(all_seeds("two-clusters").ended(Status::TimedOut) > 0);
}

#[test]
fn three_clusters() {
    assert!(all_seeds("three-clusters").kills > 0);
}

#[test]
fn many_vcores() {
    assert!(all_seeds("many-vcores").reads_checked > 0);
}

#[test]
fn full_rings() {
    assert!(all_seeds("full-rings").reads_checked > 0);
}

#[test]
fn a_client_whose_rings_were_full_is_served_on() {
    // A ring is full and its consumer slow in one seed of a hundred.
    assert!(seeds("lone-client", 10 * SEEDS).reads_checked > 0);
}

#[test]
fn a_process_that_floods_stops_only_itself() {
    let total = all_seeds("flood");
    assert!(total.faults > 0 && total.reads_checked > 0);
}

#[test]
fn frames_have_one_holder_whoever_dies() {
    let total = all_seeds("frames");
    assert!(total.frames_given > 0 && total.frames_seen > 0 && total.leases_ended > 0);
    assert!(total.kills > 0);
}

#[test]
fn a_process_that_lies_harms_no_other_one() {
    assert!(all_seeds("lying-process").faults > 0);
}

#[test]
fn a_server_that_lies_about_wake_ups_harms_no_other_cluster() {
    let total = all_seeds("lying-server");
    assert!(total.faults > 0 && total.reads_checked > 0);
}

#[test]
fn a_file_service_that_lies_harms_no_process() {
    let total = all_seeds("lying-service");
    assert!(total.ended(Status::Malformed) > 0 && total.ended(Status::PeerLost) > 0);
}

#[test]
fn a_driver_that_lies_harms_no_process() {
    assert!(all_seeds("lying-driver").stale > 0);
}

#[test]
fn torn_blocks_and_drivers_that_come_back() {
    let total = all_seeds("driver-loss");
    assert!(total.kills > 0 && total.ended(Status::DeviceError) > 0 && total.reads_checked > 0);
    assert!(total.ended(Status::PeerLost) > 0);
}

#[test]
fn services_that_die_and_come_back() {
    let total = all_seeds("service-loss");
    assert!(total.kills > 0 && total.ended(Status::PeerLost) > 0);
    // Services die while files are open, and are asked for these afterwards.
    assert!(total.stale_handles > 0);
    assert!(total.stale > 0 && total.reads_checked > 0);
}

#[test]
fn servers_that_die_and_come_back() {
    let total = all_seeds("server-loss");
    assert!(total.kills > 0 && total.ended(Status::PeerLost) > 0);
    assert!(total.stale > 0 && total.reads_checked > 0);
}

#[test]
fn servers_that_stay_down() {
    let total = all_seeds("server-down");
    assert!(total.kills > 0 && total.ended(Status::PeerLost) > 0);
}

#[test]
fn gangs_whose_vcores_come_and_go_while_servers_die() {
    // A vcore sleeps for a deadline while its server dies in one seed of a few hundred.
    let total = seeds("gang-loss", 6 * SEEDS);
    assert!(total.kills > 0 && total.ended(Status::PeerLost) > 0);
}

#[test]
fn processes_that_fault_and_begin_anew() {
    let total = all_seeds("process-loss");
    assert!(total.kills > 0 && total.ended_with_process > 0);
}

#[test]
fn doorbells_that_go_wrong() {
    assert!(all_seeds("doorbell-chaos").faults > 0);
}

#[test]
fn everything_at_once() {
    assert!(all_seeds("everything").kills > 0);
}

#[test]
fn a_log_on_a_raw_partition() {
    let total = seeds("log", 6 * SEEDS);
    assert!(total.records_acknowledged > 0 && total.records_replayed > 0);
}

#[test]
fn what_was_acknowledged_survives_cuts_of_the_power() {
    let total = seeds("power-cut", 4 * SEEDS);
    assert!(total.power_cuts > 0 && total.sectors_lost > 0);
    assert!(total.records_acknowledged > 0 && total.records_replayed > 0);
}

#[test]
fn what_was_acknowledged_survives_deaths_and_cuts() {
    // A disk that still writes for a service that died is seen in one seed of some hundreds.
    let total = seeds("log-loss", 8 * SEEDS);
    assert!(total.power_cuts > 0 && total.kills > 0);
    assert!(total.records_acknowledged > 0 && total.records_replayed > 0);
}

#[test]
fn what_was_flushed_survives_cuts_of_the_power() {
    let total = seeds("raw-blocks", 2 * SEEDS);
    assert!(total.power_cuts > 0 && total.sectors_lost > 0 && total.blocks_checked > 0);
}

#[test]
fn what_was_flushed_survives_deaths_and_cuts() {
    let total = seeds("raw-loss", 2 * SEEDS);
    assert!(total.power_cuts > 0 && total.kills > 0 && total.blocks_checked > 0);
}

#[test]
fn pages_that_were_flushed_survive_cuts_of_the_power() {
    let total = seeds("pages", 2 * SEEDS);
    assert!(total.power_cuts > 0 && total.sectors_lost > 0 && total.blocks_checked > 0);
}

#[test]
fn pages_in_memory_survive_deaths_and_flushed_ones_cuts() {
    let total = seeds("pages-loss", 4 * SEEDS);
    assert!(total.power_cuts > 0 && total.kills > 0 && total.blocks_checked > 0);
    assert!(total.ended(Status::DeviceError) > 0 && total.ended(Status::PeerLost) > 0);
}

#[test]
fn files_are_replaced_as_a_whole() {
    let total = seeds("files", SEEDS);
    assert!(total.records_acknowledged > 0 && total.reads_checked > 0);
}

#[test]
fn what_was_synced_survives_cuts_of_the_power() {
    let total = seeds("files-cut", 2 * SEEDS);
    assert!(total.power_cuts > 0 && total.sectors_lost > 0);
    assert!(total.records_acknowledged > 0 && total.reads_checked > 0);
    assert!(total.blocks_checked > 0);
}

#[test]
fn what_was_synced_survives_deaths_and_cuts() {
    let total = seeds("files-loss", 2 * SEEDS);
    assert!(total.power_cuts > 0 && total.kills > 0);
    assert!(total.records_acknowledged > 0 && total.reads_checked > 0);
}

#[test]
fn a_process_that_lends_a_block_twice_harms_nobody() {
    assert!(all_seeds("lent-twice").faults > 0);
}

#[test]
fn the_script_has_its_expected_trace() {
    let total = all_seeds("script");
    assert_eq!(total.ended(Status::UnknownCall), 2 * SEEDS);
}

#[test]
fn a_seed_replays_exactly() {
    for scenario in &SCENARIOS {
        let first = run(scenario, 5).unwrap();
        assert_eq!(run(scenario, 5).unwrap(), first, "{}", scenario.name);
        assert_ne!(
            run(scenario, 6).unwrap().hash,
            first.hash,
            "{}",
            scenario.name
        );
    }
}
