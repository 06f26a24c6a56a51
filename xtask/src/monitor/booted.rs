//! Which plan the machine runs, as the loader and the root tasks tell it.

use atoll_abi::plan::Plan;

/// What was told so far.
#[derive(Clone, Debug, Default)]
pub struct Booted {
    /// Those that have told it, and agree with the plan that was to be booted.
    tellers: Vec<String>,
}

/// The fingerprint of a plan, as events have it.
pub fn fingerprint(plan: &Plan) -> String {
    format!("{:016x}", plan.machine().fingerprint)
}

impl Booted {
    /// Notes what one tells of its plan.
    ///
    /// # Errors
    /// Says what is wrong where it is another plan.
    pub fn tell(&mut self, plan: &Plan, who: String, name: &str, told: &str) -> Result<(), String> {
        let (own, expected) = (plan.machine().name, fingerprint(plan));
        if name != own.as_str() || told != expected {
            return Err(format!(
                "{who} runs the plan {name} ({told}), and {own} ({expected}) was to be booted; build it again"
            ));
        }
        self.tellers.push(who);
        Ok(())
    }

    /// Those that have not told yet which plan they run.
    pub fn silent(&self, plan: &Plan) -> Vec<String> {
        let root_tasks = (0..plan.instances().len()).map(|index| format!("root-task {index}"));
        let all = std::iter::once("loader".to_owned()).chain(root_tasks);
        all.filter(|who| !self.tellers.contains(who)).collect()
    }

    /// The fingerprint that the machine told, where all told it.
    pub fn fingerprint(&self, plan: &Plan) -> Option<String> {
        self.silent(plan).is_empty().then(|| fingerprint(plan))
    }
}
