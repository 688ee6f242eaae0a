//! The tables of explanations, entry by entry.

use super::explanation::{Command, Explanation, Who};
use super::{Code, Values, aadsts, b2c, msis, names, wif};

const PLACEHOLDERS: &[&str] = &["authority", "client_id", "tenant", "scope"];

/// How a next step begins, where it names neither a command nor a page.
const STEPS: &[&str] = &[
    "add", "ask", "begin", "check", "choose", "close", "compare", "connect", "copy", "correct", "enrol", "enter", "exchange", "fetch",
    "get", "give", "hand", "have", "leave", "let", "lock", "look", "make", "name", "open", "pass", "present", "press", "put", "read",
    "register", "remove", "request", "reset", "run", "send", "set", "sign", "stop", "try", "type", "update", "upload", "use", "wait",
    "write", "accept", "go", "change", "correct",
];

fn tables() -> impl Iterator<Item = &'static Explanation> {
    [aadsts::TABLE, b2c::TABLE, msis::TABLE, wif::TABLE, names::TABLE].into_iter().flatten()
}

fn texts(entry: &Explanation) -> [(&'static str, &'static str, usize); 4] {
    let command = entry.command.map_or("", Command::line);
    [("what", entry.what, 90), ("why", entry.why, 240), ("fix", entry.fix, 240), ("command", command, 130)]
}

/// The text between every `open` and the `close` that follows it.
fn enclosed(text: &str, open: char, close: char) -> Vec<&str> {
    text.split(open)
        .skip(1)
        .map(|rest| match rest.split_once(close) {
            Some((inside, _)) => inside,
            None => panic!("{open} without {close} in {text:?}"),
        })
        .collect()
}

#[test]
fn the_codes_that_users_meet_most_are_there() {
    let common = [
        50020, 50034, 50076, 50079, 50126, 50131, 50173, 50196, 50199, 53003, 65001, 70002, 70011, 70043, 70044, 75011, 80001, 80014,
        81010, 90002, 90010, 90072, 135010, 140001, 220501, 221000, 500011, 500121, 500133, 500207, 530003, 530032, 530034, 530035, 650052,
        700005, 700016, 700024, 700027, 900144, 900971, 1002012, 7000112, 7000215, 7000218, 7000222, 9002313,
    ];
    assert!(common.iter().all(|code| Code::Aadsts(*code).explanation().is_some()));
}

#[test]
fn each_table_holds_one_family_and_ascends_strictly() {
    for table in [aadsts::TABLE, b2c::TABLE, msis::TABLE, wif::TABLE, names::TABLE] {
        for pair in table.windows(2) {
            let (one, other) = (pair[0].code, pair[1].code);
            assert!(one < other, "{one} is before {other}");
            assert_eq!(std::mem::discriminant(&one), std::mem::discriminant(&other), "{one} and {other}");
        }
    }
    for entry in tables() {
        assert_eq!(entry.code.explanation().map(|found| found.what), Some(entry.what), "{}", entry.code);
    }
}

#[test]
fn every_entry_is_complete_and_bounded() {
    for entry in tables() {
        let code = entry.code;
        for (name, text, longest) in texts(entry) {
            assert!(!text.is_empty() || name == "command", "{code}: {name} is empty");
            assert_eq!(text, text.trim(), "{code}: {name} has blanks around it");
            assert!(!text.contains("  "), "{code}: {name} has a double blank");
            assert!(!text.contains("::") && !text.contains("##"), "{code}: {name} could be a command to a CI system");
            assert!(!text.chars().any(char::is_control), "{code}: {name} has a control character");
            assert!(!text.ends_with('.'), "{code}: {name} ends with a full stop");
            let length = text.chars().count();
            assert!(length <= longest, "{code}: {name} has {length} characters, more than {longest}");
        }
    }
}

#[test]
fn every_fix_names_a_next_step() {
    for entry in tables() {
        let first = entry.fix.split([' ', ',']).next().unwrap_or_default();
        let names_one = entry.fix.contains("entra-token ") || entry.fix.contains("{authority}");
        assert!(STEPS.contains(&first) || names_one, "{}: {:?}", entry.code, entry.fix);
    }
}

#[test]
fn what_is_a_lower_case_fragment_without_values() {
    for entry in tables() {
        let first = entry.what.chars().next().expect("what is not empty");
        let proper_name = ["Conditional Access", "Microsoft", "Entra"].iter().any(|name| entry.what.starts_with(name));
        assert!(first.is_lowercase() || proper_name, "{}: {:?}", entry.code, entry.what);
        assert!(!entry.what.contains('{'), "{}: a value in what", entry.code);
    }
}

#[test]
fn placeholders_are_known() {
    for entry in tables() {
        for (_, text, _) in texts(entry) {
            for name in enclosed(text, '{', '}') {
                assert!(PLACEHOLDERS.contains(&name), "{}: {{{name}}}", entry.code);
            }
            assert_eq!(text.matches('{').count(), text.matches('}').count(), "{}: braces", entry.code);
            assert!(!Values::default().fill(text).contains(['{', '}']), "{}: {text}", entry.code);
        }
    }
}

#[test]
fn quotes_are_closed() {
    for entry in tables() {
        for (name, text, _) in texts(entry) {
            for quote in ['"', '`'] {
                assert_eq!(text.matches(quote).count() % 2, 0, "{}: {name} leaves {quote} open", entry.code);
            }
        }
    }
}

#[test]
fn commands_and_options_exist() {
    let (commands, options) = crate::cli::args::names();
    for entry in tables() {
        for (_, text, _) in texts(entry) {
            for rest in text.split("entra-token").skip(1) {
                let command: String = rest.trim_start().chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').collect();
                assert!(commands.contains(&command), "{}: no command {command:?}", entry.code);
            }
            // What stands in backquotes is a command line as a whole; if it is another
            // program's, its options are not ours.
            for (index, part) in text.split('`').enumerate() {
                if index % 2 == 1 && !part.starts_with("entra-token ") {
                    continue;
                }
                for rest in part.split("--").skip(1) {
                    let name: String = rest.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').collect();
                    let option = format!("--{name}");
                    assert!(options.contains(&option), "{}: no option {option}", entry.code);
                }
            }
        }
    }
}

#[test]
fn the_contract_names_who_lifts_these() {
    let who = |code| Code::Aadsts(code).explanation().expect("a listed code").who;
    for code in [50055, 50058, 50076, 50079, 65001, 70008, 700082] {
        assert_eq!(who(code), Who::SignIn, "{code}");
    }
    for code in [50196, 90012, 90033] {
        assert_eq!(who(code), Who::Platform, "{code}");
    }
    for code in [50034, 50126, 90010, 700016] {
        assert_eq!(who(code), Who::Caller, "{code}");
    }
    assert_eq!(who(53003), Who::TenantAdmin);
    assert_eq!(who(7000215), Who::AppOwner);
}
