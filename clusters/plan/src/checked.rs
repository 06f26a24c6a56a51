//! A plan in which nothing is wrong, laid out.

use std::fmt;

use atoll_abi::plan::{
    Cluster, Device, DeviceKind, EncodedPlan, Instance, Plan as Encoded, Service, ServiceKind,
};

use crate::cmake;
use crate::draw;
use crate::options::{KERNEL_OPTIONS, OptionValue, OptionValues, ROOT_CNODE_BITS};

/// HPET comparators that QEMU's machine has without being asked for more.
const DEFAULT_HPET_TIMERS: u32 = 3;

/// A plan in which nothing is wrong, laid out. Made by [`crate::Plan::load`] and [`crate::Plan::from_text`].
#[derive(Clone)]
pub struct CheckedPlan {
    encoded: EncodedPlan,
    instance_names: Vec<String>,
    options: Vec<OptionValues>,
    measured: bool,
}

impl CheckedPlan {
    pub(crate) fn new(
        encoded: EncodedPlan,
        instance_names: Vec<String>,
        options: Vec<OptionValues>,
        measured: bool,
    ) -> Self {
        CheckedPlan {
            encoded,
            instance_names,
            options,
            measured,
        }
    }

    /// The plan as the machine reads it; [`zerocopy::IntoBytes::as_bytes`] gives its bytes.
    ///
    /// [`zerocopy::IntoBytes::as_bytes`]: https://docs.rs/zerocopy/latest/zerocopy/trait.IntoBytes.html
    pub fn encode(&self) -> EncodedPlan {
        self.encoded.clone()
    }

    /// The settings of the build, as CMake text.
    pub fn cmake(&self) -> String {
        cmake::settings(self)
    }

    /// The machine as text: cores, clusters, memory, channels, services, processes and devices.
    pub fn draw(&self) -> String {
        draw::drawing(self)
    }

    /// The plan's name.
    pub fn name(&self) -> &str {
        self.encoded.machine().name.as_str()
    }

    /// What tells this plan from every other one: see [`atoll_abi::plan::Machine::fingerprint`].
    pub fn fingerprint(&self) -> u64 {
        self.encoded.machine().fingerprint
    }

    /// Cores that the machine must have.
    pub fn machine_cores(&self) -> u32 {
        self.encoded.machine().cores
    }

    /// Bytes of memory that the machine must have.
    pub fn machine_memory(&self) -> u64 {
        self.encoded.machine().memory
    }

    /// HPET comparators that the machine must have: what QEMU's `hpet.timers` is to be.
    pub fn hpet_timers(&self) -> u32 {
        DEFAULT_HPET_TIMERS.max(self.encoded.comparators())
    }

    /// The clusters.
    pub fn clusters(&self) -> &[Cluster] {
        self.encoded.clusters()
    }

    /// The names of the clusters.
    pub fn cluster_names(&self) -> Vec<&str> {
        let names = self.encoded.clusters().iter();
        names.map(|cluster| cluster.name.as_str()).collect()
    }

    /// The names of the processes.
    pub fn process_names(&self) -> Vec<&str> {
        let names = self.encoded.processes().iter();
        names.map(|process| process.name.as_str()).collect()
    }

    /// The kernel instances with their names: that of the cluster, or `shared`.
    pub fn instances(&self) -> impl Iterator<Item = (&str, &Instance)> {
        let names = self.instance_names.iter().map(String::as_str);
        names.zip(self.encoded.instances())
    }

    /// The names of the instances.
    pub fn instance_names(&self) -> &[String] {
        &self.instance_names
    }

    /// The process images, each once, in plan order.
    pub fn images(&self) -> Vec<&str> {
        let processes = self.encoded.processes().iter();
        distinct(processes.map(|process| process.image.as_str()))
    }

    /// The drivers, each once, in plan order.
    pub fn drivers(&self) -> Vec<&'static str> {
        distinct(self.devices().iter().map(driver))
    }

    /// The images of services, each once, in plan order.
    pub fn service_images(&self) -> Vec<&'static str> {
        distinct(self.services().iter().map(service_image))
    }

    /// Whether services and drivers are built to count what they do, which costs instructions.
    pub fn is_measured(&self) -> bool {
        self.measured
    }

    /// Whether components are built to note what they do, which costs instructions.
    pub fn has_timeline(&self) -> bool {
        self.encoded.timeline_window_size() > 0
    }

    /// The configurations of the kernel and what runs on it, `unicore` and `smp`, each once, in instance order.
    pub fn variants(&self) -> Vec<&'static str> {
        distinct(self.encoded.instances().iter().map(variant))
    }

    /// The services.
    pub fn services(&self) -> &[Service] {
        self.encoded.services()
    }

    /// The devices; [`CheckedPlan::pci_address`] gives the parts of their PCI addresses.
    pub fn devices(&self) -> &[Device] {
        self.encoded.devices()
    }

    /// The PCI address of a device as bus, device and function.
    pub fn pci_address(device: &Device) -> (u32, u32, u32) {
        let address = device.pci_address;
        (address >> 8, address >> 3 & 0x1f, address & 7)
    }

    /// The kernel options of an instance, seL4's names and values; none where there is no such instance.
    pub fn kernel_options(&self, instance: usize) -> Vec<(&'static str, String)> {
        let Some((kernel, values)) = self
            .encoded
            .instances()
            .get(instance)
            .zip(self.options.get(instance))
        else {
            return Vec::new();
        };
        let derived = [
            ("KernelMaxNumNodes", kernel.core_count),
            ("KernelTimerTickMS", kernel.timer_tick_ms),
            ("KernelTimeSlice", kernel.time_slice),
        ];
        let derived = derived.map(|(name, value)| (name, value.to_string()));
        let chosen = KERNEL_OPTIONS
            .iter()
            .zip(values)
            .map(|(option, value)| (option.name, value.to_string()));
        derived.into_iter().chain(chosen).collect()
    }

    /// Bits of an instance's root CNode.
    pub(crate) fn root_cnode_bits(&self, instance: usize) -> u32 {
        let options = KERNEL_OPTIONS.iter().zip(&self.options[instance]);
        let mut numbers = options.filter_map(|(option, value)| match value {
            OptionValue::Number(bits) if option.name == ROOT_CNODE_BITS => Some(*bits),
            _ => None,
        });
        numbers.next().expect("the option is a number")
    }

    pub(crate) fn encoded(&self) -> &Encoded {
        &self.encoded
    }
}

impl fmt::Debug for CheckedPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CheckedPlan({})", self.name())
    }
}

/// The configuration of an instance.
pub(crate) fn variant(instance: &Instance) -> &'static str {
    if instance.core_count == 1 {
        "unicore"
    } else {
        "smp"
    }
}

/// The driver of a device.
pub(crate) fn driver(device: &Device) -> &'static str {
    DeviceKind::from_raw(device.kind).map_or("?", DeviceKind::image)
}

/// The image that a service runs.
pub(crate) fn service_image(service: &Service) -> &'static str {
    ServiceKind::from_raw(service.kind).map_or("?", ServiceKind::image)
}

fn distinct<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}
