//! The disks of a machine: images that the user names, and images that are made for the run.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use atoll_abi::plan::{Device, DeviceKind, Plan, Service, ServiceKind};

use crate::cli::BootOptions;
use crate::disk::{self, Contents, DiskPlan, PartitionSource, Usage};
use crate::locate;
use crate::progress::Progress;
use crate::tools::Tools;

use super::volumes::Volumes;

/// An image that the user names for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDisk {
    /// The device; `None` where the plan has only one that is a disk.
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
        let devices = plan.devices().iter().enumerate();
        let disks: Vec<(usize, &Device)> = devices.filter(|(_, it)| is_disk(it)).collect();
        let known = || {
            let names = disks.iter().map(|(_, device)| device.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        match (&self.device, disks.as_slice()) {
            (_, []) => bail!(
                "plan {} has no device that is a disk; leave --disk out",
                plan.machine().name
            ),
            (None, [(index, _)]) => Ok(*index),
            (None, _) => bail!(
                "plan {} has {} disks, so say which one has the image: --disk DEVICE={} (disks: {})",
                plan.machine().name,
                disks.len(),
                locate::shown(&self.image),
                known()
            ),
            (Some(name), _) => {
                let found = disks
                    .iter()
                    .find(|(_, device)| device.name.as_str() == name);
                let (index, _) = found.with_context(|| {
                    format!(
                        "plan {} has no device {} that is a disk; it has: {}",
                        plan.machine().name,
                        atoll_plan::shown(name),
                        known()
                    )
                })?;
                Ok(*index)
            }
        }
    }
}

/// Finds out whether the disks that the options name fit a plan.
///
/// # Errors
/// Where an image is for no device, or nothing would hold what is in the folder of `--disk-from`.
pub fn check(plan: &Plan, options: &BootOptions) -> Result<()> {
    assign(plan, options).map(drop)
}

/// The images that the user names for the devices, in their order; the others are made.
fn assign(plan: &Plan, options: &BootOptions) -> Result<Vec<Option<PathBuf>>> {
    let devices = plan.devices();
    let mut images: Vec<Option<PathBuf>> = vec![None; devices.len()];
    for disk in &options.disks {
        let device = disk.device_of(plan)?;
        let name = devices[device].name;
        if images[device].is_some() {
            bail!("device {name} is given two disks; name one");
        }
        if devices[device].read_only == 0 {
            let file = OpenOptions::new().write(true).open(&disk.image);
            file.with_context(|| {
                let shown = locate::shown(&disk.image);
                format!("the disk {shown} cannot be written; make it writable, or say `read-only = true` of device {name} in the plan")
            })?;
        }
        images[device] = Some(locate::absolute(&disk.image)?);
    }
    if let Some(folder) = &options.disk_from {
        let shown = locate::shown(folder);
        let disks = || (0..images.len()).filter(|&index| is_disk(&devices[index]));
        if disks().count() > 0 && disks().all(|index| images[index].is_some()) {
            bail!(
                "--disk names a disk for every device, so none is made from {shown}; leave --disk-from out, or a --disk"
            );
        }
        let has_files = |index: usize| {
            let mut services = plan.services_of_device(index);
            services.any(|(_, service)| is_files(service))
        };
        let mut made = disks().filter(|&index| images[index].is_none());
        if !made.any(has_files) {
            bail!(
                "plan {} has no file service on a disk that is made, so nothing would hold what is in {shown}; leave --disk-from out",
                plan.machine().name
            );
        }
    }
    Ok(images)
}

/// The images of a machine's devices, in their order; `None` where one is no disk. What the options do not name is made in `scratch`.
///
/// # Errors
/// Where a named image is for no device, or one cannot be made.
pub fn prepare(
    plan: &Plan,
    options: &BootOptions,
    volumes: &Volumes,
    scratch: &Path,
    tools: &Tools,
    progress: &mut Progress,
) -> Result<Vec<Option<PathBuf>>> {
    let images = assign(plan, options)?;
    let mut all = Vec::new();
    for (index, image) in images.into_iter().enumerate() {
        let device = &plan.devices()[index];
        all.push(match image {
            Some(image) => Some(image),
            None if !is_disk(device) => None,
            None => {
                let path = scratch.join(format!("disk{index}"));
                make(&path, plan, index, volumes, tools, progress)?;
                Some(path)
            }
        });
    }
    Ok(all)
}

/// Makes the disk of a device.
fn make(
    path: &Path,
    plan: &Plan,
    index: usize,
    volumes: &Volumes,
    tools: &Tools,
    progress: &mut Progress,
) -> Result<()> {
    let device = &plan.devices()[index];
    let services = plan.services_of_device(index);
    let partitions = services.map(|(_, service)| partition(service, device, volumes));
    let disk = DiskPlan {
        block_size: device.block_size,
        partitions: partitions.collect(),
    };
    disk::make(path, &disk, tools, progress)
}

