//! The volume of the machine and the thread that is its block driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use atoll_abi::block::{BLOCK_SIZE, BlockReply, BlockRequest, BlockStatus, SECTORS_PER_BLOCK};
use atoll_abi::message::Payload;
use atoll_abi::name::Name;
use atoll_abi::volume::{VOLUME_FILES, VOLUME_MAGIC, VOLUME_VERSION, VolumeFile, VolumeHeader};
use zerocopy::IntoBytes;

use crate::bell::Bell;
use crate::memory::End;

/// How long a thread waits before it looks whether the test is over.
pub const PATIENCE: Duration = Duration::from_millis(20);

/// The header of a volume with these files, one after the other, and its sectors.
pub fn volume(files: &[(&str, u64)]) -> ([u8; BLOCK_SIZE], u64) {
    let mut table = [VolumeFile::EMPTY; VOLUME_FILES];
    let mut next = 1;
    for (entry, (name, length)) in table.iter_mut().zip(files) {
        *entry = VolumeFile {
            name: Name::new(name).unwrap_or_else(|| panic!("{name} is no name")),
            first_block: next,
            length: *length,
        };
        next += length.div_ceil(BLOCK_SIZE as u64);
    }
    let header = VolumeHeader {
        magic: VOLUME_MAGIC,
        version: VOLUME_VERSION,
        count: files.len() as u32,
        blocks: next,
        reserved: [0; 5],
        files: table,
    };
    let mut block = [0; BLOCK_SIZE];
    block[..size_of::<VolumeHeader>()].copy_from_slice(header.as_bytes());
    (block, next * SECTORS_PER_BLOCK)
}

/// The life of a block driver: it answers every request.
pub fn drive(mut end: End, own: &Bell, server: &Bell, sectors: u64, over: &Arc<AtomicBool>) {
    while !over.load(Ordering::SeqCst) {
        while let Ok(Some(message)) = end.endpoint.receiver.receive() {
            let request = BlockRequest::from_message(&message);
            let inside = request.sector + u64::from(request.sectors) <= sectors;
            let status = match inside {
                true => BlockStatus::Done,
                false => BlockStatus::Invalid,
            };
            let reply = BlockReply {
                tag: request.tag,
                status: status as u32,
                padding: 0,
                capacity: sectors,
                reserved: [0; 4],
            };
            let wake = end.endpoint.sender.send(&reply.to_message());
            if wake.is_ok_and(|wake| wake.needed()) {
                server.ring();
            }
        }
        if end.endpoint.receiver.arm() == Ok(true) {
            own.wait(PATIENCE);
        }
        end.endpoint.receiver.disarm();
    }
}
