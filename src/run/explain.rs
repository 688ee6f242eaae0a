//! `explain`: what an error means, without asking anybody.

use std::ffi::OsString;

use zeroize::Zeroizing;

use super::context::Context;
use crate::cli::args::{Explain, ListFormat};
use crate::cli::input::{self, Limit};
use crate::error::{Error, UsageError};
use crate::hint;
use crate::output::deliver::Destination;
use crate::output::explanation;
use crate::secret::Secret;
use crate::terminal;

/// Explains what the text on the command line or on standard input holds.
pub(super) fn run(command: &Explain, context: &Context<'_>) -> Result<(), Error> {
    let text = text(&command.text, context)?;
    let found = hint::found(&text);
    if found.codes.is_empty() {
        return Err(UsageError::new("there is no code in the text that could be explained")
            .why("a code begins with AADSTS, AADB2C, MSIS or ID, or is the name of an error, such as invalid_grant")
            .fix("give a code such as AADSTS50126, or an error's whole text; https://login.microsoftonline.com/error knows more")
            .into());
    }
    let explained = match command.output {
        ListFormat::Text => explanation::text(&found),
        ListFormat::Json => explanation::json(&found),
    };
    Destination::StandardOutput.deliver(&Secret::new(explained))
}

/// The text: the arguments, as they were before a shell took them apart, or standard input. It may hold tokens and passwords.
fn text(arguments: &[OsString], context: &Context<'_>) -> Result<Zeroizing<String>, Error> {
    match arguments {
        [] if terminal::can_ask() => Err(UsageError::new("nothing says what is to be explained")
            .fix("give a code such as AADSTS50126, an error's text in quotes, or - to read standard input")
            .into()),
        [] => read(context),
        [dash] if dash == "-" => read(context),
        words => {
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            let mut text = Zeroizing::new(words.join(" "));
            let end = text.floor_char_boundary(input::TEXT_LIMIT);
            text.truncate(end);
            Ok(text)
        }
    }
}

fn read(context: &Context<'_>) -> Result<Zeroizing<String>, Error> {
    let is_typed = terminal::can_ask();
    if is_typed {
        context.terminal.note("paste the error, and end it with Ctrl-D on a line of its own (Ctrl-Z on Windows)");
    }
    let limit = if is_typed { Limit::from_now(context.common.patience()) } else { context.limit };
    let (text, is_all) = input::read_text(limit)?;
    if !is_all {
        context.terminal.warn(&format!("only the first {} bytes of standard input were looked at", input::TEXT_LIMIT));
    }
    Ok(text)
}
