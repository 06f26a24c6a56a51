//! What is part of the program: the live page of the node, and the pages that say what is wrong.

use alloc::format;
use alloc::string::String;

use crate::edition;
use crate::escape;

/// A part of the page.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Where it is asked for.
    pub path: &'static str,
    /// Its type.
    pub mime: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

impl Asset {
    /// Its strong entity tag, which follows from its bytes.
    pub fn tag(&self) -> String {
        format!("\"{:x}\"", edition::hash(0, self.bytes))
    }
}

/// All of them.
pub const ASSETS: [Asset; 4] = [
    Asset {
        path: "/",
        mime: "text/html; charset=utf-8",
        bytes: include_bytes!("../assets/page.html"),
    },
    Asset {
        path: "/_atoll/page.css",
        mime: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/page.css"),
    },
    Asset {
        path: "/_atoll/page.js",
        mime: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/page.js"),
    },
    Asset {
        path: "/_atoll/icon.svg",
        mime: "image/svg+xml",
        bytes: include_bytes!("../assets/icon.svg"),
    },
];

/// The asset of a path.
pub fn asset(path: &str) -> Option<Asset> {
    ASSETS.into_iter().find(|asset| asset.path == path)
}

/// A page that says what is wrong, what that means, and where to go on. The explanation is a sentence that begins with a letter.
pub fn problem(status: u16, reason: &str, explanation: &str) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
    );
    out.push_str(&format!("{status} {reason}"));
    out.push_str(
        "</title>\n<link rel=\"icon\" href=\"/_atoll/icon.svg\">\n\
         <link rel=\"stylesheet\" href=\"/_atoll/page.css\">\n<body class=\"plain\">\n<main>\n<h1>",
    );
    out.push_str(&format!("{status} {reason}</h1>\n<p>"));
    let mut letters = explanation.chars();
    out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
    escape::html(&mut out, letters.as_str());
    out.push_str(
        ".</p>\n<p>This server has <a href=\"/\">the node's page</a>, <a href=\"/files/\">the files of its volume</a>, \
         <a href=\"/metrics.json\">figures as JSON</a> and <a href=\"/metrics\">for Prometheus</a>.</p>\n</main>\n",
    );
    out
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeSet;
    use std::string::ToString;

    use super::*;

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        for asset in ASSETS {
            let text = core::str::from_utf8(asset.bytes).unwrap();
            let foreign = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!foreign.contains("://"), "{}", asset.path);
            // The policy forbids what is in the page itself.
            assert!(
                !text.contains("<style") && !text.contains(" style=\""),
                "{}",
                asset.path
            );
            assert!(
                !text.contains(" onclick") && !text.contains("innerHTML"),
                "{}",
                asset.path
            );
        }
        let html = core::str::from_utf8(ASSETS[0].bytes).unwrap();
        for asset in &ASSETS[1..] {
            assert!(
                html.contains(&format!("\"{}\"", asset.path)),
                "{}",
                asset.path
            );
        }
        assert!(html.contains("<noscript>"));
    }

    #[test]
    fn assets_have_tags_of_their_own() {
        let tags: BTreeSet<_> = ASSETS.iter().map(Asset::tag).collect();
        assert_eq!(tags.len(), ASSETS.len());
        assert!(asset("/_atoll/../").is_none());
        assert_eq!(asset("/").unwrap().mime, "text/html; charset=utf-8");
    }

    #[test]
    fn a_problem_is_text() {
        let page = problem(404, "Not Found", "there is no <b> here");
        assert!(page.contains("There is no &lt;b&gt; here."));
        assert!(page.contains(&404.to_string()));
    }
}
