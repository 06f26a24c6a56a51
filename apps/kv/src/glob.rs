//! Patterns of names: `*`, `?`, `[a-z]`, `[^a]` and `\x`, as Redis understands them.

/// Bytes of a pattern at most: matching takes as many steps as pattern and name have bytes, multiplied.
pub(crate) const LONGEST_PATTERN: usize = 512;

/// Whether a name is one of a pattern.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, name);
    // Behind the last star, and what was left of the name when it had taken as much as it has.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', behind @ ..] = rest {
            if behind.is_empty() {
                return true;
            }
            star = Some((behind, left));
            rest = behind;
            continue;
        }
        let step = match left.split_first() {
            None if rest.is_empty() => return true,
            None => return false,
            Some((byte, behind)) => one(rest, *byte).map(|rest| (rest, behind)),
        };
        match (step, star) {
            (Some((next, behind)), _) => (rest, left) = (next, behind),
            (None, Some((behind, [_, fewer @ ..]))) => {
                star = Some((behind, fewer));
                (rest, left) = (behind, fewer);
            }
            (None, _) => return false,
        }
    }
}

/// What is left of a pattern whose first item is no star and takes a byte; `None` where it does not take it.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => class(rest, byte),
        [b'\\', escaped, rest @ ..] => (*escaped == byte).then_some(rest),
        [plain, rest @ ..] => (*plain == byte).then_some(rest),
    }
}

/// The same for what is behind `[`. One that is not closed ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (is_not, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    };
    let mut found = false;
    loop {
        rest = match rest {
            [] => break,
            [b']', behind @ ..] => {
                rest = behind;
                break;
            }
            [b'\\', escaped, behind @ ..] => {
                found |= *escaped == byte;
                behind
            }
            [from, b'-', to, behind @ ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                behind
            }
            [plain, behind @ ..] => {
                found |= *plain == byte;
                behind
            }
        };
    }
    (found != is_not).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_take_what_they_say() {
        for (pattern, name, takes) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[c-a]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[\\]]", "]", true),
            ("[abc", "c", true),
            ("[", "a", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a\\", "a\\", true),
            ("**a", "bba", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                takes,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_both_lengths_multiplied() {
        let pattern = [b"*a".repeat(500).as_slice(), b"b"].concat();
        assert!(!matches(&pattern, &b"a".repeat(20_000)));
    }
}
