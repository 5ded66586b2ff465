//! PDF: the text that its pages show, each page below a heading.

mod glyphs;
mod layout;
mod separate;
mod title;

use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, interpret_page};
use serde::{Deserialize, Serialize};

use self::glyphs::Glyphs;
pub(crate) use self::separate::read;
pub use self::separate::serve_pdf;

/// What reading a PDF gave. This is also what a process that reads one answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reading {
    Text {
        title: String,
        /// Markdown.
        text: String,
    },
    /// The pages show no letters, but pictures of them or nothing.
    NoText,
    /// In words.
    Broken(String),
}

/// Reads the text of all pages, and stops a little after `max` bytes. May take any time, any memory and any depth of the
/// stack: whoever made the file decides.
fn read_here(bytes: Vec<u8>, max: u64) -> Reading {
    let pdf = match Pdf::new(bytes) {
        Ok(pdf) => pdf,
        Err(error) => return Reading::Broken(why(error).to_owned()),
    };
    let settings = InterpreterSettings::default();
    let cache = InterpreterCache::new();
    let mut text = String::new();
    for (at, page) in pdf.pages().iter().enumerate() {
        let left = max.saturating_sub(text.len() as u64);
        let mut glyphs = Glyphs::new(usize::try_from(left).unwrap_or(usize::MAX));
        // Nothing is drawn, so the size of the canvas does not matter.
        let canvas = Rect::new(0.0, 0.0, 1.0, 1.0);
        let mut context = Context::new(Affine::IDENTITY, canvas, &cache, pdf.xref(), settings.clone());
        interpret_page(page, &mut context, &mut glyphs);
        push_page(at + 1, &glyphs.finish(), &mut text);
        if text.len() as u64 > max {
            break;
        }
    }
    if text.is_empty() {
        return Reading::NoText;
    }
    let title = pdf.metadata().title.as_deref().map(title::sensible);
    Reading::Text {
        title: title.unwrap_or_default(),
        text,
    }
}

fn push_page(number: usize, page: &str, out: &mut String) {
    if page.trim().is_empty() {
        return;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!("# Page {number}\n\n{page}"));
}

fn why(error: LoadPdfError) -> &'static str {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => "it is behind a password",
        LoadPdfError::Decryption(_) => "it is encrypted in a way that is not known here",
        LoadPdfError::Invalid => "its structure is damaged",
    }
}

#[cfg(test)]
mod tests;
