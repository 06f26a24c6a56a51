//! Files with many extents grow, shrink and go.

mod common;

use common::{Host, assert_clean, image};

#[test]
fn a_deep_tree_is_cut_anywhere() {
    for pieces in [300, 5000] {
        let mut host = Host::mount(image(32, &["-b", "1024"], None));
        let file = host.create(b"/holes").unwrap().file;
        for index in 0..pieces {
            let byte = index as u8 | 1;
            host.write_bytes(file, index * 2048, &[byte; 1024]).unwrap();
        }
        host.sync();
        let content = host.content(file);
        let image = host.disk;
        for keep in [0, 1, 5000, 204_800, 512_001, 613_000] {
            let mut host = Host::mount(image.clone());
            let file = host.open(b"/holes").unwrap().file;
            host.truncate(file, keep).unwrap();
            assert!(host.content(file) == content[..keep as usize], "{keep}");
            host.write(file, keep.next_multiple_of(1024), &[9; 5000])
                .unwrap();
            host.sync();
            assert_clean(&host.disk);
            host.close(file);
            host.remove(b"/holes").unwrap();
            host.sync();
            assert_clean(&host.disk);
        }
    }
}
