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
    let wanted = Wanted {
        fresh,
        partitions: &partitions,
        has_content: volumes.folder.is_some(),
    };
    let choice = wanted.choose(kept.as_deref());
    match choice.with_context(|| format!("{shown}, the disk that is kept, cannot go on"))? {
        Choice::GoesOn => progress.line(&format!("the disk of the last run goes on: {shown}")),
        Choice::IsMade => {
            // Without it a disk that is half made is not taken for whole.
            let _ = fs::remove_file(&layout);
            progress.line(&format!("making a disk that is kept: {shown}"));
            make_disk(&image, plan, volumes, tools, progress)?;
            let written = fs::write(&layout, &partitions);
            written.with_context(|| format!("cannot write {}", locate::shown(&layout)))?;
        }
    }
    Ok(NamedDisk {
        device: None,
        image,
    })
}

/// The disk that a run wants.
struct Wanted<'a> {
    /// A new one, whatever there is.
    fresh: bool,
    partitions: &'a str,
    /// With the content of a folder.
    has_content: bool,
}

/// Which disk a run gets.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// The one that is kept.
    GoesOn,
    /// A new one.
    IsMade,
}

impl Wanted<'_> {
    /// `kept` are the partitions of the disk of an earlier run, where there is one. It is given up only where the user says so.
    fn choose(&self, kept: Option<&str>) -> Result<Choice> {
        let Some(partitions) = kept.filter(|_| !self.fresh) else {
            return Ok(Choice::IsMade);
        };
        if partitions != self.partitions {
            bail!(
                "it has other partitions than the plan; --fresh makes a new one, and what this one holds is lost"
            );
        }
        if self.has_content {
            bail!(
                "it has its content already; --fresh makes a new one from the folder, or leave --disk-from out"
            );
        }
        Ok(Choice::GoesOn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(fresh: bool, has_content: bool, kept: Option<&str>) -> Result<Choice, String> {
        let wanted = Wanted {
            fresh,
            partitions: "volume log",
            has_content,
        };
        wanted.choose(kept).map_err(|error| error.to_string())
    }

    #[test]
    fn a_disk_is_given_up_only_where_the_user_says_so() {
        for has_content in [false, true] {
            assert_eq!(choose(false, has_content, None), Ok(Choice::IsMade));
            for kept in ["volume log", "volume"] {
                assert_eq!(choose(true, has_content, Some(kept)), Ok(Choice::IsMade));
            }
        }
        assert_eq!(choose(false, false, Some("volume log")), Ok(Choice::GoesOn));
        for (has_content, kept, why) in [
            (false, "volume", "other partitions"),
            (true, "volume", "other partitions"),
            (true, "volume log", "its content already"),
        ] {
            let refused = choose(false, has_content, Some(kept)).unwrap_err();
            assert!(
                refused.contains(why) && refused.contains("--fresh"),
                "{refused}"
            );
        }
    }
}
