//! The thread that is a cluster's server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use atoll_core::{Personality, Progress};

use crate::bell::Bell;
use crate::disk::PATIENCE;
use crate::world::World;

/// The life of a server: steps while there is work, then arms its rings, looks once more, and blocks. Counts itself as
/// finished when all its processes are dead, and goes on for those of others until it is all over.
pub fn serve(
    mut personality: Box<Personality>,
    mut world: World,
    bell: &Bell,
    finished: &AtomicUsize,
    over: &Arc<AtomicBool>,
) -> (Box<Personality>, World) {
    personality.start(&mut world);
    let mut told = false;
    while !over.load(Ordering::SeqCst) {
        if !told && personality.finished() {
            told = true;
            finished.fetch_add(1, Ordering::SeqCst);
        }
        if personality.step(&mut world) == Progress::Worked {
            continue;
        }
        let mut may_block = true;
        for link in world.links() {
            may_block &= link.end.endpoint.receiver.arm().unwrap_or(true);
        }
        if may_block {
            let now = world.began.elapsed().as_nanos() as u64;
            let left = personality
                .next_deadline()
                .map(|deadline| Duration::from_nanos(deadline.saturating_sub(now)));
            bell.wait(left.map_or(PATIENCE, |left| left.min(PATIENCE)));
        }
        for link in world.links() {
            link.end.endpoint.receiver.disarm();
        }
    }
    (personality, world)
}
