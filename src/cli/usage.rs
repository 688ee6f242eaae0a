//! clap's complaints, in our own shape and without values: what was typed in a wrong place may be a secret.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::UsageError;
use crate::redact::foreign;

/// Flags that people try, and that cannot exist: a command line can be read by every process of the machine.
const SECRET_FLAGS: &[(&str, &str)] =
    &[("--client-secret", "--secret-file"), ("--secret", "--secret-file"), ("--password", "--password-file")];

/// Turns clap's error into ours.
pub(crate) fn usage_error(error: &clap::Error) -> UsageError {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(foreign(text)),
        Some(ContextValue::Strings(texts)) => texts.first().map(|text| foreign(text)),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg);
    // `--flag=value`: the value is not shown.
    let flag = argument.as_deref().map(|argument| argument.split(['=', ' ']).next().unwrap_or(argument).to_owned());
    let flag = flag.filter(|flag| flag.starts_with('-')).map(|flag| if is_usual(&flag) { flag } else { "of that name".to_owned() });
    let help = || "see --help, of the program or behind the command's name".to_owned();
    match (error.kind(), flag) {
        (ErrorKind::UnknownArgument, Some(flag)) => unknown_flag(&flag, text(ContextKind::SuggestedArg)),
        (ErrorKind::UnknownArgument, None) => UsageError::new("there is one argument too many on the command line").fix(help()),
        (ErrorKind::InvalidSubcommand, _) => {
            let name = text(ContextKind::InvalidSubcommand).unwrap_or_default();
            let suggestion = text(ContextKind::SuggestedSubcommand).map_or_else(help, |name| format!("did you mean {name}?"));
            let name = if is_usual(&format!("--{name}")) { name } else { "of that name".to_owned() };
            UsageError::new(format!("there is no command {name}")).fix(suggestion)
        }
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(flag))
            if text(ContextKind::InvalidValue).is_none_or(|value| value.is_empty()) =>
        {
            UsageError::new(format!("{flag} has no value")).fix(help())
        }
        (ErrorKind::InvalidValue, Some(flag)) => {
            let known = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) => values.join(", "),
                _ => String::new(),
            };
            UsageError::new(format!("{flag} has a value that is not one of {known}")).fix(format!("give {flag} one of them"))
        }
        (ErrorKind::ValueValidation, Some(flag)) => {
            let why = std::error::Error::source(error).map(|source| foreign(&source.to_string()));
            UsageError { what: format!("{flag} has a value that cannot be used"), why, fix: Some(help()) }
        }
        (ErrorKind::ArgumentConflict, Some(flag)) => {
            let other = text(ContextKind::PriorArg).and_then(|other| other.split(['=', ' ']).next().map(str::to_owned));
            let what = match other.filter(|other| *other != flag && is_usual(other)) {
                Some(other) => format!("{flag} and {other} cannot both be given"),
                None => format!("{flag} is given twice"),
            };
            UsageError::new(what).fix("leave one of them out")
        }
        (ErrorKind::NoEquals | ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues | ErrorKind::TooFewValues, Some(flag)) => {
            UsageError::new(format!("{flag} has the wrong number of values")).fix(help())
        }
        (ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, _) => {
            UsageError::new("no command is given").fix(help())
        }
        (ErrorKind::InvalidUtf8, _) => UsageError::new("the command line is not UTF-8 text"),
        (_, flag) => UsageError::new(format!("the command line is not right{}", flag.map_or(String::new(), |flag| format!(" at {flag}"))))
            .fix(help()),
    }
}

/// Whether a flag has the form of one: what has another form may be a secret with hyphens before it.
fn is_usual(flag: &str) -> bool {
    flag.len() <= 32 && flag.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') || flag.len() == 2
}

fn unknown_flag(flag: &str, suggestion: Option<String>) -> UsageError {
    let error = UsageError::new(format!("there is no option {flag}"));
    if let Some((_, file)) = SECRET_FLAGS.iter().find(|(name, _)| *name == flag) {
        return error.why("a command line can be read by every process on the machine, so no option takes a secret").fix(format!(
            "write the secret to a file that only you can read and give {file} PATH, or {file} - and the secret on standard input"
        ));
    }
    error.fix(suggestion.map_or_else(|| "see --help behind the command's name".to_owned(), |name| format!("did you mean {name}?")))
}
