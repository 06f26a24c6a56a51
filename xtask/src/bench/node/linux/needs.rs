//! What programs and modules of the kernel need beside themselves, by their own words.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use anyhow::{Context, Result, bail};
use elf::ElfBytes;
use elf::abi::DT_NEEDED;
use elf::endian::LittleEndian;

/// The libraries that an ELF file names.
///
/// # Errors
/// Where the file is none, or says it wrongly.
pub fn libraries(file: &[u8]) -> Result<Vec<String>> {
    let elf = ElfBytes::<LittleEndian>::minimal_parse(file).context("it is no ELF file")?;
    let common = elf.find_common_data().context("its sections are wrong")?;
    let (Some(dynamic), Some(names)) = (common.dynamic, common.dynsyms_strs) else {
        // It is linked statically.
        return Ok(Vec::new());
    };
    let needed = dynamic.iter().filter(|entry| entry.d_tag == DT_NEEDED);
    needed
        .map(|entry| {
            let name = names.get(entry.d_val() as usize);
            Ok(name.context("a library has no name")?.to_owned())
        })
        .collect()
}

/// The modules that a module of the kernel names.
///
/// # Errors
/// As [`libraries`].
pub fn modules(file: &[u8]) -> Result<Vec<String>> {
    let elf = ElfBytes::<LittleEndian>::minimal_parse(file)
        .context("it is no ELF file; a compressed module cannot be used")?;
    let section = elf.section_header_by_name(".modinfo")?;
    let section = section.context("it is no module")?;
    let (bytes, _) = elf.section_data(&section)?;
    Ok(depends(bytes))
}

/// The modules that a module's information names: `depends=a,b` among strings that end with zeros.
fn depends(information: &[u8]) -> Vec<String> {
    let texts = information.split(|byte| *byte == 0);
    let mut texts = texts.filter_map(|text| str::from_utf8(text).ok());
    let names = texts.find_map(|text| text.strip_prefix("depends="));
    let names = names.unwrap_or_default().split(',');
    names
        .filter(|name| !name.is_empty())
        .map(canonical)
        .collect()
}

/// A module's name as modules name each other.
pub fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

/// All that these need, themselves included, each behind what it needs. `needs` says what one names.
///
/// # Errors
/// Those of `needs`, and where some need each other.
pub fn in_order(
    wanted: &[&str],
    mut needs: impl FnMut(&str) -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    let mut known = BTreeMap::new();
    let mut open: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    while let Some(name) = open.pop() {
        if let Entry::Vacant(entry) = known.entry(name) {
            let named = needs(entry.key())?;
            open.extend(named.iter().cloned());
            entry.insert(named);
        }
    }
    let mut order = Vec::new();
    let mut done = BTreeSet::new();
    while done.len() < known.len() {
        let before = done.len();
        for (name, named) in &known {
            if !done.contains(name) && named.iter().all(|it| done.contains(it)) {
                done.insert(name.clone());
                order.push(name.clone());
            }
        }
        if done.len() == before {
            let rest = known.keys().filter(|name| !done.contains(*name));
            let rest: Vec<&str> = rest.map(String::as_str).collect();
            bail!("these need each other: {}", rest.join(", "));
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_needs_the_c_library() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let libraries = libraries(&own).unwrap();
        assert!(
            libraries.iter().any(|it| it == "libc.so.6"),
            "{libraries:?}"
        );
        assert!(super::libraries(b"text").is_err());
        assert!(
            modules(b"\xfd7zXZ")
                .unwrap_err()
                .to_string()
                .contains("compressed")
        );
        assert!(modules(&own).is_err());
    }

    #[test]
    fn a_module_names_others_with_commas_between_them() {
        assert_eq!(depends(b"name=x\0depends=a,b-c\0rest"), ["a", "b_c"]);
        assert!(depends(b"name=x\0depends=\0").is_empty());
        assert!(depends(b"\xff\0").is_empty());
    }

    #[test]
    fn each_is_behind_what_it_needs() {
        let needs = |name: &str| {
            let names: &[&str] = match name {
                "net" => &["ring", "base", "failover"],
                "base" => &["ring"],
                "a" => &["b"],
                "b" => &["a"],
                "lost" => bail!("there is none"),
                _ => &[],
            };
            Ok(names.iter().map(|it| (*it).to_owned()).collect())
        };
        let order = in_order(&["net", "ring"], needs).unwrap();
        let place = |name| order.iter().position(|it| it == name).unwrap();
        assert_eq!(order.len(), 4);
        assert!(place("ring") < place("base") && place("base") < place("net"));
        let circle = in_order(&["net", "a"], needs).unwrap_err();
        assert_eq!(circle.to_string(), "these need each other: a, b");
        assert!(in_order(&["lost"], needs).is_err());
    }
}
