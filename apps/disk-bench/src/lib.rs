//! Counts what transfers of files and partitions cost; everything is in the program `disk-bench`, which only a guest build has.

#![no_std]
#![forbid(unsafe_code)]
