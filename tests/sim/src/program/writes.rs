//! A process that writes files: each of its uthreads replaces a file of its own as a whole, removes it, writes over blocks of another
//! one, syncs the volume, and looks what is there. What was synced has to be there after every cut of the power, and no file that is
//! replaced may be torn.

use std::sync::Arc;
use std::time::Duration;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::syscall::Status;
use atoll_runtime::{
    Block, EventQueue, File, JoinHandle, OpenFlags, Runtime, Transfer, Volume, sleep,
};

use super::log::{OPENINGS, use_all_vcores};
use super::{Program, number, spawn, violate};
use crate::gate;
use crate::random::Random;
use crate::raw::fill;
use crate::written::{ABSENT, content};

/// Uthreads, each with a file of its own.
const WORKERS: usize = 3;

/// Blocks of the file that each of them writes over.
const OVER_BLOCKS: u64 = 3;

/// The first uthread of the process.
pub fn main(program: &Arc<Program>) {
    use_all_vcores();
    let workers = (0..WORKERS).map(|file| {
        let program = program.clone();
        let worker = FileWriter {
            file,
            random: Random::new(number()),
            volume: Volume::first(),
            over: None,
        };
        spawn(Runtime::current(), program.process, move || {
            worker.run(&program)
        })
    });
    let workers: Vec<JoinHandle<()>> = workers.collect();
    workers.into_iter().for_each(JoinHandle::join);
    program.check_all_came_back();
    program.exit();
}

struct FileWriter {
    file: usize,
    random: Random,
    volume: Volume,
    /// The file whose blocks it writes over, which stays open.
    over: Option<File>,
}

impl FileWriter {
    fn name(&self) -> String {
        format!("/a-{}", self.file)
    }

    fn new_name(&self) -> String {
        // So long that it travels in a block.
        format!("/{}/../new-{}", "./".repeat(20), self.file)
    }

    fn run(mut self, program: &Program) {
        let mut failures = 0;
        loop {
            let result = match self.look() {
                Ok(()) => self.work(program),
                failed => failed,
            };
            match result {
                Ok(()) => return,
                Err(status) => gate::outside(|world| world.check_write_failure(status)),
            }
            // The service may have died, or only its driver.
            if let Some(file) = self.over.take() {
                let _ = file.close().wait();
            }
            failures += 1;
            if failures > OPENINGS {
                return;
            }
            let _ = sleep(Duration::from_micros(20)).wait();
        }
    }

    fn work(&mut self, program: &Program) -> Result<(), Status> {
        while program.takes_one() {
            match self.random.below(10) {
                0 => self.remove()?,
                1 => self.look()?,
                2 | 3 => self.sync()?,
                4..7 => self.write_over()?,
                _ => self.replace()?,
            }
        }
        self.sync()
    }

    fn replace(&mut self) -> Result<(), Status> {
        let ticket = gate::outside(|world| world.state.borrow_mut().written.ticket());
        let bytes = content(ticket);
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let opens = self.volume.open_with(self.new_name(), flags);
        let file = match self.random.one_in(2) {
            true => opens.wait()?,
            false => {
                let queue = EventQueue::new();
                queue.add(0, opens);
                let event = queue.wait().ok_or(Status::Malformed)?;
                event.file()?
            }
        };
        let whole = self.random.one_in(2);
        for (index, part) in bytes.chunks(BLOCK_SIZE).enumerate() {
            let offset = (index * BLOCK_SIZE) as u64;
            match whole {
                true => write(&file, offset, part)?,
                // In two pieces, of which at least one is copied.
                false => {
                    let (first, second) = part.split_at(self.random.index(part.len()));
                    write(&file, offset, first)?;
                    write(&file, offset + first.len() as u64, second)?;
                }
            }
        }
        if self.random.one_in(3) {
            write(&file, bytes.len() as u64 + 100, b"behind")?;
            file.truncate(bytes.len() as u64).wait()?;
        }
        file.close().wait()?;
        let life = gate::outside(|world| {
            world.state.borrow_mut().written.begin(self.file, ticket);
            world.life_before()
        });
        self.volume.rename(self.new_name(), self.name()).wait()?;
        gate::outside(|world| world.file_is_done(self.file, life));
        Ok(())
    }

