//! The local APIC of the boot processor, which starts the first core of each other instance (Intel SDM volume 3,
//! chapter 11.4: the INIT-SIPI sequence).

use crate::hpet::Clock;

const BASE: u64 = 0xFEE0_0000;
const IDENTIFIER: u64 = 0x20;
const COMMAND_LOW: u64 = 0x300;
const COMMAND_HIGH: u64 = 0x310;
const INIT: u32 = 0x4500;
const STARTUP: u32 = 0x4600;
const PENDING: u32 = 1 << 12;

/// APIC identifier of the processor that asks.
pub fn own_identifier() -> u32 {
    read(IDENTIFIER) >> 24
}

/// Starts a core at a page of low memory, in real mode.
pub fn start_core(core: u32, page: u64, clock: &Clock) {
    send(core, INIT, clock);
    clock.wait(10, || false);
    send(core, STARTUP | (page >> 12) as u32, clock);
}

fn send(core: u32, command: u32, clock: &Clock) {
    write(COMMAND_HIGH, core << 24);
    write(COMMAND_LOW, command);
    clock.wait(10, || read(COMMAND_LOW) & PENDING == 0);
}

fn read(register: u64) -> u32 {
    // SAFETY: the local APIC's registers are mapped; reading these has no side effect.
    unsafe { ((BASE + register) as *const u32).read_volatile() }
}

fn write(register: u64, value: u32) {
    // SAFETY: the local APIC's registers are mapped; the only commands sent are INIT and STARTUP to a core of an
    // instance that has not been started.
    unsafe { ((BASE + register) as *mut u32).write_volatile(value) };
}
