//! The letters that a page shows, as the interpreter draws them.

use hayro_interpret::font::GlyphRun;
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Vec2};
use hayro_interpret::{BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask};

use super::layout::{Layout, Letters};
use hayro_interpret::font::Glyph;

/// Units of a font's em.
const EM: f64 = 1000.0;

/// Takes letters and their places, and nothing else.
#[derive(Debug)]
pub(super) struct Glyphs {
    layout: Layout,
    /// Where the run before began, and whether it was filled: an outline around the same letters says nothing new.
    filled: Option<Point>,
}

impl Glyphs {
    /// For a page of which at most `max` bytes are wanted.
    pub(super) fn new(max: usize) -> Self {
        Self {
            layout: Layout::new(max),
            filled: None,
        }
    }

    pub(super) fn finish(self) -> String {
        self.layout.finish()
    }
}

impl Device<'_> for Glyphs {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, '_>, props: DrawProps<'_>, mode: &DrawMode) {
        let place = |transform: Affine| (props.transform * transform) * Point::ZERO;
        let start = run.glyphs().first().map(|glyph| place(glyph.transform()));
        let is_outline = matches!(mode, DrawMode::Stroke(_)) && self.filled == start;
        self.filled = start.filter(|_| matches!(mode, DrawMode::Fill(_)));
        if is_outline {
            return;
        }
        let is_vertical = run.writing_mode() == WritingMode::Vertical;
        for glyph in run.glyphs() {
            let text = match glyph.as_unicode() {
                Some(BfString::Char(character)) => character.to_string(),
                Some(BfString::String(text)) => text,
                None => String::new(),
            };
            let width = match &**glyph {
                Glyph::Outline(glyph) => glyph.advance_width(),
                Glyph::Type3(glyph) => glyph.advance_width(),
            };
            let transform = props.transform * glyph.transform();
            let [a, b, c, d, ..] = transform.as_coeffs();
            let (along, up) = (Vec2::new(a, b), Vec2::new(c, d) * EM);
            let advance = if is_vertical {
                -up
            } else {
                along * f64::from(width.unwrap_or(500.0))
            };
            self.layout.take(&Letters {
                text: &text,
                at: transform * Point::ZERO,
                advance,
                up,
                is_vertical,
            });
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'_, '_>, _: ImageDrawProps<'_>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
