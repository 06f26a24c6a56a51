//! The XML files of the tree: invocations and system calls.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use roxmltree::{Document, Node, ParsingOptions};

/// A parameter of a method.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name in the XML.
    pub name: String,
    /// Its C type.
    pub ty: String,
}

/// A method of an interface: one invocation.
#[derive(Clone, Debug)]
pub struct Method {
    /// The interface, for example `seL4_TCB`.
    pub interface: String,
    /// The method, for example `Resume`.
    pub name: String,
    /// The label, for example `TCBResume`.
    pub id: String,
    /// The preprocessor condition under which the method exists; empty if it always does.
    pub condition: String,
    /// Parameters that travel to the kernel, without the capability that is invoked.
    pub inputs: Vec<Parameter>,
    /// Parameters that the kernel sends back.
    pub outputs: Vec<Parameter>,
}

/// A structure that crosses as consecutive words.
#[derive(Clone, Debug)]
pub struct Structure {
    /// Its C type.
    pub name: String,
    /// Its members in the order of the message.
    pub members: Vec<String>,
}

/// The contents of one interface file.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    /// Methods in the order of their labels.
    pub methods: Vec<Method>,
    /// Structures that their parameters use.
    pub structures: Vec<Structure>,
}

/// A system call and the condition under which it exists.
#[derive(Clone, Debug)]
pub struct Syscall {
    /// Its name without a prefix, for example `Call`.
    pub name: String,
    /// Its preprocessor condition; empty if it always exists.
    pub condition: String,
}

fn with_document<T>(path: &Path, read: impl FnOnce(&Document) -> Result<T>) -> Result<T> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&text, options)
        .with_context(|| format!("{file} is not XML"))?;
    read(&document).with_context(|| format!("in {file}"))
}

fn elements<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants().filter(move |n| n.has_tag_name(name))
}

fn attribute(node: Node, name: &str) -> Result<String> {
    let value = node.attribute(name);
    value
        .map(str::to_owned)
        .with_context(|| format!("<{}> lacks `{name}`", node.tag_name().name()))
}

fn method(interface: &str, node: Node) -> Result<Method> {
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for parameter in elements(node, "param") {
        let list = match parameter.attribute("dir") {
            Some("in") => &mut inputs,
            Some("out") => &mut outputs,
            other => bail!("a parameter has direction {other:?}"),
        };
        list.push(Parameter {
            name: attribute(parameter, "name")?,
            ty: attribute(parameter, "type")?,
        });
    }
    Ok(Method {
        interface: interface.to_owned(),
        name: attribute(node, "name")?,
        id: attribute(node, "id")?,
        condition: node.attribute("condition").unwrap_or_default().to_owned(),
        inputs,
        outputs,
    })
}

/// Reads one interface file.
pub fn interfaces(path: &Path) -> Result<Interfaces> {
    with_document(path, |document| {
        let mut found = Interfaces::default();
        for structure in elements(document.root(), "struct") {
            found.structures.push(Structure {
                name: attribute(structure, "name")?,
                members: elements(structure, "member")
                    .map(|member| attribute(member, "name"))
                    .collect::<Result<_>>()?,
            });
        }
        for interface in elements(document.root(), "interface") {
            let name = attribute(interface, "name")?;
            for node in elements(interface, "method") {
                found.methods.push(method(&name, node)?);
            }
        }
        Ok(found)
    })
}

/// Reads the system calls: those of the API first, then the debugging ones, in the order of their numbers.
pub fn syscalls(path: &Path) -> Result<Vec<Syscall>> {
    with_document(path, |document| {
        let mut found = Vec::new();
        for group in ["api", "debug"] {
            for config in elements(document.root(), group).flat_map(|n| elements(n, "config")) {
                let condition = config.attribute("condition").unwrap_or_default();
                for syscall in elements(config, "syscall") {
                    found.push(Syscall {
                        name: attribute(syscall, "name")?,
                        condition: condition.to_owned(),
                    });
                }
            }
        }
        Ok(found)
    })
}
