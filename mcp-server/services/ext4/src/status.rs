//! What the errors of the crate mean to a client.

use atoll_abi::syscall::Status;
use rsext4::{Ext4Error, Ext4ErrorKind};

/// The status that an error leads to.
pub(crate) fn status_of(error: Ext4Error) -> Status {
    match error.kind() {
        Ext4ErrorKind::Io | Ext4ErrorKind::JournalAborted | Ext4ErrorKind::Timeout => {
            Status::DeviceError
        }
        Ext4ErrorKind::Corrupted
        | Ext4ErrorKind::ChecksumMismatch
        | Ext4ErrorKind::BadSuperblock
        | Ext4ErrorKind::InvalidMagic => Status::Corrupt,
        Ext4ErrorKind::UnsupportedFeature
        | Ext4ErrorKind::UnsupportedCapability
        | Ext4ErrorKind::Unsupported => Status::Unsupported,
        Ext4ErrorKind::ReadOnly => Status::ReadOnly,
        Ext4ErrorKind::NoSpace | Ext4ErrorKind::QuotaExceeded => Status::NoSpace,
        Ext4ErrorKind::NoMemory | Ext4ErrorKind::Busy => Status::Busy,
        Ext4ErrorKind::TooManyLinks | Ext4ErrorKind::PermissionDenied => Status::NotAllowed,
        Ext4ErrorKind::NotFound => Status::NotFound,
        Ext4ErrorKind::AlreadyExists => Status::Exists,
        Ext4ErrorKind::NotDirectory => Status::NotAFolder,
        Ext4ErrorKind::IsDirectory => Status::IsAFolder,
        Ext4ErrorKind::NotEmpty => Status::NotEmpty,
        Ext4ErrorKind::BadFileDescriptor => Status::BadHandle,
        Ext4ErrorKind::InvalidInput | Ext4ErrorKind::Overflow | Ext4ErrorKind::FileTooLarge => {
            Status::InvalidArgument
        }
    }
}
