//! Sizes of memory as text: `128 MiB`.

const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// The bytes that a text such as `128 MiB` names: a decimal number, at most one blank, a unit. `None` for other text.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (number, bytes) = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)))?;
    let number = number.strip_suffix(' ').unwrap_or(number);
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(bytes)
}

/// Bytes in the largest unit that divides them.
pub(crate) fn show(bytes: u64) -> String {
    // A memory size in GiB hides the arithmetic of an error message, so MiB is the largest unit shown.
    let unit = UNITS[1..]
        .iter()
        .find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit));
    match unit {
        Some((unit, size)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} bytes"),
    }
}

/// Bytes in whole KiB, rounded up.
pub(crate) fn show_rounded(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1 << 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_number_and_a_unit() {
        assert_eq!(parse("128 MiB"), Some(128 << 20));
        assert_eq!(parse("4KiB"), Some(4096));
        assert_eq!(parse("2 GiB"), Some(2 << 30));
        for wrong in [
            "",
            "MiB",
            "-1 MiB",
            "1.5 MiB",
            "1  MiB",
            "12",
            "1 MB",
            "99999999999999 GiB",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn shown_sizes_are_exact() {
        assert_eq!(show(2 << 30), "2048 MiB");
        assert_eq!(show(12 << 10), "12 KiB");
        assert_eq!(show(0), "0 bytes");
        assert_eq!(show(4097), "4097 bytes");
    }
}
