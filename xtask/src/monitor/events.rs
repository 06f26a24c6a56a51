//! What each event means for what is known of the system.

use super::{ChannelCounts, Ended, FaultSeen, Monitor, PollBudget, Restarted, Shown, Started};
use crate::event::Event;
use crate::names;
use crate::report::Verdict;

const UNKNOWN_COMPONENT: &str = "an event of no component of the plan";

impl Monitor<'_> {
    /// Takes an event.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn event(&mut self, event: Event) -> Result<Shown, &'static str> {
        match event {
            Event::Loader { stage } => return Ok(Shown::Note(format!("loader: {stage}"))),
            Event::Plan {
                who,
                plan,
                fingerprint,
            } => {
                let told = self.booted.tell(self.plan, who, &plan, &fingerprint);
                told.unwrap_or_else(|problem| self.fail(Verdict::WrongPlan, problem));
            }
            Event::Refused { reason } => {
                self.fail(Verdict::Refused, format!("the loader refused: {reason}"));
            }
            Event::Instance {
                instance,
                cores,
                smp,
                tick_ms,
                memory,
            } => {
                let state = self.instance(instance)?;
                if state.started.is_some() {
                    return Err("an instance started twice");
                }
                state.started = Some(Started {
                    cores,
                    smp,
                    tick_ms,
                    memory,
                });
                return Ok(Shown::Note("a root task has started".to_owned()));
            }
            Event::Audit {
                instance,
                frames,
                untyped,
                ports,
                last,
            } => {
                let state = self.instance(instance)?;
                state.holdings.frames.extend(frames);
                state.holdings.untyped.extend(untyped);
                state.holdings.ports.extend(ports);
                state.audited |= last;
            }
            Event::Ready { instance } => {
                self.instance(instance)?.ready = true;
                return Ok(Shown::Note("an instance is ready".to_owned()));
            }
            Event::Started { process, .. } => {
                self.known_process(&process)?;
                return Ok(Shown::Note("a process has started".to_owned()));
            }
            Event::Process {
                process,
                vcores,
                status,
                ..
            } => {
                let process = self.known_process(&process)?;
                self.processes[process] = Some(Ended { vcores, status });
            }
            Event::Channel {
                process,
                service,
                vcore,
                sent,
                received,
                doorbells,
                peer_doorbells,
                poll_budget,
            } => {
                let process = self.known_process(&process)?;
                let service = self
                    .service(&service)
                    .ok_or("an event of no service of the plan")?;
                let connection = self
                    .plan
                    .connection(process, vcore, service)
                    .ok_or("an event of a channel that the process does not have")?;
                self.channels.retain(|it| it.connection != connection);
                self.channels.push(ChannelCounts {
                    connection,
                    process,
                    service,
                    vcore,
                    sent,
                    received,
                    doorbells,
                    peer_doorbells,
                    poll_budget,
                });
            }
            Event::Budget { who, looks } => {
                self.restart_of(&who).ok_or(UNKNOWN_COMPONENT)?;
                self.budgets.retain(|it| it.who != who);
                self.budgets.push(PollBudget { who, looks });
            }
            Event::Fault { who, reason } => return Ok(self.fault(who, &reason)),
            Event::Restarted { who, generation } => return self.restarted(who, generation),
            Event::Down { who, restarts } => {
                self.restart_of(&who).ok_or(UNKNOWN_COMPONENT)?;
                let shown = format!("{who} stays down after {restarts} restarts");
                self.down.push(who);
                return Ok(Shown::Line(shown));
            }
            Event::Panic { who, reason } => {
                self.fail(Verdict::Panic, format!("{who} panicked: {reason}"));
            }
            Event::Stopped { cluster } => {
                let cluster = self
                    .cluster(&cluster)
                    .ok_or("an event of no cluster of the plan")?;
                self.stopped.push(cluster);
                let name = names::cluster(self.plan, cluster as u32);
                return Ok(Shown::Line(format!("the server of {name} is stopped")));
            }
            Event::Done { instance } => self.instance(instance)?.done = true,
        }
        Ok(Shown::Nothing)
    }

    fn known_process(&self, name: &str) -> Result<usize, &'static str> {
        self.process(name)
            .ok_or("an event of no process of the plan")
    }

    /// A fault ends the run at once only where the plan has nothing that comes after it: a process's fault ends no other
    /// process, and a component that may be started again can still recover.
    fn fault(&mut self, who: String, reason: &str) -> Shown {
        let text = format!("{who} faulted: {reason}");
        let may_restart = self.restart_of(&who).is_some_and(|it| it.times > 0);
        if !may_restart && !who.starts_with("process:") {
            self.fail(Verdict::Fault, text);
            return Shown::Nothing;
        }
        let shown = text.clone();
        self.faults.push(FaultSeen { who, text });
        Shown::Line(shown)
    }

    fn restarted(&mut self, who: String, generation: u32) -> Result<Shown, &'static str> {
        self.restart_of(&who).ok_or(UNKNOWN_COMPONENT)?;
        self.faults.retain(|fault| fault.who != who);
        // How it ended before no longer counts.
        if let Some(name) = who.strip_prefix("process:")
            && let Some(process) = self.process(name)
        {
            self.processes[process] = None;
        }
        let shown = format!("{who} is started again, generation {generation}");
        self.restarts.push(Restarted { who, generation });
        Ok(Shown::Line(shown))
    }
}
