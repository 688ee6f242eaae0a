//! An answer of a server, whole.

use std::time::SystemTime;

use zeroize::Zeroizing;

/// A complete HTTP answer, and when it arrived: lifetimes count from there, so that parsing needs no clock.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Wiped when dropped: it may hold a token.
    pub(crate) body: Zeroizing<Vec<u8>>,
    pub(crate) received_at: SystemTime,
}

/// How deep a JSON answer may be nested. Entra's are two levels deep.
const DEPTH: usize = 64;

impl Reply {
    /// The body as JSON of the wanted shape, or what is wrong with it, as a fragment that follows "the answer cannot be used: ".
    pub(crate) fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, String> {
        let Ok(text) = std::str::from_utf8(&self.body) else {
            return Err("it is not UTF-8 text".to_owned());
        };
        if text.trim().is_empty() {
            return Err(format!("it is empty (status {})", self.status));
        }
        if !text.trim_start().starts_with('{') {
            return Err(format!("it is not JSON (status {}): {}", self.status, crate::redact::beginning(&self.body)));
        }
        if too_deep(&self.body) {
            return Err(format!("its JSON is nested deeper than {DEPTH} levels"));
        }
        serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => format!("its JSON is cut off after {} bytes", self.body.len()),
            _ => format!("its JSON is not what it should be ({})", describe(&error)),
        })
    }
}

/// What serde says, without values: it quotes what it did not expect, and that may be a token.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!("line {}, column {}", error.line(), error.column());
    // The names are those of our own types.
    let named = |kind: &str| text.strip_prefix(kind).and_then(|rest| rest.split('`').nth(1));
    match error.classify() {
        serde_json::error::Category::Data => match (named("duplicate field "), named("missing field ")) {
            (Some(member), _) => format!("{member} stands twice"),
            (None, Some(member)) => format!("{member} is missing"),
            (None, None) => format!("a member has the wrong type at {place}"),
        },
        _ => format!("it cannot be parsed at {place}"),
    }
}

/// Whether brackets outside strings are nested deeper than is allowed.
fn too_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match (byte, in_string) {
            _ if escaped => escaped = false,
            (b'\\', true) => escaped = true,
            (b'"', _) => in_string = !in_string,
            (b'{' | b'[', false) => depth += 1,
            (b'}' | b']', false) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return true;
        }
    }
    false
}

#[cfg(test)]
pub(super) fn of(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply { status, body: Zeroizing::new(body.into()), received_at: SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings_only() {
        assert!(!too_deep(&b"[".repeat(64)));
        assert!(too_deep(&b"[".repeat(65)));
        assert!(!too_deep(format!("\"{}\\\"{}\"", "[".repeat(100), "{".repeat(100)).as_bytes()));
    }

    #[test]
    fn what_is_wrong_is_said_without_values() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "it is there to be failed to read")]
        struct Wanted {
            access_token: String,
        }
        for (body, what) in [
            ("", "it is empty (status 200)"),
            ("<title>Blocked</title>", "it is not JSON (status 200): Blocked"),
            ("{\"access_token\":\"secr", "its JSON is cut off after 21 bytes"),
            ("{\"access_token\":17}", "its JSON is not what it should be (a member has the wrong type at line 1, column 18)"),
            ("{\"access_token\":\"a\",\"access_token\":\"b\"}", "its JSON is not what it should be (access_token stands twice)"),
            ("{\"access_token\":secret}", "its JSON is not what it should be (it cannot be parsed at line 1, column 17)"),
        ] {
            assert_eq!(of(200, body).json::<Wanted>().unwrap_err(), what);
        }
        assert_eq!(of(200, [0xff, 0xfe]).json::<Wanted>().unwrap_err(), "it is not UTF-8 text");
    }
}
