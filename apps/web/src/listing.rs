//! Folders, as pages and as JSON.

use alloc::string::String;
use alloc::vec::Vec;

use crate::escape;
use crate::path::{FilePath, UPLOADS};

/// Most entries that an answer lists.
pub const MOST_ENTRIES: usize = 1024;

/// Most bytes of the names that an answer lists: as a page these are ten times as many at most.
pub const MOST_BYTES: usize = 32 * 1024;

/// What an entry of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// Something else, or the folder does not say what.
    Other,
}

impl EntryKind {
    fn as_str(self) -> &'static str {
        match self {
            EntryKind::Folder => "folder",
            EntryKind::File => "file",
            EntryKind::Other => "other",
        }
    }
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Its name, as the volume has it.
    pub name: Vec<u8>,
}

/// The entries of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    entries: Vec<Entry>,
    /// Bytes of their names.
    bytes: usize,
    is_cut: bool,
}

impl Entries {
    /// Adds an entry, unless there are [`MOST_ENTRIES`] or [`MOST_BYTES`]. Tells whether there was room for it.
    pub fn push(&mut self, kind: EntryKind, name: &[u8]) -> bool {
        if matches!(name, b"." | b"..") {
            return true;
        }
        let bytes = self.bytes + name.len();
        self.is_cut |= self.entries.len() == MOST_ENTRIES || bytes > MOST_BYTES;
        if !self.is_cut {
            self.bytes = bytes;
            self.entries.push(Entry {
                kind,
                name: name.into(),
            });
        }
        !self.is_cut
    }

    /// The entries to show of a folder, folders first: names that can be asked for as they are.
    fn shown(&self, folder: &FilePath) -> Vec<(EntryKind, &str)> {
        let named = self.entries.iter().filter_map(|entry| {
            let name = core::str::from_utf8(&entry.name).ok()?;
            let is_hidden = folder.is_root() && name.eq_ignore_ascii_case(UPLOADS);
            let can_be_asked =
                !name.contains(|it: char| it == '\\' || it == '/' || it.is_control());
            (can_be_asked && !is_hidden && !name.is_empty()).then_some((entry.kind, name))
        });
        let mut shown: Vec<_> = named.collect();
        shown.sort_unstable();
        shown
    }

    /// As a page.
    pub fn to_html(&self, folder: &FilePath) -> String {
        let mut out = String::from(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
        );
        escape::html(&mut out, folder.as_str());
        out.push_str(
            "</title>\n<link rel=\"icon\" href=\"/_atoll/icon.svg\">\n\
             <link rel=\"stylesheet\" href=\"/_atoll/page.css\">\n<body class=\"plain\">\n<main>\n\
             <p class=\"crumbs\"><a href=\"/\">node</a> <a href=\"/files/\">files</a></p>\n<h1>",
        );
        escape::html(&mut out, folder.as_str());
        out.push_str("</h1>\n<ul class=\"files\">\n");
        if !folder.is_root() {
            out.push_str("<li class=\"folder\"><a href=\"../\">../</a>\n");
        }
        let shown = self.shown(folder);
        for (kind, name) in &shown {
            let slash = if *kind == EntryKind::Folder { "/" } else { "" };
            out.push_str("<li class=\"");
            out.push_str(kind.as_str());
            // A name with a colon is no scheme behind `./`.
            out.push_str("\"><a href=\"./");
            escape::percent(&mut out, name.as_bytes(), false);
            out.push_str(slash);
            out.push_str("\">");
            escape::html(&mut out, name);
            out.push_str(slash);
            out.push_str("</a>\n");
        }
        out.push_str("</ul>\n");
        if shown.is_empty() {
            out.push_str("<p>The folder is empty.</p>\n");
        }
        if self.is_cut {
            out.push_str("<p>There are more files than are listed here.</p>\n");
        }
        out.push_str("</main>\n");
        out
    }

    /// As JSON: the path, the entries, and whether that is all.
    pub fn to_json(&self, folder: &FilePath) -> String {
        let mut out = String::from("{\"path\":");
        escape::json(&mut out, folder.as_str());
        out.push_str(",\"entries\":[");
        for (place, (kind, name)) in self.shown(folder).into_iter().enumerate() {
            out.push_str(if place == 0 {
                "{\"name\":"
            } else {
                ",{\"name\":"
            });
            escape::json(&mut out, name);
            out.push_str(",\"kind\":\"");
            out.push_str(kind.as_str());
            out.push_str("\"}");
        }
        out.push_str("],\"complete\":");
        out.push_str(if self.is_cut { "false}" } else { "true}" });
        out
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use serde_json::json;

    use super::*;

    fn sample() -> Entries {
        let mut entries = Entries::default();
        let all: [(EntryKind, &[u8]); 8] = [
            (EntryKind::File, b"z"),
            (EntryKind::File, b"<img src=x onerror='a'>.html"),
            (EntryKind::File, b"javascript:a()"),
            (EntryKind::Folder, b"."),
            (EntryKind::Folder, b"y"),
            (EntryKind::File, b"\xff"),
            (EntryKind::File, b"a\nb"),
            (EntryKind::Folder, UPLOADS.as_bytes()),
        ];
        for (kind, name) in all {
            assert!(entries.push(kind, name));
        }
        entries
    }

    #[test]
    fn a_page_has_names_as_text() {
        let html = sample().to_html(&FilePath::decode("/").unwrap());
        assert!(html.contains("<a href=\"./y/\">y/</a>"));
        assert!(html.contains("<a href=\"./javascript%3Aa%28%29\">javascript:a()</a>"));
        assert!(html.contains("%3Cimg%20src%3Dx"));
        assert!(html.contains("&lt;img src=x onerror=&#39;a&#39;&gt;.html"));
        assert!(!html.contains("<img") && !html.contains("../") && !html.contains(UPLOADS));
        let html = Entries::default().to_html(&FilePath::decode("/%3Cb%3E/").unwrap());
        assert!(html.contains("<h1>/&lt;b&gt;</h1>") && html.contains("../"));
        assert!(html.contains("empty"));
    }

    #[test]
    fn json_has_names_as_strings() {
        let listing = sample().to_json(&FilePath::decode("/").unwrap());
        let listing: serde_json::Value = serde_json::from_str(&listing).unwrap();
        assert_eq!(
            listing,
            json!({"path": "/", "complete": true, "entries": [
                {"name": "y", "kind": "folder"},
                {"name": "<img src=x onerror='a'>.html", "kind": "file"},
                {"name": "javascript:a()", "kind": "file"},
                {"name": "z", "kind": "file"},
            ]})
        );
        let inner = sample().to_json(&FilePath::decode("/y/").unwrap());
        assert!(inner.contains(UPLOADS), "only the root's folder is hidden");
    }

    #[test]
    fn a_listing_is_bounded() {
        let mut entries = Entries::default();
        let mut pushed = 0;
        while entries.push(EntryKind::File, format!("{pushed}").as_bytes()) {
            pushed += 1;
        }
        assert_eq!(pushed, MOST_ENTRIES);
        let mut long = Entries::default();
        let pushed = (0..MOST_ENTRIES).filter(|_| long.push(EntryKind::File, &[b'"'; 255]));
        assert_eq!(pushed.count(), MOST_BYTES / 255);
        assert!(long.to_html(&FilePath::decode("/").unwrap()).len() < 10 * MOST_BYTES);
        assert!(
            entries
                .to_json(&FilePath::decode("/").unwrap())
                .ends_with("\"complete\":false}")
        );
    }
}
