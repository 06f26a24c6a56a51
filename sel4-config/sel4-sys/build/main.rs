//! Writes the bindings for the kernel tree and configuration that the environment names.
//!
//! `ATOLL_SEL4_TREE` is the folder of the kernel source and `ATOLL_SEL4_CONFIG` the folder of its `autoconf.h`. Without
//! them the tree is the one that Cargo fetched and the configuration is [`generator::config::DEFAULT`].

mod generator;

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};

use generator::{Generator, config, tree};

fn main() -> Result<()> {
    for name in ["ATOLL_SEL4_TREE", "ATOLL_SEL4_CONFIG", "CC"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build");

    let out = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?);
    let tree = match env::var_os("ATOLL_SEL4_TREE") {
        Some(path) => PathBuf::from(path),
        None => tree::fetched(Path::new(&env::var("CARGO_MANIFEST_DIR")?))?,
    };
    let configuration = match env::var_os("ATOLL_SEL4_CONFIG") {
        Some(path) => PathBuf::from(path),
        None => config::write(&out.join("default-config"), config::DEFAULT)?,
    };
    println!("cargo:rerun-if-changed={}", tree.join("libsel4").display());
    println!(
        "cargo:rerun-if-changed={}",
        configuration.join("autoconf.h").display()
    );

    let work = out.join("probe");
    let bindings = Generator::new(&tree, &configuration, &work)?.bindings()?;
    fs::write(out.join("bindings.rs"), bindings.to_rust()?)?;
    Ok(())
}
