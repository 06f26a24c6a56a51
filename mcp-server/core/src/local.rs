//! Syscalls of this cluster's processes, and those calls that the server serves itself.

use atoll_abi::layout::{MAX_VCORES, RING_SLOTS};
use atoll_abi::syscall::{Call, PRINT_SIZE, Status, Syscall};
use zerocopy::FromZeros;

use crate::calls::{CallId, Origin, Stage};
use crate::environment::Environment;
use crate::files::Client;
use crate::personality::Personality;
use crate::process::State;
use crate::tenant::{FileRoute, Tenant};
use crate::triage::{Service, service};

/// How a served call ends, and what is to be done once its completion was sent.
pub(crate) struct Outcome {
    pub status: Status,
    pub result: [u64; 2],
    after: After,
}

enum After {
    Nothing,
    Stop,
    End(u64),
}

impl Outcome {
    fn of(status: Status) -> Outcome {
        Outcome {
            status,
            result: [0; 2],
            after: After::Nothing,
        }
    }

    fn done(result: [u64; 2]) -> Outcome {
        Outcome {
            result,
            ..Outcome::of(Status::Done)
        }
    }
}

impl Personality {
    /// Puts a new process on its vcore 0.
    pub(crate) fn start_process<E: Environment>(&mut self, process: usize, environment: &mut E) {
        let Some(tenant) = self.processes.get_mut(process) else {
            return;
        };
        if !tenant.used || tenant.transition(State::RunnableS).is_err() {
            return;
        }
        grant(tenant, process, None, environment);
    }

    /// Serves syscalls that were taken from the ring of a vcore together, or sends them on their way.
    pub(crate) fn accept_batch<E: Environment>(
        &mut self,
        process: usize,
        vcore: usize,
        batch: &[Syscall],
        environment: &mut E,
    ) {
        let mut place = 0;
        while let Some(syscall) = batch.get(place) {
            let rest = batch.get(place..).unwrap_or_default();
            let served = self.serve_at_once(process, vcore, rest, environment);
            if served > 0 {
                place += served;
                continue;
            }
            place += 1;
            let Some(tenant) = self.processes.get(process) else {
                return;
            };
            if !tenant.is_alive() {
                // One before has ended the process.
                self.counters.dropped_completions += 1;
                continue;
            }
            let room = tenant
                .rings
                .get(vcore)
                .map_or(0, |ring| RING_SLOTS.saturating_sub(ring.outstanding));
            let exits =
                syscall.call == Call::Exit as u16 && syscall.generation == tenant.generation;
            let later = batch.get(place..).unwrap_or_default();
            if exits && later.len() < room {
                // What came with it ends before it: afterwards nobody takes a completion.
                for syscall in later {
                    self.accept_last(process, vcore, *syscall, environment);
                }
                self.accept(process, vcore, *syscall, environment);
                return;
            }
            self.accept(process, vcore, *syscall, environment);
        }
    }

    /// Serves one syscall from the ring of a vcore, or sends it on its way.
    fn accept<E: Environment>(
        &mut self,
        process: usize,
        vcore: usize,
        syscall: Syscall,
        environment: &mut E,
    ) {
        let Some(tenant) = self.processes.get(process) else {
            return;
        };
        let Some(ring) = tenant.rings.get(vcore) else {
            return;
        };
        if ring.outstanding >= RING_SLOTS {
            // An honest process reserves a place for the completion before it submits: it has no place left.
            self.fault_process(process, environment);
            return;
        }
        let Some(id) = self.enter(process, vcore, syscall) else {
            return;
        };
        let Some(tenant) = self.processes.get(process) else {
            return;
        };
        if syscall.generation != tenant.generation {
            self.finish(id, Status::NotAllowed, [0; 2]);
            return;
        }
        let (files, pool) = (tenant.files, tenant.pool);
        self.note_deadline(id, environment);
        let Some(call) = Call::from_raw(syscall.call) else {
            self.finish(id, Status::UnknownCall, [0; 2]);
            return;
        };
        match (service(call), files) {
            (Service::Server, _) => self.serve(id, call, process, vcore, environment),
            (Service::FileCluster, FileRoute::Here) => {
                if let Some(entry) = self.calls.get_mut(id) {
                    entry.pool = pool;
                }
                self.admit_file_call(id, Client::Process(process as u8));
            }
            (Service::FileCluster, FileRoute::Channel(channel)) => {
                self.forward(id, call, process, channel);
            }
            (Service::FileCluster, FileRoute::Nobody) => {
                self.finish(id, Status::NoService, [0; 2]);
            }
        }
    }

