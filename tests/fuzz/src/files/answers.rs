//! Which answers the clients may get, alone and together.

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::interface::Call;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};

use super::Model;

/// How a call ends that was refused: the service did not take its block, which the client may have lent with another
/// call.
const REFUSALS: [Status; 4] = [
    Status::InvalidArgument,
    Status::BadHandle,
    Status::BadBlock,
    Status::NotAllowed,
];

impl Model {
    /// Calls were taken, of which some are answered at once. Each is served when those before it have been, and one of a later
    /// life of the client closes what the life before had open.
    pub(super) fn in_order(
        &mut self,
        ring: usize,
        calls: &[Syscall],
        mut answers: Vec<(usize, Completion)>,
    ) {
        for call in calls {
            let client = self.client(ring);
            if call.generation > client.generation {
                client.generation = call.generation;
                client.open.clear();
            }
            let mut of_call = answers.iter();
            if let Some(place) = of_call.position(|(_, answer)| answer.tag == call.tag) {
                let (of, answer) = answers.remove(place);
                assert_eq!(of, ring, "another ring is answered");
                self.answered(ring, &answer, true);
            }
        }
        assert!(answers.is_empty(), "{answers:?} answer other calls");
    }

    /// Calls that waited are answered, ring by ring, so that an answer may come before that of the call that opened its file.
    pub(super) fn together(&mut self, answers: Vec<(usize, Completion)>) {
        let opens = |(ring, answer): &(usize, Completion)| {
            let mut open = self.rings[*ring].open.iter();
            open.any(|it| it.tag == answer.tag && it.call == Call::Open as u16)
        };
        let (opened, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(opens);
        for (ring, answer) in opened.iter().chain(&others) {
            self.answered(*ring, answer, false);
        }
    }

    /// A client is answered. Where calls are served together with others that waited, `in_order` is false: then a handle may
    /// be closed by the time of the answer.
    fn answered(&mut self, ring: usize, completion: &Completion, in_order: bool) {
        let own = &mut self.rings[ring];
        assert!(!own.lost, "a client that is gone is answered");
        let place = own.open.iter().position(|call| call.tag == completion.tag);
        let place = place.unwrap_or_else(|| panic!("{completion:?} answers no open call"));
        let call = own.open.remove(place);
        assert_eq!(completion.generation, call.generation);
        assert!([call.block, NO_BLOCK].contains(&completion.block));
        let block = (own.process as u32, call.block);
        let status = Status::from_raw(completion.status);
        // Where nothing is read, the device was never asked.
        let at_end = status == Status::Done && completion.result[0] == 0;
        let read = call.call == Call::Read as u16 && !REFUSALS.contains(&status) && !at_end;
        if read && completion.block != NO_BLOCK {
            assert!(!self.busy(block), "{block:?} is given back and written");
        }
        if status != Status::Done {
            return;
        }
        let handle = call.handle;
        let client = self.client(ring);
        let given = client.given.get(&handle);
        let [first, second] = completion.result;
        match Call::from_raw(call.call) {
            Some(Call::Open) => {
                let handle = first as u32;
                let before = client.open.insert(handle, second);
                assert!(before.is_none(), "a handle is given twice");
                client.given.entry(handle).or_default().insert(second);
            }
            Some(Call::Stat) if in_order => {
                assert_eq!(client.open.get(&handle), Some(&first), "not its open file");
            }
            Some(Call::Stat) => {
                let known = given.is_some_and(|lengths| lengths.contains(&first));
                assert!(known, "another client's file");
            }
            Some(Call::Close) => assert!(client.open.remove(&handle).is_some(), "not open"),
            Some(Call::Read) => {
                let wanted = call.arguments[1].min(BLOCK_SIZE as u64);
                let read = |length: &u64| length.saturating_sub(call.arguments[0]).min(wanted);
                let known = given.is_some_and(|lengths| lengths.iter().any(|it| read(it) == first));
                assert!(known, "another client's file");
            }
            other => panic!("{other:?} is done by a file service"),
        }
    }
}
