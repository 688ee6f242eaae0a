//! XML answers, bounded and checked before a parser sees them.
//!
//! The parser neither recurses nor fetches anything, but it makes room for as many nodes as there are `<` and for as many attributes
//! as there are `=`, compares each attribute of an element with each other, and wherever a namespace is declared copies those of the
//! elements around, comparing each with each. So a scan of the text, which takes one step a byte, bounds all of these first.

use roxmltree::{Document, Error, Node, ParsingOptions};

use super::reply::Reply;
use crate::redact;

/// How deep elements may be nested. What federation services publish is some twenty levels deep.
const DEPTH: usize = 64;
/// The most tags, comments and sections. A federation service's document has a thousand.
const MARKUP: usize = 50_000;
/// The most nodes: text may stand before each of them.
const NODES: u32 = 100_001;
/// The most equals signs, within attributes and elsewhere.
const EQUALS: usize = 50_000;
/// The most attributes of one element.
const ATTRIBUTES: usize = 128;
/// The longest name, in bytes.
const NAME: usize = 128;
/// The most namespaces that hold in one place. A federation service's document has some twenty.
const IN_SCOPE: usize = 64;
/// The most declarations of namespaces in all.
const DECLARATIONS: usize = 2_048;

/// The body as XML (XML 1.0, Namespaces in XML 1.0), or what is wrong with it, as a fragment that follows "the answer cannot be
/// used: ".
pub(super) fn document(reply: &Reply) -> Result<Document<'_>, String> {
    let text = text(reply)?;
    check(text)?;
    parse(text)
}

/// A part of a document that has been checked, as a document of its own.
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, entity_resolver: None };
    Document::parse_with_options(text, options).map_err(|error| match error {
        Error::UnclosedRootNode | Error::UnexpectedEndOfStream => cut_off(text),
        // What it says about others quotes the text, which may be a token.
        Error::UnknownNamespace(_, at) => format!("its XML uses a prefix that is not declared, at line {}, column {}", at.row, at.col),
        other => format!("its XML cannot be parsed at line {}, column {}", other.pos().row, other.pos().col),
    })
}

/// The body as text: UTF-8 that can be XML.
fn text(reply: &Reply) -> Result<&str, String> {
    let body = reply.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&reply.body);
    if let Some(encoding) = encoding(body) {
        return Err(format!("its text is encoded as {}, and only UTF-8 is read", redact::foreign(&encoding)));
    }
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8 text")?.trim();
    if text.is_empty() {
        return Err(format!("it is empty (status {})", reply.status));
    }
    if !text.starts_with('<') || is_page(text) {
        return Err(format!("it is not XML (status {}): {}", reply.status, redact::beginning(text.as_bytes())));
    }
    Ok(text)
}

/// The encoding of a text, where it is known to be another than UTF-8 (XML 1.0 section 4.3.3 and appendix F). What can be read so far
/// is no UTF-16, although some libraries say so of all that they write; and what is ASCII is the same in those that extend it.
fn encoding(body: &[u8]) -> Option<String> {
    const LONGEST_DECLARATION: usize = 256;
    match body {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [b'<', 0, 0, 0, ..] | [0, 0, 0, b'<', ..] => return Some("UTF-32".to_owned()),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..] => return Some("UTF-16".to_owned()),
        _ => {}
    }
    let start = String::from_utf8_lossy(&body[..body.len().min(LONGEST_DECLARATION)]);
    let (declaration, _) = start.trim_start().strip_prefix("<?xml")?.split_once("?>")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let name = value[1..].split(quote).next()?.trim();
    let lower = name.to_ascii_lowercase();
    let extends_ascii = lower.starts_with("iso-8859-") || lower.starts_with("windows-125") || matches!(&*lower, "ascii" | "us-ascii");
    let is_utf8 = matches!(&*lower, "utf-8" | "utf8" | "utf-16") || extends_ascii && body.is_ascii();
    (!is_utf8).then(|| name.to_owned())
}

/// Whether a text is a web page, whose title says more than where it stops being XML.
fn is_page(text: &str) -> bool {
    let mut rest = text;
    while let Some(end) = match rest {
        _ if rest.starts_with("<!--") => after(rest, "<!--", "-->"),
        _ if rest.starts_with("<?") => after(rest, "<?", "?>"),
        _ => None,
    } {
        rest = rest[end..].trim_start();
    }
    let begins = |with: &str| rest.as_bytes().get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()));
    begins("<html") || begins("<!doctype html")
}

