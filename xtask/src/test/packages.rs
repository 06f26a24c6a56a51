//! The packages of the workspace, and what each says about its tests.
//!
//! Every package is tested on the host. A package can ask for further runs, or for none, in its `Cargo.toml`:
//!
//! ```toml
//! [package.metadata.atoll]
//! host-tests = false
//! profile = "sim"  # the profile of Cargo in which its tests are built; `test` where nothing is said
//! loom = "model"  # the test program that is built and run with `--cfg loom`
//!
//! # A bug that a feature plants, and the test that has to catch it.
//! [[package.metadata.atoll.planted]]
//! feature = "planted-no-recheck"
//! program = "model"  # the test program; with `loom = true` it is built as above
//! test = "no_wake_up_is_lost"
//! reason = "deadlock; threads = "  # what the failed check says
//! ```

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::test::host::cargo;
use crate::test::planted::Planted;
use crate::test::programs::Member;

/// The feature with which a program is built for the kernels.
const GUEST_FEATURE: &str = "guest";

/// Features that a plan gives programs: with the first one services and drivers count what they do, in images for benchmarks, with the
/// second one components note it, for a timeline.
pub const PLAN_FEATURES: [&str; 2] = ["measured", "timeline"];

#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

/// A package, as `cargo metadata` describes it.
#[derive(Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    version: String,
    manifest_path: PathBuf,
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Target {
    name: String,
    kind: Vec<String>,
    #[serde(default)]
    required_features: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    atoll: Option<Wishes>,
}

/// What a package says about its tests.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Wishes {
    /// Whether `cargo test` is run.
    #[serde(default = "yes")]
    pub host_tests: bool,
    /// The profile of Cargo for them.
    pub profile: Option<String>,
    /// The test program for loom.
    pub loom: Option<String>,
    /// The planted bugs.
    #[serde(default)]
    pub planted: Vec<Planted>,
}

/// A program that runs on the kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its package, as Cargo's `--package` takes it.
    pub package: String,
    /// Its binary.
    pub binary: String,
    /// Features of its package that a plan may give it.
    pub plan_features: Vec<&'static str>,
}

fn yes() -> bool {
    true
}

/// All packages of the workspace.
///
/// # Errors
/// Where Cargo cannot list them.
pub fn all() -> Result<Vec<Package>> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot run cargo; install Rust")?;
    if !output.status.success() {
        bail!(
            "cargo metadata fails: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let workspace: Workspace =
        serde_json::from_slice(&output.stdout).context("cargo metadata cannot be read")?;
    Ok(workspace.packages)
}

impl Package {
    /// How Cargo's `--package` names it; the version tells our packages from those of a registry with the same name.
    pub fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// It, as one of several whose test programs are built together.
    pub fn member(&self) -> Member {
        Member {
            id: self.id(),
            manifest: self.manifest_path.clone(),
        }
    }

    /// What it says about its tests.
    pub fn wishes(&self) -> Wishes {
        let said = self.metadata.as_ref();
        let wishes = said.and_then(|metadata| metadata.atoll.clone());
        wishes.unwrap_or(Wishes {
            host_tests: true,
            profile: None,
            loom: None,
            planted: Vec::new(),
        })
    }

    /// Its programs that run on the kernels.
    pub fn guest_programs(&self) -> impl Iterator<Item = Program> {
        let contains = |list: &[String], word: &str| list.iter().any(|each| each == word);
        self.targets
            .iter()
            .filter(move |target| {
                contains(&target.kind, "bin") && contains(&target.required_features, GUEST_FEATURE)
            })
            .map(|target| Program {
                package: self.id(),
                binary: target.name.clone(),
                plan_features: PLAN_FEATURES
                    .into_iter()
                    .filter(|feature| self.features.contains_key(*feature))
                    .collect(),
            })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A package with this metadata.
    pub fn package(metadata: &str) -> Package {
        let text = format!(
            r#"{{"name":"atoll-x","version":"0.1.0","manifest_path":"/x/Cargo.toml","metadata":{metadata},"targets":[
                {{"name":"atoll_x","kind":["lib"]}},
                {{"name":"tool","kind":["bin"]}},
                {{"name":"x","kind":["bin"],"required-features":["guest"]}}],
                "features":{{"guest":[],"measured":["atoll-y?/measured"]}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_program_for_the_kernels_is_known_by_its_feature() {
        let programs: Vec<Program> = package("null").guest_programs().collect();
        let expected = Program {
            package: "atoll-x@0.1.0".to_owned(),
            binary: "x".to_owned(),
            plan_features: vec!["measured"],
        };
        assert_eq!(programs, [expected]);
    }

    #[test]
    fn a_planted_bug_needs_a_reason() {
        let planted = r#"{"planted":[{"feature":"planted-bug","program":"ring","test":"order"}]}"#;
        let error = serde_json::from_str::<Wishes>(planted).err().unwrap();
        assert!(error.to_string().contains("missing field `reason`"));
    }
}
