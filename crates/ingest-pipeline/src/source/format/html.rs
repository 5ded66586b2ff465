//! HTML: the main text as Markdown. Tags are taken as they come, no tree is built, so depth costs nothing.

use std::cell::RefCell;

use html5ever::TokenizerResult;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use ingest_core::Markup;

use super::Parsed;
use super::html_text::HtmlText;

/// What of a page is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Region {
    /// What stands in `main` or `article`.
    Main,
    /// All but navigation, asides, forms and the like.
    Body,
    /// All that is shown.
    All,
}

/// Takes the narrowest region that says anything.
pub(super) fn parse(html: &str) -> Parsed {
    narrowest(|region| render(html, region, Syntax::Html))
}

/// The same for XHTML, where an element that closes itself has no content; words that look like Markdown are escaped.
#[cfg(feature = "office")]
pub(super) fn parse_xhtml(xhtml: &str) -> Parsed {
    narrowest(|region| render(xhtml, region, Syntax::Xhtml))
}

/// Whether `<title/>` and the like stand for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    Html,
    #[cfg(feature = "office")]
    Xhtml,
}

impl Syntax {
    fn text(self) -> HtmlText {
        match self {
            Self::Html => HtmlText::default(),
            #[cfg(feature = "office")]
            Self::Xhtml => HtmlText::escaping(),
        }
    }
}

fn narrowest(render: impl Fn(Region) -> (String, String)) -> Parsed {
    let mut title = String::new();
    let mut text = String::new();
    for region in [Region::Main, Region::Body, Region::All] {
        (text, title) = render(region);
        if !text.trim().is_empty() {
            break;
        }
    }
    Parsed {
        text,
        markup: Markup::Markdown,
        doc_type: "html",
        title,
        ..Parsed::default()
    }
}

fn render(html: &str, region: Region, syntax: Syntax) -> (String, String) {
    let sink = Sink {
        state: RefCell::new(State {
            syntax,
            region,
            main: 0,
            skipped: None,
            in_title: false,
            title: String::new(),
            text: syntax.text(),
        }),
    };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    // Scripts pause the tokenizer; nobody runs them here.
    while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    tokenizer.end();
    let state = tokenizer.sink.state.into_inner();
    let title = state.title.split_whitespace().collect::<Vec<_>>().join(" ");
    (state.text.finish(), title)
}

struct Sink {
    state: RefCell<State>,
}

struct State {
    syntax: Syntax,
    region: Region,
    /// How many `main` or `article` are open.
    main: usize,
    /// The element that is left out, and how many of its name are open.
    skipped: Option<(String, usize)>,
    in_title: bool,
    title: String,
    text: HtmlText,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        match token {
            Token::CharacterTokens(text) => state.text(&text),
            Token::TagToken(tag) if tag.self_closing && state.syntax != Syntax::Html => state.empty(tag),
            Token::TagToken(tag) => return state.tag(&tag),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl State {
    fn text(&mut self, text: &str) {
        if self.in_title {
            self.title.push_str(text);
        } else if self.skipped.is_none() && (self.region != Region::Main || self.main > 0) {
            self.text.text(text);
        }
    }

    /// An element without content. The tokenizer need not know of it: no raw text follows.
    fn empty(&mut self, mut tag: Tag) {
        let _ = self.tag(&tag);
        // A line break does its work by itself, as its closing tag would again.
        if &*tag.name != "br" {
            tag.self_closing = false;
            tag.kind = TagKind::EndTag;
            let _ = self.tag(&tag);
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let opens = tag.kind == TagKind::StartTag;
        let result = match name {
            "script" | "style" | "xmp" | "iframe" | "noembed" | "noframes" if opens => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "textarea" | "title" if opens => TokenSinkResult::RawData(RawKind::Rcdata),
            "plaintext" if opens => TokenSinkResult::Plaintext,
            _ => TokenSinkResult::Continue,
        };
        if name == "title" {
            // Only the page's own: drawings have titles, too.
            self.in_title = opens && self.skipped.is_none() && self.title.is_empty();
            return result;
        }
        if self.skip(name, opens, tag.self_closing) {
            return result;
        }
        if is_main(tag) {
            self.main = if opens {
                self.main + 1
            } else {
                self.main.saturating_sub(1)
            };
            self.text.block();
        }
        if self.region != Region::Main || self.main > 0 {
            self.text.tag(name, opens);
        }
        result
    }

    /// Whether a tag belongs to something left out.
    fn skip(&mut self, name: &str, opens: bool, self_closing: bool) -> bool {
        if let Some((skipped, open)) = &mut self.skipped {
            if skipped == name {
                *open = if opens { *open + 1 } else { *open - 1 };
                if *open == 0 {
                    self.skipped = None;
                }
            }
            return true;
        }
        let left_out = match name {
            "script" | "style" | "template" | "svg" | "math" | "iframe" | "object" | "textarea"
            | "select" => true,
            "nav" | "aside" | "footer" | "form" | "button" | "dialog" => self.region != Region::All,
            // Within an article the header holds its heading.
            "header" => self.region == Region::Body && self.main == 0,
            _ => false,
        };
        if left_out && opens && !self_closing {
            self.skipped = Some((name.to_owned(), 1));
        }
        left_out
    }
}

fn is_main(tag: &Tag) -> bool {
    let name: &str = &tag.name;
    // A closing tag carries no role, so `role="main"` on other elements could not be followed to its end.
    matches!(name, "main" | "article")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_text_is_kept_with_its_headings() {
        let parsed = parse(
            "<!doctype html><html><head><title>A  page</title><style>p{}</style></head><body><nav><a>Home</a></nav>\
             <main><h1>Top</h1><p>One <b>two</b>\n three.<br>Four</p><ul><li>a<li>b</ul><h2>Sub</h2>\
             <pre><code>x &lt; y\n  z</code></pre><table><tr><th>k<th>v<tr><td>1<td>2</table></main>\
             <script>if (a < b) { '<main>' }</script><footer>Imprint</footer></body></html>",
        );
        assert_eq!(parsed.title, "A page");
        assert_eq!(
            parsed.text,
            "# Top\n\nOne two three.\nFour\n\n- a\n- b\n\n## Sub\n\n```\nx < y\n  z\n```\n\nk | v\n1 | 2\n"
        );
    }

    #[test]
    fn without_main_the_body_is_taken_without_navigation() {
        let parsed = parse(
            "<header>Logo</header><nav>Home</nav><h2>Title</h2>Text<aside>Ad</aside><footer>x</footer>",
        );
        assert_eq!(parsed.text, "## Title\n\nText\n");
    }

    #[test]
    fn a_page_that_is_all_navigation_is_still_read() {
        assert_eq!(parse("<nav>Only <a>this</a>").text, "Only this\n");
        assert_eq!(parse("").text, "");
    }

    #[test]
    fn depth_and_broken_markup_do_no_harm() {
        let deep = format!("{}x{}", "<div>".repeat(200_000), "</div>".repeat(10));
        assert_eq!(parse(&deep).text, "x\n");
        assert_eq!(parse("</main></nav></p>a<b").text, "a\n");
        assert_eq!(parse("<script>never closed <p>a").text, "");
        assert_eq!(
            parse("<p>a &amp; b &#x1F600; &nosuch;").text,
            "a & b \u{1F600} &nosuch;\n"
        );
    }
}
