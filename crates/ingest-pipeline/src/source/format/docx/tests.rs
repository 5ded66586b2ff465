use proptest::prelude::*;

use super::super::archive::tests::packed;
use super::*;

const PACKAGE: &str = r#"<Relationships><Relationship Id="1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;
const STYLES: &str = r#"<w:styles><w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>
    <w:style w:styleId="H2"><w:name w:val="heading 2"/></w:style><w:style w:styleId="Titel"><w:name w:val="Title"/></w:style></w:styles>"#;

/// A document with this body.
fn document(body: &str) -> Vec<u8> {
    with_parts(body, &[])
}

fn with_parts(body: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let body = format!("<w:document><w:body>{body}</w:body></w:document>");
    let parts = [
        ("_rels/.rels", PACKAGE),
        ("word/styles.xml", STYLES),
        ("word/document.xml", &body),
    ];
    packed(parts.into_iter().chain(more.iter().copied()))
}

fn paragraph(properties: &str, text: &str) -> String {
    format!("<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
}

fn text(body: &str) -> String {
    parse(document(body), 1 << 20).expect("a document").text
}

#[test]
fn headings_lists_and_tables_become_markdown() {
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph(r#"<w:pStyle w:val="H1"/>"#, text));
    let body = [
        paragraph(r#"<w:pStyle w:val="Titel"/>"#, "On  Tea"),
        paragraph(r#"<w:pStyle w:val="H2"/>"#, "Leaves"),
        paragraph("", "Pour &amp; wait."),
        paragraph(
            r#"<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>"#,
            "one",
        ),
        paragraph(r#"<w:numPr><w:numId w:val="1"/></w:numPr>"#, "two"),
        paragraph(r#"<w:numPr><w:numId w:val="0"/></w:numPr>"#, "none"),
        paragraph(r#"<w:pStyle w:val="H1"/><w:outlineLvl w:val="9"/>"#, "flat"),
        paragraph(r#"<w:outlineLvl w:val="7"/>"#, "deep"),
        format!(
            "<w:tbl><w:tr>{}{}</w:tr><w:tr>{}</w:tr></w:tbl>",
            cell("k"),
            cell("v"),
            cell("1")
        ),
    ];
    let parsed = parse(document(&body.concat()), 1 << 20).expect("a document");
    assert_eq!(parsed.title, "On Tea");
    assert_eq!(
        parsed.text,
        "# On Tea\n\n### Leaves\n\nPour & wait.\n\n- one\n- two\n\nnone\n\nflat\n\n###### deep\n\nk | v\n1\n"
    );
}

#[test]
fn what_a_reader_does_not_see_is_left_out() {
    let runs = r#"<w:p><w:r><w:t xml:space="preserve">One </w:t></w:r><w:ins><w:r><w:t>new</w:t></w:r></w:ins>
        <w:del><w:r><w:delText>old</w:delText><w:t>older</w:t></w:r></w:del><w:moveFrom><w:r><w:t>away</w:t></w:r></w:moveFrom>
        <w:hyperlink><w:r><w:t xml:space="preserve"> link</w:t></w:r></w:hyperlink>
        <w:r><w:instrText>PAGE</w:instrText><w:tab/><w:t>tab</w:t><w:br/><w:t>line</w:t><w:noBreakHyphen/><w:t>end</w:t></w:r></w:p>"#;
    assert_eq!(text(runs), "One new link tab\nline-end\n");
    let box_twice = "<w:p><w:r><w:t>before</w:t><mc:AlternateContent><mc:Choice><w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Choice>\
        <mc:Fallback><w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent></w:r></w:p>";
    assert_eq!(text(box_twice), "before\n\nbox\n");
}

#[test]
fn words_that_look_like_markup_are_escaped() {
    let body =
        paragraph("", "# no heading") + &paragraph("", "```") + &paragraph("", "a") + &paragraph("", "---");
    assert_eq!(text(&body), "\\# no heading\n\n\\```\n\na\n\n\\---\n");
}

#[test]
fn notes_stand_at_the_end_and_are_written_once() {
    let body = r#"<w:p><w:r><w:t>Tea</w:t><w:footnoteReference w:id="5"/><w:t> and</w:t><w:endnoteReference w:id="5"/>
        <w:footnoteReference w:id="5"/></w:r></w:p>"#;
    let note = |kind: &str, text: &str| {
        format!(
            "<w:{kind}s><w:{kind} w:id=\"5\"><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:{kind}></w:{kind}s>"
        )
    };
    let (foot, end) = (note("footnote", "Green."), note("endnote", "The end."));
    let bytes = with_parts(
        body,
        &[("word/footnotes.xml", &foot), ("word/endnotes.xml", &end)],
    );
    let parsed = parse(bytes, 1 << 20).expect("a document");
    assert_eq!(parsed.text, "Tea[1] and[2][1]\n\n[1] Green.\n\n[2] The end.\n");
}

#[test]
fn the_title_is_that_of_the_properties_first() {
    let core = "<cp:coreProperties><dc:title>Named</dc:title></cp:coreProperties>";
    let body = paragraph(r#"<w:pStyle w:val="Titel"/>"#, "Styled");
    let parsed = parse(with_parts(&body, &[("docProps/core.xml", core)]), 1 << 20).expect("a document");
    assert_eq!(parsed.title, "Named");
}

#[test]
fn bombs_and_depth_end_as_errors_or_as_nothing() {
    let bomb = "x".repeat(10_000_000);
    let bytes = document(&paragraph("", &bomb));
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    let error = parse(bytes, 1 << 20).expect_err("too much");
    assert_eq!(error, "unpacked, it is larger than 4194304 bytes");
    let deep = ["<w:p>", "</w:p>"]
        .map(|tag| tag.repeat(50_000))
        .join("<w:r><w:t>x</w:t></w:r>");
    assert_eq!(text(&deep), "x\n");
    let entities =
        "<!DOCTYPE a [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><w:p><w:r><w:t>x&b;y</w:t></w:r></w:p>";
    assert_eq!(text(entities), "xy\n");
}

#[test]
fn a_document_cut_anywhere_is_an_error() {
    let whole = document(&paragraph("", "some words"));
    for length in 0..whole.len() {
        assert!(parse(whole[..length].to_vec(), 1 << 20).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn damage_does_no_harm(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = document(&paragraph(r#"<w:pStyle w:val="H1"/>"#, "some words"));
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = parse(bytes, 1 << 20);
    }

    #[test]
    fn any_xml_does_no_harm(body in "(<(w:)?(p|r|t|tbl|tr|tc|del|pPr)/?>|</(w:)?(p|r|t|tbl|tr|tc|del|pPr)>|a|&amp;){0,40}") {
        let _ = parse(document(&body), 1 << 20);
    }
}
