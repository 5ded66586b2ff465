//! Writing HTML and SVG: every element is closed, and every text and attribute is escaped, whoever wrote it.

use std::fmt::{self, Display, Write};

use crate::style::is_unfit;

/// A name that this program gives, and a value that anybody may have written.
pub(super) type Attribute<'a> = (&'static str, &'a dyn Display);

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// The page so far.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// An element with what `content` puts into it.
    pub(super) fn element(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute<'_>],
        content: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes, ">");
        content(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// An element that holds a text alone.
    pub(super) fn leaf(&mut self, tag: &'static str, attributes: &[Attribute<'_>], text: impl Display) {
        self.element(tag, attributes, |html| html.text(text));
    }

    /// An element that holds nothing.
    pub(super) fn empty(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.open(tag, attributes, "/>");
    }

    /// A text.
    pub(super) fn text(&mut self, text: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(Escaping(&mut self.0), "{text}");
    }

    /// Something that is HTML already: what this program brings along.
    pub(super) fn raw(&mut self, html: &'static str) {
        self.0.push_str(html);
    }

    fn open(&mut self, tag: &'static str, attributes: &[Attribute<'_>], end: &'static str) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push_str(end);
    }
}

/// Escapes what is written through it.
struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(character),
                // What turns text around would make a name look like another one.
                _ if is_unfit(character) => write!(self.0, "{}", character.escape_unicode())?,
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_the_place_it_was_put_in() {
        let hostile = "</title><script>alert('x')</script>\" onload=\"y & z\0\u{202e}";
        let mut html = Html::default();
        html.element("p", &[("title", &hostile)], |html| {
            html.leaf("b", &[], hostile);
            html.empty("br", &[]);
        });
        let escaped = "&lt;/title&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;y &amp; z\\u{0}\\u{202e}";
        assert_eq!(
            html.into_text(),
            format!("<p title=\"{escaped}\"><b>{escaped}</b><br/></p>")
        );
    }
}
