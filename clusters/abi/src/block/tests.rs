use alloc::vec;
use alloc::vec::Vec;

use super::*;

#[test]
fn blocks_survive_a_call() {
    for count in 1..=MAX_CALL_BLOCKS {
        let blocks: [u32; MAX_CALL_BLOCKS] = core::array::from_fn(|at| 0xfff0 + at as u32);
        let list = BlockList::of(&blocks[..count]).unwrap();
        let call = list.into_call(Syscall::EMPTY);
        assert_eq!(BlockList::from_call(&call), Ok(list));
        assert_eq!(list.bytes(), count * BLOCK_SIZE);
    }
    let two = BlockList::of(&[7, 0x1234])
        .unwrap()
        .into_call(Syscall::EMPTY);
    assert_eq!((two.block, two.count), (7, 1));
    assert_eq!(two.arguments, [0, 0, 0x1234, 0]);
}

#[test]
fn what_is_no_list_is_refused() {
    assert_eq!(BlockList::of(&[]), None);
    assert_eq!(BlockList::of(&[0; MAX_CALL_BLOCKS + 1]), None);
    assert_eq!(BlockList::of(&[0, 0x1_0000]), None);
    let refused = |call| BlockList::from_call(&call) == Err(Status::BadBlock);
    assert!(refused(Syscall::EMPTY), "no block");
    let mut call = BlockList::one(3).into_call(Syscall::EMPTY);
    call.count = MAX_CALL_BLOCKS as u16;
    assert!(refused(call), "too many");
    assert!(refused(
        BlockList::of(&[5, 6, 5]).unwrap().into_call(Syscall::EMPTY)
    ));
}

#[test]
fn an_order_survives_a_call() {
    for order in 0..=MAX_ORDER {
        let list = BlockList::of_order(order, &[7, 0x2007]).unwrap();
        let call = list.into_call(Syscall::EMPTY);
        assert_eq!(call.count, (order as u16) << 8 | 1);
        assert_eq!(BlockList::from_call(&call), Ok(list));
        assert_eq!(list.bytes(), (2 * BLOCK_SIZE) << order);
    }
    assert_eq!(BlockList::of_order(MAX_ORDER + 1, &[7]), None);
}

#[test]
fn pages_are_named_once_and_are_numbers() {
    let named = |order: u32, blocks: &[u32]| {
        let list = BlockList {
            order: order as u8,
            ..BlockList::of(blocks).unwrap()
        };
        BlockList::from_call(&list.into_call(Syscall::EMPTY)).map(|list| list.pages())
    };
    let bad = Err(Status::BadBlock);
    assert_eq!(named(3, &[8, 16]), Ok(16));
    assert_eq!(named(3, &[16, 8, 0]), Ok(24));
    // Not aligned, and one behind another all the same.
    assert_eq!(named(3, &[1, 9]), Ok(16));
    assert_eq!(named(3, &[8, 15]), bad);
    assert_eq!(named(3, &[40, 15, 8]), bad);
    assert_eq!(named(MAX_ORDER, &[u32::MAX - 512]), Ok(512));
    assert_eq!(named(MAX_ORDER, &[u32::MAX - 511]), bad, "an overflow");
    assert_eq!(named(MAX_ORDER + 1, &[0]), bad);
    assert_eq!(named(255, &[0]), bad);
}

#[test]
fn a_range_of_pages_is_in_lists_of_one_order() {
    let list = BlockList::of_order(3, &[100, 200, 300]).unwrap();
    let pieces = |range: Range<usize>| -> Vec<(u32, Vec<u32>)> {
        let pieces = list.pieces(range);
        pieces
            .map(|it| (it.order(), it.as_slice().to_vec()))
            .collect()
    };
    assert_eq!(pieces(0..24), [(3, vec![100, 200, 300])]);
    assert_eq!(pieces(8..17), [(3, vec![200]), (0, vec![300])]);
    let cut = [(2, vec![101]), (1, vec![105]), (0, vec![107])];
    assert_eq!(pieces(1..8), cut);
    assert_eq!(pieces(6..10), [(1, vec![106]), (1, vec![200])]);
    assert_eq!(pieces(5..5), []);
    assert_eq!(pieces(23..99), [(0, vec![307])]);
    for (start, end) in (0..24).flat_map(|start| (start..=24).map(move |end| (start, end))) {
        let pages: Vec<u32> = list
            .pieces(start..end)
            .flat_map(|it| it.pages_in(0..it.pages()).collect::<Vec<_>>())
            .collect();
        let expected: Vec<u32> = list.pages_in(start..end).collect();
        assert_eq!((pages.len(), pages), (end - start, expected));
    }
    let pages: Vec<u32> = BlockList::of(&[4, 9, 2]).unwrap().pages_in(1..3).collect();
    assert_eq!(pages, [9, 2]);
}
