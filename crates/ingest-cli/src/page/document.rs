//! The page as a file: one document that asks for nothing else.

use super::html::Html;
use super::sections::{self, Content};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// SHA-256 of the script, in base64: what the page's own policy lets run.
const SCRIPT_HASH: &str = "q8MVMQZxwo+unhSndmH+bG/NA+rCc5KXdHphLgPiBZU=";

/// The whole page.
pub(super) fn render(content: &Content<'_>) -> String {
    let mut html = Html::default();
    html.raw("<!DOCTYPE html>\n");
    html.element("html", &[("lang", &"en")], |html| {
        html.element("head", &[], |html| head(content, html));
        html.element("body", &[], |html| {
            sections::write(content, html);
            let program = concat!(
                "Written by ingest ",
                env!("CARGO_PKG_VERSION"),
                ". This page asks no server for anything."
            );
            html.leaf("footer", &[], program);
            html.element("script", &[], |html| html.raw(SCRIPT));
        });
    });
    let mut text = html.into_text();
    text.push('\n');
    text
}

fn head(content: &Content<'_>, html: &mut Html) {
    html.empty("meta", &[("charset", &"utf-8")]);
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'"
    );
    html.empty(
        "meta",
        &[("http-equiv", &"Content-Security-Policy"), ("content", &policy)],
    );
    html.empty(
        "meta",
        &[
            ("name", &"viewport"),
            ("content", &"width=device-width, initial-scale=1"),
        ],
    );
    html.empty("meta", &[("name", &"referrer"), ("content", &"no-referrer")]);
    html.leaf("title", &[], format_args!("ingest run: {}", content.ending.word));
    html.element("style", &[], |html| html.raw(STYLE));
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_policy_names_the_script() {
        assert_eq!(STANDARD.encode(Sha256::digest(SCRIPT)), SCRIPT_HASH);
    }

    #[test]
    fn style_and_script_need_no_escape() {
        assert!(!STYLE.contains(['<', '&']) && !SCRIPT.contains(['<', '&']));
    }
}
