use super::*;
use crate::disk::tests::{Made, tools};
use crate::disk::{Name, Output};
use crate::progress::Progress;

#[test]
fn one_that_is_too_small_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let content = folder.path().join("content");
    fs::create_dir(&content).unwrap();
    for index in 0..100 {
        fs::write(content.join(index.to_string()), vec![1; 30_000]).unwrap();
    }
    let output = Output::create(&folder.path().join("disk")).unwrap();
    let mut place = Place {
        output: &output,
        offset: 1 << 20,
        name: Name::new("n").unwrap(),
        tools: &tools(),
        progress: &mut Progress::new(),
    };
    let mut file_system = FileSystem::new(&mut place).unwrap();
    let small = Size {
        blocks: 512,
        inodes: 16,
    };
    let tree = Tree {
        folder: Some(content),
        file: None,
    };
    let usage = Usage {
        written: false,
        least_bytes: 0,
    };
    let mut made = |size, usage| file_system.make_of(size, &tree, usage);
    let grown = small.grown().grown().grown();
    assert_eq!(made(small, usage).unwrap(), grown.bytes());
    let tiny = Size {
        blocks: 8,
        inodes: 8,
    };
    let text = made(tiny, usage).unwrap_err().to_string();
    assert!(text.contains("did not fit into 4 file systems"), "{text}");
    // A journal that does not fit is not left out.
    let written = Usage {
        written: true,
        ..usage
    };
    let size = made(small.grown(), written).unwrap();
    assert!(size > grown.bytes(), "{size}");
    // The one before is gone from the file.
    let size = made(small, usage).unwrap();
    assert_eq!(output.file().metadata().unwrap().len(), (1 << 20) + size);
    let path = folder.path().join("disk");
    output.complete().unwrap();
    Made::check_file_system(&path, 1 << 20);
}
