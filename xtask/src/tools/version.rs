//! Version numbers in what tools say.

/// The first version number in a line, as text and as its first two numbers.
pub fn find(line: &str) -> Option<(String, (u32, u32))> {
    let mut words = line.split([' ', '(', ')', ',', ':']);
    words.find_map(|word| {
        let version: String = word
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        let mut numbers = version.split('.').map(str::parse);
        let major = numbers.next()?.ok()?;
        let minor = match numbers.next() {
            Some(minor) => minor.ok()?,
            // A bare number is a version only where it is all that was said.
            None if line.trim() == version => 0,
            None if line.contains("libxml version") => 0,
            None => return None,
        };
        Some((version, (major, minor)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_say() {
        let number = |line| find(line).map(|(_, number)| number);
        assert_eq!(
            number("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)"),
            Some((7, 2))
        );
        assert_eq!(number("cmake version 3.25.1"), Some((3, 25)));
        assert_eq!(number("1.11.1"), Some((1, 11)));
        assert_eq!(number("12"), Some((12, 0)));
        assert_eq!(
            number("GNU ld (GNU Binutils for Debian) 2.40"),
            Some((2, 40))
        );
        assert_eq!(
            number("xmllint: using libxml version 20914"),
            Some((20914, 0))
        );
        assert_eq!(
            number("Spin Version 6.5.2 -- 6 December 2019"),
            Some((6, 5))
        );
        assert_eq!(number("no version at all"), None);
    }
}
