//! What a build leaves for a boot.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use atoll_abi::plan::EncodedPlan;
use serde::Deserialize;

use crate::build;
use crate::locate;
use crate::lock::Lock;

/// A build folder in which everything is there.
pub struct BuildFolder {
    /// The plan that was built.
    pub plan: EncodedPlan,
    /// The copy of the plan's file that was built.
    pub plan_path: String,
    /// Folder of the images; the other names are relative to it.
    pub images: PathBuf,
    /// The multiboot kernel.
    pub loader: String,
    /// Its modules, in order.
    pub modules: Vec<String>,
    /// What the build says about itself.
    pub info: BuildInfo,
}

/// What `build-info.json` may say.
#[derive(Debug, Default, Deserialize)]
pub struct BuildInfo {
    /// Version of the kernel.
    pub sel4: Option<String>,
    /// Version of its compiler.
    pub gcc: Option<String>,
    /// Version of the compiler of everything else.
    pub rustc: Option<String>,
}

impl BuildFolder {
    /// Copies what a machine boots out of a build folder, which may then be built again while the machine runs. `images` is made.
    ///
    /// # Errors
    /// Names what is missing, or cannot be copied.
    pub fn copy(build: &Path, images: PathBuf) -> Result<BuildFolder> {
        let _lock = Lock::shared(&build::lock_of(build))?;
        let found = BuildFolder::open(build)?;
        let full = || {
            format!(
                "cannot copy the images to {}; is the disk full?",
                locate::shown(&images)
            )
        };
        fs::create_dir_all(&images).with_context(full)?;
        for name in found.modules.iter().chain([&found.loader]) {
            fs::copy(found.images.join(name), images.join(name)).with_context(full)?;
        }
        Ok(BuildFolder { images, ..found })
    }

    /// Opens a build folder.
    ///
    /// # Errors
    /// Names what is missing.
    fn open(build: &Path) -> Result<BuildFolder> {
        let rebuild = || {
            format!(
                "{} is no finished build folder; build it with `ninja -C {0}` or `cargo xtask build`",
                locate::shown(build)
            )
        };
        let bytes = fs::read(build.join("plan.bin")).with_context(rebuild)?;
        let plan = EncodedPlan::read(&bytes)
            .ok_or_else(|| anyhow!("its plan.bin is of another version"))
            .with_context(rebuild)?;
        let images = build.join("images");
        let list = fs::read_to_string(images.join("modules.list")).with_context(rebuild)?;
        let modules: Vec<String> = list
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        let loader = "loader.elf".to_owned();
        for name in modules.iter().chain([&loader]) {
            if name.contains(' ') {
                bail!("the module name {name:?} has a blank, at which QEMU would cut it");
            }
            fs::metadata(images.join(name))
                .with_context(|| format!("{name} is missing"))
                .with_context(rebuild)?;
        }
        let info = match fs::read(build.join("build-info.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .context("build-info.json is not what the build writes")
                .with_context(rebuild)?,
            Err(_) => BuildInfo::default(),
        };
        Ok(BuildFolder {
            plan,
            plan_path: build.join("plan.toml").display().to_string(),
            images,
            loader,
            modules,
            info,
        })
    }
}
