//! Answers that are no XML, XML that is not read, and XML that would cost too much.

use proptest::prelude::*;

use super::super::reply::of;
use super::*;

fn read(body: impl Into<Vec<u8>>) -> Result<usize, String> {
    document(&of(200, body)).map(|document| document.descendants().filter(Node::is_element).count())
}

fn nested(depth: usize) -> String {
    format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth))
}

#[test]
fn what_is_no_xml_is_said_with_its_beginning() {
    for (status, body, what) in [
        (200, "", "it is empty (status 200)"),
        (503, " \r\n", "it is empty (status 503)"),
        (502, "Bad gateway", "it is not XML (status 502): Bad gateway"),
        (200, "{\"a\":1}", "it is not XML (status 200): {\"a\":1}"),
        (403, "<html><head><title>Blocked</title></head><body>", "it is not XML (status 403): Blocked"),
        (404, "<!DOCTYPE html>\n<title>Not found</title>", "it is not XML (status 404): Not found"),
        (
            503,
            "<?xml version='1.0'?>\n<!-- x -->\n<!doctype HTML PUBLIC '-//W3C//DTD XHTML 1.0//EN'><html><title>Off</title></html>",
            "it is not XML (status 503): Off",
        ),
        (200, "<HTML><TITLE>::error::x</TITLE>", "it is not XML (status 200): :\\u{3a}error:\\u{3a}x"),
    ] {
        assert_eq!(document(&of(status, body)).unwrap_err(), what);
    }
}

#[test]
fn only_utf8_is_read_and_another_encoding_is_named() {
    let utf16: Vec<u8> = "<?xml version='1.0' encoding='utf-16'?><a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let named = |name: &str| format!("its text is encoded as {name}, and only UTF-8 is read");
    assert_eq!(read([&[0xff, 0xfe][..], &utf16].concat()).unwrap_err(), named("UTF-16"));
    assert_eq!(read(utf16).unwrap_err(), named("UTF-16"));
    assert_eq!(read([0xfe, 0xff, 0, b'<']).unwrap_err(), named("UTF-16"));
    assert_eq!(read([0xff, 0xfe, 0, 0, b'<', 0, 0, 0]).unwrap_err(), named("UTF-32"));
    assert_eq!(read([0, 0, 0xfe, 0xff, 0, 0, 0, b'<']).unwrap_err(), named("UTF-32"));
    assert_eq!(read(b"<?xml version=\"1.0\" encoding = 'ISO-8859-1'?><a>\xe9</a>").unwrap_err(), named("ISO-8859-1"));
    for name in ["utf-16", "iso-8859-1", "Windows-1252", "us-ascii"] {
        assert_eq!(read(format!("<?xml version='1.0' encoding='{name}'?><a/>")), Ok(1), "{name}: what it says is the same in UTF-8");
    }
    assert_eq!(read("<?xml version='1.0' encoding='UTF-7'?><a/>").unwrap_err(), named("UTF-7"));
    assert_eq!(read("<?xml version='1.0' encoding='\u{202e}x'?><a/>").unwrap_err(), named("\\u{202e}x"));
    assert_eq!(read(b"<a>\xe9</a>").unwrap_err(), "it is not UTF-8 text");
    for name in ["utf-8", "UTF-8", "utf8", "US-ASCII"] {
        assert_eq!(read(format!("\u{feff}<?xml version=\"1.0\" encoding=\"{name}\" standalone=\"yes\"?>\r\n<a/>\r\n")), Ok(1));
    }
    assert_eq!(read("\n <a/>"), Ok(1));
}

#[test]
fn a_document_type_is_refused_wherever_it_stands() {
    let refused = "it has a document type, and is not read for its entities";
    for body in [
        "<!DOCTYPE a><a/>",
        "<?xml version='1.0'?><!-- x --><!DOCTYPE a SYSTEM 'http://evil.example/a.dtd'><a/>",
        "<!DOCTYPE a [<!ENTITY b 'x'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>",
        "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        "<a><!ENTITY b 'x'></a>",
        "<a/><!DOCTYPE a>",
        "<!doctype a><a/>",
        "<!ELEMENT a ANY><a/>",
    ] {
        assert_eq!(read(body).unwrap_err(), refused, "{body}");
    }
    assert_eq!(read("<a><!-- <!DOCTYPE a> --><![CDATA[<!ENTITY b 'x'>]]><?p <!DOCTYPE a>?></a>"), Ok(1));
    assert!(read("<a b='<!DOCTYPE a>'/>").is_err());
    assert_eq!(read("<a>&b;</a>").unwrap_err(), "its XML cannot be parsed at line 1, column 4");
    assert_eq!(read("<a>&lt;&gt;&amp;&quot;&apos;&#9;&#x41;</a>"), Ok(1));
}

#[test]
fn a_declaration_hides_nothing_behind_its_quotes() {
    // The scan would take all that follows for a comment, and the parser would not.
    let hidden = format!("<?xml version=\"?><!--\"?>{}<!-- -->", nested(70));
    assert_eq!(read(hidden).unwrap_err(), "its XML is nested deeper than 64 levels");
    assert!(read("<?xml version=\"?><!--\"?><!DOCTYPE a><a/><!-- -->").is_err());
    assert!(read("<?xml version='1.0'><!-- ?><a/><!-- -->").is_err());
}

