//! Pages as text: the frame that all have, and the escaping of what is put into them.

/// Text as HTML has it, in content and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// What [`escape`] made, as it was. Other references stay as they are.
pub(crate) fn unescape(html: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(html.to_owned(), |text, (reference, character)| text.replace(reference, character))
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;background:#f2f2f2;margin:0}\
main{background:#fff;max-width:26rem;margin:4rem auto;padding:2.5rem;box-shadow:0 2px 6px #0003}\
h1{font-size:1.4rem;margin:0 0 1rem}p.error{color:#b00020}label{display:block;margin:.75rem 0}\
input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}\
button{font:inherit;padding:.4rem 1.4rem;margin:.75rem .5rem 0 0}small{color:#666}";

/// A whole page: heading, content that is HTML already, and a word on what this is.
pub(crate) fn page(heading: &str, content: &str) -> String {
    let heading = escape(heading);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{heading}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n<body><main>\n\
         <h1>{heading}</h1>\n{content}\n<p><small>A local tenant: nothing here leaves this machine.</small></p>\n</main></body></html>\n"
    )
}

/// A paragraph.
pub(crate) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// What went wrong with the page before, if anything did.
pub(crate) fn complaint(text: Option<&str>) -> String {
    text.map(|text| format!("<p class=\"error\">{}</p>\n", escape(text))).unwrap_or_default()
}

/// A form by POST.
pub(crate) fn form(action: &str, content: &str) -> String {
    format!("<form method=\"post\" action=\"{}\">\n{content}</form>", escape(action))
}

/// A value that the form carries along.
pub(crate) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value))
}

/// A field to fill in.
pub(crate) fn field(label: &str, kind: &str, name: &str, value: &str) -> String {
    format!("<label>{} <input type=\"{kind}\" name=\"{name}\" value=\"{}\" autocomplete=\"off\"></label>\n", escape(label), escape(value))
}

/// A button that sends the form with `action` set to a value.
pub(crate) fn button(label: &str, value: &str) -> String {
    format!("<button type=\"submit\" name=\"action\" value=\"{}\">{}</button>\n", escape(value), escape(label))
}

/// The page that sends itself on by POST (OAuth 2.0 Form Post Response Mode).
pub(crate) fn form_post(action: &str, values: &[(String, String)]) -> String {
    let inputs: String = values.iter().map(|(name, value)| hidden(name, value)).collect();
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Working...</title></head><body>\
         <form method=\"POST\" name=\"hiddenform\" action=\"{}\">\n{inputs}\
         <noscript><p>Script is disabled. Click Submit to continue.</p><button type=\"submit\">Submit</button></noscript></form>\
         <script>document.forms[0].submit();</script></body></html>\n",
        escape(action)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_comes_back() {
        let text = "<a href=\"x\">'&amp;' é</a>";
        assert_eq!(unescape(&escape(text)), text);
        assert!(!escape(text).contains(['<', '>', '"', '\'']));
    }
}
