//! The machine's clock that goes on while it is off (Motorola MC146818, at the ports where every PC has it).

use atoll_loader::calendar::{REGISTERS, Registers, UPDATE_IN_PROGRESS};

use crate::arch::{input, output};

const REGISTER: u16 = 0x70;
const VALUE: u16 = 0x71;
/// With the register's number: non-maskable interrupts stay off meanwhile.
const NO_INTERRUPT: u8 = 1 << 7;

/// Readings after which a clock counts as broken: one that works has the same time twice within an update, which takes two milliseconds.
const ATTEMPTS: u32 = 100_000;

fn register(number: u8) -> u8 {
    output(REGISTER, NO_INTERRUPT | number);
    let value = input(VALUE);
    output(REGISTER, number);
    value
}

/// Seconds since 1970, in UTC, which is what the clock is taken to show; `None` where it shows no time.
pub fn read() -> Option<u64> {
    let mut before = None;
    for _ in 0..ATTEMPTS {
        core::hint::spin_loop();
        if register(UPDATE_IN_PROGRESS.0) & UPDATE_IN_PROGRESS.1 != 0 {
            before = None;
            continue;
        }
        let registers = Registers(REGISTERS.map(register));
        if before == Some(registers) {
            return registers.seconds();
        }
        before = Some(registers);
    }
    None
}
