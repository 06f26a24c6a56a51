//! Parts of files (RFC 9110, section 14).

/// What a request wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// So many bytes, at least one, from some place on.
    Part {
        /// The first one.
        offset: u64,
        /// How many.
        length: u64,
    },
    /// Something that it does not have.
    Nothing,
}

/// What a field `Range` wants of a file of a length. A field that makes no sense is as if it were not there, as the RFC says, and so are
/// several ranges in one: nobody has to answer these in parts.
pub fn wanted(range: &str, length: u64) -> Wanted {
    parse(range, length).unwrap_or(Wanted::Whole)
}

fn parse(range: &str, length: u64) -> Option<Wanted> {
    let (unit, range) = range.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
    if first.is_empty() {
        return match (number(last)?, length) {
            (0, _) => Some(Wanted::Nothing),
            // The end of nothing is nothing, and no `Content-Range` can say that.
            (_, 0) => None,
            (wanted, _) => {
                let wanted = wanted.min(length);
                Some(Wanted::Part {
                    offset: length - wanted,
                    length: wanted,
                })
            }
        };
    }
    let offset = number(first)?;
    let last = match last {
        "" => u64::MAX,
        last => number(last)?,
    };
    if last < offset {
        return None;
    }
    match offset < length {
        true => Some(Wanted::Part {
            offset,
            length: last.min(length - 1) - offset + 1,
        }),
        false => Some(Wanted::Nothing),
    }
}

/// A number; one that is too large for any file is the largest one.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_what_it_wants() {
        let part = |offset, length| Wanted::Part { offset, length };
        let all = [
            ("bytes=0-0", 10, part(0, 1)),
            ("bytes=0-", 10, part(0, 10)),
            ("Bytes=3-5", 10, part(3, 3)),
            ("bytes= 3-5 ", 10, part(3, 3)),
            ("bytes=9-", 10, part(9, 1)),
            ("bytes=9-99999999999999999999999", 10, part(9, 1)),
            ("bytes=-1", 10, part(9, 1)),
            ("bytes=-10", 10, part(0, 10)),
            ("bytes=-99999999999999999999999", 10, part(0, 10)),
            ("bytes=10-", 10, Wanted::Nothing),
            ("bytes=99999999999999999999999-", 10, Wanted::Nothing),
            ("bytes=-0", 10, Wanted::Nothing),
            ("bytes=0-", 0, Wanted::Nothing),
            ("bytes=-5", 0, Wanted::Whole),
            ("bytes=5-3", 10, Wanted::Whole),
            ("bytes=0-1,3-4", 10, Wanted::Whole),
            ("bytes=", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("bytes=+1-2", 10, Wanted::Whole),
            ("bytes=1--2", 10, Wanted::Whole),
            ("bytes 1-2", 10, Wanted::Whole),
            ("lines=1-2", 10, Wanted::Whole),
            ("bytes=0-18446744073709551615", u64::MAX, part(0, u64::MAX)),
        ];
        for (range, length, expected) in all {
            assert_eq!(wanted(range, length), expected, "{range} of {length}");
        }
    }
}
