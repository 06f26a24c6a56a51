//! The root task's alarm: a comparator of the HPET, whose interrupt arrives as a message of a sender of its own.
//!
//! It is silent while the root task awaits nothing, so that it disturbs neither a measurement nor a core that is left alone.

use atoll_abi::layout::badge;
use atoll_abi::plan::ROOT_TASK_VECTOR;
use atoll_hpet::{Clock, Hpet};
use sel4::init_thread::slot;
use sel4::{VmAttributes, cap};

use crate::address_space::OWN_HPET;
use crate::authority::{Authority, ROOT_TASK};
use crate::children::Context;
use crate::interrupts::{self, Comparator};

/// Nanoseconds of a millisecond.
const NANOSECONDS: u64 = 1_000_000;

/// The alarm of a root task.
pub struct Alarm {
    /// Mapped for good: to map and unmap a page has every core of the instance interrupted.
    hpet: Hpet,
    comparator: u32,
    handler: cap::IrqHandler,
    /// For when it is set, in milliseconds; `None` where it is silent.
    time: Option<u64>,
}

impl Alarm {
    /// Makes the alarm of an instance, silent: its interrupt comes with the badge [`badge::ALARM`] where the root task receives.
    pub fn build(authority: &mut Authority, context: &Context<'_>) -> Alarm {
        let plan = context.plan;
        let page = authority.hpet_page(ROOT_TASK);
        let notification = authority.notification();
        slot::TCB
            .cap()
            .tcb_bind_notification(notification)
            .expect("the root task has no other notification");
        let comparator = Comparator {
            number: plan.root_task_comparator(context.instance),
            argument: ROOT_TASK_VECTOR,
            core: plan.instances()[context.instance as usize].cores[0],
        };
        let wakes = authority.badged(notification, badge::ALARM);
        let handler = interrupts::comparator(authority, &comparator, page, wakes);
        authority.map_own(page, OWN_HPET, VmAttributes::UNCACHEABLE);
        let mut alarm = Alarm {
            // SAFETY: the page of the HPET's registers was just mapped there, uncached, and stays.
            hpet: unsafe { Hpet::new(OWN_HPET as *mut u8) },
            comparator: comparator.number,
            handler,
            time: None,
        };
        alarm.silence();
        alarm
    }

    /// Sets it for a time in milliseconds, where `now` is such a time, or silences it. It may ring earlier: look at the clock
    /// when it has, and set it again. Tells whether it will ring; where it will not, that time has come.
    pub fn set(&mut self, now: u64, time: Option<u64>) -> bool {
        if time == self.time {
            return true;
        }
        let Some(time) = time else {
            self.silence();
            return true;
        };
        let wait = time.saturating_sub(now).saturating_mul(NANOSECONDS);
        let allowed = self.hpet.let_interrupt(self.comparator);
        // A clock of the moment: it shows 0 now.
        let rings = allowed
            .and_then(|()| Clock::new(&self.hpet))
            .and_then(|mut clock| clock.set(&self.hpet, self.comparator, wait))
            .unwrap_or_else(|error| panic!("the HPET: {error}"));
        self.time = rings.then_some(time);
        rings
    }

    /// It has rung: takes its interrupt, and silences it.
    pub fn acknowledge(&mut self) {
        // A message-signalled interrupt is never masked; the kernel wants to be told all the same.
        let _ = self.handler.irq_handler_ack();
        self.silence();
    }

    fn silence(&mut self) {
        self.time = None;
        // There is such a comparator: the loader has looked.
        let _ = self.hpet.ignore(self.comparator);
    }
}
