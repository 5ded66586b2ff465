//! Writes the text of HTML as Markdown.

#[cfg(feature = "office")]
use super::escape;
use super::notebook::push_fence;

/// Collects text and tags; blocks are parted by blank lines, runs of white space become one blank.
#[derive(Debug, Default)]
pub(super) struct HtmlText {
    out: String,
    /// The block being collected, without its mark.
    block: String,
    /// What is put before the block: `# ` of a heading, `- ` of a list item.
    mark: String,
    /// Whether the block before was a list item or a table row, which need no blank line between them.
    tight: Tight,
    /// How many lists are open.
    lists: usize,
    /// How many `pre` are open.
    verbatim: usize,
    /// Whether a blank is due before the next word.
    blank: bool,
    /// Whether the row has a cell already.
    cell: bool,
    /// Whether words that look like markup are kept from being it.
    #[cfg(feature = "office")]
    escapes: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tight {
    #[default]
    No,
    Item,
    Row,
}

impl HtmlText {
    /// Collects what no one meant as Markdown: words that look like it are escaped.
    #[cfg(feature = "office")]
    pub(super) fn escaping() -> Self {
        Self {
            escapes: true,
            ..Self::default()
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        if self.verbatim > 0 {
            self.block.push_str(text);
            return;
        }
        if text.starts_with(char::is_whitespace) {
            self.blank = true;
        }
        for word in text.split_whitespace() {
            if self.blank && !self.block.is_empty() && !self.block.ends_with([' ', '\n']) {
                self.block.push(' ');
            }
            self.block.push_str(word);
            self.blank = true;
        }
        self.blank = text.ends_with(char::is_whitespace) || (self.blank && text.trim().is_empty());
    }

    pub(super) fn tag(&mut self, name: &str, opens: bool) {
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.block();
                if opens {
                    let level = usize::from(name.as_bytes()[1] - b'0');
                    self.mark = format!("{} ", "#".repeat(level));
                }
            }
            "pre" => {
                if opens && self.verbatim == 0 {
                    self.block();
                }
                self.verbatim = if opens {
                    self.verbatim + 1
                } else {
                    self.verbatim.saturating_sub(1)
                };
                if !opens && self.verbatim == 0 {
                    self.fence();
                }
            }
            _ if self.verbatim > 0 => {}
            "br" => {
                while self.block.ends_with(' ') {
                    self.block.pop();
                }
                self.block.push('\n');
                self.blank = false;
            }
            "ul" | "ol" | "menu" => {
                self.block();
                self.lists = if opens {
                    self.lists + 1
                } else {
                    self.lists.saturating_sub(1)
                };
                if self.lists == 0 {
                    self.tight = Tight::No;
                }
            }
            "li" | "dt" | "dd" => {
                self.block();
                if opens {
                    self.mark = format!("{}- ", "  ".repeat(self.lists.saturating_sub(1).min(8)));
                }
            }
            "tr" => {
                self.row();
                self.cell = false;
            }
            "td" | "th" if opens => {
                if self.cell {
                    self.block.push_str(" | ");
                }
                self.cell = true;
                self.blank = false;
            }
            "table" => {
                self.row();
                self.cell = false;
                self.tight = Tight::No;
            }
            _ if is_block(name) => {
                // A cell may hold blocks; a row stays on one line.
                if self.cell {
                    self.blank = true;
                } else {
                    self.block();
                }
            }
            _ => {}
        }
    }

    /// Ends the block.
    pub(super) fn block(&mut self) {
        let tight = if self.mark.trim_start().starts_with('-') {
            Tight::Item
        } else {
            Tight::No
        };
        self.end(tight);
    }

    fn row(&mut self) {
        if self.cell {
            let line = self.block.replace('\n', " ");
            self.block = line;
            self.end(Tight::Row);
        } else {
            self.block();
        }
    }

    fn end(&mut self, tight: Tight) {
        let block = std::mem::take(&mut self.block);
        let block = block.trim();
        self.blank = false;
        if block.is_empty() || block.chars().all(|character| matches!(character, '|' | ' ')) {
            // The mark of an item waits for its first words, which may stand in a paragraph.
            if !block.is_empty() || !self.mark.trim_start().starts_with('-') {
                self.mark.clear();
            }
            return;
        }
        let mark = std::mem::take(&mut self.mark);
        self.part(tight);
        // A heading is one line.
        if mark.starts_with('#') {
            self.out.push_str(&mark);
            self.out.push_str(&block.replace('\n', " "));
        } else {
            self.out.push_str(&mark);
            self.push_block(block);
        }
        self.out.push('\n');
    }

    #[cfg(feature = "office")]
    fn push_block(&mut self, block: &str) {
        if !self.escapes {
            return self.out.push_str(block);
        }
        for (at, line) in block.split('\n').enumerate() {
            if at > 0 {
                self.out.push('\n');
            }
            escape::push_line(line, &mut self.out);
        }
    }

    #[cfg(not(feature = "office"))]
    fn push_block(&mut self, block: &str) {
        self.out.push_str(block);
    }

    fn fence(&mut self) {
        let block = std::mem::take(&mut self.block);
        let code = block.trim_end().trim_start_matches('\n');
        self.mark.clear();
        self.blank = false;
        if code.trim().is_empty() {
            return;
        }
        self.part(Tight::No);
        push_fence(code, "", &mut self.out);
        self.out.push('\n');
    }

    /// Puts a blank line between this block and the one before, unless both are items or rows.
    fn part(&mut self, tight: Tight) {
        if !self.out.is_empty() && (tight == Tight::No || tight != self.tight) {
            self.out.push('\n');
        }
        self.tight = tight;
    }

    pub(super) fn finish(mut self) -> String {
        if self.verbatim > 0 {
            self.fence();
        } else {
            self.row();
        }
        self.out
    }
}

/// Elements that begin and end a block.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "caption"
            | "center"
            | "details"
            | "dialog"
            | "div"
            | "dl"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "header"
            | "hgroup"
            | "hr"
            | "html"
            | "legend"
            | "main"
            | "nav"
            | "option"
            | "p"
            | "search"
            | "section"
            | "summary"
            | "tbody"
            | "tfoot"
            | "thead"
    )
}
