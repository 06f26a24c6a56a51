//! Which answers the clients may get.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::file::{Attributes, Kind, ListHeader, entries};
use atoll_abi::interface::Call;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use zerocopy::FromBytes;

use super::contents::Expected;
use super::lent::blocks_of;
use super::{Model, Taken};

/// How a call ends that was refused: the service did not take its blocks, which the client may have lent with another call.
const REFUSALS: [Status; 6] = [
    Status::InvalidArgument,
    Status::BadHandle,
    Status::BadBlock,
    Status::NotAllowed,
    Status::IsAFolder,
    Status::NotAFolder,
];

/// Calls that are about something open.
const WITH_HANDLE: [Call; 6] = [
    Call::Stat,
    Call::Close,
    Call::Read,
    Call::Write,
    Call::List,
    Call::Truncate,
];

/// Calls that may be done at once.
const AT_ONCE: [Call; 3] = [Call::Stat, Call::Close, Call::Read];

impl Model {
    /// Calls were taken, of which some are answered at once. Each is served when those before it have been, and one of a later
    /// life of the client closes what the life before had open. Answers of others that waited may be among them.
    pub(super) fn in_order(
        &mut self,
        ring: usize,
        calls: &[Syscall],
        mut answers: Vec<(usize, Completion)>,
    ) {
        self.coming.clear();
        for (place, call) in calls.iter().enumerate() {
            let client = self.client(ring);
            if call.generation > client.generation {
                client.generation = call.generation;
                client.open.clear();
            }
            let at_once = AT_ONCE.iter().any(|it| *it as u16 == call.call);
            // What the file system does it does when all calls are taken.
            let is_answer = |it: &Completion| {
                it.tag == call.tag && (at_once || it.status != Status::Done as u32)
            };
            let mut of_call = answers.iter();
            let of_call = of_call.position(|(of, it)| *of == ring && is_answer(it));
            let answer = of_call.map(|place| answers.remove(place).1);
            self.serve(ring, call, answer, &calls[place + 1..]);
        }
        self.together(answers);
    }

    /// A call is taken in its turn, and may be answered at once. Those behind it may have got its blocks then.
    fn serve(
        &mut self,
        ring: usize,
        call: &Syscall,
        answer: Option<Completion>,
        behind: &[Syscall],
    ) {
        let status = answer.map(|answer| Status::from_raw(answer.status));
        let process = self.rings[ring].process;
        let (_, blocks) = match status {
            Some(status) if status != Status::Done => (blocks_of(call).0, Vec::new()),
            _ => blocks_of(call),
        };
        let is_with_handle = WITH_HANDLE.iter().any(|it| *it as u16 == call.call);
        if is_with_handle && status.is_none_or(|status| status == Status::Done) {
            let open = &self.client(ring).open;
            assert!(
                open.contains_key(&call.handle),
                "{call:?}: not its open file"
            );
        }
        for &block in &blocks {
            assert!(
                !self.is_lent(process, block),
                "{call:?}: block {block} is lent twice"
            );
        }
        let expected = match status {
            Some(status) if REFUSALS.contains(&status) => Expected::Anything,
            _ => self.expect(process, call),
        };
        let taken = Taken {
            call: *call,
            blocks,
            expected,
        };
        let Some(answer) = answer else {
            self.rings[ring].taken.push(taken);
            return;
        };
        let own = &taken.blocks;
        let reused = behind
            .iter()
            .any(|call| blocks_of(call).1.iter().any(|it| own.contains(it)));
        self.answered(ring, &taken, &answer, reused);
    }

    /// Calls that waited are answered.
    pub(super) fn together(&mut self, answers: Vec<(usize, Completion)>) {
        for (ring, answer) in answers {
            let own = &mut self.rings[ring].taken;
            let place = own.iter().position(|taken| taken.call.tag == answer.tag);
            let place = place.unwrap_or_else(|| panic!("{answer:?} answers no open call"));
            let taken = own.remove(place);
            if answer.block != NO_BLOCK {
                for &block in &taken.blocks {
                    let block = (self.rings[ring].process as u32, block);
                    assert!(!self.is_busy(block), "{block:?} is given back and used");
                }
            }
            self.answered(ring, &taken, &answer, false);
        }
    }

