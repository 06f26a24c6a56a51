use super::*;

#[test]
fn a_folder_becomes_a_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let big = noise(3_000_000);
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/b/big"), &big).unwrap();
    fs::hard_link(root.join("a/b/big"), root.join("again")).unwrap();
    symlink("a/b/big", root.join("link")).unwrap();
    symlink("x".repeat(200), root.join("long-link")).unwrap();
    fs::write(root.join("empty"), "").unwrap();
    let contents = folder_of(root);
    let made = Made::of(4096, vec![("before", empty(1)), ("root", contents)]).unwrap();
    let system = made.file_system("root");
    for name in ["/a/b/big", "/again", "/link"] {
        assert_eq!(system.read(name).unwrap(), big);
    }
    assert_eq!(system.read("/empty").unwrap(), b"");
    assert!(system.symlink_metadata("/long-link").unwrap().is_symlink());
    let metadata = system.metadata("/a/b/big").unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (0, 0));
    // What a hard link shares is there once.
    assert!(made.extent("root").blocks * 4096 <= 5 << 20);
    let out = root.join("out");
    let request = format!("dump /a/b/big {}", out.display());
    e2fsprogs(
        "debugfs",
        &["-R", &request],
        &made.path,
        made.offset("root"),
    );
    assert_eq!(fs::read(out).unwrap(), big);
}

#[test]
fn an_empty_folder_and_many_files() {
    let (none, many) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = |index: usize| format!("{index:04}-{}", "n".repeat(200));
    for index in 0..1000 {
        fs::write(many.path().join(name(index)), index.to_string()).unwrap();
    }
    let folders = [("none", &none), ("many", &many)];
    let folders = folders.map(|(name, dir)| (name, folder_of(dir.path())));
    let made = Made::of(512, folders.into()).unwrap();
    assert_eq!(made.file_system("none").read_dir("/").unwrap().count(), 3);
    let system = made.file_system("many");
    assert_eq!(system.read_dir("/").unwrap().count(), 1003);
    for index in 0..1000 {
        let content = system.read_to_string(&format!("/{}", name(index)));
        assert_eq!(content.unwrap(), index.to_string());
    }
}

#[test]
fn names_of_any_bytes_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let name = b"\xFF \"q\"\n\t<2> \\ $(x) 'y' -R ?offset=1";
    let path = folder.path().join(OsStr::from_bytes(name));
    fs::write(&path, "odd").unwrap();
    let contents = [
        ("file", file(name, &path)),
        ("folder", folder_of(folder.path())),
    ];
    let made = Made::of(512, contents.into()).unwrap();
    let in_root = [b"/", &name[..]].concat();
    for partition in ["file", "folder"] {
        let system = made.file_system(partition);
        assert_eq!(system.read(&in_root[..]).unwrap(), b"odd");
    }
}

#[test]
fn holes_stay_holes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holes");
    let holes = File::create(&path).unwrap();
    let length = (1 << 30) + 1;
    holes.set_len(length).unwrap();
    let content = noise(9000);
    for place in [0, 300_000_123, length - 9000] {
        holes.write_all_at(&content, place).unwrap();
    }
    let contents = [
        ("file", file(b"holes", &path)),
        ("folder", folder_of(folder.path())),
        ("image", Contents::Image(path.clone())),
    ];
    let made = Made::of(512, contents.into()).unwrap();
    assert!(made.stored_bytes() < 2 << 20, "{}", made.stored_bytes());
    for partition in ["file", "folder"] {
        assert!(made.extent(partition).blocks * 512 <= 4 << 20);
        let mut read = made.file_system(partition).open("/holes").unwrap();
        assert_eq!(read.metadata().len(), length);
        for place in [0, 300_000_123, length - 9000] {
            let mut bytes = Vec::new();
            read.seek_to(place).unwrap();
            while bytes.len() < content.len() {
                let mut piece = vec![0; content.len() - bytes.len()];
                let count = read.read_bytes(&mut piece).unwrap();
                bytes.extend_from_slice(&piece[..count]);
            }
            assert!(bytes == content);
        }
    }
}

