//! Counts and hashes a file on every vcore it is given.