    /// Enters a syscall into the table of calls.
    pub(crate) fn enter(
        &mut self,
        process: usize,
        vcore: usize,
        syscall: Syscall,
    ) -> Option<CallId> {
        let tenant = self.processes.get_mut(process)?;
        let ring = tenant.rings.get_mut(vcore)?;
        let id = self.calls.insert(syscall, origin(process, vcore));
        // The shares of all clients together fit the table.
        debug_assert!(id.is_some(), "the call table is full");
        if id.is_some() {
            ring.outstanding += 1;
            tenant.outstanding += 1;
        }
        id
    }

    /// Takes what is left in the rings of a process that exits: what another vcore printed before is still printed,
    /// everything else is cancelled.
    fn drain<E: Environment>(&mut self, process: usize, environment: &mut E) {
        for vcore in 0..MAX_VCORES {
            for _ in 0..RING_SLOTS {
                let room = self
                    .processes
                    .get(process)
                    .and_then(|tenant| tenant.rings.get(vcore))
                    .is_some_and(|ring| ring.outstanding < RING_SLOTS);
                if !room || !self.listens(process, vcore) {
                    break;
                }
                let mut next = [Syscall::new_zeroed()];
                let Ok(1) = environment.receive_syscalls(process, vcore, &mut next) else {
                    break;
                };
                self.accept_last(process, vcore, next[0], environment);
            }
        }
    }

    /// Serves a syscall of a process that exits.
    fn accept_last<E: Environment>(
        &mut self,
        process: usize,
        vcore: usize,
        syscall: Syscall,
        environment: &mut E,
    ) {
        let Some(id) = self.enter(process, vcore, syscall) else {
            return;
        };
        if Call::from_raw(syscall.call) == Some(Call::Print) {
            self.serve(id, Call::Print, process, vcore, environment);
        } else {
            self.finish(id, Status::Cancelled, [0; 2]);
        }
    }

    fn serve<E: Environment>(
        &mut self,
        id: CallId,
        call: Call,
        process: usize,
        vcore: usize,
        environment: &mut E,
    ) {
        let Some(syscall) = self.calls.get(id).map(|entry| entry.syscall) else {
            return;
        };
        let origin = origin(process, vcore);
        let Some(tenant) = self.processes.get_mut(process) else {
            return;
        };
        let outcome = match call {
            Call::Cancel => {
                let ended = self.cancel(id, origin, syscall.arguments[0]);
                Outcome::done([u64::from(ended), 0])
            }
            Call::Sleep if syscall.timeout().microseconds().is_none() => {
                Outcome::of(Status::InvalidArgument)
            }
            Call::Sleep => {
                if let Some(entry) = self.calls.get_mut(id) {
                    entry.stage = Stage::Asleep;
                }
                return;
            }
            Call::Print => print(tenant, process, vcore, &syscall, environment),
            Call::Exit => Outcome {
                after: After::End(syscall.arguments[0]),
                ..Outcome::done([0; 2])
            },
            Call::BecomeMcp => become_mcp(tenant),
            Call::RequestVcores => {
                request_vcores(tenant, process, syscall.arguments[0], environment)
            }
            Call::YieldVcore => yield_vcore(tenant, process, vcore, environment),
            Call::Open | Call::Stat | Call::Read | Call::Close => Outcome::of(Status::NoService),
        };
        self.finish(id, outcome.status, outcome.result);
        match outcome.after {
            After::Nothing => {}
            After::Stop => {
                // Stopped before it can see the completion: it would take that for having been granted again, and be
                // stopped with a uthread on it.
                if let Some(tenant) = self.processes.get_mut(process) {
                    stop(tenant, process, vcore, environment);
                }
                self.deliver_vcore(process, vcore, environment);
            }
            After::End(status) => {
                self.drain(process, environment);
                for vcore in 0..MAX_VCORES {
                    self.deliver_vcore(process, vcore, environment);
                }
                self.end_process(process, status, environment);
            }
        }
    }
}

fn origin(process: usize, vcore: usize) -> Origin {
    Origin::Vcore {
        process: process as u8,
        vcore: vcore as u8,
    }
}

