//! What an operator may do, beside what [`observer`](super::observer) has: have components of its kernel stopped.
//!
//! A process is one where the plan says `operator = true`.

use atoll_abi::layout::{component, request};
use sel4::MessageInfo;

use super::kernel::{procinfo, root_task};
use crate::runtime::Runtime;

/// A component that an operator may stop, by its index in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The server of a cluster.
    Server(usize),
    /// A service.
    Service(usize),
    /// The driver of a device.
    Driver(usize),
    /// A process.
    Process(usize),
}

impl Component {
    fn registers(self) -> [u64; 2] {
        let (kind, index) = match self {
            Component::Server(cluster) => (component::SERVER, cluster),
            Component::Service(service) => (component::SERVICE, service),
            Component::Driver(device) => (component::DRIVER, device),
            Component::Process(process) => (component::PROCESS, process),
        };
        [kind, index as u64]
    }
}

/// Has a component of this kernel instance stopped, whatever it is doing, as if it had taken a fault: those who have calls
/// with it learn that it is gone, and it is started again as often as the plan says. Tells whether that was begun; it is not
/// where there is no such component here, and where the process is no operator.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn stop(component: Component) -> bool {
    stop_and_hold(component, 0)
}

/// As [`stop`], and has so many of the lives that follow stand still from their start on, as if they hung there. A process is
/// only stopped.
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn stop_and_hold(component: Component, lives: u64) -> bool {
    ask(request::STOP, component, lives)
}

/// Has a component of this kernel instance stand still from now on, as if it hung: no other component is told. As
/// [`stop`].
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn hold(component: Component) -> bool {
    ask(request::HOLD, component, 0)
}

/// Stops the server of the process's own cluster: see [`stop`].
///
/// # Panics
/// Where the calling thread is no vcore.
pub fn stop_server() -> bool {
    stop(Component::Server(procinfo().cluster as usize))
}

fn ask(label: u64, component: Component, lives: u64) -> bool {
    let (_, vcore) = Runtime::current_vcore();
    let [kind, index] = component.registers();
    for (register, word) in [kind, index, lives].into_iter().enumerate() {
        sel4::set_mr(register, word);
    }
    let answer = root_task(vcore).call(MessageInfo::new(label, 0, 0, 3));
    answer.label() == 0
}
