//! The HPET as a doorbell between kernels, and as a clock with an alarm.
//!
//! Kernel instances cannot send each other inter-processor interrupts from user level, but all of them can map the
//! registers of the one HPET. Each receiving cluster has a comparator of its own, which [`Hpet::listen`] makes deliver
//! its interrupt as a message to the receiver's core. A sender rings by moving that comparator a little ahead of the
//! main counter ([`Hpet::ring`]). The receiver itself moves it to the time of its next deadline ([`Clock::set`]).
//!
//! Section numbers are those of the IA-PC HPET specification 1.0a.

#![no_std]

use core::sync::atomic::{AtomicU32, Ordering, fence};

use bitflags::bitflags;

mod clock;
mod registers;

pub use clock::{Clock, MAX_DISTANCE};
pub use registers::{Mapped, Registers};

/// Low half of the general capabilities, section 2.3.4: bits 8 to 12 number the last comparator.
const CAPABILITIES: usize = 0x000;
/// General configuration, section 2.3.5.
const CONFIGURATION: usize = 0x010;
/// Low half of the main counter, section 2.3.7.
const COUNTER: usize = 0x0F0;

bitflags! {
    /// General configuration, section 2.3.5. Bits without a name keep what they are.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct General: u32 {
        /// The main counter runs and interrupts are allowed.
        const ENABLE = 1 << 0;
        /// Comparators 0 and 1 replace the legacy timers, whatever their own routing says.
        const LEGACY_REPLACEMENT = 1 << 1;
        const _ = !0;
    }

    /// Configuration of a comparator, section 2.3.8. Bits without a name keep what they are.
    #[derive(Clone, Copy)]
    struct Comparator: u32 {
        /// It is level-triggered.
        const LEVEL = 1 << 1;
        /// It may interrupt.
        const INTERRUPT_ENABLE = 1 << 2;
        /// It is periodic.
        const PERIODIC = 1 << 3;
        /// It compares the low 32 bits only.
        const NARROW = 1 << 8;
        /// Its interrupts are messages.
        const MESSAGE_ENABLE = 1 << 14;
        /// Read-only: its interrupts can be messages.
        const MESSAGE_CAPABLE = 1 << 15;
        const _ = !0;
    }
}

/// Where a write becomes an interrupt of the core whose APIC identifier is in bits 12 to 19.
const MESSAGE_BASE: u32 = 0xFEE0_0000;

/// Ticks ahead of the counter at which [`Hpet::ring`] aims at least.
pub const FIRST_DISTANCE: u32 = 32;

/// Ticks ahead of the counter at which it begins to aim at most, where its accesses took long the last time: about 10 us at 100 MHz.
const FARTHEST_BEGIN: u32 = FIRST_DISTANCE << 5;

/// How often [`Hpet::ring`] aims before it gives up. The last distance is `FIRST_DISTANCE << (ATTEMPTS - 1)`: about
/// 10 ms at 100 MHz, 70 ms at 14.3 MHz.
pub const ATTEMPTS: u32 = 16;

const LAST_DISTANCE: u32 = FIRST_DISTANCE << (ATTEMPTS - 1);

/// Why the HPET cannot be used as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HpetError {
    /// The HPET has only `count` comparators; change the plan, or give QEMU `-global hpet.timers=N`.
    NoSuchComparator {
        /// The comparator that was asked for.
        comparator: u32,
        /// How many there are.
        count: u32,
    },
    /// The comparator cannot deliver messages; give QEMU `-global hpet.msi=on`, or use polling.
    NoMessageSignalling {
        /// The comparator that was asked for.
        comparator: u32,
    },
    /// The core cannot be addressed by a message, which carries 8 bits of APIC identifier; receive on another core.
    UnreachableCore {
        /// The APIC identifier that was asked for.
        apic_id: u32,
    },
    /// The HPET states a period that it may not have, so it cannot be a clock.
    NoPeriod {
        /// Femtoseconds of a tick, as stated.
        period: u32,
    },
    /// The counter overtook every value that was aimed at; the sender is being delayed beyond reason: ring again.
    Overtaken,
}

