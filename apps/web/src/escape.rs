//! Text inside of other text.

use alloc::string::String;
use core::fmt::Write as _;

/// Adds text to HTML, where it is between tags or between quotation marks.
pub fn html(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A browser takes no other control characters as they are.
            it if it.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            it => out.push(it),
        }
    }
}

/// Adds bytes to a target, percent-encoded but for what RFC 3986 does not reserve, and for slashes where these divide names.
pub fn percent(out: &mut String, bytes: &[u8], keeps_slashes: bool) {
    for byte in bytes {
        let is_kept = byte.is_ascii_alphanumeric()
            || b"-._~".contains(byte)
            || (keeps_slashes && *byte == b'/');
        match is_kept {
            true => out.push(*byte as char),
            // Nothing fails that writes to a string.
            false => drop(write!(out, "%{byte:02X}")),
        }
    }
}

/// Adds text as a string of JSON, with its quotation marks.
pub fn json(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            it if (it as u32) < 0x20 => drop(write!(out, "\\u{:04x}", it as u32)),
            it => out.push(it),
        }
    }
    out.push('"');
}

/// Adds text as the value of a label of Prometheus's text format, without its quotation marks.
pub fn label(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            it => out.push(it),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escape: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        escape(&mut out);
        out
    }

    #[test]
    fn text_stays_text() {
        let hard = "<a href=\"x\" id='y'>&\u{7}\\\n\té";
        assert_eq!(
            escaped(|out| html(out, hard)),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;\u{fffd}\\\u{fffd}\u{fffd}é"
        );
        let json_text = escaped(|out| json(out, hard));
        assert_eq!(serde_json::from_str::<String>(&json_text).unwrap(), hard);
        assert_eq!(escaped(|out| label(out, "a\"b\\c\nd")), "a\\\"b\\\\c\\nd");
        assert_eq!(
            escaped(|out| percent(out, "a/b c?é".as_bytes(), true)),
            "a/b%20c%3F%C3%A9"
        );
        assert_eq!(escaped(|out| percent(out, b"/", false)), "%2F");
    }
}
