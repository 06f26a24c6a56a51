//! What each call does at the server and the services of a test.

use std::mem;
use std::thread;

use atoll_abi::block::{BLOCK_SIZE, BlockList};
use atoll_abi::file::Path;
use atoll_abi::name::Name;
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{Call, NO_BLOCK, Status, Syscall};

use super::PORTS;
use super::server::{Answer, Server};

type Served = (Status, [u64; 2]);

impl Server {
    pub fn take_process_call(&mut self, vcore: usize, call: Call, syscall: Syscall) {
        let arguments = syscall.arguments;
        let (status, result) = match call {
            Call::Print => {
                self.print(vcore, &syscall);
                (Status::Done, [0; 2])
            }
            Call::Exit => {
                self.report.status = arguments[0];
                self.exited = true;
                (Status::Done, [0; 2])
            }
            Call::BecomeMcp => {
                self.mcp = true;
                (Status::Done, [0; 2])
            }
            Call::RequestVcores if !self.mcp => (Status::NotAllowed, [0; 2]),
            Call::RequestVcores if arguments[0] == 0 => (Status::InvalidArgument, [0; 2]),
            Call::RequestVcores => (Status::Done, [self.request_vcores(arguments[0]), 0]),
            Call::YieldVcore => {
                for (channel, lines) in self.lines.iter().enumerate().skip(1) {
                    let outstanding = lines[vcore].outstanding;
                    assert_eq!(outstanding, 0, "calls of a vcore that leaves, on {channel}");
                }
                // The alarm that the vcore may need was set with it.
                let alarm = self.last_alarms[vcore];
                let others = |(channel, of, answer): &&Answer| {
                    (*channel, *of) == (0, vcore) && answer.tag != alarm
                };
                let others = self.answers.iter().filter(others).count();
                assert_eq!(others, 0, "calls of a vcore that leaves, at its server");
                self.report.given_back += 1;
                self.host.procinfo.lock().unwrap().granted &= !(1 << vcore);
                // Its thread is stopped: it sees the completion when it is granted again.
                self.given_back[vcore] = Some(syscall);
                return;
            }
            Call::SetAlarm => {
                self.report.alarms += 1;
                self.last_alarms[vcore] = syscall.tag;
                let time = self.host.nanoseconds().saturating_add(arguments[0]);
                self.alarms[vcore] = Some(time);
                self.host.procinfo.lock().unwrap().alarms |= 1 << vcore;
                (Status::Done, [0; 2])
            }
            Call::Connect => self.connect(arguments),
            _ => (Status::NotAllowed, [0; 2]),
        };
        self.done(vcore, &syscall, status, result);
    }

    fn print(&mut self, vcore: usize, syscall: &Syscall) {
        for place in 0..usize::from(syscall.count) {
            let byte = syscall.arguments[place / 8].to_le_bytes()[place % 8];
            if byte == b'\n' {
                let line = mem::take(&mut self.partial[vcore]);
                self.report.lines.push(line);
            } else {
                self.partial[vcore].push(char::from(byte));
            }
        }
    }

    fn request_vcores(&mut self, wanted: u64) -> u64 {
        let granted = |server: &Server| server.host.procinfo.lock().unwrap().granted;
        for vcore in 1..self.alarms.len() {
            if u64::from(granted(self).count_ones()) >= wanted {
                break;
            }
            if granted(self) & 1 << vcore != 0 {
                continue;
            }
            if self.given_back[vcore].is_some() {
                self.grant_again(vcore);
                continue;
            }
            self.host.procinfo.lock().unwrap().granted |= 1 << vcore;
            let runtime = self.runtime;
            self.threads.push(thread::spawn(move || runtime.run(vcore)));
        }
        let now = granted(self).count_ones();
        self.report.granted = self.report.granted.max(now as usize);
        u64::from(now)
    }

    /// Grants a vcore again that gave itself back.
    pub fn grant_again(&mut self, vcore: usize) {
        if let Some(syscall) = self.given_back[vcore].take() {
            self.host.procinfo.lock().unwrap().granted |= 1 << vcore;
            self.done(vcore, &syscall, Status::Done, [0; 2]);
        }
    }

