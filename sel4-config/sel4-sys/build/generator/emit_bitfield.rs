//! Writes bitfields as Rust types with accessors.

use anyhow::{Context, Result};

use super::bitfield::{Bitfields, Block, Field};
use super::emit::identifier;

fn definition(name: &str, words: usize) -> String {
    format!(
        "#[repr(C)]\n#[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub struct {name} {{\n    pub words: [u64; {words}],\n}}\n\n\
         pub type {name}_t = {name};\n\n"
    )
}

/// A constructor that fills `fields`, and sets `preset` fields to fixed values.
fn constructor(name: &str, fields: &[&Field], preset: &[(&Field, u64)], words: usize) -> String {
    let parameters: Vec<_> = fields
        .iter()
        .map(|field| format!("{}: u64", identifier(&field.name)))
        .collect();
    let word = |index: usize| {
        let mut parts: Vec<_> = fields
            .iter()
            .filter(|field| field.offset / 64 == index)
            .map(|f| {
                format!(
                    "place({}, {}, {})",
                    identifier(&f.name),
                    f.offset % 64,
                    f.width
                )
            })
            .collect();
        parts.extend(
            preset
                .iter()
                .filter(|(field, _)| field.offset / 64 == index)
                .map(|(f, value)| format!("place({value}, {}, {})", f.offset % 64, f.width)),
        );
        if parts.is_empty() {
            "0".to_owned()
        } else {
            parts.join(" | ")
        }
    };
    let words: Vec<_> = (0..words).map(word).collect();
    format!(
        "    pub const fn {name}({}) -> Self {{\n        Self {{ words: [{}] }}\n    }}\n",
        parameters.join(", "),
        words.join(", ")
    )
}

fn accessors(prefix: &str, field: &Field) -> String {
    let (name, index, shift, width) = (
        &field.name,
        field.offset / 64,
        field.offset % 64,
        field.width,
    );
    format!(
        "    pub const fn {prefix}get_{name}(self) -> u64 {{\n        extract(self.words[{index}], {shift}, {width})\n    }}\n\
         \x20   pub const fn {prefix}set_{name}(mut self, value: u64) -> Self {{\n        \
         self.words[{index}] = replace(self.words[{index}], value, {shift}, {width});\n        self\n    }}\n"
    )
}

fn plain(block: &Block) -> String {
    let fields: Vec<_> = block.fields.iter().collect();
    let mut text = definition(&block.name, block.words);
    text += &format!("impl {} {{\n", block.name);
    text += &constructor("new", &fields, &[], block.words);
    for field in &block.fields {
        text += &accessors("", field);
    }
    text + "}\n\n"
}

/// All bitfields.
pub fn bitfields(bitfields: &Bitfields) -> Result<String> {
    let mut text: String = bitfields.plain().map(plain).collect();
    for union in &bitfields.unions {
        let words = bitfields.union_words(union)?;
        text += &definition(&union.name, words);
        text += &format!("impl {} {{\n", union.name);
        for (index, (variant, value)) in union.variants.iter().enumerate() {
            let block = bitfields.block(variant)?;
            let tag = block
                .fields
                .iter()
                .find(|field| field.name == union.tag)
                .with_context(|| format!("{variant} lacks the field {}", union.tag))?;
            if index == 0 {
                text += &accessors("", tag);
            }
            let fields: Vec<_> = block.fields.iter().filter(|field| *field != tag).collect();
            text += &constructor(&format!("{variant}_new"), &fields, &[(tag, *value)], words);
            for field in fields {
                text += &accessors(&format!("{variant}_"), field);
            }
        }
        text += "}\n\n";
    }
    Ok(text)
}
