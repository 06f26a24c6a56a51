//! Declarations in preprocessed C headers: enumerations, structures and type names. Everything else is skipped.

use anyhow::{Context, Result, ensure};

/// An enumeration.
#[derive(Clone, Debug)]
pub struct Enumeration {
    /// Its tag, or else the name that is declared with it.
    pub name: Option<String>,
    /// The name that a `typedef` gives it.
    pub alias: Option<String>,
    /// Its constants.
    pub constants: Vec<String>,
}

/// A member of a structure.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The words of its element type.
    pub ty: String,
    /// How many `*` stand before the name.
    pub pointers: usize,
    /// Whether it is an array.
    pub array: bool,
}

/// A structure that a `typedef` names.
#[derive(Clone, Debug)]
pub struct Structure {
    /// The name that a `typedef` gives it.
    pub name: String,
    /// Its members.
    pub members: Vec<Member>,
}

/// Another name of a type.
#[derive(Clone, Debug)]
pub struct Alias {
    /// The new name.
    pub name: String,
    /// The type that it names.
    pub target: String,
}

/// What the headers declare.
#[derive(Clone, Debug, Default)]
pub struct Declarations {
    /// Enumerations.
    pub enumerations: Vec<Enumeration>,
    /// Structures.
    pub structures: Vec<Structure>,
    /// Type names, in an order in which each is known before it is used.
    pub aliases: Vec<Alias>,
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// The tokens of `text`; string literals become one token each.
pub fn tokens(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut found, mut start) = (Vec::new(), 0);
    while start < bytes.len() {
        let first = bytes[start];
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let mut end = start + 1;
        if first.is_ascii_whitespace() {
            start = end;
            continue;
        } else if word(first) {
            while end < bytes.len() && word(bytes[end]) {
                end += 1;
            }
        } else if first == b'"' {
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            end = (end + 1).min(bytes.len());
        }
        found.push(&text[start..end]);
        start = end;
    }
    found
}

/// The index after the bracket that closes the one at `open`.
fn after_group(tokens: &[&str], open: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match *token {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

fn without_attributes<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    let (mut kept, mut index) = (Vec::new(), 0);
    while index < tokens.len() {
        match tokens[index] {
            "__attribute__" | "_Pragma" => index = after_group(tokens, index + 1),
            token => {
                kept.push(token);
                index += 1;
            }
        }
    }
    kept
}

/// Splits at the commas or semicolons that stand outside brackets.
fn split<'t, 'a>(tokens: &'t [&'a str], separator: &str) -> Vec<&'t [&'a str]> {
    let (mut parts, mut start, mut index) = (Vec::new(), 0, 0);
    while index < tokens.len() {
        match tokens[index] {
            "(" | "{" | "[" => index = after_group(tokens, index),
            token => {
                if token == separator {
                    parts.push(&tokens[start..index]);
                    start = index + 1;
                }
                index += 1;
            }
        }
    }
    parts.push(&tokens[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

fn members(body: &[&str]) -> Result<Vec<Member>> {
    let mut found = Vec::new();
    for declaration in split(body, ";") {
        let declarators = split(declaration, ",");
        let first = declarators[0];
        let words = first.iter().take_while(|token| is_word(token)).count();
        let has_pointer = first.get(words).is_some_and(|token| *token == "*");
        let type_words = if has_pointer { words } else { words - 1 };
        ensure!(type_words > 0, "a member without a type: {declaration:?}");
        let ty = first[..type_words].join(" ");
        for (index, declarator) in declarators.iter().enumerate() {
            let rest = if index == 0 {
                &declarator[type_words..]
            } else {
                declarator
            };
            let pointers = rest.iter().take_while(|token| **token == "*").count();
            let name = rest.get(pointers).context("a member without a name")?;
            found.push(Member {
                name: (*name).to_owned(),
                ty: ty.clone(),
                pointers,
                array: rest.get(pointers + 1) == Some(&"["),
            });
        }
    }
    Ok(found)
}

fn declaration(tokens: &[&str], found: &mut Declarations) -> Result<()> {
    let typedef = tokens.first() == Some(&"typedef");
    let tokens = if typedef { &tokens[1..] } else { tokens };
    let Some(&kind) = tokens.first() else {
        return Ok(());
    };
    let open = tokens.iter().position(|token| *token == "{");
    if (kind == "enum" || kind == "struct") && open.is_some_and(|open| open <= 2) {
        let open = open.context("unreachable: checked above")?;
        let close = after_group(tokens, open);
        let body = &tokens[open + 1..close - 1];
        let declared = tokens.get(close).map(|name| (*name).to_owned());
        let tag = (open == 2).then(|| tokens[1].to_owned());
        if kind == "enum" {
            let alias = if typedef { declared.clone() } else { None };
            found.enumerations.push(Enumeration {
                name: tag.or(declared),
                alias,
                constants: split(body, ",")
                    .iter()
                    .map(|part| part[0].to_owned())
                    .filter(|name| !name.starts_with("_enum_pad_"))
                    .collect(),
            });
        } else {
            let name = if typedef { declared } else { tag };
            found.structures.push(Structure {
                name: name.context("a structure without a name")?,
                members: members(body)?,
            });
        }
    } else if typedef && tokens.iter().all(|token| is_word(token)) {
        let (name, target) = tokens.split_last().context("an empty typedef")?;
        found.aliases.push(Alias {
            name: (*name).to_owned(),
            target: target.join(" "),
        });
    }
    Ok(())
}

/// Reads a preprocessed header.
pub fn parse(text: &str) -> Result<Declarations> {
    let tokens = without_attributes(&tokens(text));
    let mut found = Declarations::default();
    let (mut start, mut index, mut parameters) = (0, 0, false);
    while index < tokens.len() {
        match tokens[index] {
            "(" => {
                parameters = true;
                index = after_group(&tokens, index);
            }
            "{" => {
                index = after_group(&tokens, index);
                if parameters {
                    (start, parameters) = (index, false);
                }
            }
            ";" => {
                declaration(&tokens[start..index], &mut found)?;
                index += 1;
                (start, parameters) = (index, false);
            }
            _ => index += 1,
        }
    }
    Ok(found)
}
