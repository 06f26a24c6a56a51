//! What `mke2fs` puts on a volume is read.

mod common;

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use atoll_abi::file::{Kind, OpenFlags};
use atoll_abi::syscall::Status;
use atoll_ext4::Operation;
use common::{Host, MIB, Random, image, scratch};

/// A folder with files of many kinds, and what each holds.
fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut random = Random::new(1);
    let mut files = Vec::new();
    let sizes = [
        0,
        1,
        511,
        512,
        4095,
        4096,
        4097,
        65_536,
        1_000_003,
        64 * MIB,
    ];
    for size in sizes {
        files.push((format!("size-{size}"), random.bytes(size)));
    }
    let mut sparse = vec![0; 3 * MIB + 77];
    sparse[MIB..MIB + 5000].fill(7);
    sparse[3 * MIB..].fill(9);
    files.push(("sparse".into(), sparse));
    files.push(("only-a-hole".into(), vec![0; 500_000]));
    std::fs::create_dir(folder.join("many")).unwrap();
    for index in 0..1000 {
        files.push((
            format!("many/file-number-{index}"),
            index.to_string().into(),
        ));
    }
    let deep: Vec<String> = (0..50).map(|level| format!("level-{level}")).collect();
    std::fs::create_dir_all(folder.join(deep.join("/"))).unwrap();
    files.push((format!("{}/bottom", deep.join("/")), b"deep".to_vec()));
    for (name, content) in &files {
        let path = folder.join(name);
        let is_sparse = content.iter().all(|&byte| byte == 0) || name == "sparse";
        match is_sparse {
            true => write_sparse(&path, content),
            false => std::fs::write(&path, content).unwrap(),
        }
    }
    files
}

fn write_sparse(path: &Path, content: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::create(path).unwrap();
    file.set_len(content.len() as u64).unwrap();
    for (index, part) in content.chunks(4096).enumerate() {
        if part.iter().any(|&byte| byte != 0) {
            file.write_all_at(part, index as u64 * 4096).unwrap();
        }
    }
}

#[test]
fn every_file_holds_what_the_host_wrote() {
    for options in [
        &["-b", "4096"][..],
        &["-b", "1024", "-O", "^metadata_csum,^64bit"],
    ] {
        let source = scratch();
        let files = tree(source.path());
        let mut host = Host::mount(image(128, options, Some(source.path())));
        for (name, content) in &files {
            let read = host.read(name.as_bytes()).unwrap();
            assert!(read == *content, "{name} {options:?}");
        }
        let sparse = host.open(b"sparse").unwrap().file;
        let holes = host.runs(sparse, 0, u64::MAX).unwrap();
        assert!(holes.len() >= 4, "{holes:?}");
        let listed = host.list(b"many", 1024);
        assert_eq!(listed.len(), 1000);
        assert!(listed.iter().all(|(_, kind)| *kind == Kind::File as u8));
        assert_eq!(host.list(b"/many/../many/.", 30_000), listed);
    }
}

#[test]
fn symbolic_links_are_followed() {
    let source = scratch();
    let at = |name: &str| source.path().join(name);
    std::fs::create_dir_all(at("a/b")).unwrap();
    std::fs::write(at("a/file"), b"here").unwrap();
    let links = [
        ("a/b/relative", "../file".to_string()),
        ("absolute", "/a/file".to_string()),
        ("folder", "a/b".to_string()),
        ("over-the-top", "../../../a/file".to_string()),
        ("dangling", "nowhere".to_string()),
        ("loop", "loop".to_string()),
        ("long", format!("{}a/file", "./".repeat(400))),
    ];
    for (name, target) in &links {
        symlink(target, at(name)).unwrap();
    }
    for index in 0..45 {
        symlink(
            format!("chain-{}", index + 1),
            at(&format!("chain-{index}")),
        )
        .unwrap();
    }
    std::fs::write(at("chain-45"), b"end").unwrap();
    let mut host = Host::mount(image(16, &[], Some(source.path())));
    for path in [
        "a/b/relative",
        "absolute",
        "/folder/relative",
        "over-the-top",
        "long",
    ] {
        assert_eq!(host.read(path.as_bytes()), Ok(b"here".to_vec()), "{path}");
    }
    assert_eq!(host.read(b"dangling"), Err(Status::NotFound));
    assert_eq!(host.read(b"loop"), Err(Status::TooManyLinks));
    assert_eq!(host.read(b"chain-5"), Ok(b"end".to_vec()));
    assert_eq!(host.read(b"chain-4"), Err(Status::TooManyLinks));
    // As Linux does, a file is made where the link leads.
    host.put(b"dangling", b"made").unwrap();
    assert_eq!(host.read(b"nowhere"), Ok(b"made".to_vec()));
    assert_eq!(host.remove(b"loop"), Ok(()));
    assert_eq!(host.read(b"loop"), Err(Status::NotFound));
}

