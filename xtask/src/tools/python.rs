//! The Python that runs seL4's generators.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::child::first_line;
use crate::locate;
use crate::tools::{Problem, SearchPath, Tool, version};

/// Python modules that seL4's generators import, and the package of each.
const PYTHON_MODULES: [(&str, &str); 3] = [
    ("six", "python3-six"),
    ("ply", "python3-ply"),
    ("tempita", "python3-tempita"),
];

/// The first Python 3 that can import every module; Debian's own is tried first, because its packages serve it alone.
pub fn check(search: &SearchPath) -> Result<Tool, Problem> {
    let mut first_seen = None;
    let own = SearchPath("/usr/bin".into());
    let in_search_path = env::split_paths(&search.0).any(|folder| folder == Path::new("/usr/bin"));
    let candidates = own
        .find_all("python3")
        .filter(|_| in_search_path)
        .chain(search.find_all("python3"));
    for path in candidates {
        let Some(missing) = missing_modules(&path) else {
            continue;
        };
        if missing.is_empty() {
            let said = first_line(&path, &["--version"]).unwrap_or_default();
            let version = version::find(&said).map_or(said, |(version, _)| version);
            return Ok(Tool {
                name: "python3".to_owned(),
                path,
                version,
            });
        }
        first_seen.get_or_insert((path, missing));
    }
    Err(match first_seen {
        None => Problem::Missing {
            what: "python3 with six, ply, tempita".to_owned(),
            packages: PYTHON_MODULES.iter().map(|module| module.1).collect(),
        },
        Some((path, missing)) => Problem::Missing {
            what: format!("{} of {}", missing.join(", "), locate::shown(&path)),
            packages: PYTHON_MODULES
                .iter()
                .filter(|module| missing.contains(&module.0))
                .map(|module| module.1)
                .collect(),
        },
    })
}

/// The modules that an interpreter lacks; `None` where it is no Python 3.
fn missing_modules(python: &Path) -> Option<Vec<&'static str>> {
    let names: Vec<_> = PYTHON_MODULES.iter().map(|module| module.0).collect();
    let script = format!(
        "import sys, importlib.util as u\n\
         sys.version_info[0] == 3 or sys.exit(1)\n\
         print('missing', *[m for m in '{}'.split() if u.find_spec(m) is None])",
        names.join(" ")
    );
    let output = Command::new(python)
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let said = text.trim().strip_prefix("missing")?;
    Some(
        names
            .into_iter()
            .filter(|name| said.split_whitespace().any(|word| word == *name))
            .collect(),
    )
}
