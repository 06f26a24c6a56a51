//! The tools of the host: which are needed, where they are, and whether they are new enough.

mod python;
mod search;
mod version;

use std::env;
use std::fmt::Write;
use std::path::PathBuf;
use std::thread;

use crate::child::first_line;
use crate::locate;

pub use search::SearchPath;

/// Environment variable that names another QEMU.
pub const QEMU_VARIABLE: &str = "ATOLL_QEMU";

/// A program that is needed.
struct Needed {
    /// Its name on the search path.
    program: &'static str,
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
    /// What makes it print its version.
    version_argument: &'static str,
    /// The oldest version that will do.
    minimum: (u32, u32),
}

/// The package whose programs make disk images.
const DISKS: &str = "e2fsprogs";

const NEEDED: [Needed; 10] = [
    Needed {
        program: "qemu-system-x86_64",
        packages: &["qemu-system-x86"],
        version_argument: "--version",
        minimum: (7, 2),
    },
    Needed {
        program: "cmake",
        packages: &["cmake"],
        version_argument: "--version",
        minimum: (3, 18),
    },
    Needed {
        program: "ninja",
        packages: &["ninja-build"],
        version_argument: "--version",
        minimum: (1, 8),
    },
    Needed {
        program: "gcc",
        packages: &["gcc", "libc6-dev"],
        version_argument: "-dumpfullversion",
        minimum: (8, 0),
    },
    Needed {
        program: "objcopy",
        packages: &["binutils"],
        version_argument: "--version",
        minimum: (2, 30),
    },
    Needed {
        program: "ld",
        packages: &["binutils"],
        version_argument: "--version",
        minimum: (2, 30),
    },
    Needed {
        program: "xmllint",
        packages: &["libxml2-utils"],
        version_argument: "--version",
        minimum: (0, 0),
    },
    Needed {
        program: "spin",
        packages: &["spin"],
        version_argument: "-V",
        minimum: (6, 4),
    },
    Needed {
        program: "mke2fs",
        packages: &[DISKS],
        version_argument: "-V",
        minimum: (1, 47),
    },
    Needed {
        program: "debugfs",
        packages: &[DISKS],
        version_argument: "-V",
        minimum: (1, 47),
    },
];

/// What the tests talk to a machine with.
const NEEDED_BY_TESTS: [Needed; 4] = [
    Needed {
        program: "redis-cli",
        packages: &["redis-tools"],
        version_argument: "--version",
        minimum: (6, 0),
    },
    Needed {
        program: "redis-benchmark",
        packages: &["redis-tools"],
        version_argument: "--version",
        minimum: (6, 0),
    },
    Needed {
        program: "curl",
        packages: &["curl"],
        version_argument: "--version",
        minimum: (7, 70),
    },
    Needed {
        program: "chromium",
        packages: &["chromium"],
        version_argument: "--version",
        minimum: (100, 0),
    },
];

/// For what tools are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To build, run and measure.
    Run,
    /// To test.
    Test,
}

impl Purpose {
    fn needed(self) -> impl Iterator<Item = &'static Needed> {
        let tests = NEEDED_BY_TESTS
            .iter()
            .filter(move |_| self == Purpose::Test);
        NEEDED.iter().chain(tests)
    }
}

/// A program that was found and is new enough.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its version, as it says itself.
    pub version: String,
}

/// All tools.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The programs, Python last.
    pub found: Vec<Tool>,
}

/// What keeps a tool from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is not there; these packages bring it.
    Missing {
        /// What is missing.
        what: String,
        /// The packages that bring it.
        packages: Vec<&'static str>,
    },
    /// It is there and will not do; what to do is in the text.
    Unusable(String),
}

impl Tools {
    /// Looks for everything that is needed for something.
    ///
    /// # Errors
    /// Lists every problem.
    pub fn look(search: &SearchPath, purpose: Purpose) -> Result<Tools, Vec<Problem>> {
        let results = thread::scope(|scope| {
            let mut checks: Vec<_> = purpose
                .needed()
                .map(|needed| scope.spawn(|| check(needed, search)))
                .collect();
            checks.push(scope.spawn(|| python::check(search)));
            checks
                .into_iter()
                .map(|check| {
                    check.join().unwrap_or_else(|_| {
                        Err(Problem::Unusable("a check of the tools failed".to_owned()))
                    })
                })
                .collect()
        });
        Tools::of(results)
    }

    /// Looks for what makes disk images, and for nothing else.
    ///
    /// # Errors
    /// Lists every problem.
    pub fn look_for_disks(search: &SearchPath) -> Result<Tools, Vec<Problem>> {
        let needed = NEEDED.iter();
        let needed = needed.filter(|needed| needed.packages == [DISKS]);
        Tools::of(needed.map(|needed| check(needed, search)).collect())
    }

    fn of(results: Vec<Result<Tool, Problem>>) -> Result<Tools, Vec<Problem>> {
        let mut found = Vec::new();
        let mut problems = Vec::new();
        for result in results {
            match result {
                Ok(tool) => found.push(tool),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(Tools { found })
        } else {
            Err(problems)
        }
    }

    /// Where a tool is; its bare name where it was not looked for.
    pub fn path(&self, name: &str) -> PathBuf {
        self.found
            .iter()
            .find(|tool| tool.name == name)
            .map_or_else(|| PathBuf::from(name), |tool| tool.path.clone())
    }

    /// A tool's version.
    pub fn version(&self, name: &str) -> Option<String> {
        let tool = self.found.iter().find(|tool| tool.name == name)?;
        Some(tool.version.clone())
    }

    /// One line for each tool.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for tool in &self.found {
            let _ = writeln!(
                text,
                "{:<20} {:<10} {}",
                tool.name,
                tool.version,
                locate::shown(&tool.path)
            );
        }
        text
    }
}

fn check(needed: &Needed, search: &SearchPath) -> Result<Tool, Problem> {
    let replaced = (needed.program == NEEDED[0].program)
        .then(|| env::var_os(QEMU_VARIABLE))
        .flatten();
    let path = match replaced {
        Some(path) => std::path::absolute(&path).unwrap_or_else(|_| path.into()),
        None => search
            .find_or_administrators(needed.program)
            .ok_or_else(|| Problem::Missing {
                what: needed.program.to_owned(),
                packages: needed.packages.to_vec(),
            })?,
    };
    let shown = locate::shown(&path);
    let said = first_line(&path, &[needed.version_argument]).ok_or_else(|| {
        Problem::Unusable(format!(
            "{shown} {} fails; install {} again or put another {} first on the PATH",
            needed.version_argument,
            needed.packages.join(" "),
            needed.program
        ))
    })?;
    let (version, number) = version::find(&said).unwrap_or_else(|| ("0".to_owned(), (0, 0)));
    let (major, minor) = needed.minimum;
    if number < needed.minimum {
        return Err(Problem::Unusable(format!(
            "{shown} is version {version}, and {major}.{minor} is the oldest that will do: \
             install a newer {} and put it first on the PATH",
            needed.program
        )));
    }
    Ok(Tool {
        name: needed.program.to_owned(),
        path,
        version,
    })
}