#[test]
fn depth_is_that_of_elements_alone() {
    assert_eq!(read(nested(64)), Ok(64));
    assert_eq!(read(nested(65)).unwrap_err(), "its XML is nested deeper than 64 levels");
    assert_eq!(read("<a>".repeat(1_000_000)).unwrap_err(), "its XML has too many tags or attributes");
    assert_eq!(read("<a>".repeat(40_000)).unwrap_err(), "its XML is nested deeper than 64 levels");
    let flat = format!("<a>{}</a>", "<b c='/>' d=\"<\"/><e f='>'></e>".replace("d=\"<\"", "d=\">\"").repeat(100));
    assert_eq!(read(flat), Ok(201));
    let only_looks_deep = format!("<a><!-- {0} --><![CDATA[{0}]]><?p {0}?></a>", "<b>".repeat(100));
    assert_eq!(read(only_looks_deep), Ok(1));
}

#[test]
fn floods_are_refused_before_they_are_parsed() {
    let mega = 2 << 20;
    let many = "its XML has too many tags or attributes";
    assert_eq!(read(format!("<r>{}</r>", "<a/>".repeat(mega / 4))).unwrap_err(), many);
    assert_eq!(read("<".repeat(mega)).unwrap_err(), many);
    assert_eq!(read(format!("<r>{}</r>", "=".repeat(mega))).unwrap_err(), many);
    let attributes = |number: usize| (0..number).map(|at| format!(" a{at}=''")).collect::<String>();
    assert_eq!(read(format!("<r{}/>", attributes(128))), Ok(1));
    let several = "its XML has too many attributes or namespaces, or too long names";
    assert_eq!(read(format!("<r{}/>", attributes(129))).unwrap_err(), several);
    let namespaces = |number: usize| (0..number).map(|at| format!(" xmlns:n{at}='u'")).collect::<String>();
    assert_eq!(read(format!("<r{}><b/><b/></r>", namespaces(64))), Ok(3));
    assert_eq!(read(format!("<r{}><b xmlns='u'/></r>", namespaces(64))).unwrap_err(), several);
    assert_eq!(read(format!("<r>{}</r>", "<b xmlns='u'/>".repeat(2_048))), Ok(2_049));
    assert_eq!(read(format!("<r>{}</r>", "<b xmlns='u'/>".repeat(2_049))).unwrap_err(), several);
    assert_eq!(read(format!("<r {0}='{1}'>{1}</r>", "n".repeat(128), "x".repeat(mega / 4))), Ok(1));
    assert_eq!(read(format!("<r {0}=''/>", "n".repeat(129))).unwrap_err(), several);
    // The bracket counts.
    assert_eq!(read(format!("<{0}></{0}>", "n".repeat(127))), Ok(1));
    assert_eq!(read(format!("<{0}></{0}>", "n".repeat(128))).unwrap_err(), several);
}

#[test]
fn what_does_not_end_is_cut_off() {
    for body in ["<a", "<a b='", "<a b=\"></a>", "<a><!-- ", "<a><![CDATA[ ]]", "<?p ", "<a>", "<a><b></b>", "<?xml version='1.0'", "<"] {
        assert_eq!(read(body).unwrap_err(), format!("its XML is cut off after {} bytes", body.trim().len()), "{body}");
    }
    for body in ["<a></b>", "<a/><b/>", "<a>&</a>", "<a b></a>", "<a/>x", "<a>\u{1}</a>", "<a b='1' b='2'/>", "</a>", "<>"] {
        assert!(read(body).unwrap_err().starts_with("its XML cannot be parsed at line 1, column "), "{body}");
    }
    let undeclared = read("<a>\n<secret:b/></a>").unwrap_err();
    assert_eq!(undeclared, "its XML uses a prefix that is not declared, at line 2, column 2");
}

/// Pieces of XML in any order, and bytes in any order.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&str] = &[
        "<a>",
        "</a>",
        "<b/>",
        "<a xmlns:n='u' n:c=\"d\">",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?p",
        "?>",
        "<?xml version='1.0'?>",
        "'",
        "\"",
        ">",
        "<",
        "&amp;",
        "&x;",
        "text",
        "<!DOCTYPE a>",
        "=",
        "é",
        "\u{feff}",
        " ",
        "</",
        "/>",
    ];
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 0..24).prop_map(|all| all.concat().into_bytes());
    prop_oneof![any::<Vec<u8>>(), pieces]
}

proptest! {
    // A failing input goes into a test of its own, not into a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_is_read_or_described_without_control_characters(body in bodies()) {
        if let Err(what) = read(body) {
            prop_assert!(!what.contains(char::is_control), "{}", what);
        }
    }

    #[test]
    fn the_scan_refuses_nothing_that_is_well_formed_and_small(body in bodies()) {
        let Ok(text) = String::from_utf8(body) else { return Ok(()) };
        if parse(&text).is_ok() {
            prop_assert_eq!(check(&text), Ok(()));
        }
    }
}
