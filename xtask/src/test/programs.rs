//! The test programs of several packages, which one run of Cargo builds: what packages share is built once, with all features that any of them
//! gives it, and not anew for each.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::locate;
use crate::step::{self, Log};
use crate::test::host::{LIMIT, cargo};

/// A package whose test programs are built with those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// How Cargo's `--package` names it.
    pub id: String,
    /// Its `Cargo.toml`.
    pub manifest: PathBuf,
}

/// A test program.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    manifest: PathBuf,
    name: String,
    path: PathBuf,
}

/// Packages, and their test programs where these have been built.
pub struct Programs {
    members: Vec<Member>,
    built: Option<Vec<Program>>,
}

/// What Cargo says of a program that it has built, and of much else.
#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    executable: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

impl Programs {
    /// Those of these packages, none of which is built yet.
    pub fn of<'a>(members: impl IntoIterator<Item = &'a Member>) -> Programs {
        let mut members: Vec<Member> = members.into_iter().cloned().collect();
        members.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        members.dedup();
        Programs {
            members,
            built: None,
        }
    }

    /// Whether there is no package.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Builds the test programs of all packages.
    ///
    /// # Errors
    /// Where Cargo fails, whose last lines are shown.
    pub fn build(&mut self, log: &mut Log) -> Result<()> {
        self.built = Some(self.build_with(&[], log)?);
        Ok(())
    }

    /// Runs all test programs of a package, one after the other, also where one fails.
    ///
    /// # Errors
    /// The first failure; or that they were not built.
    pub fn run(&self, member: &Member, log: &mut Log) -> Result<()> {
        let built = self.built.as_ref();
        let built = built.context("its test programs were not built: see `host programs`")?;
        let results: Vec<Result<()>> = built
            .iter()
            .filter(|it| it.is_of(member))
            .map(|program| log.run_within(LIMIT, program.command(), &program.name, "running"))
            .collect();
        results.into_iter().collect()
    }

    /// Runs one test of a package, which a feature of the package makes fail. Nobody builds it again.
    ///
    /// # Errors
    /// Where the program cannot be built, or, as it is meant to, fails.
    pub fn run_with(
        &self,
        member: &Member,
        feature: &str,
        [name, test]: [&str; 2],
        log: &mut Log,
    ) -> Result<()> {
        let package = member.id.split('@').next().unwrap_or_default();
        let feature = format!("{package}/{feature}");
        let built = self.build_with(&["--features", &feature, "--test", name], log)?;
        let own = built.iter().find(|it| it.is_of(member) && it.name == name);
        let own = own.with_context(|| format!("{package} has no test program {name}"))?;
        let mut command = own.command();
        // A reason is looked for in what the test says, not in the names of functions.
        command.args(["--exact", test]).env("RUST_BACKTRACE", "0");
        log.run_within(LIMIT, command, name, test)
    }

    /// Builds test programs of all packages, with more arguments for Cargo.
    fn build_with(&self, arguments: &[&str], log: &mut Log) -> Result<Vec<Program>> {
        let command = || {
            let packages = self.members.iter();
            let packages = packages.flat_map(|member| ["--package", &member.id]);
            let mut command = cargo();
            command
                .args(["test", "--no-run"])
                .args(packages)
                .args(arguments);
            if !arguments.is_empty() {
                command.env("CARGO_INCREMENTAL", "0");
            }
            command
        };
        log.run(command(), "cargo", "building test programs")?;
        // All is built; this run only says where.
        let output = command()
            .args(["--message-format", "json"])
            .output()
            .context("cannot run cargo; install Rust")?;
        ensure!(
            output.status.success(),
            "cargo cannot say what it has built: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        programs(&String::from_utf8_lossy(&output.stdout))
    }
}

impl Program {
    fn is_of(&self, member: &Member) -> bool {
        self.manifest == member.manifest
    }

    /// Runs it as Cargo does: in the folder of its package.
    fn command(&self) -> Command {
        let folder = locate::folder_of(&self.manifest);
        let mut command = step::command(&self.path);
        command
            .current_dir(folder)
            .env("CARGO_MANIFEST_DIR", folder);
        command
    }
}

/// The test programs of which Cargo's messages tell, one in a line.
fn programs(messages: &str) -> Result<Vec<Program>> {
    let mut found = Vec::new();
    for line in messages.lines() {
        let message: Message = serde_json::from_str(line)
            .with_context(|| format!("cargo says what cannot be read: {line}"))?;
        if let Message {
            manifest_path: Some(manifest),
            executable: Some(path),
            target: Some(Target { name }),
            profile: Some(Profile { test: true }),
        } = message
        {
            found.push(Program {
                manifest,
                name,
                path,
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_which_test_programs_it_has_built() {
        let messages = [
            r#"{"reason":"build-script-executed","package_id":"y"}"#,
            r#"{"reason":"compiler-artifact","manifest_path":"/x/Cargo.toml","target":{"name":"x"},"profile":{"test":false},"executable":"/target/x"}"#,
            r#"{"reason":"compiler-artifact","manifest_path":"/x/Cargo.toml","target":{"name":"x"},"profile":{"test":true},"executable":null}"#,
            r#"{"reason":"compiler-artifact","manifest_path":"/x/Cargo.toml","target":{"name":"rings"},"profile":{"test":true},"executable":"/target/rings-1"}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ];
        let expected = Program {
            manifest: "/x/Cargo.toml".into(),
            name: "rings".to_owned(),
            path: "/target/rings-1".into(),
        };
        assert_eq!(programs(&messages.join("\n")).unwrap(), [expected]);
        assert!(programs("error: no such package").is_err());
    }

    #[test]
    fn what_was_not_built_does_not_pass() {
        let member = |id: &str| Member {
            id: id.to_owned(),
            manifest: PathBuf::from("/x/Cargo.toml"),
        };
        let members = ["b@1", "a@1", "b@1"].map(member);
        let mut programs = Programs::of(&members);
        assert_eq!(programs.members, ["a@1", "b@1"].map(member));
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(&folder.path().join("log")).unwrap();
        let error = programs.run(&members[0], &mut log).unwrap_err();
        assert!(error.to_string().contains("not built"));
        // A package may have none.
        programs.built = Some(Vec::new());
        programs.run(&members[0], &mut log).unwrap();
    }
}
