//! What the registers of the machine's clock say (Motorola MC146818).

/// The registers with the time, in the order of [`Registers`]: seconds, minutes, hours, day of the month, month, year of the century, and how
/// these are written.
pub const REGISTERS: [u8; 7] = [0x00, 0x02, 0x04, 0x07, 0x08, 0x09, STATUS_B];

const STATUS_B: u8 = 0x0b;

/// The register and the bit that say that the clock is just changing them.
pub const UPDATE_IN_PROGRESS: (u8, u8) = (0x0a, 1 << 7);

/// In status B: numbers are binary, not one decimal digit in four bits.
const BINARY: u8 = 1 << 2;
/// In status B: hours go from 0 to 23, not from 1 to 12.
const WHOLE_DAY: u8 = 1 << 1;
/// In an hour from 1 to 12: after noon.
const AFTER_NOON: u8 = 1 << 7;

/// The century: which one, the clock does not say.
const CENTURY: u64 = 2000;

/// What was in the [`REGISTERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers(pub [u8; 7]);

impl Registers {
    /// Seconds since 1970; `None` where these are no date and time.
    pub fn seconds(self) -> Option<u64> {
        let [second, minute, hour, day, month, year, status] = self.0;
        let number = |raw: u8| match status & BINARY {
            0 => digits(raw),
            _ => Some(u64::from(raw)),
        };
        let hour = match status & WHOLE_DAY {
            0 => {
                let hour_of_half = number(hour & !AFTER_NOON)?;
                (1..=12).contains(&hour_of_half).then_some(())?;
                hour_of_half % 12 + if hour & AFTER_NOON == 0 { 0 } else { 12 }
            }
            _ => number(hour)?,
        };
        let (second, minute) = (number(second)?, number(minute)?);
        let (day, month, year) = (number(day)?, number(month)?, number(year)?);
        let is_time = second < 60 && minute < 60 && hour < 24;
        let is_date = (1..=12).contains(&month) && year < 100;
        let in_month = is_date && (1..=days_of(CENTURY + year, month)).contains(&day);
        (is_time && in_month).then_some(())?;
        let days = days_before(CENTURY + year, month) + day - 1;
        Some(((days * 24 + hour) * 60 + minute) * 60 + second)
    }
}

/// Two decimal digits in one byte.
fn digits(raw: u8) -> Option<u64> {
    let (tens, ones) = (raw >> 4, raw & 0xf);
    (tens < 10 && ones < 10).then_some(u64::from(tens * 10 + ones))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to the first of a month.
fn days_before(year: u64, month: u64) -> u64 {
    let years = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 });
    years
        .chain((1..month).map(|month| days_of(year, month)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY_DAY: u8 = BINARY | WHOLE_DAY;

    #[test]
    fn a_time_is_read_in_each_way_of_writing_it() {
        // 2026-11-30 13:05:09, as `date -u -d ... +%s` has it.
        let expected = Some(1_796_043_909);
        for registers in [
            [9, 5, 13, 30, 11, 26, BINARY_DAY],
            [0x09, 0x05, 0x13, 0x30, 0x11, 0x26, WHOLE_DAY],
            [9, 5, 1 | AFTER_NOON, 30, 11, 26, BINARY],
            [0x09, 0x05, 0x01 | AFTER_NOON, 0x30, 0x11, 0x26, 0],
        ] {
            assert_eq!(Registers(registers).seconds(), expected, "{registers:?}");
        }
    }

    #[test]
    fn noon_and_midnight_are_twelve() {
        let at = |hour| Registers([0, 0, hour, 1, 1, 0, BINARY]).seconds();
        assert_eq!(at(12), Some(946_684_800));
        assert_eq!(at(12 | AFTER_NOON), Some(946_684_800 + 12 * 3600));
    }

    #[test]
    fn a_leap_day_is_a_day_of_leap_years_alone() {
        let on = |day, month, year| Registers([0, 0, 0, day, month, year, BINARY_DAY]).seconds();
        assert_eq!(on(29, 2, 24), Some(1_709_164_800));
        assert_eq!(on(29, 2, 25), None);
        assert_eq!(on(1, 3, 24), Some(1_709_164_800 + 86_400));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for registers in [
            [60, 0, 0, 1, 1, 26, BINARY_DAY],
            [0, 60, 0, 1, 1, 26, BINARY_DAY],
            [0, 0, 24, 1, 1, 26, BINARY_DAY],
            [0, 0, 0, 1, 1, 26, BINARY],
            [0, 0, 13, 1, 1, 26, BINARY],
            [0, 0, 0, 0, 1, 26, BINARY_DAY],
            [0, 0, 0, 31, 4, 26, BINARY_DAY],
            [0, 0, 0, 1, 0, 26, BINARY_DAY],
            [0, 0, 0, 1, 13, 26, BINARY_DAY],
            [0, 0, 0, 1, 1, 100, BINARY_DAY],
            [0x0a, 0, 0, 1, 1, 0x26, WHOLE_DAY],
            [0xff; 7],
        ] {
            assert_eq!(Registers(registers).seconds(), None, "{registers:?}");
        }
    }
}
