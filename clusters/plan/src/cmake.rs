//! The plan as settings of the CMake build.

use crate::checked::{CheckedPlan, variant};

/// One `set` a line.
pub(crate) fn settings(plan: &CheckedPlan) -> String {
    let mut text = String::new();
    let mut set = |variable: &str, value: &str| {
        text.push_str(&format!("set({variable} \"{value}\")\n"));
    };
    set("ATOLL_PLAN_NAME", plan.name());
    set("ATOLL_INSTANCES", &plan.instance_names().join(";"));
    set("ATOLL_IMAGES", &plan.images().join(";"));
    set("ATOLL_DRIVERS", &plan.drivers().join(";"));
    set("ATOLL_SERVICES", &plan.service_images().join(";"));
    if plan.is_measured() {
        set("ATOLL_MEASURED", "ON");
    }
    if plan.has_timeline() {
        set("ATOLL_TIMELINE", "ON");
    }
    set("ATOLL_VARIANTS", &plan.variants().join(";"));
    for (index, (name, instance)) in plan.instances().enumerate() {
        let prefix = format!("ATOLL_INSTANCE_{name}");
        let options: Vec<String> = plan
            .kernel_options(index)
            .into_iter()
            .map(|(option, value)| format!("{option}={value}"))
            .collect();
        set(
            &format!("{prefix}_BASE"),
            &format!("{:#x}", instance.memory_base),
        );
        set(&format!("{prefix}_VARIANT"), variant(instance));
        set(&format!("{prefix}_OPTIONS"), &options.join(";"));
    }
    text
}
