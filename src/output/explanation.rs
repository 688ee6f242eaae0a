//! Explained codes, as blocks for a person or as JSON for a script.
//!
//! Nothing here comes from the text that was explained but what has the form of an id, a domain or a scope.

use serde_json::{Value, json};

use super::report::{ascii, bounded};
use crate::exit;
use crate::hint::{Code, Found, Who, who_of};
use crate::redact::printable;

/// The explanations as the error shape has them, a blank line between two.
pub(crate) fn text(found: &Found) -> String {
    let blocks: Vec<String> = found.codes.iter().map(|code| block(*code, found)).collect();
    blocks.join("\n")
}

fn block(code: Code, found: &Found) -> String {
    let what = code.explanation().map_or(UNKNOWN, |explanation| explanation.what);
    let mut block = format!("{code}: {what}\n");
    for (label, line) in lines(code, found) {
        block += &format!("  {label}:  {}\n", printable(&bounded(line)));
    }
    block
}

const UNKNOWN: &str = "not known to this version of entra-token";

/// The labelled lines of a code.
fn lines(code: Code, found: &Found) -> Vec<(&'static str, String)> {
    let lifting = who_of(code, found);
    let who = lifting.map(|who| ("who", who.label().to_owned()));
    let Some(explanation) = code.explanation() else {
        return who.into_iter().chain([("fix", look_up(code))]).collect();
    };
    let mut lines = vec![("why", found.values.fill(explanation.why))];
    lines.extend(who);
    let (fix, command) = explanation.remedy(lifting);
    lines.push(("fix", found.values.fill(fix)));
    lines.extend(command.map(|command| ("try", found.values.fill_command(command))));
    lines
}

/// The explanations as JSON: an array of objects, in which what is not known is null.
pub(crate) fn json(found: &Found) -> String {
    let list: Vec<Value> = found.codes.iter().map(|code| object(*code, found)).collect();
    ascii(&format!("{:#}\n", Value::from(list)))
}

fn object(code: Code, found: &Found) -> Value {
    let explanation = code.explanation();
    let filled = |text: &str| bounded(found.values.fill(text));
    let who = who_of(code, found);
    let remedy = explanation.map(|explanation| explanation.remedy(who));
    json!({
        "code": code.to_string(),
        "known": explanation.is_some(),
        "what": explanation.map(|explanation| explanation.what),
        "why": explanation.map(|explanation| filled(explanation.why)),
        "who": who.map(Who::id),
        "fix": remedy.map_or_else(|| look_up(code), |(fix, _)| filled(fix)),
        "command": remedy.and_then(|(_, command)| Some(bounded(found.values.fill_command(command?)))),
        "exit_code": exit_code(code, who),
        "url": code.page(),
    })
}

/// What a command that meets the code ends with.
fn exit_code(code: Code, who: Option<Who>) -> u8 {
    if code.is_own_choice() { exit::CANCELLED } else { exit::of_refusal(who.unwrap_or(Who::AppOwner)) }
}

/// Where a code that this version does not know is explained, or by whom.
fn look_up(code: Code) -> String {
    match code {
        Code::B2c(_) => "look it up at https://learn.microsoft.com/azure/active-directory-b2c/error-codes".to_owned(),
        Code::Msis(_) | Code::Wif(_) => {
            "show it to the administrator of the federation server (AD FS), whose event log says more".to_owned()
        }
        Code::Aadsts(_) | Code::Name(_) => {
            format!("look it up at {}", code.page().unwrap_or_else(|| "https://login.microsoftonline.com/error".to_owned()))
        }
    }
}