/// The only device of a plan that is a disk.
fn only_disk(plan: &Plan) -> Result<usize> {
    let devices = plan.devices().iter().enumerate();
    let mut disks = devices.filter(|(_, device)| is_disk(device));
    match (disks.next(), disks.next()) {
        (Some((index, _)), None) => Ok(index),
        _ => bail!("plan {} has not one disk", plan.machine().name),
    }
}

/// Makes the disk of a plan's only device that is one.
///
/// # Errors
/// Where it has not one, or the disk cannot be made.
pub fn make_disk(
    path: &Path,
    plan: &Plan,
    volumes: &Volumes,
    tools: &Tools,
    progress: &mut Progress,
) -> Result<()> {
    make(path, plan, only_disk(plan)?, volumes, tools, progress)
}

/// What tells whether a disk that was made for a plan's only device is one for it still: a line for each partition.
///
/// # Errors
/// Where there is not one such device.
pub fn partitions_of(plan: &Plan) -> Result<String> {
    let index = only_disk(plan)?;
    let block_size = plan.devices()[index].block_size;
    let services = plan.services_of_device(index).map(|(_, service)| {
        let kind = if is_files(service) { "ext4" } else { "raw" };
        let (name, size) = (service.partition, service.partition_size);
        format!("{name} {kind} {size}\n")
    });
    Ok(format!(
        "blocks {block_size}\n{}",
        services.collect::<String>()
    ))
}

fn is_disk(device: &Device) -> bool {
    DeviceKind::from_raw(device.kind) == Some(DeviceKind::VirtioBlk)
}

fn is_files(service: &Service) -> bool {
    ServiceKind::from_raw(service.kind) == Some(ServiceKind::Files)
}

/// The partition of a service.
fn partition(service: &Service, device: &Device, volumes: &Volumes) -> PartitionSource {
    PartitionSource {
        name: service.partition.to_string(),
        contents: match is_files(service) {
            true => Contents::FileSystem {
                tree: volumes.tree(),
                usage: Usage {
                    written: device.read_only == 0,
                    least_bytes: service.partition_size,
                },
            },
            false => Contents::Empty {
                bytes: service.partition_size,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::tests::{example, example_tables, network_tables};
    use atoll_abi::plan::Tables;

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

    #[test]
    fn a_network_device_has_no_disk() {
        let disk = |device: Option<&str>| NamedDisk {
            device: device.map(str::to_owned),
            image: "/a".into(),
        };
        let mut tables = network_tables();
        assert_eq!(disk(None).device_of(&tables.encode()).unwrap(), 0);
        let refusal = |device, tables: &Tables| {
            let refused = disk(device).device_of(&tables.encode()).unwrap_err();
            refused.to_string()
        };
        let text = refusal(Some("net"), &tables);
        assert!(
            text.contains("no device net that is a disk; it has: disk"),
            "{text}"
        );
        tables.devices[0].kind = DeviceKind::VirtioNet as u32;
        let text = refusal(None, &tables);
        assert!(text.contains("leave --disk out"), "{text}");
        // Nothing is made of a folder where there is no disk.
        let options = BootOptions {
            disk_from: Some("/folder".into()),
            ..BootOptions::default()
        };
        let text = check(&tables.encode(), &options).unwrap_err().to_string();
        assert!(text.contains("no file service on a disk"), "{text}");
    }

    #[test]
    fn a_folder_needs_a_disk_that_is_made_with_a_file_service() {
        let image = tempfile::NamedTempFile::new().unwrap();
        let disk = |device: &str| NamedDisk {
            device: Some(device.to_owned()),
            image: image.path().to_path_buf(),
        };
        let options = |disks: &[&str]| BootOptions {
            disks: disks.iter().map(|name| disk(name)).collect(),
            disk_from: Some("/folder".into()),
            ..BootOptions::default()
        };
        let mut tables = example_tables();
        check(&tables.encode(), &options(&[])).unwrap();
        let name = tables.devices[0].name.to_string();
        let refusal = |tables: &Tables, disks: &[&str]| {
            let refused = check(&tables.encode(), &options(disks)).unwrap_err();
            refused.to_string()
        };
        let text = refusal(&tables, &[&name]);
        assert!(text.contains("for every device"), "{text}");
        assert!(
            text.contains("leave --disk-from out, or a --disk"),
            "{text}"
        );
        tables.services[0].kind = ServiceKind::Blocks as u32;
        let text = refusal(&tables, &[]);
        assert!(
            text.contains("no file service on a disk that is made"),
            "{text}"
        );
    }
}
