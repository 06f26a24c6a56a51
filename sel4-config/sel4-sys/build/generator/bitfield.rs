//! The `.bf` files: words that are divided into fields, and unions of such blocks that a field tells apart.

use anyhow::{Context, Result, bail, ensure};

/// A field of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its lowest bit, counted from the lowest bit of the first word.
    pub offset: usize,
    /// Its width in bits.
    pub width: usize,
}

/// A block: fields in the order in which the file lists them, from the highest bit down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Its size in words.
    pub words: usize,
}

/// A union of blocks, and the field whose value tells which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Union {
    /// Its name.
    pub name: String,
    /// The field that every block has in the same place.
    pub tag: String,
    /// Block names with their tag values.
    pub variants: Vec<(String, u64)>,
}

/// The contents of one file.
#[derive(Clone, Debug, Default)]
pub struct Bitfields {
    /// All blocks, also those that only occur in a union.
    pub blocks: Vec<Block>,
    /// All unions.
    pub unions: Vec<Union>,
}

impl Bitfields {
    /// The block of that name.
    pub fn block(&self, name: &str) -> Result<&Block> {
        let found = self.blocks.iter().find(|block| block.name == name);
        found.with_context(|| format!("block {name} is not defined"))
    }

    /// Blocks that stand alone.
    pub fn plain(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| {
            !self
                .unions
                .iter()
                .any(|union| union.variants.iter().any(|(name, _)| *name == block.name))
        })
    }

    /// The size of a union in words: that of each of its blocks.
    pub fn union_words(&self, union: &Union) -> Result<usize> {
        let (first, _) = union.variants.first().context("a union has no block")?;
        Ok(self.block(first)?.words)
    }

    /// The definitions in C, in the shape of the headers that the tree's own generator writes, without accessors.
    pub fn to_c(&self) -> Result<String> {
        let mut text = String::from("#pragma once\n");
        let mut structure = |name: &str, words: usize| {
            text += &format!(
                "struct {name} {{ seL4_Uint64 words[{words}]; }};\ntypedef struct {name} {name}_t;\n"
            );
        };
        for block in self.plain() {
            structure(&block.name, block.words);
        }
        for union in &self.unions {
            structure(&union.name, self.union_words(union)?);
        }
        for union in &self.unions {
            text += &format!("enum {}_tag {{\n", union.name);
            for (variant, value) in &union.variants {
                text += &format!("    {}_{variant} = {value},\n", union.name);
            }
            text += "};\n";
        }
        Ok(text)
    }
}

struct Words<'a>(std::iter::Peekable<std::str::SplitWhitespace<'a>>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str> {
        self.0.next().context("the file ends within a definition")
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T> {
        let word = self.next()?;
        word.parse()
            .ok()
            .with_context(|| format!("`{word}` is not a number"))
    }

    fn open(&mut self) -> Result<()> {
        let word = self.next()?;
        ensure!(word == "{", "expected {{, found `{word}`");
        Ok(())
    }
}

fn block(words: &mut Words, base: usize) -> Result<Block> {
    let name = words.next()?.to_owned();
    words.open().with_context(|| format!("block {name}"))?;
    let mut parts = Vec::new();
    loop {
        match words.next()? {
            "}" => break,
            "padding" => parts.push((None, words.number::<usize>()?)),
            "field" => parts.push((Some(words.next()?.to_owned()), words.number()?)),
            other => bail!("block {name}: `{other}` is not supported"),
        }
    }
    let bits: usize = parts.iter().map(|(_, width)| width).sum();
    ensure!(bits.is_multiple_of(base), "block {name} has {bits} bits");
    let mut fields = Vec::new();
    let mut top = bits;
    for (field, width) in parts {
        top -= width;
        if let Some(field) = field {
            ensure!(
                top / base == (top + width - 1) / base,
                "{name}.{field} crosses a word"
            );
            fields.push(Field {
                name: field,
                offset: top,
                width,
            });
        }
    }
    Ok(Block {
        name,
        fields,
        words: bits / base,
    })
}

fn union(words: &mut Words) -> Result<Union> {
    let (name, tag) = (words.next()?.to_owned(), words.next()?.to_owned());
    words.open().with_context(|| format!("union {name}"))?;
    let mut variants = Vec::new();
    loop {
        match words.next()? {
            "}" => break,
            "tag" => variants.push((words.next()?.to_owned(), words.number()?)),
            other => bail!("union {name}: `{other}` is not supported"),
        }
    }
    Ok(Union {
        name,
        tag,
        variants,
    })
}

/// The text of one block of a file, whose other contents may be of any kind.
pub fn excerpt(text: &str, name: &str) -> Result<String> {
    let start = format!("block {name} {{");
    let (_, rest) = text
        .split_once(&start)
        .with_context(|| format!("there is no block {name}"))?;
    let (body, _) = rest
        .split_once('}')
        .with_context(|| format!("block {name} does not end"))?;
    Ok(format!("{start}{body}}}"))
}

/// Reads a preprocessed file.
pub fn parse(text: &str) -> Result<Bitfields> {
    let uncommented: String = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect::<String>()
        .replace('{', " { ")
        .replace('}', " } ");
    let mut words = Words(uncommented.split_whitespace().peekable());
    let mut base = 64;
    let mut found = Bitfields::default();
    while words.0.peek().is_some() {
        match words.next()? {
            "base" => base = words.number()?,
            "block" => found.blocks.push(block(&mut words, base)?),
            "tagged_union" => found.unions.push(union(&mut words)?),
            other => bail!("`{other}` is not a definition"),
        }
    }
    ensure!(base == 64, "only 64-bit words are supported, not {base}");
    Ok(found)
}
