//! The deepest operations use less than half of the coroutine's stack.

mod common;

use atoll_abi::syscall::Status;
use atoll_ext4::STACK_BYTES;
use common::{Host, image};

#[test]
fn the_deepest_operations_leave_half_of_the_stack() {
    let mut host = Host::mount(image(64, &["-b", "1024"], None));
    let fresh = host.system.stack_used();
    let mut path = String::new();
    for level in 0..50 {
        path.push_str(&format!("/level-{level}"));
        host.make_folder(path.as_bytes()).unwrap();
    }
    host.make_folder(b"/moved").unwrap();
    host.make_folder(b"/moved/inner").unwrap();
    let target = format!("{path}/target");
    host.make_folder(target.as_bytes()).unwrap();
    host.rename(b"/moved", target.as_bytes()).unwrap();
    let cycle = format!("{path}/target/inner/below");
    assert_eq!(
        host.rename(b"/level-0", cycle.as_bytes()),
        Err(Status::InvalidArgument)
    );
    let renamed = host.system.stack_used();
    // The tree of a folder splits, in its leaves and above.
    for index in 0..2500 {
        let name = format!("{path}/{}-{index}", "n".repeat(200));
        let file = host.create(name.as_bytes()).unwrap().file;
        host.close(file);
    }
    let split = host.system.stack_used();
    // The extent tree of a file grows and shrinks.
    let file = host.create(b"/holes").unwrap().file;
    for index in 0..1500 {
        host.write_bytes(file, index * 5000, &[1]).unwrap();
    }
    host.write(file, 1 << 30, &[2; 32 << 10]).unwrap();
    host.truncate(file, 2_500_000).unwrap();
    host.close(file);
    host.remove(b"/holes").unwrap();
    host.sync();
    let written = host.system.stack_used();
    let again = Host::mount(host.disk.clone());
    let replayed = again.system.stack_used();
    println!(
        "stack: {fresh} mounting, {renamed} renaming, {split} splitting, {written} writing, {replayed} replaying, of {STACK_BYTES}"
    );
    assert!(written.max(replayed) <= STACK_BYTES / 2);
}
