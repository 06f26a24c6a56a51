//! What tells a plan from every other one.

use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

use crate::checked::CheckedPlan;

/// The first 64 bits of the SHA-256 of all that the build takes from the plan: its tables, in which no fingerprint is set, and
/// the settings of the build.
pub(crate) fn of(plan: &CheckedPlan) -> u64 {
    let mut hash = Sha256::new();
    hash.update(plan.encoded().as_bytes());
    hash.update(plan.cmake());
    let hash = hash.finalize();
    let first = hash.first_chunk().expect("a hash has 32 bytes");
    u64::from_be_bytes(*first)
}
