//! How much memory a volume needs: it grows with the journal, and with little else.

mod common;

use common::{Host, MIB, heap, image};

/// Bytes of heap that a volume needs at most with some journal.
fn bound(journal: usize) -> usize {
    3 * journal + 2 * MIB
}

#[test]
fn the_heap_is_bounded_by_the_journal() {
    for (mebibytes, options, journal) in [
        (64, &["-b", "4096", "-J", "size=4"][..], 4 * MIB),
        (64, &["-b", "1024", "-J", "size=1"], MIB),
    ] {
        let image = image(mebibytes, options, None);
        let begin = heap::begin();
        let mut host = Host::mount(image);
        let mounted = heap::most_since(begin);
        host.make_folder(b"/many").unwrap();
        // Every folder is a block of metadata of its own.
        for index in 0..1000 {
            host.make_folder(format!("/many/{index}").as_bytes())
                .unwrap();
        }
        let file = host.create(b"/large").unwrap().file;
        for index in 0..600 {
            host.write(file, index * 65_536, &[2; 32 << 10]).unwrap();
        }
        for index in 0..1000 {
            host.remove(format!("/many/{index}").as_bytes()).unwrap();
        }
        host.truncate(file, 0).unwrap();
        host.close(file);
        host.sync();
        let worked = heap::most_since(begin);
        let disk = std::mem::take(&mut host.disk);
        drop(host);
        let begin = heap::begin();
        let host = Host::mount(disk);
        let replayed = heap::most_since(begin);
        println!(
            "{options:?}: {} KiB mounting, {} KiB working, {} KiB replaying",
            mounted >> 10,
            worked >> 10,
            replayed >> 10
        );
        assert!(worked.max(replayed) <= bound(journal));
        drop(host);
    }
}
