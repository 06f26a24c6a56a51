//! Errors of invocations.

use core::fmt;

use crate::{Word, sys};

/// The result of an invocation.
pub type Result<T> = core::result::Result<T, Error>;

/// Why the kernel refused an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// An argument has a value that it may not have.
    InvalidArgument,
    /// A capability argument has the wrong type.
    InvalidCapability,
    /// The object does not have this operation, or its state or this kernel does not allow it.
    IllegalOperation,
    /// An argument is outside its range, which is in the message registers.
    RangeError,
    /// An address is not aligned as it must be.
    AlignmentError,
    /// A capability or paging structure was not found; see the message registers.
    FailedLookup,
    /// The message is too short, or lacks capabilities.
    TruncatedMessage,
    /// The destination slot is not empty: delete what it holds first.
    DeleteFirst,
    /// There are derived capabilities: revoke them first.
    RevokeFirst,
    /// The untyped has too little room left.
    NotEnoughMemory,
    /// A number that the kernel's headers do not define.
    Unknown(Word),
}

impl Error {
    /// The error of that number, or `None` if it is the number of success.
    pub const fn from_sys(number: Word) -> Option<Self> {
        use sys::seL4_Error as known;
        Some(match number {
            known::seL4_NoError => return None,
            known::seL4_InvalidArgument => Self::InvalidArgument,
            known::seL4_InvalidCapability => Self::InvalidCapability,
            known::seL4_IllegalOperation => Self::IllegalOperation,
            known::seL4_RangeError => Self::RangeError,
            known::seL4_AlignmentError => Self::AlignmentError,
            known::seL4_FailedLookup => Self::FailedLookup,
            known::seL4_TruncatedMessage => Self::TruncatedMessage,
            known::seL4_DeleteFirst => Self::DeleteFirst,
            known::seL4_RevokeFirst => Self::RevokeFirst,
            known::seL4_NotEnoughMemory => Self::NotEnoughMemory,
            other => Self::Unknown(other),
        })
    }

    pub(crate) const fn wrap(number: Word) -> Result<()> {
        match Self::from_sys(number) {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    pub(crate) fn or<T>(number: Word, value: T) -> Result<T> {
        Self::wrap(number).map(|()| value)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(number) => write!(f, "unknown seL4 error {number}"),
            known => write!(f, "seL4 error {known:?}"),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_headers_is_known() {
        assert_eq!(Error::wrap(sys::seL4_Error::seL4_NoError), Ok(()));
        for number in 1..sys::seL4_Error::seL4_NumErrors {
            assert!(!matches!(
                Error::from_sys(number),
                None | Some(Error::Unknown(_))
            ));
        }
        let beyond = sys::seL4_Error::seL4_NumErrors;
        assert_eq!(Error::from_sys(beyond), Some(Error::Unknown(beyond)));
    }
}
