//! What the personality may do about an event, each action against what is expected.

use atoll_abi::frame::FrameState;
use atoll_abi::interface::{Call, Request, request};
use atoll_abi::process::ProcessId;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status};
use atoll_call::NEVER;
use atoll_core::Actions;
use atoll_core::print::LINE_SIZE;
use atoll_core::vcore::VcoreSets;

use super::Cluster;

impl Actions for Cluster {
    fn complete(&mut self, process: ProcessId, vcore: usize, completions: &[Completion]) {
        if let Some((waited, call)) = self.flushed.pop_front() {
            let [completion] = completions else {
                panic!("a call that waited ends alone");
            };
            let found = (vcore, completion.tag, completion.generation);
            assert_eq!(found, (waited, call.tag, call.generation));
            assert_eq!(Status::from_raw(completion.status), Status::Done);
            return;
        }
        assert_eq!(Some((process, vcore)), self.caller);
        let life = self.life(usize::from(process.index));
        let current = life.id == process;
        let (mut exit, mut runs, mut set_alarm) = (None, self.caller_ran, false);
        for completion in completions {
            let asked = self.asked.pop_front().expect("a call is answered once");
            assert_eq!(completion.tag, asked.tag);
            assert_eq!(completion.generation, asked.generation);
            assert_eq!(completion.block, NO_BLOCK);
            self.answered += 1;
            let done = Status::from_raw(completion.status) == Status::Done;
            assert!(!done || current && asked.generation == process.generation);
            match Call::from_raw(asked.call).filter(|_| done) {
                Some(Call::SetAlarm) => {
                    let set = request::SetAlarm::decode(&asked).expect("it was done");
                    let time = self.now.saturating_add(set.nanoseconds);
                    let alarm = Some(time).filter(|time| *time != NEVER);
                    let life = self.of(process);
                    life.alarms[vcore] = alarm;
                    set_alarm = true;
                    life.alarm_changed_asleep |= !runs;
                }
                Some(Call::YieldVcore) => runs = false,
                Some(Call::Exit) => exit = exit.or(Some(asked.arguments[0])),
                _ => {}
            }
        }
        self.answers.extend(completions);
        if set_alarm && exit.is_none() {
            let life = self.of(process);
            let told = life.published_alarms & 1 << vcore != 0;
            assert_eq!(told, life.alarms[vcore].is_some(), "it was told otherwise");
        }
        if let Some(status) = exit {
            self.ends(process, status);
        }
    }

    fn start_vcore(&mut self, process: ProcessId, vcore: usize) {
        let life = self.of(process);
        assert!(vcore < life.vcores && life.running & 1 << vcore == 0 && !life.ended);
        life.running |= 1 << vcore;
        life.started |= 1 << vcore;
        life.most = life.most.max(life.running.count_ones());
    }

    fn stop_vcore(&mut self, process: ProcessId, vcore: usize) {
        let life = self.of(process);
        assert_ne!(life.running & 1 << vcore, 0, "it does not run");
        life.running &= !(1 << vcore);
    }

    fn wake_vcore(&mut self, process: ProcessId, vcore: usize) {
        self.of(process);
        let due = (usize::from(process.index), vcore);
        let place = self.due.iter().position(|it| *it == due);
        self.due.swap_remove(place.expect("its alarm is due"));
        let told = self.of(process).published_alarms;
        assert_eq!(told & 1 << vcore, 0, "it waits on for an alarm that rings");
        self.alarms += 1;
    }

    fn publish_vcores(&mut self, process: ProcessId, vcores: VcoreSets) {
        let life = self.of(process);
        let all = (1 << life.vcores) - 1;
        let sets = vcores.granted | vcores.resumes;
        assert_eq!(sets & !(vcores.started & all), 0, "{vcores:?}");
        let known = vcores.granted & !vcores.resumes;
        assert_eq!(known & !life.running, 0, "{vcores:?}");
        life.published = Some(vcores.granted);
    }

    fn publish_alarms(&mut self, process: ProcessId, vcores: u64) {
        self.of(process).published_alarms = vcores;
    }

    fn place_frame(&mut self, _: usize, _: usize) {
        panic!("the cluster has no frames");
    }

    fn publish_frame(&mut self, _: usize, _: FrameState) {
        panic!("the cluster has no frames");
    }

    fn publish_many_core(&mut self, process: ProcessId) {
        let life = self.of(process);
        assert!(!life.many_core);
        life.many_core = true;
    }

    fn print_line(&mut self, process: ProcessId, line: &str) {
        assert!(line.len() <= LINE_SIZE && !line.chars().any(char::is_control));
        assert!(!self.of(process).ended, "the dead do not print");
        self.lines
            .push((usize::from(process.index), line.to_owned()));
    }

    fn process_ended(&mut self, process: ProcessId, status: u64, max_granted: u32) {
        let life = self.of(process);
        assert!(!life.ended, "a life ends once");
        assert_eq!((Some(status), max_granted), (life.exit, life.most));
        life.ended = true;
    }
}
