//! Writes one Rust function for each invocation: it marshals the parameters as the tree's own stub generator does.
//!
//! Capabilities travel in the capability slots of the message. All other parameters are packed into words, each aligned
//! to its own size or to a word, whichever is smaller; the first words travel in registers, the rest in the IPC buffer.

use anyhow::{Context, Result, ensure};

use super::bindings::{Bindings, Methods};
use super::emit::{identifier, rust_type};
use super::layout::Layouts;
use super::xml::{Method, Parameter};

const WORD_BITS: usize = 64;

/// Message words that travel in registers on x86_64.
pub const REGISTERS: usize = 4;

struct Marshaller<'a> {
    layouts: &'a Layouts,
    methods: &'a Methods,
}

/// A parameter and where it lies in the message, in bits.
struct Position<'a> {
    parameter: &'a Parameter,
    first: usize,
    bits: usize,
}

impl Marshaller<'_> {
    fn bits(&self, parameter: &Parameter) -> Result<usize> {
        let ty = &parameter.ty;
        if ty == "seL4_Bool" {
            // A byte in C, but a single bit in a message.
            return Ok(1);
        }
        let bytes = self.layouts.sizes.get(ty);
        let bits = bytes.with_context(|| format!("no size for `{ty}`"))? * 8;
        ensure!(
            bits.is_power_of_two() || bits % WORD_BITS == 0,
            "`{ty}` cannot be packed"
        );
        Ok(bits)
    }

    fn positions<'p>(&self, parameters: &[&'p Parameter]) -> Result<Vec<Position<'p>>> {
        let mut used: usize = 0;
        let mut found = Vec::new();
        for parameter in parameters {
            let bits = self.bits(parameter)?;
            used = used.next_multiple_of(bits.min(WORD_BITS));
            found.push(Position {
                parameter,
                first: used,
                bits,
            });
            used += bits;
        }
        Ok(found)
    }

    fn members(&self, ty: &str) -> Result<&[String]> {
        let found = self.methods.structures.iter().find(|s| s.name == ty);
        Ok(&found
            .with_context(|| format!("no members for `{ty}`"))?
            .members)
    }

    fn is_bitfield(&self, ty: &str) -> bool {
        ty.ends_with("_t") && !self.layouts.aliases.iter().any(|alias| alias.name == ty)
    }

    /// Expressions for the words of the message.
    fn marshal(&self, parameters: &[&Parameter]) -> Result<Vec<String>> {
        let mut words: Vec<Vec<String>> = Vec::new();
        for position in self.positions(parameters)? {
            let (word, shift) = (position.first / WORD_BITS, position.first % WORD_BITS);
            let last = (position.first + position.bits - 1) / WORD_BITS;
            words.resize(words.len().max(last + 1), Vec::new());
            let name = identifier(&position.parameter.name);
            let ty = &position.parameter.ty;
            if position.bits > WORD_BITS {
                for (index, member) in self.members(ty)?.iter().enumerate() {
                    words[word + index].push(format!("{name}.{}", identifier(member)));
                }
            } else if self.is_bitfield(ty) {
                words[word].push(format!("{name}.words[0]"));
            } else if position.bits == WORD_BITS {
                words[word].push(format!("{name} as u64"));
            } else {
                words[word].push(format!(
                    "place_truncated({name} as u64, {shift}, {})",
                    position.bits
                ));
            }
        }
        Ok(words.iter().map(|parts| parts.join(" | ")).collect())
    }

    fn parameter_type(&self, parameter: &Parameter) -> Result<String> {
        if parameter.ty == "seL4_Bool" {
            return Ok("bool".to_owned());
        }
        rust_type(&parameter.ty, self.layouts)
    }

    fn by_reference(&self, parameter: &Parameter) -> Result<bool> {
        Ok(self.bits(parameter)? > WORD_BITS)
    }

    fn signature(&self, method: &Method) -> Result<String> {
        let mut parameters = vec![format!("service: {}", method.interface)];
        for parameter in &method.inputs {
            let ty = self.parameter_type(parameter)?;
            let reference = if self.by_reference(parameter)? {
                "&"
            } else {
                ""
            };
            parameters.push(format!("{}: {reference}{ty}", identifier(&parameter.name)));
        }
        for parameter in &method.outputs {
            if self.by_reference(parameter)? {
                let ty = self.parameter_type(parameter)?;
                parameters.push(format!("{}: &mut {ty}", identifier(&parameter.name)));
            }
        }
        Ok(parameters.join(", "))
    }

    /// The structure that a function returns, if it returns more than an error.
    fn result(&self, method: &Method) -> Result<Option<(String, String)>> {
        let name = format!("{}_{}", method.interface, method.name);
        let mut fields = String::new();
        for parameter in &method.outputs {
            if !self.by_reference(parameter)? {
                let ty = self.parameter_type(parameter)?;
                fields += &format!("    pub {}: {ty},\n", identifier(&parameter.name));
            }
        }
        if fields.is_empty() {
            return Ok(None);
        }
        let definition = format!(
            "/// What [`{name}()`] returns.\n#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]\npub struct {name}_t {{\n    pub error: seL4_Word,\n{fields}}}\n\n"
        );
        Ok(Some((format!("{name}_t"), definition)))
    }

    /// Statements that read the outputs from `reply`, and the expression to return.
    fn unmarshal(&self, method: &Method, result: Option<&str>) -> Result<String> {
        let outputs: Vec<_> = method.outputs.iter().collect();
        let (mut statements, mut fields) = (String::new(), String::new());
        for position in self.positions(&outputs)? {
            let (word, shift) = (position.first / WORD_BITS, position.first % WORD_BITS);
            let name = identifier(&position.parameter.name);
            if position.bits > WORD_BITS {
                for (index, member) in self.members(&position.parameter.ty)?.iter().enumerate() {
                    statements += &format!(
                        "        {name}.{} = reply.word({});\n",
                        identifier(member),
                        word + index
                    );
                }
                continue;
            }
            let value = format!("extract(reply.word({word}), {shift}, {})", position.bits);
            let ty = self.parameter_type(position.parameter)?;
            fields += &match ty.as_str() {
                "bool" => format!(", {name}: {value} != 0"),
                ty => format!(", {name}: {value} as {ty}"),
            };
        }
        Ok(match result {
            Some(result) => {
                format!("{statements}        {result} {{ error: reply.error(){fields} }}\n")
            }
            None => format!("{statements}        reply.error()\n"),
        })
    }

    fn method(&self, method: &Method, label: Option<u64>) -> Result<String> {
        let name = format!("{}_{}", method.interface, method.name);
        let (caps, standard): (Vec<_>, Vec<_>) = method
            .inputs
            .iter()
            .partition(|p| self.layouts.is_capability(&p.ty));
        let words = self.marshal(&standard)?;
        let result = self.result(method)?;
        let (returned, definition) = match &result {
            Some((name, definition)) => (name.as_str(), definition.as_str()),
            None => ("seL4_Word", ""),
        };
        let signature = self.signature(method)?;
        let safety = "/// # Safety\n///\n/// The IPC buffer of the calling thread must be set up, and the invocation must not take away memory that is in use.\n#[inline]\n";
        let mut text = format!("{definition}/// Invokes `{}`.\n///\n", method.id);
        if label.is_none() {
            let error = match &result {
                Some((name, _)) => format!(
                    "{name} {{ error: seL4_Error::seL4_IllegalOperation, ..Default::default() }}"
                ),
                None => "seL4_Error::seL4_IllegalOperation".to_owned(),
            };
            return Ok(format!(
                "{text}/// This configuration of the kernel does not have it.\n///\n{safety}#[allow(unused_variables)]\n\
                 pub unsafe fn {name}({signature}) -> {returned} {{\n    {error}\n}}\n\n"
            ));
        }
        text += &format!("{safety}pub unsafe fn {name}({signature}) -> {returned} {{\n");
        text += "    // SAFETY: the caller vouches for the IPC buffer and for what the invocation does.\n    unsafe {\n";
        for (index, cap) in caps.iter().enumerate() {
            text += &format!("        set_cap({index}, {});\n", identifier(&cap.name));
        }
        for (index, word) in words.iter().enumerate().skip(REGISTERS) {
            text += &format!("        set_mr({index}, {word});\n");
        }
        let registers: Vec<_> = (0..REGISTERS)
            .map(|index| words.get(index).map_or("0", String::as_str))
            .collect();
        text += &format!(
            "        let reply = invoke(service, seL4_MessageInfo::new(invocation_label::{}, 0, {}, {}), [{}]);\n",
            method.id,
            caps.len(),
            words.len(),
            registers.join(", ")
        );
        if method
            .outputs
            .iter()
            .any(|p| self.by_reference(p).unwrap_or(false))
        {
            text += "        if reply.error() != seL4_Error::seL4_NoError {\n            return reply.error();\n        }\n";
        }
        text += &self.unmarshal(method, result.as_ref().map(|(name, _)| name.as_str()))?;
        Ok(text + "    }\n}\n\n")
    }
}

/// All invocations.
pub fn methods(bindings: &Bindings) -> Result<String> {
    let context = Marshaller {
        layouts: &bindings.layouts,
        methods: &bindings.methods,
    };
    let mut text = String::new();
    for (method, label) in bindings.methods.iter() {
        text += &context
            .method(method, label)
            .with_context(|| format!("in {}.{}", method.interface, method.name))?;
    }
    Ok(text)
}
