//! Calls that the server serves at once: their completions go straight into the ring, without an entry in the table of
//! calls. Nothing is ever under way of such a call, so there is nothing that the table would have to remember.

use atoll_abi::layout::RING_SLOTS;
use atoll_abi::syscall::{Call, Completion, NO_BLOCK, Route, Status, Syscall};
use zerocopy::FromZeros;

use crate::environment::Environment;
use crate::local::{Outcome, become_mcp, print, request_vcores};
use crate::personality::{FIRST_GENERATION, Personality};
use crate::tenant::Tenant;

/// Completions that are sent with one publication.
const BATCH: usize = RING_SLOTS / 2;

impl Personality {
    /// Serves the first syscalls of a batch, as many as can be served at once, and sends their completions together.
    /// Tells how many; the next one, where there is one, has to go through the table.
    pub(crate) fn serve_at_once<E: Environment>(
        &mut self,
        process: usize,
        vcore: usize,
        batch: &[Syscall],
        environment: &mut E,
    ) -> usize {
        let Some(tenant) = self.processes.get_mut(process) else {
            return 0;
        };
        let room = room(tenant, vcore);
        let generation = tenant.generation;
        let ready =
            |syscall: &Syscall| syscall.generation == generation && is_served_at_once(syscall.call);
        if room == 0 || !batch.first().is_some_and(ready) {
            return 0;
        }
        let mut completions = [Completion::new_zeroed(); BATCH];
        let mut count = 0;
        for (completion, syscall) in completions.iter_mut().zip(batch).take(room) {
            if !ready(syscall) {
                break;
            }
            let outcome = serve(tenant, process, vcore, syscall, environment);
            *completion = completion_of(syscall, &outcome);
            count += 1;
        }
        let served = completions.get(..count).unwrap_or_default();
        // Where the ring does not take them they go the usual way, which knows what to do about it.
        let sent = environment.complete(process, vcore, served);
        let sent = sent.map_or(0, |sent| sent.min(count));
        self.delivered += sent as u64;
        for (completion, syscall) in served.iter().zip(batch).skip(sent) {
            if let Some(id) = self.enter(process, vcore, *syscall) {
                self.finish(id, Status::from_raw(completion.status), completion.result);
            }
        }
        count
    }
}

/// How many completions may go straight into the ring of a vcore: none where others are in line before them, or would
/// wake the vcore.
fn room(tenant: &Tenant, vcore: usize) -> usize {
    let Some(ring) = tenant.rings.get(vcore) else {
        return 0;
    };
    let direct = tenant.is_alive()
        && tenant.vcores.is_granted(vcore)
        && tenant.returned.is_empty()
        && ring.finished.is_empty()
        && !ring.refused;
    if direct {
        RING_SLOTS.saturating_sub(ring.outstanding)
    } else {
        0
    }
}

fn is_served_at_once(call: u16) -> bool {
    call == Call::Print as u16
        || call == Call::BecomeMcp as u16
        || call == Call::RequestVcores as u16
}

fn serve<E: Environment>(
    tenant: &mut Tenant,
    process: usize,
    vcore: usize,
    syscall: &Syscall,
    environment: &mut E,
) -> Outcome {
    if syscall.call == Call::Print as u16 {
        print(tenant, process, vcore, syscall, environment)
    } else if syscall.call == Call::BecomeMcp as u16 {
        become_mcp(tenant)
    } else {
        request_vcores(tenant, process, syscall.arguments[0], environment)
    }
}

fn completion_of(syscall: &Syscall, outcome: &Outcome) -> Completion {
    Completion {
        tag: syscall.tag,
        status: outcome.status as u32,
        generation: FIRST_GENERATION,
        result: outcome.result,
        route: Route::Server as u32,
        block: NO_BLOCK,
        returned: NO_BLOCK,
        padding: 0,
        reserved: 0,
    }
}
