//! Kill tests: an actor dies between every two steps of a call flow over two clusters: of reserve, write, publish, ring,
//! read, complete and free, and of everything else that a server asks of its kernel. Whatever is under way ends once.

use atoll_abi::syscall::Status;
use atoll_sim::{KILL, Simulation, Tally, Victim};

/// Kills at each point, from the first one on, until the flow ends without the kill. Each point is met in flows with
/// different orders of events.
fn kill_everywhere(victim: Victim) -> Tally {
    let mut total = Tally::default();
    let mut killed = 0;
    for seed in 0..3 {
        let mut points = 0;
        loop {
            let simulation = Simulation::new(&KILL, seed);
            simulation.kill_at(victim, points);
            let outcome = match simulation.run() {
                Ok(outcome) => outcome,
                Err(failure) => panic!("{victim:?} killed at point {points}: {failure}"),
            };
            let tally = outcome.tally;
            let ended: u64 = tally.completions.iter().sum();
            let accounted = ended + tally.ended_with_process;
            assert_eq!(accounted, tally.calls, "seed {seed}, point {points}");
            if tally.kills == 0 {
                break;
            }
            total.add(&tally);
            points += 1;
        }
        println!("{victim:?}, seed {seed}: killed at each of {points} points");
        killed += points;
    }
    assert!(killed > 40, "the flow is too short to show anything");
    total
}

#[test]
fn the_server_of_the_files_dies_at_every_step() {
    let total = kill_everywhere(Victim::Server(0));
    assert!(total.ended(Status::PeerLost) > 0, "calls in flight end");
    assert!(total.stale > 0, "late messages are refused");
    assert!(total.reads_checked > 0, "and it goes on afterwards");
}

#[test]
fn the_clients_server_dies_at_every_step() {
    let total = kill_everywhere(Victim::Server(1));
    assert!(total.ended(Status::PeerLost) > 0, "calls in flight end");
    assert!(total.stale > 0, "late messages are refused");
}

#[test]
fn the_service_dies_at_every_step() {
    let total = kill_everywhere(Victim::Service);
    assert!(
        total.ended(Status::PeerLost) > 0,
        "calls in flight end with PeerLost"
    );
    assert!(total.stale > 0, "late messages are refused");
    assert!(total.reads_checked > 0, "and it goes on afterwards");
}

#[test]
fn the_driver_dies_at_every_step() {
    let total = kill_everywhere(Victim::Driver);
    assert!(
        total.ended(Status::PeerLost) > 0,
        "calls in flight end with PeerLost"
    );
    assert!(total.reads_checked > 0, "and it goes on afterwards");
}

#[test]
fn the_process_dies_at_every_step() {
    let total = kill_everywhere(Victim::Process(1));
    assert!(total.ended_with_process > 0, "calls in flight end with it");
}
