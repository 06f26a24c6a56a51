//! Questions about invocations: the message that a stub sends, and what it makes of the reply.

use anyhow::{Context, Result};

use crate::generator::bindings::Bindings;
use crate::generator::emit::{identifier, rust_type};
use crate::generator::xml::{Method, Parameter};
use crate::questions::Question;

/// A word that tells which parameter it came from, with all bytes different.
fn pattern(index: usize) -> u64 {
    0xf1e2_d3c4_b5a6_9788_u64.rotate_left(4 * index as u32) ^ index as u64
}

fn is_structure(bindings: &Bindings, ty: &str) -> bool {
    bindings
        .methods
        .structures
        .iter()
        .any(|structure| structure.name == ty)
}

fn members<'b>(bindings: &'b Bindings, ty: &str) -> Result<&'b [String]> {
    let found = bindings
        .methods
        .structures
        .iter()
        .find(|structure| structure.name == ty);
    Ok(&found.context("an unknown structure")?.members)
}

/// An argument in both languages, after statements that prepare it.
fn argument(
    bindings: &Bindings,
    index: usize,
    parameter: &Parameter,
    question: &mut Question,
) -> Result<(String, String)> {
    let ty = &parameter.ty;
    let word = pattern(index);
    if is_structure(bindings, ty) {
        question.c += &format!("{ty} s{index};\n");
        question.rust += &format!("let mut s{index} = {ty}::default();\n");
        for (place, member) in members(bindings, ty)?.iter().enumerate() {
            let word = pattern(index + place);
            question.c += &format!("s{index}.{member} = {word:#x}ul;\n");
            question.rust += &format!("s{index}.{} = {word:#x};\n", identifier(member));
        }
        return Ok((format!("&s{index}"), format!("&s{index}")));
    }
    if ty == "seL4_Bool" {
        let value = index % 2 == 1;
        return Ok((u8::from(value).to_string(), value.to_string()));
    }
    let bitfields = &bindings.bitfields;
    let is_bitfield = bitfields
        .plain()
        .any(|block| format!("{}_t", block.name) == *ty)
        || bitfields
            .unions
            .iter()
            .any(|union| format!("{}_t", union.name) == *ty);
    if is_bitfield {
        return Ok((
            format!("({ty}) {{ .words = {{ {word:#x}ul }} }}"),
            format!("{ty} {{ words: [{word:#x}] }}"),
        ));
    }
    let rust = rust_type(ty, &bindings.layouts)?;
    Ok((
        format!("({ty}){word:#x}ul"),
        format!("{word:#x}u64 as {rust}"),
    ))
}

fn method(bindings: &Bindings, method: &Method) -> Result<Question> {
    let name = format!("{}_{}", method.interface, method.name);
    let mut question = Question {
        c: format!("{{ puts(\"stub {name}\");\n"),
        rust: format!("{{ println!(\"stub {name}\");\n"),
    };
    let (mut c, mut rust) = (vec!["0x5e41ul".to_owned()], vec!["0x5e41".to_owned()]);
    for (index, parameter) in method.inputs.iter().enumerate() {
        let (in_c, in_rust) = argument(bindings, index, parameter, &mut question)?;
        c.push(in_c);
        rust.push(in_rust);
    }
    let (references, values): (Vec<_>, Vec<_>) = method
        .outputs
        .iter()
        .partition(|output| is_structure(bindings, &output.ty));
    for (index, output) in references.iter().enumerate() {
        question.c += &format!("{} o{index} = {{0}};\n", output.ty);
        question.rust += &format!("let mut o{index} = {}::default();\n", output.ty);
        c.push(format!("&o{index}"));
        rust.push(format!("&mut o{index}"));
    }
    let returned = if values.is_empty() {
        "long".to_owned()
    } else {
        format!("{name}_t")
    };
    question.c += &format!("{returned} r = {name}({});\n", c.join(", "));
    question.rust += &format!("let r = {name}({});\n", rust.join(", "));
    let mut answer = |what: &str, c: &str, rust: &str| {
        let number = Question::number(&format!("  {what}"), c, rust);
        question.c += &number.c;
        question.rust += &number.rust;
    };
    let error = if values.is_empty() { "r" } else { "r.error" };
    answer("error", error, error);
    for output in values {
        // A truth value keeps the bit in C; both sides agree on whether it is zero.
        let field = format!("r.{}", identifier(&output.name));
        answer(&output.name, &format!("r.{}", output.name), &field);
    }
    for (index, output) in references.iter().enumerate() {
        for member in members(bindings, &output.ty)? {
            let (in_c, in_rust) = (
                format!("o{index}.{member}"),
                format!("o{index}.{}", identifier(member)),
            );
            answer(member, &in_c, &in_rust);
        }
    }
    question.c += "}\n";
    question.rust += "}\n";
    Ok(question)
}

/// One question for each invocation that the configuration has.
pub fn all(bindings: &Bindings, out: &mut Vec<Question>) -> Result<()> {
    for (found, label) in bindings.methods.iter() {
        if label.is_some() {
            let question = method(bindings, found);
            out.push(question.with_context(|| format!("in {}", found.id))?);
        }
    }
    Ok(())
}
