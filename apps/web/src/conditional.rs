//! Preconditions of requests (RFC 9110, section 13).

use alloc::format;
use alloc::string::String;

use crate::date;

/// What is known of the version of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its length in bytes.
    pub length: u64,
    /// When it was modified, in seconds since 1970, where that is known.
    pub modified: Option<u64>,
    /// What else tells it from others of the same path: see [`crate::edition`].
    pub edition: u64,
}

impl Version {
    /// Its strong entity tag, with the quotation marks.
    pub fn tag(&self) -> String {
        let (length, edition) = (self.length, self.edition);
        let modified = self.modified.unwrap_or(0);
        format!("\"{length:x}-{modified:x}-{edition:x}\"")
    }
}

/// The fields of a request that say under what conditions it is meant. One that says times more than once says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<String>,
    if_unmodified_since: Option<String>,
    if_range: Option<String>,
}

/// What conditions say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Proceed,
    /// The client has what it asks for.
    NotModified,
    /// It is not done.
    Failed,
    /// A list of tags is none.
    Malformed,
}

impl Conditions {
    /// Takes a field, where it is a condition. Lists of tags that came in several fields are one.
    pub fn field(&mut self, name: &str, value: &[u8]) {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let (place, is_list) = if is("If-Match") {
            (&mut self.if_match, true)
        } else if is("If-None-Match") {
            (&mut self.if_none_match, true)
        } else if is("If-Modified-Since") {
            (&mut self.if_modified_since, false)
        } else if is("If-Unmodified-Since") {
            (&mut self.if_unmodified_since, false)
        } else if is("If-Range") {
            (&mut self.if_range, false)
        } else {
            return;
        };
        let value = String::from_utf8_lossy(value);
        *place = Some(match place.take() {
            None => value.into(),
            Some(before) if is_list => format!("{before}, {value}"),
            // No date, and no tag.
            Some(_) => String::new(),
        });
    }

