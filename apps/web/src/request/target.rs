//! What a request is about.

use alloc::string::String;

use super::{Method, Refusal};

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A path, which begins with a slash, as it was sent; and what follows its question mark.
    Path {
        /// The path.
        path: String,
        /// The query.
        query: Option<String>,
    },
    /// The server itself.
    Server,
}

impl Target {
    /// Takes a target in origin form or in absolute form; of `OPTIONS`, also a star. What authority an absolute target names is not
    /// looked at, as this server is the only one here, but it has to be there.
    pub(super) fn parse(target: &str, method: Method) -> Result<Target, Refusal> {
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) || target.contains('#') {
            return Err(Refusal::Target);
        }
        if target == "*" && method == Method::Options {
            return Ok(Target::Server);
        }
        let origin = match target.starts_with('/') {
            true => target,
            false => behind_authority(target).ok_or(Refusal::Target)?,
        };
        let (path, query) = match origin.split_once('?') {
            Some((path, query)) => (path, Some(query.into())),
            None => (origin, None),
        };
        let path = match path {
            "" => "/",
            path => path,
        };
        Ok(Target::Path {
            path: path.into(),
            query,
        })
    }
}

/// What follows the authority in an absolute target of `http`: nothing, a path, or a query.
fn behind_authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let length = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at_checked(length)?;
    (!authority.is_empty() && is_host(authority)).then_some(behind)
}

/// Whether this is a host, with or without a port: a name, an address of IPv4, or one of IPv6 in brackets.
pub(super) fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, rest)) => (address, rest),
            None => return false,
        },
        None => text
            .split_at_checked(text.find(':').unwrap_or(text.len()))
            .unwrap_or_default(),
    };
    let is_address = text.starts_with('[');
    let host_is_right = host.bytes().all(|byte| match is_address {
        true => byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'),
        false => byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte),
    });
    let port_is_right = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    host_is_right && port_is_right
}