    fn remove(&mut self) -> Result<(), Status> {
        let life = gate::outside(|world| {
            world.state.borrow_mut().written.begin(self.file, ABSENT);
            world.life_before()
        });
        match self.volume.remove(self.name()).wait() {
            Ok(()) => gate::outside(|world| world.file_is_done(self.file, life)),
            // It is removed already. That it may be is what a look finds.
            Err(Status::NotFound) => return self.look(),
            Err(status) => return Err(status),
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Status> {
        let moment = gate::outside(|world| world.moment());
        self.volume.sync().wait()?;
        gate::outside(|world| world.files_are_synced(&moment));
        Ok(())
    }

    /// The file whose blocks are written over. Blocks that it does not have yet are as zeroes.
    fn over(&mut self) -> Result<File, Status> {
        if let Some(file) = self.over {
            return Ok(file);
        }
        let name = format!("/over-{}", self.file);
        let file = self.volume.open_with(name, OpenFlags::CREATE).wait()?;
        Ok(*self.over.insert(file))
    }

    /// Writes blocks of the file, several at once.
    fn write_over(&mut self) -> Result<(), Status> {
        let file = self.over()?;
        let first = self.random.below(OVER_BLOCKS);
        let life = gate::outside(|world| world.life_before());
        let writes: Vec<(u64, Transfer)> = (first..OVER_BLOCKS)
            .map(|block| {
                let place = self.place(block);
                let ticket = gate::outside(|world| world.begin_block(place));
                let mut from = Block::acquire();
                fill(ticket, from.bytes_mut());
                let offset = block * BLOCK_SIZE as u64;
                (place, file.write(offset, BLOCK_SIZE, from.alone()))
            })
            .collect();
        let mut result = Ok(());
        for (place, write) in writes {
            match write.wait() {
                Ok(_) => gate::outside(|world| world.block_is_written(place, life)),
                Err(status) => result = Err(status),
            }
        }
        result
    }

    /// The number of a block among those of all files that are written over.
    fn place(&self, block: u64) -> u64 {
        self.file as u64 * OVER_BLOCKS + block
    }

    fn look_over(&mut self) -> Result<(), Status> {
        let file = self.over()?;
        for block in 0..OVER_BLOCKS {
            let read = file.read(block * BLOCK_SIZE as u64, BLOCK_SIZE, Block::acquire());
            let read = read.wait().map_err(|error| error.status)?;
            let mut bytes = [0; BLOCK_SIZE];
            bytes[..read.bytes().len()].copy_from_slice(read.bytes());
            gate::outside(|world| world.check_written(self.place(block), &bytes));
        }
        Ok(())
    }

    /// Looks at both files.
    fn look(&mut self) -> Result<(), Status> {
        self.look_over()?;
        self.look_at_replaced()
    }

    /// Reads the file, and has it compared with what it may be.
    fn look_at_replaced(&mut self) -> Result<(), Status> {
        let life = gate::outside(|world| world.life_before());
        let file = match self.volume.open(self.name()).wait() {
            Ok(file) => file,
            Err(Status::NotFound) => {
                gate::outside(|world| world.check_file(self.file, ABSENT, life));
                return Ok(());
            }
            Err(status) => return Err(status),
        };
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < file.length() {
            let read = file
                .read(bytes.len() as u64, BLOCK_SIZE, Block::acquire())
                .wait();
            let block = read.map_err(|error| error.status)?;
            if block.bytes().is_empty() {
                break;
            }
            bytes.extend_from_slice(block.bytes());
        }
        file.close().wait()?;
        let ticket = bytes
            .first_chunk()
            .map_or(ABSENT, |it| u64::from_le_bytes(*it));
        if bytes != content(ticket) {
            violate(&format!(
                "files: file {} has {} bytes that begin with ticket {ticket} and are not its content",
                self.file,
                bytes.len()
            ));
        }
        gate::outside(|world| world.check_file(self.file, ticket, life));
        Ok(())
    }
}

/// Writes bytes of at most a block.
fn write(file: &File, offset: u64, bytes: &[u8]) -> Result<(), Status> {
    let mut block = Block::acquire();
    block.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
    file.write(offset, bytes.len(), block.alone())
        .wait()
        .map(drop)
}
