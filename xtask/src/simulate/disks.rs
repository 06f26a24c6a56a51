//! The disks of a machine: images that the user names, and images that are made for the run.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use atoll_abi::plan::{Plan, Service, ServiceKind};

use crate::disk::{self, Contents, DiskPlan, PartitionSource};
use crate::input::Input;
use crate::locate;
use crate::progress::Progress;
use crate::tools::Tools;
use crate::volume;

/// Name of the input in a volume.
const INPUT_NAME: &str = "input";

/// An image that the user names for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDisk {
    /// The device; `None` where the plan has only one.
    pub device: Option<String>,
    /// The image.
    pub image: PathBuf,
}

impl NamedDisk {
    /// Reads `IMAGE` or `DEVICE=IMAGE`. An image whose path has an equals sign takes the second form.
    ///
    /// # Errors
    /// Says how it is written.
    pub fn parse(text: &str) -> Result<NamedDisk, String> {
        let (device, image) = match text.split_once('=') {
            Some((device, image)) => (Some(device.to_owned()), image),
            None => (None, text),
        };
        if image.is_empty() || device.as_deref() == Some("") {
            return Err("write it as IMAGE, or as DEVICE=IMAGE".to_owned());
        }
        Ok(NamedDisk {
            device,
            image: image.into(),
        })
    }

    /// Finds out whether the image can be used.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self) -> Result<()> {
        let shown = locate::shown(&self.image);
        let metadata = fs::metadata(&self.image).with_context(|| {
            format!("cannot find the disk {shown}; name an image that exists, or leave --disk out and one is made")
        })?;
        // Asked before the file is opened: to open a pipe that has no reader would never end.
        if !metadata.is_file() {
            bail!("the disk {shown} is not a regular file; name the image of a disk");
        }
        let file = OpenOptions::new().read(true).open(&self.image);
        file.with_context(|| format!("the disk {shown} cannot be read; make it readable"))?;
        Ok(())
    }

    /// Which device of a plan it is for.
    fn device_of(&self, plan: &Plan) -> Result<usize> {
        let devices = plan.devices();
        let known = || {
            let names = devices.iter().map(|device| device.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        match (&self.device, devices) {
            (None, [_]) => Ok(0),
            (None, _) => bail!(
                "plan {} has {} devices, so say which one has the disk: --disk DEVICE={} (devices: {})",
                plan.machine().name,
                devices.len(),
                locate::shown(&self.image),
                known()
            ),
            (Some(name), _) => devices
                .iter()
                .position(|device| device.name.as_str() == name)
                .with_context(|| {
                    format!(
                        "plan {} has no device {}; it has: {}",
                        plan.machine().name,
                        atoll_plan::shown(name),
                        known()
                    )
                }),
        }
    }
}

/// The images of a machine's devices, in their order. What is not among the `named` ones is made in `scratch`, with the input in
/// every volume.
///
/// # Errors
/// Where a named image is for no device, or one cannot be made.
pub fn prepare(
    plan: &Plan,
    named: &[NamedDisk],
    input: Input,
    scratch: &Path,
    tools: &Tools,
    progress: &mut Progress,
) -> Result<Vec<PathBuf>> {
    let mut images: Vec<Option<PathBuf>> = vec![None; plan.devices().len()];
    for disk in named {
        let device = disk.device_of(plan)?;
        let name = plan.devices()[device].name;
        if images[device].is_some() {
            bail!("device {name} is given two disks; name one");
        }
        if plan.devices()[device].read_only == 0 {
            let file = OpenOptions::new().write(true).open(&disk.image);
            file.with_context(|| {
                let shown = locate::shown(&disk.image);
                format!("the disk {shown} cannot be written; make it writable, or say `read-only = true` of device {name} in the plan")
            })?;
        }
        images[device] = Some(locate::absolute(&disk.image)?);
    }
    if images.iter().all(Option::is_some) {
        return Ok(images.into_iter().flatten().collect());
    }
    let volume = scratch.join("volume");
    volume::write(&volume, &[(INPUT_NAME.to_owned(), input)], progress)?;
    let mut made = Vec::new();
    for (device, image) in images.into_iter().enumerate() {
        made.push(match image {
            Some(image) => image,
            None => {
                let path = scratch.join(format!("disk{device}"));
                let services = plan.services_of_device(device);
                let partitions = services.map(|(_, service)| partition(service, &volume));
                let plan = DiskPlan {
                    block_size: plan.devices()[device].block_size,
                    partitions: partitions.collect(),
                };
                disk::make(&path, &plan, tools, progress)?;
                path
            }
        });
    }
    Ok(made)
}

/// The partition of a service.
fn partition(service: &Service, volume: &Path) -> PartitionSource {
    let kind = ServiceKind::from_raw(service.kind);
    PartitionSource {
        name: service.partition.to_string(),
        contents: match kind {
            Some(ServiceKind::Files) => Contents::Image(volume.to_path_buf()),
            _ => Contents::Empty {
                bytes: service.partition_size,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::tests::example;

    #[test]
    fn a_disk_is_an_image_with_or_without_its_device() {
        let named = |device: Option<&str>, image: &str| NamedDisk {
            device: device.map(str::to_owned),
            image: image.into(),
        };
        assert_eq!(NamedDisk::parse("/a"), Ok(named(None, "/a")));
        assert_eq!(NamedDisk::parse("d=/a=b"), Ok(named(Some("d"), "/a=b")));
        assert!(NamedDisk::parse("=x").is_err() && NamedDisk::parse("x=").is_err());
        let plan = example();
        assert_eq!(named(None, "/a").device_of(&plan).unwrap(), 0);
        let refused = named(Some("none"), "/a").device_of(&plan).unwrap_err();
        assert!(refused.to_string().contains("has no device"), "{refused}");
    }
}
