//! Compares the generated bindings with the real libsel4 headers.
//!
//! The tree's own tools generate the C headers. Two programs are built, one in C with these headers and one in Rust with
//! our bindings; both print the same questions with their own answers. The answers are every label, number, constant, size
//! and offset, and for each invocation the message that its stub sends and what it makes of the reply.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};

#[path = "../build/generator/mod.rs"]
mod generator;

#[path = "against_c/c_side.rs"]
mod c_side;
#[path = "against_c/invocations.rs"]
mod invocations;
#[path = "against_c/questions.rs"]
mod questions;
#[path = "against_c/rust_side.rs"]
mod rust_side;

use generator::bindings::Bindings;
use generator::{Generator, config, tree};

type Options = Vec<(&'static str, &'static str)>;

/// The default configuration with some options changed or added.
fn options(changes: &[(&'static str, &'static str)]) -> Options {
    let mut options = config::DEFAULT.to_vec();
    options.push(("LIB_SEL4_INLINE_INVOCATIONS", "1"));
    for (name, value) in changes {
        options.retain(|(other, _)| other != name);
        options.push((name, value));
    }
    options
}

struct Case {
    folder: tempfile::TempDir,
    bindings: Bindings,
    c_headers: c_side::Headers,
}

impl Case {
    fn new(changes: &[(&'static str, &'static str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        let tree = tree::fetched(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let configuration = config::write(&path.join("config"), &options(changes))?;
        let bindings = Generator::new(&tree, &configuration, &path.join("probe"))?.bindings()?;
        let c_headers = c_side::Headers::generate(&tree, &configuration, &path.join("c"))?;
        Ok(Self {
            folder,
            bindings,
            c_headers,
        })
    }

    /// Both programs' answers.
    fn answers(&self) -> Result<(Vec<String>, Vec<String>)> {
        let questions = questions::all(&self.bindings)?;
        let c = self.c_headers.run(&questions, self.folder.path())?;
        let rust = rust_side::run(&self.bindings, &questions, self.folder.path())?;
        Ok((c, rust))
    }

    /// Compares all answers and returns how many there are.
    fn compare(&self, name: &str) -> Result<usize> {
        let (c, rust) = self.answers()?;
        for (c, rust) in c.iter().zip(&rust) {
            ensure!(c == rust, "{name}: C says `{c}`, we say `{rust}`");
        }
        ensure!(c.len() == rust.len(), "{name}: one side answers more");
        let ours: BTreeSet<_> = self
            .bindings
            .methods
            .iter()
            .filter(|(_, label)| label.is_some())
            .map(|(method, _)| method.id.clone())
            .collect();
        let theirs = self.c_headers.labels()?;
        ensure!(ours == theirs, "{name}: the sets of labels differ");
        println!("{name}: {} answers agree, {} labels", c.len(), ours.len());
        Ok(c.len())
    }
}

#[test]
fn a_kernel_for_one_node() -> Result<()> {
    let case = Case::new(&[("MAX_NUM_NODES", "1")])?;
    assert!(case.compare("one node")? > 800);
    Ok(())
}

#[test]
fn a_kernel_for_many_nodes() -> Result<()> {
    let case = Case::new(&[("MAX_NUM_NODES", "4")])?;
    assert!(case.compare("four nodes")? > 800);
    Ok(())
}

#[test]
fn a_kernel_with_everything() -> Result<()> {
    let case = Case::new(&[
        ("HUGE_PAGE", "1"),
        ("IOMMU", "1"),
        ("VTX", "1"),
        ("HARDWARE_DEBUG_API", "1"),
        ("ENABLE_BENCHMARKS", "1"),
        ("BENCHMARK_TRACK_UTILISATION", "1"),
        ("DANGEROUS_CODE_INJECTION", "1"),
        ("MAX_NUM_BOOTINFO_UNTYPED_CAPS", "50"),
    ])?;
    assert!(case.compare("everything")? > 1000);
    Ok(())
}

#[test]
fn a_node_count_shifts_the_labels_after_set_affinity() -> Result<()> {
    let label = |nodes: &'static str, id: &str| -> Result<Option<u64>> {
        let bindings = Case::new(&[("MAX_NUM_NODES", nodes)])?.bindings;
        let (_, label) = bindings
            .methods
            .iter()
            .find(|(method, _)| method.id == id)
            .context("no such label")?;
        Ok(label)
    };
    assert_eq!(label("1", "TCBSetAffinity")?, None);
    let one = label("1", "CNodeRevoke")?.context("no label")?;
    assert_eq!(label("4", "CNodeRevoke")?, Some(one + 1));
    Ok(())
}

#[test]
fn a_wrong_label_is_noticed() -> Result<()> {
    let mut case = Case::new(&[])?;
    let label = case.bindings.methods.labels[3].as_mut();
    *label.context("the fourth method has no label")? += 1;
    let error = case.compare("planted").unwrap_err().to_string();
    assert!(error.contains("label"), "{error}");
    Ok(())
}

#[test]
fn a_wrong_field_is_noticed() -> Result<()> {
    let mut case = Case::new(&[])?;
    let blocks = &mut case.bindings.bitfields.blocks;
    let block = blocks
        .iter_mut()
        .find(|block| block.name == "seL4_MessageInfo")
        .context("no message info")?;
    block.fields[0].offset -= 1;
    assert!(case.compare("planted").is_err());
    Ok(())
}
