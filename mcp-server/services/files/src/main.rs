//! The file service as a component of seL4. The root task enters it with the number of its service
//! (`atoll_abi::layout::entry`) and the bytes of its heap.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use atoll_files::FileService;

atoll_component::entry!(enter);

fn enter(number: u64, heap: u64) -> ! {
    atoll_service::guest::run(number, heap, |plan, service| {
        FileService::new(plan, service).with_clock(atoll_component::calendar::seconds)
    })
}
