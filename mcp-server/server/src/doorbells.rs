//! How other clusters are interrupted, and this one by them and by the time.

use atoll_abi::layout::slot;
use atoll_abi::plan::Plan;
use atoll_component::log;
use atoll_hpet::{Clock, Hpet};
use sel4::cap;

use crate::kernel::{enters, interrupted};

const INTERRUPT: cap::IrqHandler = cap::IrqHandler::from_bits(slot::INTERRUPT);

/// The HPET, as far as the server uses it.
pub struct Doorbells {
    hpet: Option<(Hpet, Clock)>,
    /// The cluster's own comparator, or `NONE` where it is never interrupted.
    comparator: u32,
    masked: bool,
}

impl Doorbells {
    /// Those of a cluster's server, with the HPET where it has it.
    ///
    /// # Panics
    /// Where the HPET cannot be a clock.
    pub fn new(plan: &Plan, cluster: usize, hpet: Option<Hpet>) -> Doorbells {
        let hpet = hpet.map(|hpet| {
            let clock = Clock::new(&hpet).unwrap_or_else(|error| panic!("server: {error}"));
            (hpet, clock)
        });
        Doorbells {
            hpet,
            comparator: plan.clusters()[cluster].comparator,
            masked: plan.clusters()[cluster].masked != 0,
        }
    }

    /// Interrupts the server of another kernel instance by its comparator.
    pub fn interrupt(&self, comparator: u32) {
        if let Some((hpet, _)) = &self.hpet
            && let Err(error) = hpet.ring(comparator)
        {
            log(format_args!(
                "server: the doorbell of comparator {comparator} cannot be rung: {error:?}"
            ));
        }
    }

    /// Nanoseconds on a clock that never goes backwards. A server without processes, which sets no alarms, has none.
    pub fn now(&mut self) -> u64 {
        match &mut self.hpet {
            Some((hpet, clock)) => clock.now(hpet),
            None => 0,
        }
    }

    /// Has the server woken for the personality's next alarm; whether it may block. It may not where that has come. A server
    /// that masks its doorbell never may: it polls wake words and the clock.
    ///
    /// The comparator that this sets is also the doorbell of clusters in other kernels, and whichever write to it comes last
    /// undoes the others. No wake-up is lost, because this comes *before* the server looks at its rings and at the wake
    /// words once more:
    ///
    /// - A sender sets its bit in the wake page, and only then writes the comparator. Where this write comes after the
    ///   sender's and undoes its interrupt, the bit was set before, so the look that follows this shows it, unless it has
    ///   been taken already. The other way round, a look first and the alarm afterwards, an interrupt in between would be
    ///   undone and its bit never looked for.
    /// - Where the sender's write comes after this one and undoes the alarm, its interrupt begins after this, so it ends
    ///   the wait that follows, and before the next wait the alarm is set again. So it is with a sender that is late to
    ///   interrupt for a bit that was taken long ago.
    /// - A sender that is stopped for good between its write and its second look may leave neither: see `Hpet::ring`.
    pub fn set_alarm(&mut self, alarm: Option<u64>) -> bool {
        if self.masked {
            return false;
        }
        match (alarm, &mut self.hpet) {
            (Some(alarm), Some((hpet, clock))) => {
                clock.set(hpet, self.comparator, alarm).unwrap_or(false)
            }
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    /// Takes an interrupt: allows the next one.
    pub fn acknowledge(&self) {
        // A message-signalled interrupt is never masked; the kernel wants to be told all the same.
        enters();
        let _ = INTERRUPT.irq_handler_ack();
        interrupted();
    }
}
