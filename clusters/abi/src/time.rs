//! Time-outs as they travel in a syscall.

/// How long a syscall may take, in 16 bits: five bits of exponent above eleven bits of mantissa, in microseconds.
///
/// A time-out is relative, so that a process and its server need no common clock. It is precise to one part in a thousand
/// and reaches 50 days. Zero is none: the call may take for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeout(u16);

impl Timeout {
    /// None: the call may take for ever.
    pub const NONE: Timeout = Timeout(0);

    /// The longest one, in microseconds.
    pub const MAX_MICROSECONDS: u64 = (Timeout::MANTISSA as u64) << Timeout::MAX_EXPONENT;

    const MANTISSA_BITS: u32 = 11;
    const MANTISSA: u16 = (1 << Timeout::MANTISSA_BITS) - 1;
    const MAX_EXPONENT: u32 = 31;

    /// The shortest time-out that is at least this long; the longest one for anything longer, one microsecond for zero.
    pub const fn from_microseconds(microseconds: u64) -> Timeout {
        if microseconds >= Timeout::MAX_MICROSECONDS {
            return Timeout(u16::MAX);
        }
        let mut mantissa = if microseconds == 0 { 1 } else { microseconds };
        let mut exponent = 0;
        while mantissa > Timeout::MANTISSA as u64 {
            mantissa = mantissa.div_ceil(2);
            exponent += 1;
        }
        Timeout((exponent << Timeout::MANTISSA_BITS) as u16 | mantissa as u16)
    }

    /// How long it is in microseconds; `None` where the call may take for ever.
    pub const fn microseconds(self) -> Option<u64> {
        let mantissa = (self.0 & Timeout::MANTISSA) as u64;
        if mantissa == 0 {
            return None;
        }
        Some(mantissa << (self.0 >> Timeout::MANTISSA_BITS))
    }

    /// What a process sent; every value is a time-out.
    pub const fn from_raw(raw: u16) -> Timeout {
        Timeout(raw)
    }

    /// As it is sent.
    pub const fn to_raw(self) -> u16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_never_shorter_and_hardly_longer() {
        for wanted in
            (0..64).flat_map(|bit| [1u64 << bit, (1 << bit) + 1, (1 << bit) | (1 << bit >> 3)])
        {
            let got = Timeout::from_microseconds(wanted).microseconds().unwrap();
            let most = Timeout::MAX_MICROSECONDS;
            assert!(got >= wanted.min(most), "{wanted} became {got}");
            assert!(
                got <= (wanted + wanted / 1000 + 1).min(most),
                "{wanted} became {got}"
            );
        }
        assert_eq!(Timeout::from_microseconds(0).microseconds(), Some(1));
    }

    #[test]
    fn every_raw_value_means_something() {
        assert_eq!(Timeout::NONE.microseconds(), None);
        for raw in 0..=u16::MAX {
            let timeout = Timeout::from_raw(raw);
            assert_eq!(timeout.to_raw(), raw);
            assert!(
                timeout
                    .microseconds()
                    .is_none_or(|long| long <= Timeout::MAX_MICROSECONDS)
            );
        }
    }
}
