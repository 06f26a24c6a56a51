//! Shipped plans and changed ones: their layouts are sound and as the text implies, and a reference to nothing is refused.

mod common;

use std::fs;

use atoll_abi::connection::Provider;
use atoll_abi::plan::MAX_CONNECTIONS;
use atoll_plan::Plan;
use common::{SHIPPED, assert_sound, shipped};

#[test]
fn shipped_plans_are_sound() {
    let names: Vec<String> = fs::read_dir(shipped("2x2").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(SHIPPED.iter().all(|name| names.iter().any(|it| it == name)));
    for name in names {
        let plan = Plan::load(shipped(&name)).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(plan.name(), name);
        assert_sound(&plan);
    }
}

#[test]
fn the_default_plan_has_the_addresses_that_its_text_implies() {
    let plan = Plan::load(shipped("2x2")).unwrap().encode();
    let [io, compute] = plan.instances() else {
        panic!("two instances");
    };
    assert_eq!((io.memory_base, io.memory_size), (0x200_0000, 0x800_0000));
    assert_eq!(
        (compute.memory_base, compute.memory_size),
        (0xa00_0000, 0x800_0000)
    );
    assert_eq!(
        (plan.machine().shared_base, plan.machine().shared_size),
        (0x1200_0000, 0x20_0000)
    );
    // The service's connection to its driver, then those of two vcores to the service.
    let windows: Vec<u64> = plan.connections().map(|it| it.window).collect();
    assert_eq!(windows, [0x1200_0000, 0x1200_4000, 0x1200_8000]);
    assert_eq!(plan.channels()[0].wake_page, 0x1200_c000);
    assert_eq!(plan.pools()[0].base, 0x1200_d000);
    assert_eq!(plan.pools()[1].base, 0x1204_d000);
    let crossing = plan.connections().filter(|it| plan.crosses_kernels(it));
    assert_eq!(crossing.count(), 2);
    let service = &plan.services()[0];
    assert_eq!((service.cluster, service.device, service.pool), (0, 0, 1));
    assert_eq!(plan.processes()[0].services, 1);
    assert_eq!((io.timer_tick_ms, io.time_slice), (2, 5));
    assert_eq!((compute.timer_tick_ms, compute.time_slice), (10, 10));
    assert_eq!(plan.devices()[0].pci_address, 4 << 3);
    assert_eq!(plan.processes()[0].cores[..2], [0, 1]);
}

#[test]
fn vcores_leave_the_first_core_to_the_server_where_they_can() {
    let text = fs::read_to_string(shipped("1x4")).unwrap();
    let text = text.replace("\ncores = [1, 2, 3]", "");
    let plan = Plan::from_text("1x4.toml", &text).unwrap().encode();
    assert_eq!(plan.processes()[0].cores[..3], [1, 2, 3]);
    let shared = Plan::load(shipped("shared")).unwrap().encode();
    assert_eq!(shared.processes()[0].cores[..2], [2, 3]);
    assert_eq!(shared.clusters()[1].first_core, 2);
}

#[test]
fn clusters_of_one_kernel_have_no_wake_page() {
    let plan = Plan::load(shipped("shared")).unwrap().encode();
    assert_eq!(plan.channels()[0].wake_page, 0);
    let windows: Vec<u64> = plan.connections().map(|it| it.window).collect();
    assert_eq!(plan.pools()[0].base, windows[2] + 0x4000);
}

#[test]
fn as_many_connections_as_an_encoded_plan_holds_are_good() {
    let path = shipped("bad/too-many-connections");
    let text = fs::read_to_string(path).unwrap();
    let (most, last) = text.rsplit_once("vcores = 64").unwrap();
    let text = format!("{most}vcores = 63{last}");
    let plan = Plan::from_text("most.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(plan.encode().connections().count(), MAX_CONNECTIONS);
    assert_sound(&plan);
}

#[test]
fn services_are_a_bitmap_in_the_order_of_the_plan() {
    let text = fs::read_to_string(shipped("2x2")).unwrap();
    let text = text
        .replace("devices = [\"disk0\"]", "devices = [\"disk0\", \"disk1\"]")
        .replace(
            "services = [\"files\"]",
            "services = [\"second\", \"files\"]",
        );
    let text = format!(
        "{text}\n[[device]]\nname = \"disk1\"\nkind = \"virtio-blk\"\npci = \"0:5.0\"\n\
         [[service]]\nname = \"second\"\nkind = \"files\"\ncluster = \"io\"\ndevice = \"disk1\"\n\
         [[process]]\nname = \"one\"\nimage = \"digest\"\ncluster = \"io\"\nvcores = 1\nservices = [\"second\"]\n\
         [[process]]\nname = \"none\"\nimage = \"digest\"\ncluster = \"io\"\nvcores = 1\n"
    );
    let plan = Plan::from_text("2x2.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
    assert_sound(&plan);
    assert_eq!(plan.service_images(), ["files"]);
    let plan = plan.encode();
    let services: Vec<u32> = plan.processes().iter().map(|it| it.services).collect();
    assert_eq!(services, [0b11, 0b10, 0]);
    let providers: Vec<Provider> = plan.connections().map(|it| it.provider).collect();
    let (driver, service) = (Provider::Driver, Provider::Service);
    assert_eq!(
        providers,
        [
            driver(0),
            driver(1),
            service(0),
            service(0),
            service(1),
            service(1),
            service(1)
        ]
    );
}

#[test]
fn a_plan_without_a_name_has_that_of_its_file() {
    let text = fs::read_to_string(shipped("2x2")).unwrap();
    let text = text.replace("name = \"2x2\"", "");
    let plan = Plan::from_text("some/where/mine.toml", &text).unwrap();
    assert_eq!(plan.name(), "mine");
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let text = fs::read_to_string(shipped("2x2")).unwrap();
    for nothing in ["\"\"", "\"?\""] {
        for (key, line) in [
            ("cluster = ", "cluster = \"compute\""),
            ("devices = [", "devices = [\"disk0\""),
            ("between = [\"io\", ", "between = [\"io\", \"compute\""),
            ("cluster = ", "cluster = \"io\""),
            ("device = ", "device = \"disk0\""),
            ("services = [", "services = [\"files\""),
        ] {
            assert!(text.contains(line));
            let damaged = text.replace(line, &format!("{key}{nothing}"));
            assert!(
                Plan::from_text("damaged.toml", &damaged).is_err(),
                "{key}{nothing}"
            );
        }
    }
}
