//! Inputs, always the same ones, and what `digest` must say of them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Failure, TestResult, check};

/// A sequence of numbers that looks random and is always the same (xorshift64*).
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Numbers {
        let mut numbers = Numbers(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // The first numbers of near seeds are near.
        for _ in 0..8 {
            numbers.next();
        }
        numbers
    }

    /// One below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 33) % bound
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// Random data.
pub fn random(length: usize) -> Vec<u8> {
    let mut numbers = Numbers(length as u64 + 1);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(numbers.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Text with every kind of ASCII white space, words from one byte to several blocks, and no line end at its end.
pub fn text(length: usize) -> Vec<u8> {
    let mut numbers = Numbers(7);
    let mut bytes = Vec::with_capacity(length + 8192);
    while bytes.len() < length {
        let number = numbers.next();
        let word = match number % 4096 {
            0 => 9000,
            _ => 1 + number as usize % 12,
        };
        bytes.extend((0..word).map(|place| b'a' + ((number >> 20) as usize + place) as u8 % 26));
        let space = numbers.next();
        for place in 0..1 + space % 3 {
            let kinds = b"      \n\t\r\x0b\x0c ";
            bytes.push(kinds[(space >> (8 + 8 * place)) as usize % kinds.len()]);
        }
    }
    bytes.truncate(length);
    bytes
}

/// An input of the given content, in a folder.
pub fn write(folder: &Path, content: &[u8]) -> Result<PathBuf, Failure> {
    let path = folder.join("input");
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// What `digest` must say of a file.
pub fn expected(path: &Path) -> anyhow::Result<Value> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut hash = Sha256::new();
    let (mut bytes, mut lines, mut words) = (0, 0, 0);
    let mut in_word = false;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        let part = &buffer[..count];
        bytes += count;
        hash.update(part);
        for &byte in part {
            lines += usize::from(byte == b'\n');
            // Rust's notion of ASCII white space leaves the vertical tab out.
            let white = byte.is_ascii_whitespace() || byte == 0x0b;
            words += usize::from(!white && !in_word);
            in_word = !white;
        }
    }
    let sha256: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(json!({"bytes": bytes, "lines": lines, "words": words, "sha256": sha256}))
}

/// What `wc` and `sha256sum` say of a file, with words only where asked for: of bytes that are no text `wc` has a notion
/// of its own.
fn said_by_tools(path: &Path, with_words: bool) -> anyhow::Result<Value> {
    let first_words = |program: &str, option: &str| -> anyhow::Result<Vec<String>> {
        let output = Command::new(program)
            .arg(option)
            .arg(path)
            .env("LC_ALL", "C")
            .output()
            .with_context(|| format!("cannot run {program}"))?;
        if !output.status.success() {
            bail!("{program} fails");
        }
        let text = String::from_utf8(output.stdout)?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    };
    let counts = first_words("wc", "-lc")?;
    let mut said = json!({
        "lines": counts[0].parse::<u64>()?,
        "bytes": counts[1].parse::<u64>()?,
        "sha256": first_words("sha256sum", "-b")?[0],
    });
    if with_words {
        said["words"] = first_words("wc", "-w")?[0].parse::<u64>()?.into();
    }
    Ok(said)
}

/// Checks a report's digest against our own count, `wc` and `sha256sum`.
pub fn check_digest(report: &Value, input: &Path, is_text: bool) -> TestResult {
    let expected = expected(input)?;
    check!(
        report["digest"] == expected,
        "the digest is {}, and should be {expected}",
        report["digest"]
    );
    let said = said_by_tools(input, is_text)?;
    for (key, value) in said.as_object().into_iter().flatten() {
        check!(
            report["digest"][key] == *value,
            "the digest has {key} {}, and wc or sha256sum say {value}",
            report["digest"][key]
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_count_agrees_with_the_tools() {
        let folder = tempfile::tempdir().unwrap();
        for content in [
            Vec::new(),
            b"\n".to_vec(),
            b"one two\x0bthree\n\nfour".to_vec(),
            text(100_000),
        ] {
            let path = write(folder.path(), &content).unwrap();
            let report = json!({ "digest": expected(&path).unwrap() });
            check_digest(&report, &path, true).unwrap();
        }
        let path = write(folder.path(), &random(50_000)).unwrap();
        let mut report = json!({ "digest": expected(&path).unwrap() });
        check_digest(&report, &path, false).unwrap();
        report["digest"]["lines"] = 1.into();
        assert!(check_digest(&report, &path, false).is_err());
    }

    #[test]
    fn inputs_have_the_length_that_was_asked_for() {
        assert_eq!(random(4097).len(), 4097);
        assert_eq!(text(100_000).len(), 100_000);
        assert_ne!(random(16)[..8], random(16)[8..]);
    }
}
