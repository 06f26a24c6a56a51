//! The thread that is the file service.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use atoll_files::FileService;
use atoll_service::Host;

use crate::doorbell::Notification;
use crate::machine::{FOREVER, LOST, OVER, PATIENCE};
use crate::pool::Reached;
use crate::wiring::Line;

/// The service and its rings.
pub type Files = Host<FileService, Line, Reached>;

/// Whether a service keeps nothing of any client.
pub fn is_at_rest(service: &FileService) -> bool {
    let calls = service.parked() + service.device_calls();
    calls + service.open_files() + service.blocks_in_use() == 0
}

/// The life of a service. When it is all over it goes on until it is at rest, or does not come to rest.
pub fn serve(mut host: Files, own: &Notification, over: &AtomicBool) -> Files {
    host.start([]);
    let mut since = None;
    loop {
        if host.turn() {
            continue;
        }
        let mut at_most = FOREVER;
        if over.load(Ordering::SeqCst) {
            let since = *since.get_or_insert_with(Instant::now);
            if is_at_rest(host.service()) || since.elapsed() > LOST {
                return host;
            }
            at_most = PATIENCE;
        }
        if host.may_sleep() {
            let badges = own.wait(at_most);
            host.awake(badges & !OVER);
        }
    }
}
