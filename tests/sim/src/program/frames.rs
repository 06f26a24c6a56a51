//! Frames that workers give to other processes and get from them.

use std::time::Duration;

use atoll_abi::interface::{Request as _, request};
use atoll_abi::syscall::Status;
use atoll_runtime::{Frame, Recipient, sleep, with_timeout};

use super::verdict::Call;
use super::{LOOKS, Program, Worker, violate};
use crate::gate;
use crate::machine::name_of;

/// Frames that one worker has at most.
const MOST_HELD: usize = 2;

impl Program {
    /// No uthread has a frame any more: those of other processes go home, also where a server died with the calls that gave them back.
    pub fn check_frames_went_home(&self) {
        let process = self.process;
        let mut left = None;
        for _ in 0..LOOKS {
            // More may come while others run.
            drop(with_timeout(Duration::from_micros(5), Frame::receive));
            left = gate::outside(|world| world.foreign_frame(process));
            if left.is_none() {
                return;
            }
            let _ = sleep(Duration::from_micros(5)).wait();
        }
        violate(&format!(
            "conservation: process {process} holds frame {left:?} of another one, of which it has dropped every value"
        ));
    }
}

impl Worker {
    /// Something with frames.
    pub fn act_on_frames(&mut self) {
        match self.random.below(6) {
            0 => self.return_what_it_gave(),
            1 | 2 if self.frames.len() < MOST_HELD => self.take_frame(),
            3 | 4 => self.give_frame(),
            _ => self.look_at_frame(),
        }
    }

    /// Takes one of its own process, or one that was given to that.
    fn take_frame(&mut self) {
        let time = Duration::from_micros(1 + self.random.below(30));
        let own = self.random.one_in(2);
        let call = Call::server("take a frame").early();
        let taken = self.program.judge(call, || {
            with_timeout(time, || match own {
                true => Frame::acquire(),
                false => Frame::receive(),
            })
        });
        let process = self.program.process;
        if let Some(frame) = &taken {
            let number = frame.number();
            gate::outside(|world| world.has_frame(process, number));
        }
        self.frames.extend(taken);
    }

    /// One of its frames, taken out of them, where it has one that is there.
    fn pick_frame(&mut self) -> Option<Frame> {
        let count = self.frames.len();
        (count > 0).then(|| {
            let place = self.random.index(count);
            self.frames.swap_remove(place)
        })
    }

    fn is_there(&self, frame: &Frame) -> bool {
        let process = self.program.process;
        let (number, generation) = (frame.number(), frame.generation());
        gate::outside(|world| world.look_at_frame(process, number, generation))
    }

    /// Makes a call about a holding that is over, whoever has the frame now.
    fn return_what_it_gave(&mut self) {
        let Some((frame, generation)) = self.given else {
            return;
        };
        let call = Call::server("return of what was given").certain(Status::BadHandle);
        self.judge_raw(call, request::ReturnFrame { frame, generation }.encode());
    }

    pub fn drop_frame(&self, frame: Frame) {
        let (process, number) = (self.program.process, frame.number());
        gate::outside(|world| world.drops_frame(process, number));
        drop(frame);
    }

    /// Looks at a frame, and keeps it or gives it back.
    fn look_at_frame(&mut self) {
        let Some(frame) = self.pick_frame() else {
            return;
        };
        match self.is_there(&frame) && self.random.one_in(2) {
            true => self.frames.push(frame),
            false => self.drop_frame(frame),
        }
    }

    fn give_frame(&mut self) {
        let Some(frame) = self.pick_frame() else {
            return;
        };
        if !self.is_there(&frame) {
            return self.drop_frame(frame);
        }
        let process = self.program.process;
        let processes = self.program.scenario.processes;
        let first = process / processes * processes;
        let other = first + (process - first + 1 + self.random.index(processes - 1)) % processes;
        let call = Call::server("find a recipient");
        let found = self
            .program
            .judge(call, || Recipient::find(&name_of(other)).wait());
        let Some(recipient) = found else {
            return self.drop_frame(frame);
        };
        let lease = self.random.one_in(2);
        let lease = lease.then(|| Duration::from_micros(1 + self.random.below(20)));
        let (number, generation) = (frame.number(), frame.generation());
        let call = Call::server("give a frame").any();
        self.program.made(call);
        // Where it is gone, it may come again before this uthread goes on.
        gate::outside(|world| world.drops_frame(process, number));
        let given = frame.give(recipient, lease);
        let status = given.as_ref().err().map_or(Status::Done, |not| not.status);
        self.program.ended(call, status);
        match given {
            Ok(()) => {
                gate::outside(|world| world.gave_frame(process, number, generation));
                self.given = Some((number, generation));
            }
            Err(not) => {
                // The recipient may have ended, and a lease too.
                if !matches!(not.status, Status::PeerLost | Status::BadHandle) {
                    violate(&format!("result: a frame was not given: {not:?}"));
                }
                if not.frame.is_some() {
                    gate::outside(|world| world.has_frame(process, number));
                }
                self.frames.extend(not.frame);
            }
        }
    }
}
