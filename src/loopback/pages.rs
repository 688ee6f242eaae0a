//! What callers get to see: three pages that never change. No text of a request or of a server is in any of them, and none asks
//! a person to copy an address.

/// The page for the call that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// It brought what was asked for.
    Done,
    /// It brought the news that there is none.
    Failed,
}

/// A status of HTTP (RFC 9110 section 15): the number, and its usual words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(u16, &'static str);

impl Status {
    pub(super) fn code(self) -> u16 {
        self.0
    }
}

const OK: Status = Status(200, "OK");
pub(super) const BAD_REQUEST: Status = Status(400, "Bad Request");
pub(super) const NOT_FOUND: Status = Status(404, "Not Found");
pub(super) const METHOD_NOT_ALLOWED: Status = Status(405, "Method Not Allowed");
pub(super) const LENGTH_REQUIRED: Status = Status(411, "Length Required");
pub(super) const CONTENT_TOO_LARGE: Status = Status(413, "Content Too Large");
pub(super) const UNSUPPORTED_MEDIA_TYPE: Status = Status(415, "Unsupported Media Type");
pub(super) const EXPECTATION_FAILED: Status = Status(417, "Expectation Failed");
pub(super) const MISDIRECTED_REQUEST: Status = Status(421, "Misdirected Request");
pub(super) const HEADERS_TOO_LARGE: Status = Status(431, "Request Header Fields Too Large");
pub(super) const NOT_IMPLEMENTED: Status = Status(501, "Not Implemented");

macro_rules! style {
    () => {
        ":root{color-scheme:light dark}\
         body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto 0;padding:0 1.5rem}\
         h1{font-size:1.5rem;margin:0 0 .5rem}"
    };
}

macro_rules! page {
    ($title:literal, $text:literal) => {
        concat!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
            $title,
            "</title>\n<style>",
            style!(),
            "</style>\n</head>\n<body>\n<h1>",
            $title,
            "</h1>\n<p>",
            $text,
            "</p>\n</body>\n</html>\n"
        )
    };
}

/// The SHA-256 of the style, which is all that a page may use (Content Security Policy Level 3 section 2.3.1).
const STYLE_HASH: &str = "sha256-+MuwDqx6b/EOfaA0yXcrOUz5nB6h4T+rXjFUUeEl93A=";
const DONE: &str = page!("You have signed in", "Go back to the terminal, which has the rest. You may close this page.");
const FAILED: &str = page!("You are not signed in", "Go back to the terminal, which says why. You may close this page.");
const NOT_OURS: &str = page!("This is not the answer that is waited for", "Go back to the terminal; you may close this page.");

/// The whole answer to the call that was taken.
pub(super) fn taken(page: Page) -> String {
    match page {
        Page::Done => answer(OK, DONE),
        Page::Failed => answer(OK, FAILED),
    }
}

/// The whole answer to a call that was not.
pub(super) fn refused(status: Status) -> String {
    // What answers HEAD has no body (RFC 9110 section 9.3.2), and this is what it gets.
    answer(status, if status == METHOD_NOT_ALLOWED { "" } else { NOT_OURS })
}

fn answer(Status(code, words): Status, page: &str) -> String {
    let allow = if code == METHOD_NOT_ALLOWED.0 { "Allow: GET, POST\r\n" } else { "" };
    format!(
        "HTTP/1.1 {code} {words}\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         Connection: close\r\n\
         {allow}\
         Cache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src '{STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'none'\r\n\
         \r\n\
         {page}",
        page.len()
    )
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn the_policy_lets_the_style_pass() {
        let hash = ring::digest::digest(&ring::digest::SHA256, style!().as_bytes());
        assert_eq!(STYLE_HASH, format!("sha256-{}", STANDARD.encode(hash)));
        for page in [DONE, FAILED, NOT_OURS] {
            assert!(page.contains(concat!("<style>", style!(), "</style>")) && !page.contains("style="));
            assert!(!page.contains("://") && !page.contains("<script") && !page.contains("copy") && !page.contains("paste"));
        }
    }
}