#[test]
fn names_are_any_bytes() {
    let source = scratch();
    let mut names: Vec<Vec<u8>> = (1..=255_u8)
        .filter(|byte| !matches!(byte, b'/' | b'.'))
        .map(|byte| vec![byte])
        .collect();
    names.extend([b"...".to_vec(), vec![0xFF; 255], b" a\n\t".to_vec()]);
    for name in &names {
        let path = source.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(path, name).unwrap();
    }
    let mut host = Host::mount(image(16, &[], Some(source.path())));
    for name in &names {
        assert_eq!(host.read(name).as_ref(), Ok(name));
    }
    let listed = host.list(b"/", 700);
    let found = listed.iter().map(|(name, _)| name);
    assert!(names.iter().all(|name| found.clone().any(|it| it == name)));
}

#[test]
fn a_path_is_read_as_linux_reads_it() {
    let source = scratch();
    std::fs::create_dir_all(source.path().join("a/b")).unwrap();
    std::fs::write(source.path().join("a/f"), b"here").unwrap();
    let mut host = Host::mount(image(16, &[], Some(source.path())));
    for path in [
        "a/f",
        "/a/f",
        "//a///f",
        "a/./f",
        "a/b/../f",
        "../../a/f",
        "a/../../a/f",
    ] {
        assert_eq!(host.read(path.as_bytes()), Ok(b"here".to_vec()), "{path}");
    }
    for path in ["/", ".", "..", "a", "a/", "a/b/.", "a/b/../"] {
        let opened = host.open(path.as_bytes()).unwrap();
        assert_eq!(opened.kind, Kind::Folder, "{path}");
        host.close(opened.file);
    }
    let folder = OpenFlags::FOLDER;
    let long = [b'x'; 256];
    let path = [b'/'; 4097];
    let refused: [(&[u8], Status); 9] = [
        (b"", Status::InvalidArgument),
        (b"a\0", Status::InvalidArgument),
        (b"a/x", Status::NotFound),
        (b"x/a", Status::NotFound),
        (b"a/f/", Status::NotAFolder),
        (b"a/f/x", Status::NotAFolder),
        (b"a/f/..", Status::NotAFolder),
        (&long, Status::NameTooLong),
        (&path, Status::NameTooLong),
    ];
    for (path, status) in refused {
        assert_eq!(host.open(path).map(|_| ()), Err(status), "{path:?}");
    }
    assert_eq!(
        host.open_as(b"a/f", folder).map(|_| ()),
        Err(Status::NotAFolder)
    );
    assert!(host.open_as(b"a", folder).is_ok());
    let stale = host.open(b"a/f").unwrap().file;
    host.close(stale);
    let stat = host.perform(Operation::Stat { file: stale });
    assert_eq!(stat.map(|_| ()), Err(Status::BadHandle));
}

#[test]
fn metadata_is_read_from_the_disk_once() {
    let source = scratch();
    std::fs::create_dir_all(source.path().join("a/b/c")).unwrap();
    std::fs::write(source.path().join("a/b/c/file"), b"here").unwrap();
    let mut host = Host::mount(image(16, &[], Some(source.path())));
    assert!(host.read(b"a/b/c/file").is_ok());
    let before = host.transfers;
    assert!(host.read(b"a/b/c/file").is_ok());
    assert_eq!(host.transfers, before);
}
