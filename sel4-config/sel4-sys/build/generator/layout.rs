//! Values, sizes and offsets of what the headers declare, as the C compiler computes them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::{Context, Result};

use super::HEADERS;
use super::bitfield::Bitfields;
use super::compiler::{Compiler, Value};
use super::headers::{self, Alias, Declarations, Member};

/// An enumeration with its values.
#[derive(Clone, Debug)]
pub struct Enumeration {
    /// Its tag, or else the name that is declared with it.
    pub name: Option<String>,
    /// The name that a `typedef` gives it.
    pub alias: Option<String>,
    /// Its constants.
    pub constants: Vec<(String, Value)>,
}

/// A member with its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// How it was declared.
    pub member: Member,
    /// Its offset in bytes.
    pub offset: usize,
    /// Its size in bytes.
    pub size: usize,
    /// The number of elements, if it is an array.
    pub elements: Option<usize>,
}

/// A structure with its layout.
#[derive(Clone, Debug)]
pub struct Structure {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: usize,
    /// Its alignment in bytes.
    pub align: usize,
    /// The alignment that its members ask for.
    pub natural_align: usize,
    /// Its members.
    pub members: Vec<Placed>,
}

/// Everything that the headers fix.
#[derive(Clone, Debug, Default)]
pub struct Layouts {
    /// Enumerations.
    pub enumerations: Vec<Enumeration>,
    /// Structures.
    pub structures: Vec<Structure>,
    /// Type names.
    pub aliases: Vec<Alias>,
    /// Macros whose body is a constant expression.
    pub macros: Vec<(String, Value)>,
    /// Sizes in bytes by the name of the type.
    pub sizes: BTreeMap<String, usize>,
}

impl Layouts {
    /// Whether `ty` is a capability pointer under whatever name.
    pub fn is_capability(&self, ty: &str) -> bool {
        let mut ty = ty;
        loop {
            if ty == "seL4_CPtr" {
                return true;
            }
            match self.aliases.iter().find(|alias| alias.name == ty) {
                Some(alias) => ty = &alias.target,
                None => return false,
            }
        }
    }

    /// The structure of that name.
    pub fn structure(&self, name: &str) -> Option<&Structure> {
        self.structures
            .iter()
            .find(|structure| structure.name == name)
    }
}

/// Asks for many expressions at once and deals the answers out in the order of the questions.
#[derive(Default)]
struct Questions(Vec<String>);

impl Questions {
    fn ask(&mut self, expression: String) {
        self.0.push(expression);
    }

    fn answers(self, compiler: &Compiler) -> Result<impl FnMut() -> Result<Value>> {
        let mut values = compiler.evaluate(HEADERS, &self.0)?.into_iter();
        Ok(move || {
            values
                .next()
                .context("more answers taken than questions asked")
        })
    }
}

fn size(value: Value) -> Result<usize> {
    Ok(usize::try_from(value.get())?)
}

fn enumerations(compiler: &Compiler, found: &Declarations) -> Result<Vec<Enumeration>> {
    let mut questions = Questions::default();
    for enumeration in &found.enumerations {
        for constant in &enumeration.constants {
            questions.ask(constant.clone());
        }
    }
    let mut answer = questions.answers(compiler)?;
    let mut result = Vec::new();
    for enumeration in &found.enumerations {
        let mut constants = Vec::new();
        for constant in &enumeration.constants {
            constants.push((constant.clone(), answer()?));
        }
        result.push(Enumeration {
            name: enumeration.name.clone(),
            alias: enumeration.alias.clone(),
            constants,
        });
    }
    Ok(result)
}