#[test]
fn the_same_inputs_make_the_same_image_at_another_time_and_place() {
    let content = noise(100_000);
    let bytes = [1, 2].map(|run| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("folder")).unwrap();
        // In another order.
        for index in [run, 3 - run, 3, 4] {
            fs::write(root.join(index.to_string()), &content).unwrap();
        }
        let inner = File::create(root.join("folder/inner")).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1 << (28 + run));
        inner.set_modified(time).unwrap();
        let both = Contents::FileSystem {
            tree: tree(Some(&root), Some((b"input", &root.join("3")))),
            usage: WRITTEN,
        };
        let contents = [
            ("file", file(b"input", &root.join("3"))),
            ("folder", folder_of(&root)),
            ("both", both),
        ];
        let made = Made::of(512, contents.into()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        fs::read(&made.path).unwrap()
    });
    assert!(bytes[0] == bytes[1]);
}

/// A journal as long as the file service takes it at most, and room for what will be written.
#[test]
fn one_that_is_written_has_a_journal_and_room() {
    const MIB: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("big"), noise(5_000_000)).unwrap();
    let input = folder.path().join("big");
    let contents = |written, least_mebibytes| {
        let usage = Usage {
            written,
            least_bytes: least_mebibytes * MIB,
        };
        let tree = tree(Some(folder.path()), Some((b"input", &input)));
        Contents::FileSystem { tree, usage }
    };
    let made = [
        ("read", contents(false, 0)),
        ("written", contents(true, 0)),
        ("small", contents(true, 1)),
        ("large", contents(true, 200)),
        ("read-large", contents(false, 200)),
    ];
    let made = Made::of(512, made.into()).unwrap();
    for (name, is_written, size, least_free) in [
        ("read", false, 10 * MIB..=11 * MIB, 0),
        ("written", true, 30 * MIB..=32 * MIB, 16 * MIB),
        ("small", true, 14 * MIB..=15 * MIB, 0),
        ("large", true, 200 * MIB..=200 * MIB, 180 * MIB),
        ("read-large", false, 200 * MIB..=200 * MIB, 180 * MIB),
    ] {
        let bytes = made.extent(name).blocks * 512;
        assert!(size.contains(&bytes), "{name}: {bytes}");
        let system = made.file_system(name);
        assert_eq!(system.read("/big").unwrap(), system.read("/input").unwrap());
        let superblock = made.superblock(name);
        let number = |at: usize| u32::from_le_bytes(superblock[at..at + 4].try_into().unwrap());
        let (free_blocks, free_inodes) = (u64::from(number(0x0C)), u64::from(number(0x10)));
        assert!(free_blocks * 4096 >= least_free, "{name}: {free_blocks}");
        if is_written {
            assert!(free_inodes * 16_384 >= least_free, "{name}: {free_inodes}");
        }
        assert_eq!(number(0x5C) & 4 != 0, is_written, "{name}");
        // The copy of the size of the journal's inode.
        let journal = u64::from(number(0x10C + 16 * 4));
        assert_eq!(journal, if is_written { 4 * MIB } else { 0 }, "{name}");
    }
    // Room takes none of the host's disk.
    assert!(made.stored_bytes() < 60 * MIB, "{}", made.stored_bytes());
}

#[test]
fn a_file_beside_a_folder_has_a_name_that_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own");
    fs::write(&path, "own").unwrap();
    let contents = |name: &[u8]| Contents::FileSystem {
        tree: tree(Some(folder.path()), Some((name, &path))),
        usage: WRITTEN,
    };
    let made = Made::of(512, vec![("n", contents(b"other"))]).unwrap();
    let system = made.file_system("n");
    for name in ["/own", "/other"] {
        assert_eq!(system.read(name).unwrap(), b"own");
    }
    let error = Made::of(512, vec![("n", contents(b"own"))]).err().unwrap();
    let text = format!("{error:#}");
    assert!(text.contains("own already; give one of the two"), "{text}");
}

#[test]
fn a_file_whose_length_says_nothing_is_refused() {
    let status = Path::new("/proc/self/status");
    let error = Made::of(512, vec![("n", file(b"n", status))])
        .err()
        .unwrap();
    let text = format!("{error:#}");
    assert!(text.contains("status changed while it was read"), "{text}");
}
