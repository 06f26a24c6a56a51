//! Names come and go, as Linux has it.

mod common;

use atoll_abi::file::{Kind, OpenFlags};
use atoll_abi::syscall::Status;
use atoll_ext4::{Operation, Outcome, Space};
use common::{Host, assert_clean, dump, image};

fn space(host: &mut Host) -> Space {
    match host.perform(Operation::Space) {
        Ok(Outcome::Space(space)) => space,
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_come_and_go() {
    let mut host = Host::mount(image(32, &["-b", "4096"], None));
    host.make_folder(b"/a").unwrap();
    host.make_folder(b"/a/b/").unwrap();
    host.put(b"/a/f", b"one").unwrap();
    host.put(b"/a/g", b"two").unwrap();
    assert_eq!(host.make_folder(b"/a"), Err(Status::Exists));
    assert_eq!(host.make_folder(b"/x/y"), Err(Status::NotFound));
    assert_eq!(host.remove(b"/a"), Err(Status::NotEmpty));
    assert_eq!(host.remove(b"/none"), Err(Status::NotFound));
    assert_eq!(host.remove(b"/a/f/"), Err(Status::NotAFolder));
    for root in [&b"/"[..], b"/a/.", b"/a/.."] {
        assert_eq!(host.remove(root), Err(Status::InvalidArgument));
    }
    let exclusive = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let exists = host.open_as(b"/a/f", exclusive);
    assert_eq!(exists.map(|_| ()), Err(Status::Exists));
    assert_eq!(host.create(b"/a").map(|_| ()), Err(Status::IsAFolder));
    assert_eq!(host.create(b"/new/").map(|_| ()), Err(Status::IsAFolder));
    // That is for its owner to do.
    let emptied = host.open_as(b"/a/f", OpenFlags::TRUNCATE).unwrap();
    host.truncate(emptied.file, 0).unwrap();
    host.close(emptied.file);
    // Renaming, as Linux does it.
    assert_eq!(host.rename(b"/a/f", b"/a/b"), Err(Status::IsAFolder));
    assert_eq!(host.rename(b"/a/b", b"/a/f"), Err(Status::NotAFolder));
    assert_eq!(host.rename(b"/a", b"/a/b/c"), Err(Status::InvalidArgument));
    assert_eq!(host.rename(b"/none", b"/x"), Err(Status::NotFound));
    assert_eq!(host.rename(b"/a/g", b"/x/"), Err(Status::NotAFolder));
    host.rename(b"/a/g", b"/a/g").unwrap();
    host.rename(b"/a/g", b"/a/f").unwrap();
    assert_eq!(host.read(b"/a/f"), Ok(b"two".to_vec()));
    assert_eq!(host.read(b"/a/g"), Err(Status::NotFound));
    host.make_folder(b"/c").unwrap();
    host.rename(b"/a/b", b"/c").unwrap();
    host.put(b"/c/inside", b"three").unwrap();
    host.make_folder(b"/d").unwrap();
    assert_eq!(host.rename(b"/d", b"/c"), Err(Status::NotEmpty));
    host.rename(b"/c", b"/d/c").unwrap();
    assert_eq!(host.read(b"/d/c/../c/inside"), Ok(b"three".to_vec()));
    host.sync();
    let recovered = assert_clean(&host.disk);
    assert_eq!(dump(&recovered, "/d/c/inside"), b"three");
    let mut names: Vec<_> = host.list(b"/", 4096).into_iter().collect();
    names.retain(|(name, _)| name != b"lost+found");
    let folder = Kind::Folder as u8;
    assert_eq!(names, [(b"a".to_vec(), folder), (b"d".to_vec(), folder)]);
}

#[test]
fn what_is_removed_while_it_is_open_lives_on() {
    let mut host = Host::mount(image(16, &["-b", "4096"], None));
    host.sync();
    let free = space(&mut host).free_blocks;
    host.put(b"/f", &[1; 50_000]).unwrap();
    host.put(b"/g", &[2; 50_000]).unwrap();
    let (first, second) = (
        host.open(b"/f").unwrap().file,
        host.open(b"/g").unwrap().file,
    );
    host.remove(b"/f").unwrap();
    host.put(b"/h", &[3; 50_000]).unwrap();
    host.rename(b"/h", b"/g").unwrap();
    assert_eq!(host.content(first), [1; 50_000]);
    assert_eq!(host.content(second), [2; 50_000]);
    assert_eq!(host.read(b"/g"), Ok(vec![3; 50_000]));
    host.write(first, 0, &[4; 4096]).unwrap();
    host.sync();
    // A power cut now frees them.
    let mut again = Host::mount(host.disk.clone());
    again.remove(b"/g").unwrap();
    again.sync();
    assert_eq!(space(&mut again).free_blocks, free);
    assert_clean(&again.disk);
    host.close(first);
    host.close(second);
    host.remove(b"/g").unwrap();
    host.sync();
    assert_eq!(space(&mut host).free_blocks, free);
    assert_clean(&host.disk);
}

#[test]
fn a_folder_grows_to_a_tree_and_is_emptied() {
    let mut host = Host::mount(image(32, &["-b", "1024"], None));
    host.make_folder(b"/many").unwrap();
    let name = |index| format!("/many/a-rather-long-name-of-a-file-{index}");
    for index in 0..1500 {
        let file = host.create(name(index).as_bytes()).unwrap().file;
        host.close(file);
    }
    assert_eq!(host.list(b"/many", 2000).len(), 1500);
    host.sync();
    assert_clean(&host.disk);
    for index in 0..1500 {
        host.remove(name(index).as_bytes()).unwrap();
    }
    assert_eq!(host.list(b"/many", 2000), []);
    host.remove(b"/many").unwrap();
    host.sync();
    assert_clean(&host.disk);
}

#[test]
fn inodes_run_out() {
    let mut host = Host::mount(image(8, &["-b", "4096", "-N", "64"], None));
    let mut made = 0;
    let status = loop {
        match host.create(format!("/{made}").as_bytes()) {
            Ok(opened) => host.close(opened.file),
            Err(status) => break status,
        }
        made += 1;
    };
    assert_eq!(status, Status::NoSpace);
    assert_eq!(host.make_folder(b"/folder"), Err(Status::NoSpace));
    assert!(made > 20);
    host.sync();
    assert_clean(&host.disk);
}
