//! A page as the browser shows it: its text, its forms, its buttons.

use crate::address::Address;
use crate::html::unescape;

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    pub(crate) status: u16,
    pub(crate) address: Address,
    pub(crate) fragment: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A form of a page.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) is_post: bool,
    pub(crate) action: String,
    pub(crate) inputs: Vec<(String, String)>,
    pub(crate) buttons: Vec<Button>,
    /// Its page sends it on without anybody's doing.
    pub(crate) sends_itself: bool,
}

/// A button that sends a form.
#[derive(Clone, Debug)]
pub(crate) struct Button {
    pub(crate) label: String,
    pub(crate) name: Option<String>,
    pub(crate) value: String,
}

impl Page {
    /// HTTP status; 0 where nobody listens on this machine.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The address, as the address bar has it.
    pub fn url(&self) -> String {
        let fragment = self.fragment.as_ref().map(|fragment| format!("#{fragment}")).unwrap_or_default();
        format!("{}{fragment}", self.address)
    }

    /// The page's source.
    pub fn html(&self) -> &str {
        &self.body
    }

    /// What is there to read: the source without tags, scripts and styles.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut rest = self.body.as_str();
        while let Some((before, after)) = rest.split_once('<') {
            text.push_str(before);
            let skipped = ["script", "style"].into_iter().find(|name| after.starts_with(name));
            let tag = match skipped {
                Some(name) => after.split_once(&format!("</{name}")).map_or("", |(_, after)| after),
                None => after,
            };
            rest = tag.split_once('>').map_or("", |(_, rest)| rest);
            text.push(' ');
        }
        text.push_str(rest);
        unescape(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first field of a name, as it is filled in.
    pub fn field(&self, name: &str) -> Option<String> {
        self.forms().into_iter().flat_map(|form| form.inputs).find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The labels of all buttons.
    pub fn buttons(&self) -> Vec<String> {
        self.forms().into_iter().flat_map(|form| form.buttons).map(|button| button.label).collect()
    }

    pub(crate) fn forms(&self) -> Vec<Form> {
        let sends_itself = self.body.contains("document.forms[0].submit()");
        self.body.split("<form").skip(1).map(|rest| form(rest.split("</form>").next().unwrap_or_default(), sends_itself)).collect()
    }
}

fn form(html: &str, sends_itself: bool) -> Form {
    let (head, content) = html.split_once('>').unwrap_or_default();
    let inputs = content.split("<input").skip(1).filter_map(|rest| {
        let tag = rest.split('>').next()?;
        Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
    });
    let buttons = content.split("<button").skip(1).filter_map(|rest| {
        let (tag, rest) = rest.split_once('>')?;
        let label = unescape(rest.split("</button").next()?);
        Some(Button { label, name: attribute(tag, "name"), value: attribute(tag, "value").unwrap_or_default() })
    });
    Form {
        is_post: attribute(head, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
        action: attribute(head, "action").unwrap_or_default(),
        inputs: inputs.collect(),
        buttons: buttons.collect(),
        sends_itself,
    }
}

/// A quoted attribute of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| unescape(value))
}