/// Grants a vcore, a particular one or the next one, and starts it. Tells whether there was one.
pub(crate) fn grant<E: Environment>(
    tenant: &mut Tenant,
    process: usize,
    vcore: Option<usize>,
    environment: &mut E,
) -> bool {
    let granted = match vcore {
        Some(vcore) => tenant.vcores.grant_vcore(vcore).then_some(vcore),
        None => tenant.vcores.grant(),
    };
    let Some(vcore) = granted else {
        return false;
    };
    // A process that waited becomes runnable; one that is runnable and has a core runs.
    if tenant.state == State::Waiting {
        let runnable = if tenant.many_core {
            State::RunnableM
        } else {
            State::RunnableS
        };
        let allowed = tenant.transition(runnable);
        debug_assert!(allowed.is_ok());
    }
    match tenant.state {
        State::RunnableS => {
            let allowed = tenant.transition(State::RunningS);
            debug_assert!(allowed.is_ok());
        }
        State::RunnableM => {
            let allowed = tenant.transition(State::RunningM);
            debug_assert!(allowed.is_ok());
        }
        _ => {}
    }
    environment.publish_granted(process, tenant.vcores.granted());
    environment.start_vcore(process, vcore);
    true
}

fn stop<E: Environment>(tenant: &mut Tenant, process: usize, vcore: usize, environment: &mut E) {
    if !tenant.vcores.give_back(vcore) {
        return;
    }
    if tenant.vcores.count() == 0 {
        let allowed = tenant.transition(State::Waiting);
        debug_assert!(allowed.is_ok());
    }
    environment.publish_granted(process, tenant.vcores.granted());
    environment.stop_vcore(process, vcore);
}

pub(crate) fn become_mcp(tenant: &mut Tenant) -> Outcome {
    if tenant.state != State::RunningS || tenant.transition(State::RunnableM).is_err() {
        return Outcome::of(Status::NotAllowed);
    }
    tenant.many_core = true;
    // Its core stays its own through the change, as vcore 0.
    let allowed = tenant.transition(State::RunningM);
    debug_assert!(allowed.is_ok());
    Outcome::done([u64::from(tenant.vcores.count()), 0])
}

pub(crate) fn request_vcores<E: Environment>(
    tenant: &mut Tenant,
    process: usize,
    wanted: u64,
    environment: &mut E,
) -> Outcome {
    if tenant.state != State::RunningM {
        return Outcome::of(Status::NotAllowed);
    }
    if wanted == 0 {
        return Outcome::of(Status::InvalidArgument);
    }
    while u64::from(tenant.vcores.count()) < wanted && grant(tenant, process, None, environment) {}
    Outcome::done([u64::from(tenant.vcores.count()), 0])
}

/// A vcore may go if it has seen every completion and somebody is left to be woken: another vcore, or one that a
/// completion under way will wake.
fn yield_vcore<E: Environment>(
    tenant: &Tenant,
    process: usize,
    vcore: usize,
    environment: &mut E,
) -> Outcome {
    if !tenant.vcores.is_granted(vcore) {
        return Outcome::of(Status::NotAllowed);
    }
    let unsent = tenant
        .rings
        .get(vcore)
        .is_some_and(|ring| !ring.finished.is_empty());
    if unsent || environment.unread(process, vcore) > 0 {
        return Outcome::of(Status::Busy);
    }
    let returns = |(index, outstanding): (usize, usize)| {
        // The call that is being served does not count.
        (index == vcore && outstanding > 1) || (tenant.vcores.has_yielded(index) && outstanding > 0)
    };
    let outstanding = tenant.rings.iter().map(|ring| ring.outstanding).enumerate();
    if tenant.vcores.count() == 1 && !outstanding.into_iter().any(returns) {
        return Outcome::of(Status::NotAllowed);
    }
    Outcome {
        after: After::Stop,
        ..Outcome::done([0; 2])
    }
}

pub(crate) fn print<E: Environment>(
    tenant: &mut Tenant,
    process: usize,
    vcore: usize,
    syscall: &Syscall,
    environment: &mut E,
) -> Outcome {
    let mut text = [0; PRINT_SIZE];
    for (to, from) in text.chunks_exact_mut(8).zip(syscall.arguments) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    let (Some(piece), Some(ring)) = (
        text.get(..syscall.block as usize),
        tenant.rings.get_mut(vcore),
    ) else {
        return Outcome::of(Status::InvalidArgument);
    };
    ring.line
        .push(piece, |line| environment.print_line(process, line));
    Outcome::done([0; 2])
}
