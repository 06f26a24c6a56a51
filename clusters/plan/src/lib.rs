//! The plan: parse, check, lay out, encode.
