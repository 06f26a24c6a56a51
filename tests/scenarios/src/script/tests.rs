use super::*;

fn run(wrong: Option<usize>, lost_block: Option<usize>) -> Result<(), Difference> {
    let mut runner = Runner::new(1);
    for (index, step) in SCRIPT.iter().enumerate() {
        let syscall = runner.next(index as u64).unwrap();
        let status = match wrong {
            Some(wrong) if wrong == index => Status::Busy,
            _ => step.status,
        };
        let mut completion = Completion::of(&syscall, status, step.result);
        if status == Status::BadBlock || lost_block == Some(index) {
            completion.block = NO_BLOCK;
        }
        runner.ended(&completion);
    }
    assert!(runner.next(0).is_none());
    runner.verdict()
}

#[test]
fn every_difference_is_noticed() {
    assert_eq!(run(None, None), Ok(()));
    for wrong in 0..SCRIPT.len() {
        assert_eq!(run(Some(wrong), None).unwrap_err().step, wrong);
    }
    assert_eq!(Runner::new(0).verdict().unwrap_err().step, 0);
}

#[test]
fn a_block_that_does_not_come_back_is_noticed() {
    let reads = |step: &Step| matches!(step.ask, Ask::Read(..)) && step.status == Status::Done;
    let first = SCRIPT.iter().position(reads).unwrap();
    assert_eq!(run(None, Some(first)).unwrap_err().step, first);
}

#[test]
fn only_file_calls_go_to_the_service() {
    for (process, service) in [(0, Route::Local), (1, Route::Remote)] {
        let mut runner = Runner::new(process);
        for (index, step) in SCRIPT.iter().enumerate() {
            let call = runner.next(index as u64).unwrap().call;
            let of_files = Call::from_raw(call).map(Call::interface) == Some(Interface::Files);
            let expected = if of_files { service } else { Route::Server };
            assert_eq!(runner.route(), expected, "{:?}", step.ask);
            let syscall = runner.next(0).unwrap();
            runner.ended(&Completion::of(&syscall, step.status, step.result));
        }
    }
}