    fn connect(&self, words: [u64; 4]) -> Served {
        let name = Name::from_words(words).unwrap();
        let services = &PORTS[..self.kinds.len()];
        match services
            .iter()
            .position(|service| *service == name.as_str())
        {
            Some(port) => (Status::Done, [port as u64, self.kinds[port] as u64]),
            None => (Status::NotFound, [0; 2]),
        }
    }

    /// The handle of a service's file: another one in each life.
    fn handle(&self, channel: usize) -> u32 {
        u32::from(self.lives[channel - 1]) << 16
    }

    /// Does a call to a service.
    pub fn service_call(&mut self, channel: usize, syscall: &Syscall) -> Served {
        let call = Call::from_raw(syscall.call).unwrap();
        let mut served = match (self.kinds[channel - 1], &self.partition, &self.streams) {
            (ServiceKind::Blocks, Some(partition), _) => partition.serve(&self.pool, call, syscall),
            (ServiceKind::Sockets, _, Some(streams)) => streams.serve(&self.pool, call, syscall),
            _ => self.file_call(channel, call, syscall),
        };
        if let Some(tamper) = &mut self.tamper {
            tamper(syscall, &mut served);
        }
        served
    }

    fn file_call(&mut self, channel: usize, call: Call, syscall: &Syscall) -> Served {
        let length = self.files[channel - 1].len() as u64;
        let handle = self.handle(channel);
        match call {
            Call::Open => {
                let path = self.path(syscall);
                match path == b"input" || path.ends_with(b"/input") {
                    true => (Status::Done, [u64::from(handle), length]),
                    false => (Status::NotFound, [0; 2]),
                }
            }
            Call::Stat | Call::Close | Call::Read | Call::Write if syscall.handle != handle => {
                self.report.bad_handles += 1;
                (Status::BadHandle, [0; 2])
            }
            Call::Stat => (Status::Done, [length, 0]),
            Call::Close => (Status::Done, [0; 2]),
            Call::Read => self.read(channel, syscall),
            Call::Write => self.write(channel, syscall),
            _ => (Status::NotAllowed, [0; 2]),
        }
    }

    /// The path of a call, in the message or in its block.
    fn path(&self, syscall: &Syscall) -> Vec<u8> {
        let path = Path(syscall.arguments);
        if syscall.block == NO_BLOCK {
            return path.bytes().to_vec();
        }
        let mut bytes = vec![0; path.length().unwrap()];
        // SAFETY: the block exists, and the process gave it to this call.
        unsafe {
            let block = self.pool.0.add(syscall.block as usize * BLOCK_SIZE);
            bytes
                .as_mut_ptr()
                .copy_from_nonoverlapping(block, bytes.len());
        }
        bytes
    }

    fn read(&mut self, channel: usize, syscall: &Syscall) -> Served {
        let file = &self.files[channel - 1];
        let [offset, length, ..] = syscall.arguments;
        if self.manners == super::Manners::BadDevice && offset > 0 {
            return (Status::DeviceError, [0; 2]);
        }
        let start = (offset as usize).min(file.len());
        let end = (start + length as usize).min(file.len());
        let bytes = &file[start..end];
        self.pool
            .write(&BlockList::from_call(syscall).unwrap(), bytes);
        (Status::Done, [bytes.len() as u64, 0])
    }

    fn write(&mut self, channel: usize, syscall: &Syscall) -> Served {
        let [offset, length, ..] = syscall.arguments;
        let list = BlockList::from_call(syscall).unwrap();
        assert!(length <= list.bytes() as u64);
        let bytes = self.pool.read(&list, length as usize);
        let (start, file) = (offset as usize, &mut self.files[channel - 1]);
        file.resize(file.len().max(start + bytes.len()), 0);
        file[start..start + bytes.len()].copy_from_slice(&bytes);
        (Status::Done, [length, 0])
    }
}