    /// A client is answered. Where its blocks are `reused`, what is in them is another call's.
    fn answered(&mut self, ring: usize, taken: &Taken, answer: &Completion, reused: bool) {
        let call = &taken.call;
        assert!(!self.rings[ring].lost, "a client that is gone is answered");
        assert_eq!(answer.generation, call.generation);
        assert!([call.block, NO_BLOCK].contains(&answer.block));
        let process = self.rings[ring].process;
        let status = Status::from_raw(answer.status);
        if status != Status::Done {
            self.changed_unseen(taken);
            let may_fail = match &taken.expected {
                Expected::Bytes(file, _) => self.contents.get(file).is_none(),
                _ => true,
            };
            assert!(
                may_fail,
                "{call:?} of a file that is known ends with {status:?}"
            );
            return;
        }
        let [first, second] = answer.result;
        let bytes = |length| self.memory.bytes(process as u32, &taken.blocks, length);
        match Call::from_raw(call.call) {
            Some(Call::Open) => self.opened(ring, taken, answer),
            Some(Call::Stat) => self.told(process, call, answer),
            Some(Call::Close) => drop(self.client(ring).open.remove(&call.handle)),
            Some(Call::Read) => {
                assert!(
                    first <= call.arguments[1] && first <= (taken.blocks.len() * BLOCK_SIZE) as u64
                );
                assert_eq!(second, 0, "no processor copies what is read");
                if let Expected::Bytes(file, expected) = &taken.expected
                    && self.contents.get(file).is_some()
                {
                    assert_eq!(first, expected.len() as u64, "{call:?}");
                    if !reused {
                        let read = bytes(expected.len());
                        let is_it =
                            |(read, it): (&u8, &Option<u8>)| it.is_none_or(|it| it == *read);
                        let same = read.iter().zip(expected).all(is_it);
                        assert!(same, "{call:?}: other bytes");
                        self.compared += u64::from(first > 0);
                    }
                }
            }
            Some(Call::Write) => {
                assert_eq!(first, call.arguments[1]);
                let most = (taken.blocks.len() * BLOCK_SIZE) as u64;
                assert!(second <= most, "{call:?}: more was copied than there is");
            }
            Some(Call::List) if reused => {}
            Some(Call::List) => {
                let listing = bytes(first as usize);
                let (header, rest) = ListHeader::read_from_prefix(&listing).expect("a header");
                assert_eq!(header.bytes as usize, rest.len());
                assert_eq!(entries(rest).count() as u64, second);
                assert_eq!(u64::from(header.entries), second);
            }
            Some(Call::Space) => assert!(second <= first),
            Some(Call::Truncate | Call::Rename | Call::Remove | Call::MakeFolder | Call::Sync) => {
                assert_eq!(answer.result, [0; 2])
            }
            other => panic!("{other:?} is done by a file service"),
        }
    }

    fn opened(&mut self, ring: usize, taken: &Taken, answer: &Completion) {
        let [raw, length] = answer.result;
        let file = match &taken.expected {
            Expected::Opened(file, expected) if self.contents.get(file).is_some() => {
                assert_eq!(length, *expected, "{:?}", taken.call);
                Some(file.clone())
            }
            _ => None,
        };
        let client = self.client(ring);
        let before = client.open.insert(raw as u32, file);
        assert!(before.is_none(), "a handle is given twice");
        client.given.insert(raw as u32);
    }

    /// What something open is like was told.
    fn told(&self, process: usize, call: &Syscall, answer: &Completion) {
        let attributes = Attributes::from_raw(answer.result).expect("something known");
        let Some(file) = self.file_of(process, call.handle) else {
            return;
        };
        let content = self.contents.get(&file);
        if let Some(content) = content.filter(|_| !self.is_changing(&file)) {
            assert_eq!(attributes.length, content.len() as u64, "{call:?}");
            assert_eq!(attributes.kind, Kind::File);
        }
    }
}