/// Refuses what would cost the parser more than it costs to read, and all document types: they alone can define entities.
///
/// Where the text is well-formed up to a place, this sees the same tags up to there as the parser, which gets no further.
fn check(text: &str) -> Result<(), String> {
    let number = |wanted: u8| text.bytes().filter(|byte| *byte == wanted).count();
    if number(b'<') > MARKUP || number(b'=') > EQUALS {
        return Err("its XML has too many tags or attributes".to_owned());
    }
    // For each element that is open, how many namespaces it declares.
    let mut open = Vec::with_capacity(DEPTH + 1);
    let mut declarations = 0;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let end = match rest {
            _ if rest.starts_with("<!--") => after(rest, "<!--", "-->"),
            _ if rest.starts_with("<![CDATA[") => after(rest, "<![CDATA[", "]]>"),
            _ if rest.starts_with("<!") => return Err("it has a document type, and is not read for its entities".to_owned()),
            // What stands between its quotes does not end it, other than with any other instruction.
            _ if rest.starts_with("<?xml ") => Tag::read(rest).map(|tag| tag.end),
            _ if rest.starts_with("<?") => after(rest, "<?", "?>"),
            _ => {
                let tag = Tag::read(rest).ok_or_else(|| cut_off(text))?;
                if rest.starts_with("</") {
                    open.pop();
                } else {
                    declarations += tag.namespaces;
                    open.push(tag.namespaces);
                    if open.len() > DEPTH {
                        return Err(format!("its XML is nested deeper than {DEPTH} levels"));
                    }
                    let in_scope: usize = open.iter().sum();
                    if tag.attributes > ATTRIBUTES || tag.longest > NAME || declarations > DECLARATIONS || in_scope > IN_SCOPE {
                        return Err("its XML has too many attributes or namespaces, or too long names".to_owned());
                    }
                    if tag.is_empty {
                        open.pop();
                    }
                }
                Some(tag.end)
            }
        };
        rest = &rest[end.ok_or_else(|| cut_off(text))?..];
    }
    Ok(())
}

/// Where what begins with one mark ends with another.
fn after(text: &str, start: &str, end: &str) -> Option<usize> {
    Some(start.len() + text[start.len()..].find(end)? + end.len())
}

fn cut_off(text: &str) -> String {
    format!("its XML is cut off after {} bytes", text.len())
}

/// A tag, as far as it can be seen without reading names (XML 1.0 section 3.1).
pub(super) struct Tag {
    /// Just after its `>`.
    pub(super) end: usize,
    /// Whether it is an element's only one.
    is_empty: bool,
    attributes: usize,
    /// At least as long as its longest name.
    longest: usize,
    /// At least as many as it declares.
    namespaces: usize,
}

impl Tag {
    /// The tag at the beginning of a text; `None` where it does not end.
    pub(super) fn read(text: &str) -> Option<Tag> {
        let (mut quote, mut attributes, mut name, mut longest) = (None, 0, 0, 0);
        for (at, byte) in text.bytes().enumerate() {
            match (byte, quote) {
                (_, Some(open)) if open == byte => quote = None,
                (_, Some(_)) => {}
                (b'"' | b'\'', None) => (quote, name) = (Some(byte), 0),
                (b'=', None) => (attributes, name) = (attributes + 1, 0),
                (b' ' | b'\t' | b'\r' | b'\n', None) => name = 0,
                (b'>', None) => {
                    let namespaces = text[..at].matches("xmlns").count();
                    return Some(Tag { end: at + 1, is_empty: text[..at].ends_with('/'), attributes, longest, namespaces });
                }
                (_, None) => name += 1,
            }
            longest = longest.max(name);
        }
        None
    }
}

/// Whether a node is an element of that name, in any of these namespaces.
pub(super) fn is(node: Node<'_, '_>, namespaces: &[&str], name: &str) -> bool {
    let tag = node.tag_name();
    node.is_element() && tag.name() == name && tag.namespace().is_some_and(|own| namespaces.contains(&own))
}

/// The elements of that name just below a node.
pub(super) fn children<'a, 'input>(node: Node<'a, 'input>, namespaces: &[&str], name: &str) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| is(*child, namespaces, name))
}

/// The text of an element, which comments may divide, without the white space around it.
pub(super) fn content(node: Node<'_, '_>) -> String {
    let text: String = node.children().filter(Node::is_text).filter_map(|child| child.text()).collect();
    text.trim().to_owned()
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;
