//! The disk of the node, which is kept from run to run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use atoll_abi::plan::Plan;

use crate::locate;
use crate::progress::Progress;
use crate::simulate::{NamedDisk, Volumes, make_disk, partitions_of};
use crate::tools::Tools;

/// Whether there is a disk of an earlier run.
pub fn is_kept(folder: &Path) -> bool {
    folder.join(IMAGE).is_file() && folder.join(LAYOUT).is_file()
}

/// The image.
const IMAGE: &str = "disk.img";
/// What partitions it was made with. Without that it is not used.
const LAYOUT: &str = "disk.partitions";

/// The disk of the plan's only device that is one; made where there is none, or a new one is wanted.
///
/// # Errors
/// Where it cannot be made, or the kept one has other partitions than the plan.
pub fn keep(
    plan: &Plan,
    fresh: bool,
    folder: &Path,
    volumes: &Volumes,
    tools: &Tools,
    progress: &mut Progress,
) -> Result<NamedDisk> {
    let (image, layout) = (folder.join(IMAGE), folder.join(LAYOUT));
    let partitions = partitions_of(plan)?;
    let kept = match is_kept(folder) {
        true => {
            let text = fs::read_to_string(&layout);
            Some(text.with_context(|| format!("cannot read {}", locate::shown(&layout)))?)
        }
        false => None,
    };
    let shown = locate::shown(&image);
    match kept {
        Some(text) if !fresh && text != partitions => bail!(
            "the disk that is kept, {shown}, has other partitions than plan {}; --fresh makes a new one, and what this one holds is lost",
            plan.machine().name
        ),
        Some(_) if !fresh && volumes.folder.is_some() => bail!(
            "the disk that is kept, {shown}, has its content already; --fresh makes a new one from the folder, or leave --disk-from out"
        ),
        Some(_) if !fresh => progress.line(&format!("the disk of the last run goes on: {shown}")),
        _ => {
            // Without it a disk that is half made is not taken for whole.
            let _ = fs::remove_file(&layout);
            progress.line(&format!("making a disk that is kept: {shown}"));
            make_disk(&image, plan, volumes, tools, progress)?;
            let written = fs::write(&layout, partitions);
            written.with_context(|| format!("cannot write {}", locate::shown(&layout)))?;
        }
    }
    Ok(NamedDisk {
        device: None,
        image,
    })
}