impl core::fmt::Display for HpetError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            HpetError::NoSuchComparator { comparator, count } => write!(
                f,
                "the HPET has {count} comparators and the plan names number {comparator}; change the plan or give \
                 QEMU -global hpet.timers=N"
            ),
            HpetError::NoMessageSignalling { comparator } => write!(
                f,
                "HPET comparator {comparator} cannot deliver messages; give QEMU -global hpet.msi=on or use polling"
            ),
            HpetError::UnreachableCore { apic_id } => write!(
                f,
                "APIC identifier {apic_id} does not fit a message-signalled interrupt; receive on another core"
            ),
            HpetError::NoPeriod { period } => write!(
                f,
                "the HPET states a period of {period} fs, which is none; this machine's HPET is no clock"
            ),
            HpetError::Overtaken => write!(
                f,
                "the HPET's counter overtook {ATTEMPTS} attempts to ring; ring again"
            ),
        }
    }
}

impl core::error::Error for HpetError {}

/// The HPET.
///
/// All access is by 32-bit words: QEMU before 9.1 refuses wider ones. So comparators are used in their 32-bit form
/// even where they are 64 bits wide: a 64-bit comparator would take two writes, and two senders could mix their halves
/// to a value that is far in the future.
#[derive(Debug)]
pub struct Hpet<R: Registers = Mapped> {
    registers: R,
    comparators: u32,
    /// Ticks ahead of the counter at which the next ring begins to aim.
    aim: AtomicU32,
}

impl Hpet<Mapped> {
    /// The HPET whose registers are mapped, uncached, at `base`.
    ///
    /// # Safety
    ///
    /// `base` is 4-byte aligned, and the 1 KiB above it is a mapping of an HPET's registers that stays as long as the
    /// value lives.
    pub unsafe fn new(base: *mut u8) -> Self {
        // SAFETY: the caller promises what `Mapped::new` asks for.
        Hpet::with_registers(unsafe { Mapped::new(base) })
    }
}

impl<R: Registers> Hpet<R> {
    /// The HPET behind `registers`.
    pub fn with_registers(registers: R) -> Self {
        let comparators = ((registers.read(CAPABILITIES) >> 8) & 0x1F) + 1;
        Hpet {
            registers,
            comparators,
            aim: AtomicU32::new(FIRST_DISTANCE),
        }
    }

    /// How many comparators there are.
    pub fn comparators(&self) -> u32 {
        self.comparators
    }

    /// Lets the main counter run. Any cluster may do so, before or after the others: it never resets the counter.
    pub fn enable(&self) {
        let old = General::from_bits_retain(self.registers.read(CONFIGURATION));
        let new = (old | General::ENABLE) - General::LEGACY_REPLACEMENT;
        if new != old {
            self.registers.write(CONFIGURATION, new.bits());
        }
    }

    /// Makes `comparator` deliver its interrupt to the core `apic_id` as `vector`, the number that the processor sees
    /// (in Atoll `VECTOR_BASE` plus the vector argument).
    ///
    /// A doorbell that is rung while this runs may be lost: look at all rings after it, before blocking for the first
    /// time. Doorbells may also come that no sender rang, at the least when the 32-bit counter comes round.
    pub fn listen(&self, comparator: u32, apic_id: u32, vector: u8) -> Result<(), HpetError> {
        let base = self.comparator(comparator)?;
        if apic_id > 0xFF {
            return Err(HpetError::UnreachableCore { apic_id });
        }
        let configuration = self.configuration(base);
        if !configuration.contains(Comparator::MESSAGE_CAPABLE) {
            return Err(HpetError::NoMessageSignalling { comparator });
        }
        // Silent while its route is half written.
        let quiet = configuration
            - (Comparator::INTERRUPT_ENABLE | Comparator::LEVEL | Comparator::PERIODIC);
        self.configure(base, quiet);
        self.registers.write(base + 0x10, u32::from(vector));
        self.registers
            .write(base + 0x14, MESSAGE_BASE | apic_id << 12);
        let rings = Comparator::MESSAGE_ENABLE | Comparator::INTERRUPT_ENABLE;
        self.configure(base, quiet | Comparator::NARROW | rings);
        Ok(())
    }