fn structures(compiler: &Compiler, found: &[headers::Structure]) -> Result<Vec<Structure>> {
    let mut questions = Questions::default();
    for structure in found {
        let name = &structure.name;
        questions.ask(format!("sizeof({name})"));
        questions.ask(format!("_Alignof({name})"));
        for member in &structure.members {
            let place = format!("((({name} *)0)->{})", member.name);
            let element = if member.array { "[0]" } else { "" };
            questions.ask(format!("__builtin_offsetof({name}, {})", member.name));
            questions.ask(format!("sizeof({place})"));
            questions.ask(format!("sizeof({place}{element})"));
            questions.ask(format!("_Alignof(__typeof__({place}{element}))"));
        }
    }
    let mut answer = questions.answers(compiler)?;
    let mut result = Vec::new();
    for structure in found {
        let (bytes, align) = (size(answer()?)?, size(answer()?)?);
        let (mut members, mut natural_align) = (Vec::new(), 1);
        for member in &structure.members {
            let (offset, bytes, element) = (size(answer()?)?, size(answer()?)?, size(answer()?)?);
            natural_align = natural_align.max(size(answer()?)?);
            members.push(Placed {
                member: member.clone(),
                offset,
                size: bytes,
                elements: member.array.then(|| bytes / element),
            });
        }
        result.push(Structure {
            name: structure.name.clone(),
            size: bytes,
            align,
            natural_align,
            members,
        });
    }
    Ok(result)
}

/// Names of macros whose bodies consist of numbers, operators, `known` names and each other.
fn constant_macros(compiler: &Compiler, known: &HashSet<&str>) -> Result<Vec<String>> {
    let macros = compiler.macros(HEADERS)?;
    let function = |name: &str| macros.keys().any(|m| m.starts_with(&format!("{name}(")));
    let mut constant = BTreeSet::new();
    loop {
        let before = constant.len();
        for (name, body) in &macros {
            let tokens = headers::tokens(body);
            let is_constant = tokens.iter().all(|token| {
                let first = token.as_bytes()[0];
                !(first == b'"' || first == b'\'' || first == b'{' || first == b';')
                    && (!(first.is_ascii_alphabetic() || first == b'_')
                        || known.contains(token)
                        || constant.contains(*token)
                        || function(token))
            });
            if !name.contains('(') && !tokens.is_empty() && is_constant {
                constant.insert(name.clone());
            }
        }
        if constant.len() == before {
            break;
        }
    }
    constant.retain(|name| !name.starts_with("CONFIG_"));
    Ok(constant.into_iter().collect())
}

/// Reads the headers, in which the bitfields appear as structures that are bound elsewhere.
pub fn read(compiler: &Compiler, bitfields: &Bitfields) -> Result<Layouts> {
    let mut found = headers::parse(&compiler.preprocess(HEADERS)?)?;
    let is_bitfield = |name: &str| {
        bitfields.plain().any(|block| block.name == name)
            || bitfields.unions.iter().any(|union| union.name == name)
    };
    found
        .structures
        .retain(|structure| !is_bitfield(&structure.name));
    found
        .aliases
        .retain(|alias| !alias.target.starts_with("struct ") && !alias.target.starts_with("enum "));

    let enumerations = enumerations(compiler, &found)?;
    let known: HashSet<_> = found
        .enumerations
        .iter()
        .flat_map(|e| &e.constants)
        .map(String::as_str)
        .collect();
    let names = constant_macros(compiler, &known)?;
    let values = compiler.evaluate(HEADERS, &names)?;

    let types: Vec<_> = ["int".to_owned(), "long".to_owned()]
        .into_iter()
        .chain(found.aliases.iter().map(|alias| alias.name.clone()))
        .chain(found.enumerations.iter().filter_map(|e| e.alias.clone()))
        .chain(
            found
                .structures
                .iter()
                .map(|structure| structure.name.clone()),
        )
        .chain(bitfields.plain().map(|block| format!("{}_t", block.name)))
        .chain(
            bitfields
                .unions
                .iter()
                .map(|union| format!("{}_t", union.name)),
        )
        .collect();
    let questions: Vec<_> = types.iter().map(|name| format!("sizeof({name})")).collect();
    let mut sizes = BTreeMap::new();
    for (name, value) in types
        .into_iter()
        .zip(compiler.evaluate(HEADERS, &questions)?)
    {
        sizes.insert(name, size(value)?);
    }
    Ok(Layouts {
        enumerations,
        structures: structures(compiler, &found.structures)?,
        aliases: found.aliases,
        macros: names.into_iter().zip(values).collect(),
        sizes,
    })
}
