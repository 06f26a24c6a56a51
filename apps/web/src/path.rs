//! Names of files, as targets have them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::escape;

/// Bytes of the longest name, as file systems have it.
pub const LONGEST_NAME: usize = 255;

/// Bytes of the longest path, as the file service takes it.
pub const LONGEST_PATH: usize = 4096;

/// The folder in the root that has what is being uploaded. No path of a client leads into it.
pub const UPLOADS: &str = ".uploads";

/// A path below the root of a volume.
///
/// It begins with a slash, has no empty name and none that is `.` or `..`, and where something other than the root is meant to be a
/// folder, it ends with a slash in [`FilePath::as_target`] and not in [`FilePath::as_str`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath {
    path: String,
    is_folder: bool,
}

/// Why a target names no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathError {
    /// It does not begin with a slash.
    NoSlash,
    /// A percent sign is not followed by two hexadecimal digits.
    Encoding,
    /// It is not UTF-8.
    NotText,
    /// A name is empty, `.` or `..`.
    Name,
    /// A name has a slash, a backslash or a control character.
    Character,
    /// A name or the whole is too long.
    TooLong,
    /// It is in the folder of uploads.
    Reserved,
}

/// What is wrong, and what to do.
impl fmt::Display for PathError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            PathError::NoSlash => "a path begins with a slash",
            PathError::Encoding => "a percent sign has to be followed by two hexadecimal digits",
            PathError::NotText => "the path is not UTF-8; rename the file",
            PathError::Name => "the path has a name that is empty, . or ..; name the file from the root",
            PathError::Character => {
                "the path has a slash or backslash inside of a name, or a control character; rename the file"
            }
            PathError::TooLong => "a name may have 255 bytes, and a path 4096",
            PathError::Reserved => "uploads that are not complete are nobody's",
        })
    }
}

impl core::error::Error for PathError {}

impl FilePath {
    /// The root.
    pub fn root() -> FilePath {
        FilePath {
            path: "/".into(),
            is_folder: true,
        }
    }

    /// Takes a path as a target has it, percent-encoded and without a query. Each name is decoded by itself, and once: an encoded slash
    /// does not divide names, and what was encoded twice is a name with a percent sign.
    ///
    /// # Errors
    /// Why it names no file.
    pub fn decode(target: &str) -> Result<FilePath, PathError> {
        let names = target.strip_prefix('/').ok_or(PathError::NoSlash)?;
        let (names, is_folder) = match names.strip_suffix('/') {
            Some(names) => (names, true),
            None => (names, names.is_empty()),
        };
        let mut path = String::new();
        if names.is_empty() && target.len() > 1 {
            return Err(PathError::Name);
        }
        for name in names.split('/').filter(|_| !names.is_empty()) {
            let name = decode_name(name)?;
            if path.is_empty() && name.eq_ignore_ascii_case(UPLOADS) {
                return Err(PathError::Reserved);
            }
            path.push('/');
            path.push_str(&name);
            if path.len() > LONGEST_PATH {
                return Err(PathError::TooLong);
            }
        }
        if path.is_empty() {
            path.push('/');
        }
        Ok(FilePath { path, is_folder })
    }

    /// As the file service takes it.
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Whether the target ended with a slash.
    pub fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.path == "/"
    }

    /// The last name; nothing of the root.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// As a target has it, where it is a folder: percent-encoded, with a slash at its end.
    pub fn as_target(&self) -> String {
        let mut target = String::new();
        escape::percent(&mut target, self.path.as_bytes(), true);
        if !target.ends_with('/') {
            target.push('/');
        }
        target
    }
}

fn decode_name(encoded: &str) -> Result<String, PathError> {
    let mut bytes = Vec::new();
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => {
                let mut digit = || (rest.next()? as char).to_digit(16);
                let (high, low) = (digit(), digit());
                let (high, low) = high.zip(low).ok_or(PathError::Encoding)?;
                (high << 4 | low) as u8
            }
            byte => byte,
        };
        bytes.push(decoded);
    }
    let name = String::from_utf8(bytes).map_err(|_| PathError::NotText)?;
    if matches!(name.as_str(), "" | "." | "..") {
        return Err(PathError::Name);
    }
    if name.contains(|it: char| it == '/' || it == '\\' || it.is_control()) {
        return Err(PathError::Character);
    }
    match name.len() <= LONGEST_NAME {
        true => Ok(name),
        false => Err(PathError::TooLong),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    fn decoded(target: &str) -> Result<(String, bool), PathError> {
        FilePath::decode(target).map(|path| (path.path, path.is_folder))
    }

    #[test]
    fn names_are_decoded_once() {
        let right = [
            ("/", "/", true),
            ("/a", "/a", false),
            ("/a/b/", "/a/b", true),
            ("/a%20b/%C3%A9%2e", "/a b/é.", false),
            ("/%252e%252e", "/%2e%2e", false),
            ("/...", "/...", false),
            ("/.hidden", "/.hidden", false),
            ("/a/.uploads", "/a/.uploads", false),
        ];
        for (target, path, is_folder) in right {
            assert_eq!(decoded(target), Ok((path.into(), is_folder)), "{target}");
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        let wrong = [
            ("", PathError::NoSlash),
            ("a", PathError::NoSlash),
            ("//", PathError::Name),
            ("//a", PathError::Name),
            ("/a//b", PathError::Name),
            ("/a//", PathError::Name),
            ("/.", PathError::Name),
            ("/..", PathError::Name),
            ("/../a", PathError::Name),
            ("/a/../b", PathError::Name),
            ("/a/..", PathError::Name),
            ("/a/../", PathError::Name),
            ("/%2e%2e/a", PathError::Name),
            ("/.%2E/a", PathError::Name),
            ("/a%2fb", PathError::Character),
            ("/..%2fb", PathError::Character),
            ("/a%5cb", PathError::Character),
            ("/a\\..\\b", PathError::Character),
            ("/a%00", PathError::Character),
            ("/a%0d%0ab", PathError::Character),
            ("/%7f", PathError::Character),
            ("/%c2%85", PathError::Character),
            ("/%", PathError::Encoding),
            ("/%4", PathError::Encoding),
            ("/%zz", PathError::Encoding),
            ("/%+1", PathError::Encoding),
            ("/%ff", PathError::NotText),
            ("/%c0%ae%c0%ae", PathError::NotText),
            ("/.uploads", PathError::Reserved),
            ("/.uploads/1", PathError::Reserved),
            ("/%2Euploads/1", PathError::Reserved),
        ];
        for (target, error) in wrong {
            assert_eq!(decoded(target), Err(error), "{target}");
        }
        let long = format!("/{}", "x".repeat(LONGEST_NAME + 1));
        assert_eq!(decoded(&long), Err(PathError::TooLong));
        let deep = "/x".repeat(LONGEST_PATH / 2 + 1);
        assert_eq!(decoded(&deep), Err(PathError::TooLong));
        assert!(decoded(&"/x".repeat(LONGEST_PATH / 2)).is_ok());
    }

    #[test]
    fn a_path_can_be_a_target_again() {
        let path = FilePath::decode("/a%20b/%22%3c%C3%A9%25").unwrap();
        assert_eq!(path.as_target(), "/a%20b/%22%3C%C3%A9%25/");
        assert_eq!(FilePath::decode(&path.as_target()).unwrap().path, path.path);
        assert_eq!(path.name(), "\"<é%");
        assert!(FilePath::decode("/").unwrap().is_root());
    }
}