    /// Allows the interrupts of `comparator` again, which was made to [listen](Hpet::listen), after [`Hpet::ignore`].
    pub fn let_interrupt(&self, comparator: u32) -> Result<(), HpetError> {
        let base = self.comparator(comparator)?;
        let configuration = self.configuration(base);
        self.configure(base, configuration | Comparator::INTERRUPT_ENABLE);
        Ok(())
    }

    /// Stops the interrupts of `comparator`.
    pub fn ignore(&self, comparator: u32) -> Result<(), HpetError> {
        let base = self.comparator(comparator)?;
        let configuration = self.configuration(base);
        self.configure(base, configuration - Comparator::INTERRUPT_ENABLE);
        Ok(())
    }

    /// Rings the doorbell that `comparator` is: at least one interrupt of it begins after this has been called.
    /// Everything that the caller wrote before is visible to whom the interrupt wakes.
    ///
    /// A real HPET interrupts only when its counter *equals* the comparator, so a value that the counter has already
    /// passed when it arrives is a doorbell that does not ring until the counter comes round. Therefore the counter is
    /// read again after the write, and a value that it has reached is replaced by one further away. Where accesses are slow, as those
    /// of an emulator are, the next ring begins as far away as this one has found to be needed, and needs no second attempt.
    ///
    /// Two senders may ring one comparator at the same time, and the later write undoes the earlier one. One interrupt
    /// is enough: the receiver looks at all its rings when woken. And that one comes: the last of all writes is
    /// followed by its own writer's second look at the counter. Either it shows the value still ahead, then the
    /// comparator keeps it, being the last, and the interrupt comes after the last write, so after everything that any
    /// of the senders had published; or it shows the value reached, then another write follows and this one was not
    /// the last. Both may have interrupted too; a doorbell without news does no harm. What remains is a sender that
    /// is stopped for good between its write and its second look, having undone the ring of another: the counter
    /// comes round to its value after 2^32 ticks at most (43 s at 100 MHz), and the supervisor that declares a cluster
    /// lost rings its peers anyway.
    pub fn ring(&self, comparator: u32) -> Result<(), HpetError> {
        let base = self.comparator(comparator)?;
        // The registers are uncached, so the processor orders them after earlier stores; this binds the compiler.
        fence(Ordering::SeqCst);
        let mut distance = self.aim.load(Ordering::Relaxed);
        for _ in 0..ATTEMPTS {
            let target = self.registers.read(COUNTER).wrapping_add(distance);
            self.registers.write(base + 0x08, target);
            // Reading from the device also pushes the write to it.
            let ahead = target.wrapping_sub(self.registers.read(COUNTER));
            if ahead.wrapping_sub(1) < distance {
                let needed = 2 * (distance - ahead);
                let aim = needed.clamp(FIRST_DISTANCE, FARTHEST_BEGIN);
                self.aim.store(aim, Ordering::Relaxed);
                return Ok(());
            }
            distance = (2 * distance).min(LAST_DISTANCE);
            core::hint::spin_loop();
        }
        Err(HpetError::Overtaken)
    }

    /// What a comparator is configured as whose registers are at an offset.
    fn configuration(&self, base: usize) -> Comparator {
        Comparator::from_bits_retain(self.registers.read(base))
    }

    fn configure(&self, base: usize, configuration: Comparator) {
        self.registers.write(base, configuration.bits());
    }

    /// Offset of the registers of a comparator.
    fn comparator(&self, comparator: u32) -> Result<usize, HpetError> {
        if comparator >= self.comparators {
            return Err(HpetError::NoSuchComparator {
                comparator,
                count: self.comparators,
            });
        }
        Ok(0x100 + 0x20 * comparator as usize)
    }
}