    /// Judges a request in the order of the RFC. `current` is what is at the path, `is_read` whether the request is one that only reads,
    /// `now` the time, where it is known.
    pub fn judge(&self, current: Option<&Version>, is_read: bool, now: Option<u64>) -> Verdict {
        let parse = |text: &Option<String>| date::parse(text.as_ref()?, now);
        let modified = current.and_then(|version| version.modified);
        if let Some(list) = &self.if_match {
            match matches(list, current, true) {
                None => return Verdict::Malformed,
                Some(false) => return Verdict::Failed,
                Some(true) => {}
            }
        } else if let Some((since, modified)) = parse(&self.if_unmodified_since).zip(modified)
            && modified > since
        {
            return Verdict::Failed;
        }
        if let Some(list) = &self.if_none_match {
            return match (matches(list, current, false), is_read) {
                (None, _) => Verdict::Malformed,
                (Some(false), _) => Verdict::Proceed,
                (Some(true), true) => Verdict::NotModified,
                (Some(true), false) => Verdict::Failed,
            };
        }
        if is_read
            && let Some((since, modified)) = parse(&self.if_modified_since).zip(modified)
            && modified <= since
        {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// Whether the client has what never changes while the program runs, by its tag.
    pub fn knows_tag(&self, tag: &str) -> bool {
        let list = self.if_none_match.as_deref();
        list.is_some_and(|list| matches_tag(list, Some(tag), false) == Some(true))
    }

    /// Whether a range may be sent of what is there: whether it is what the client has a part of. A time tells that for certain only where
    /// it is a minute old.
    pub fn range_holds(&self, current: &Version, now: Option<u64>) -> bool {
        let Some(condition) = &self.if_range else {
            return true;
        };
        if condition.starts_with('"') {
            return *condition == current.tag();
        }
        match (date::parse(condition, now), current.modified, now) {
            (Some(has), Some(modified), Some(now)) => has == modified && modified + 60 <= now,
            _ => false,
        }
    }
}

/// Whether a list of tags, or a star, names what is there; `None` where it is no such list.
fn matches(list: &str, current: Option<&Version>, is_strong: bool) -> Option<bool> {
    matches_tag(list, current.map(Version::tag).as_deref(), is_strong)
}

fn matches_tag(list: &str, own: Option<&str>, is_strong: bool) -> Option<bool> {
    if list.trim_ascii() == "*" {
        return Some(own.is_some());
    }
    let (mut found, mut count) = (false, 0);
    let mut rest = list.trim_ascii();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(',') {
            rest = behind.trim_ascii_start();
            continue;
        }
        let (is_weak, tag) = match rest.strip_prefix("W/") {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        let length = tag.strip_prefix('"')?.find('"')? + 2;
        let (tag, behind) = tag.split_at_checked(length)?;
        if tag.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        found |= own == Some(tag) && !(is_strong && is_weak);
        count += 1;
        rest = behind.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
    (count > 0).then_some(found)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    const VERSION: Version = Version {
        length: 0x10,
        modified: Some(784_111_777),
        edition: 3,
    };

    const TAG: &str = "\"10-2ebc98a1-3\"";

    const WEAK_TAG: &str = "W/\"10-2ebc98a1-3\"";

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn conditions(fields: &[(&str, &str)]) -> Conditions {
        let mut conditions = Conditions::default();
        for (name, value) in fields {
            conditions.field(name, value.as_bytes());
        }
        conditions
    }

    fn judge(fields: &[(&str, &str)], is_read: bool) -> Verdict {
        conditions(fields).judge(Some(&VERSION), is_read, None)
    }

    #[test]
    fn a_tag_names_one_version() {
        assert_eq!(VERSION.tag(), TAG);
        let other = Version {
            edition: 4,
            ..VERSION
        };
        assert_ne!(other.tag(), TAG);
    }

    #[test]
    fn each_condition_alone() {
        let all = [
            ("if-match", TAG, Verdict::Proceed),
            ("If-Match", "*", Verdict::Proceed),
            ("If-Match", WEAK_TAG, Verdict::Failed),
            ("If-Match", "\"other\"", Verdict::Failed),
            ("If-Match", "\"other\", \"10-2ebc98a1-3\"", Verdict::Proceed),
            (
                "If-Match",
                "\"a, b\",,\"10-2ebc98a1-3\" ,",
                Verdict::Proceed,
            ),
            ("If-Match", "10-2ebc98a1-3", Verdict::Malformed),
            ("If-Match", "", Verdict::Malformed),
            ("If-Match", "\"a\" \"b\"", Verdict::Malformed),
            ("If-Match", "*, \"b\"", Verdict::Malformed),
            ("If-None-Match", TAG, Verdict::NotModified),
            ("If-None-Match", WEAK_TAG, Verdict::NotModified),
            ("If-None-Match", "*", Verdict::NotModified),
            ("If-None-Match", "\"other\"", Verdict::Proceed),
            ("If-None-Match", "\"unfinished", Verdict::Malformed),
            ("If-Modified-Since", SAME, Verdict::NotModified),
            ("If-Modified-Since", BEFORE, Verdict::Proceed),
            ("If-Modified-Since", "soon", Verdict::Proceed),
            ("If-Unmodified-Since", SAME, Verdict::Proceed),
            ("If-Unmodified-Since", BEFORE, Verdict::Failed),
            ("If-Unmodified-Since", "soon", Verdict::Proceed),
        ];
        for (name, value, verdict) in all {
            // A space may not be in a tag, though a comma may.
            let value = value.replace("\"a, b\"", "\"a,b\"");
            assert_eq!(judge(&[(name, &value)], true), verdict, "{name}: {value}");
        }
    }

    #[test]
    fn tags_go_before_times() {
        let both = [("If-None-Match", "\"x\""), ("If-Modified-Since", SAME)];
        assert_eq!(judge(&both, true), Verdict::Proceed);
        let both = [("If-Match", TAG), ("If-Unmodified-Since", BEFORE)];
        assert_eq!(judge(&both, true), Verdict::Proceed);
        let both = [("If-Match", "\"x\""), ("If-None-Match", TAG)];
        assert_eq!(judge(&both, true), Verdict::Failed);
        let both = [("If-Match", TAG), ("If-None-Match", TAG)];
        assert_eq!(judge(&both, true), Verdict::NotModified);
        let both = [("If-None-Match", "\"x\""), ("If-None-Match", TAG)];
        assert_eq!(judge(&both, true), Verdict::NotModified);
        let twice = [("If-Modified-Since", SAME), ("If-Modified-Since", SAME)];
        assert_eq!(judge(&twice, true), Verdict::Proceed);
    }

    #[test]
    fn a_request_that_changes_something_fails() {
        assert_eq!(judge(&[("If-None-Match", "*")], false), Verdict::Failed);
        assert_eq!(
            judge(&[("If-Modified-Since", SAME)], false),
            Verdict::Proceed
        );
        let absent = |fields: &[(&str, &str)]| conditions(fields).judge(None, false, None);
        assert_eq!(absent(&[("If-None-Match", "*")]), Verdict::Proceed);
        assert_eq!(absent(&[("If-Match", "*")]), Verdict::Failed);
        assert_eq!(absent(&[("If-Match", TAG)]), Verdict::Failed);
    }

    #[test]
    fn a_range_holds_where_the_part_is_of_the_same_version() {
        let holds = |value, now| conditions(&[("If-Range", value)]).range_holds(&VERSION, now);
        let later = VERSION.modified.map(|time| time + 60);
        assert!(conditions(&[]).range_holds(&VERSION, None));
        assert!(holds(TAG, None));
        assert!(!holds(WEAK_TAG, None));
        assert!(!holds("\"x\"", None));
        assert!(holds(SAME, later));
        assert!(!holds(SAME, None), "nobody knows how old it is");
        assert!(
            !holds(SAME, VERSION.modified),
            "it may have changed within the second"
        );
        assert!(!holds(BEFORE, later));
    }
}
