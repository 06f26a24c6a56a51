//! Where each side of a connection has its window, how it is woken, and where it has the notification of the other side.

use atoll_abi::connection::{Client, Connection, Provider};
use atoll_abi::layout::{self, service_badge, slot};
use atoll_abi::plan::Plan;

/// One side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The address of the connection's window in this component.
    pub window: usize,
    /// The badge with which this component's notification is signalled for this connection.
    pub badge: u64,
    /// The slot in which this component has the notification of the other side, where one instance runs both.
    pub peer_slot: u64,
}

/// Both sides of a connection: the client, then the provider. `None` where the client is a vcore of a process that may not
/// use the service.
pub fn ends(plan: &Plan, connection: &Connection) -> Option<[End; 2]> {
    let client = match (connection.client, connection.provider) {
        (Client::Vcore { process, vcore }, Provider::Service(service)) => {
            let port = plan.processes().get(process)?.port(service)?;
            End {
                window: layout::port_window(port, vcore),
                // The server's `start_vcore` says why the badge is the slot's number.
                badge: slot::VCORE_NOTIFICATIONS + vcore as u64,
                peer_slot: slot::port_notification(port, vcore),
            }
        }
        (Client::Vcore { .. }, Provider::Driver(_)) => return None,
        (Client::Service(_), _) => End {
            window: layout::DRIVER_WINDOW,
            badge: service_badge::DRIVER,
            peer_slot: slot::PEER_NOTIFICATION,
        },
    };
    let provider = End {
        window: layout::client_window(connection.slot),
        badge: service_badge::client(connection.slot),
        peer_slot: slot::client_notification(connection.slot),
    };
    Some([client, provider])
}

#[cfg(test)]
mod tests {
    use atoll_abi::plan::{Tables, empty_rows};

    use super::*;

    /// Two services, each on a device of its own; a process of two vcores that may use the second one only.
    fn tables() -> Tables {
        let mut tables = Tables {
            devices: empty_rows(2),
            services: empty_rows(2),
            processes: empty_rows(1),
            ..Tables::default()
        };
        tables.services[1].device = 1;
        tables.processes[0].vcores = 2;
        tables.processes[0].services = 0b10;
        tables
    }

    #[test]
    fn each_side_is_where_the_layout_says() {
        let plan = tables().encode();
        let found: [[End; 2]; 4] = {
            let mut all = plan.connections().map(|it| ends(&plan, &it).unwrap());
            core::array::from_fn(|_| all.next().unwrap())
        };
        for [service, driver] in &found[..2] {
            assert_eq!(service.window, layout::DRIVER_WINDOW);
            assert_eq!(service.badge, service_badge::DRIVER);
            assert_eq!(service.peer_slot, slot::PEER_NOTIFICATION);
            assert_eq!(driver.window, layout::client_window(0));
            assert_eq!(driver.badge, service_badge::client(0));
            assert_eq!(driver.peer_slot, slot::client_notification(0));
        }
        // Both vcores use port 0, because the process has no connection to the first service.
        for (vcore, [client, service]) in found[2..].iter().enumerate() {
            assert_eq!(client.window, layout::port_window(0, vcore));
            assert_eq!(client.badge, slot::VCORE_NOTIFICATIONS + vcore as u64);
            assert_eq!(client.peer_slot, slot::port_notification(0, vcore));
            assert_eq!(service.window, layout::client_window(vcore));
            assert_eq!(service.badge, service_badge::client(vcore));
            let expected = slot::client_notification(vcore);
            assert_eq!(service.peer_slot, expected);
        }
    }

    #[test]
    fn a_process_has_no_end_at_a_service_that_it_may_not_use() {
        let mut tables = tables();
        let connection = tables.encode().connections().last().unwrap();
        tables.processes[0].services = 0b01;
        assert_eq!(ends(&tables.encode(), &connection), None);
    }
}
