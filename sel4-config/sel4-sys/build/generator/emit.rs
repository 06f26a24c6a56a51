//! Writes configuration, numbers, types and layouts as Rust.

use anyhow::{Context, Result, bail};

use super::bindings::Bindings;
use super::compiler::Value;
use super::layout::{Enumeration, Layouts, Placed, Structure};
use super::{emit_bitfield, emit_method};

/// `name` as a Rust identifier.
pub fn identifier(name: &str) -> String {
    const KEYWORDS: &[&str] = &[
        "as", "box", "fn", "gen", "in", "loop", "match", "mod", "move", "ref", "self", "type",
        "use",
    ];
    if KEYWORDS.contains(&name) {
        format!("r#{name}")
    } else {
        name.to_owned()
    }
}

/// The Rust type of a C type.
pub fn rust_type(ty: &str, layouts: &Layouts) -> Result<String> {
    Ok(match ty {
        "char" | "signed char" => "i8".to_owned(),
        "unsigned char" => "u8".to_owned(),
        "signed short" | "short" => "i16".to_owned(),
        "unsigned short" => "u16".to_owned(),
        "signed int" | "int" => "i32".to_owned(),
        "unsigned int" => "u32".to_owned(),
        "signed long" | "long" => "i64".to_owned(),
        "unsigned long" => "u64".to_owned(),
        name if layouts
            .enumerations
            .iter()
            .any(|e| e.alias.as_deref() == Some(name)) =>
        {
            format!("{name}::Type")
        }
        name if name.contains(' ') => bail!("no Rust type for the C type `{name}`"),
        name => name.to_owned(),
    })
}

fn integer(value: Value) -> (&'static str, String) {
    let ty = if value.is_negative() {
        "i64"
    } else {
        "seL4_Word"
    };
    (ty, value.get().to_string())
}

fn config(bindings: &Bindings) -> String {
    let mut text = String::from(
        "/// The configuration of the kernel: integer options, without their prefix.\npub mod config {\n",
    );
    let mut table = String::new();
    for (name, value) in &bindings.config {
        text += &format!("    pub const {name}: u64 = {value};\n");
        table += &format!("        ({name:?}, {value}),\n");
    }
    text + &format!(
        "    /// Every option that is defined, by name.\n    pub const DEFINED: &[(&str, u64)] = &[\n{table}    ];\n}}\n\n"
    )
}

fn numbers(bindings: &Bindings) -> String {
    let mut text = String::from(
        "/// System call numbers, as they stand in the register.\npub mod syscall_id {\n    use super::seL4_Word;\n\n",
    );
    let mut table = String::new();
    for (name, number) in &bindings.syscalls {
        if let Some(number) = number {
            text += &format!(
                "    pub const {name}: seL4_Word = {}; // {number}\n",
                *number as u64
            );
            table += &format!("        ({name:?}, {name}),\n");
        }
    }
    text += &format!(
        "    /// The system calls that this configuration has, by name.\n    pub const DEFINED: &[(&str, seL4_Word)] = &[\n{table}    ];\n}}\n\n"
    );
    text += "/// Invocation labels.\npub mod invocation_label {\n    use super::seL4_Word;\n\n";
    for (method, label) in bindings.methods.iter() {
        if let Some(label) = label {
            text += &format!("    pub const {}: seL4_Word = {label};\n", method.id);
        }
    }
    text + "}\n\n"
}

fn enumeration(enumeration: &Enumeration) -> String {
    let negative = enumeration
        .constants
        .iter()
        .any(|(_, value)| value.is_negative());
    let ty = if negative { "i64" } else { "u64" };
    let Some(name) = &enumeration.name else {
        let mut text = String::new();
        for (constant, value) in &enumeration.constants {
            let (ty, value) = integer(*value);
            text += &format!("pub const {constant}: {ty} = {value};\n");
        }
        return text + "\n";
    };
    let mut text =
        format!("/// The C enumeration `{name}`.\npub mod {name} {{\n    pub type Type = {ty};\n");
    for (constant, value) in &enumeration.constants {
        text += &format!("    pub const {constant}: Type = {};\n", value.get());
    }
    let constants: Vec<_> = enumeration
        .constants
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    text += &format!("}}\npub use {name}::{{{}}};\n", constants.join(", "));
    if let Some(alias) = enumeration.alias.as_ref().filter(|alias| *alias != name) {
        text += &format!("pub use {name} as {alias};\n");
    }
    text + "\n"
}

fn member_type(placed: &Placed, layouts: &Layouts) -> Result<String> {
    let mut ty = rust_type(&placed.member.ty, layouts)?;
    for _ in 0..placed.member.pointers {
        ty = format!("*mut {ty}");
    }
    Ok(match placed.elements {
        Some(elements) => format!("[{ty}; {elements}]"),
        None => ty,
    })
}

/// Whether the usual traits can be derived: an array may be longer than they support, and a pointer has no default.
fn is_simple(structure: &Structure, layouts: &Layouts) -> bool {
    structure.members.iter().all(|placed| {
        let inner = layouts.structure(&placed.member.ty);
        placed.elements.is_none()
            && placed.member.pointers == 0
            && inner.is_none_or(|inner| is_simple(inner, layouts))
    })
}

fn structure(structure: &Structure, layouts: &Layouts) -> Result<String> {
    let name = &structure.name;
    let representation = match structure.align.cmp(&structure.natural_align) {
        std::cmp::Ordering::Less => format!("C, packed({})", structure.align),
        std::cmp::Ordering::Equal => "C".to_owned(),
        std::cmp::Ordering::Greater => format!("C, align({})", structure.align),
    };
    let mut fields = String::new();
    let mut checks = format!(
        "const _: () = {{\n    assert!(size_of::<{name}>() == {});\n    assert!(align_of::<{name}>() == {});\n",
        structure.size, structure.align
    );
    for placed in &structure.members {
        let field = identifier(&placed.member.name);
        let ty = member_type(placed, layouts).with_context(|| format!("in {name}.{field}"))?;
        fields += &format!("    pub {field}: {ty},\n");
        checks += &format!(
            "    assert!(core::mem::offset_of!({name}, {field}) == {});\n",
            placed.offset
        );
        checks += &format!("    assert!(size_of::<{ty}>() == {});\n", placed.size);
    }
    let traits = if is_simple(structure, layouts) {
        "Clone, Copy, Debug, Default, PartialEq, Eq"
    } else {
        "Clone, Copy"
    };
    Ok(format!(
        "#[repr({representation})]\n#[derive({traits})]\npub struct {name} {{\n{fields}}}\n\n{checks}}};\n\n"
    ))
}

/// All bindings as one Rust source file.
pub fn bindings(bindings: &Bindings) -> Result<String> {
    let layouts = &bindings.layouts;
    let mut text = config(bindings);
    text += &numbers(bindings);
    for alias in &layouts.aliases {
        let target = rust_type(&alias.target, layouts)?;
        text += &format!("pub type {} = {target};\n", alias.name);
    }
    text += "\n";
    for found in &layouts.enumerations {
        text += &enumeration(found);
    }
    for (name, value) in &layouts.macros {
        let (ty, value) = integer(*value);
        text += &format!("pub const {name}: {ty} = {value};\n");
    }
    text += "\n";
    text += &emit_bitfield::bitfields(&bindings.bitfields)?;
    text += &emit_bitfield::bitfields(&bindings.io_port_data)?;
    for found in &layouts.structures {
        text += &structure(found, layouts)?;
    }
    text += &emit_method::methods(bindings)?;
    Ok(text)
}
