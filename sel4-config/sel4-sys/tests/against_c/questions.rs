//! What both programs are asked.

use anyhow::{Context, Result};

use crate::generator::bindings::Bindings;
use crate::generator::bitfield::{Bitfields, Field};
use crate::generator::emit::identifier;
use crate::invocations;

/// A statement in each language that prints the same lines if the bindings are right.
pub struct Question {
    /// In C.
    pub c: String,
    /// In Rust.
    pub rust: String,
}

impl Question {
    /// A question whose answer is a number.
    pub fn number(name: &str, c: &str, rust: &str) -> Self {
        Self {
            c: format!("printf(\"{name} %lld\\n\", (long long)({c}));\n"),
            rust: format!("println!(\"{name} {{}}\", ({rust}) as i64);\n"),
        }
    }
}

/// Questions about a bitfield: what its constructor makes of each field alone, and what its accessors find and change.
fn fields(
    prefix: &str,
    (rust_type, variant): (&str, &str),
    fields: &[&Field],
    out: &mut Vec<Question>,
) {
    let constructor = format!("{variant}new");
    for (index, field) in fields.iter().enumerate() {
        let ones = u64::MAX >> (64 - field.width);
        let arguments: Vec<_> = (0..fields.len())
            .map(|other| if other == index { ones } else { 0 })
            .collect();
        let list = |suffix: &str| -> String {
            let list: Vec<_> = arguments
                .iter()
                .map(|value| format!("{value}{suffix}"))
                .collect();
            list.join(", ")
        };
        let name = format!("{prefix}.{}", field.name);
        let word = field.offset / 64;
        let (get, set) = (
            format!("{variant}get_{}", field.name),
            format!("{variant}set_{}", field.name),
        );
        let (c_new, rust_new) = (
            format!("{rust_type}_{constructor}({})", list("ul")),
            format!("{rust_type}::{constructor}({})", list("")),
        );
        let mut ask = |what: &str, c: String, rust: String| {
            out.push(Question::number(&format!("field {name} {what}"), &c, &rust));
        };
        ask(
            "new",
            format!("{c_new}.words[{word}]"),
            format!("{rust_new}.words[{word}]"),
        );
        ask(
            "get",
            format!("{rust_type}_{get}({c_new})"),
            format!("{rust_new}.{get}()"),
        );
        ask(
            "set",
            format!("{rust_type}_{set}({c_new}, {}ul).words[{word}]", ones >> 1),
            format!("{rust_new}.{set}({}).words[{word}]", ones >> 1),
        );
    }
}

fn bitfields(bitfields: &Bitfields, out: &mut Vec<Question>) -> Result<()> {
    for block in bitfields.plain() {
        let all: Vec<_> = block.fields.iter().collect();
        fields(&block.name, (&block.name, ""), &all, out);
    }
    for union in &bitfields.unions {
        for (variant, _) in &union.variants {
            let block = bitfields.block(variant)?;
            let (tags, others): (Vec<_>, Vec<_>) = block
                .fields
                .iter()
                .partition(|field| field.name == union.tag);
            let tag = tags.first().context("a block without its tag")?;
            fields(
                &format!("{}.{variant}", union.name),
                (&union.name, &format!("{variant}_")),
                &others,
                out,
            );
            let zeros = vec!["0"; others.len()].join(", ");
            out.push(Question::number(
                &format!("field {}.{variant} tag", union.name),
                &format!(
                    "{0}_get_{1}({0}_{variant}_new({zeros}))",
                    union.name, tag.name
                ),
                &format!(
                    "{0}::{variant}_new({zeros}).get_{1}()",
                    union.name, tag.name
                ),
            ));
        }
    }
    Ok(())
}

/// All questions.
pub fn all(bindings: &Bindings) -> Result<Vec<Question>> {
    let mut out = Vec::new();
    for (method, label) in bindings.methods.iter() {
        if label.is_some() {
            let rust = format!("invocation_label::{}", method.id);
            out.push(Question::number(
                &format!("label {}", method.id),
                &method.id,
                &rust,
            ));
        }
    }
    let labels = bindings.methods.labels.iter().flatten().count();
    out.push(Question::number(
        "labels",
        "nArchInvocationLabels - 1",
        &labels.to_string(),
    ));
    for (name, number) in &bindings.syscalls {
        if number.is_some() {
            let (c, rust) = (format!("seL4_Sys{name}"), format!("syscall_id::{name}"));
            out.push(Question::number(&format!("syscall {name}"), &c, &rust));
        }
    }
    for enumeration in &bindings.layouts.enumerations {
        for (constant, _) in &enumeration.constants {
            out.push(Question::number(
                &format!("constant {constant}"),
                constant,
                constant,
            ));
        }
    }
    for (name, _) in &bindings.layouts.macros {
        out.push(Question::number(&format!("macro {name}"), name, name));
    }
    for structure in &bindings.layouts.structures {
        let name = &structure.name;
        let mut ask = |what: &str, c: String, rust: String| {
            out.push(Question::number(
                &format!("structure {name} {what}"),
                &c,
                &rust,
            ));
        };
        ask(
            "size",
            format!("sizeof({name})"),
            format!("size_of::<{name}>()"),
        );
        ask(
            "alignment",
            format!("_Alignof({name})"),
            format!("align_of::<{name}>()"),
        );
        for placed in &structure.members {
            let (member, field) = (&placed.member.name, identifier(&placed.member.name));
            ask(
                &format!("{member} offset"),
                format!("__builtin_offsetof({name}, {member})"),
                format!("core::mem::offset_of!({name}, {field})"),
            );
            ask(
                &format!("{member} size"),
                format!("sizeof((({name} *)0)->{member})"),
                format!(
                    "{{ let zero: {name} = core::mem::zeroed(); size_of_val(&{{ zero.{field} }}) }}"
                ),
            );
        }
    }
    bitfields(&bindings.bitfields, &mut out)?;
    invocations::all(bindings, &mut out)?;
    Ok(out)
}
