//! Fills chunks with segments, one after the other, up to the limit.

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;

use memchr::memchr_iter;

use super::boundary::{Boundary, halfway, prefix_within, trimmed};
use super::header::Header;
use super::tokens::TokenCount;
use crate::{Chunk, ContentHash, Span};

/// Between a header and the body.
pub(super) const HEADER_END: &str = "\n\n";

/// A part of the text that goes into a chunk whole.
#[derive(Clone, Debug)]
struct Segment {
    span: Span,
    /// What it costs, or, until someone needs to know, the most that it may.
    cost: usize,
    heading: bool,
}

/// A text whose units are taken in turn, because it is too long to be a segment.
#[derive(Debug)]
struct Frame {
    /// What is left of it.
    span: Span,
    boundary: Boundary,
    /// Whether nothing was taken yet.
    untouched: bool,
}

impl Frame {
    /// Takes a part of what is left, and what is before it.
    fn take(&mut self, text: &str, range: Range<usize>) -> Span {
        let taken = part(text, self.span, range);
        self.span.start = taken.end;
        self.span.line_start = taken.line_end;
        self.untouched = false;
        taken
    }
}

/// The greedy merge: segments gather in a window; when the next one would not fit, the window becomes a chunk and keeps
/// only its last segments, as overlap.
#[derive(Debug)]
pub(super) struct Packer<'a> {
    text: &'a str,
    count: TokenCount<'a>,
    max_tokens: usize,
    overlap: usize,
    path: Vec<String>,
    header: Header,
    /// What is left for the body beside the header.
    budget: usize,
    frames: Vec<Frame>,
    window: VecDeque<Segment>,
    /// The sum over the window, gaps included.
    cost: usize,
    /// How many segments at the front of the window have been weighed. Where all of them surely fit, none need be.
    weighed: usize,
    /// How many segments at the end of the window are in no chunk yet.
    fresh: usize,
    ordinal: u32,
    ready: VecDeque<Chunk>,
}

impl<'a> Packer<'a> {
    pub(super) fn new(
        text: &'a str,
        count: TokenCount<'a>,
        max_tokens: usize,
        overlap_tokens: usize,
    ) -> Self {
        Self {
            text,
            count,
            max_tokens,
            // Rounded down like any sum of tokens.
            overlap: count.limit(overlap_tokens),
            path: Vec::new(),
            header: Header::default(),
            budget: count.limit(max_tokens),
            frames: Vec::new(),
            window: VecDeque::new(),
            cost: 0,
            weighed: 0,
            fresh: 0,
            ordinal: 0,
            ready: VecDeque::new(),
        }
    }

    /// The next chunk that is complete.
    pub(super) fn pop(&mut self) -> Option<Chunk> {
        self.ready.pop_front()
    }

    /// Ends the section: what is in the window becomes a chunk, nothing is carried over.
    pub(super) fn finish(&mut self) {
        while self.fresh > 0 {
            self.close(true);
        }
        self.window.clear();
        self.weighed = 0;
        self.cost = 0;
    }

    /// Begins a section; the one before must be finished.
    pub(super) fn begin(&mut self, path: Vec<String>, header: Header) {
        self.budget = self.count.limit(self.max_tokens) - header.cost;
        self.path = path;
        self.header = header;
    }

    /// Adds a heading, or a block that is best cut at this kind of boundary, should it be too long. Then
    /// [`step`](Self::step) is to be called until it has nothing to do.
    pub(super) fn add(&mut self, span: Span, boundary: Boundary, heading: bool) {
        let range = trimmed(self.text, span.bytes());
        if range.is_empty() {
            return;
        }
        let span = part(self.text, span, range);
        if self.add_unweighed(span, heading) {
            return;
        }
        self.weigh();
        match self
            .count
            .cost_within(self.text, span.bytes(), self.room(heading))
        {
            Some(cost) => self.push(Segment { span, cost, heading }),
            None => self.frames.push(Frame {
                span,
                boundary,
                untouched: true,
            }),
        }
    }

    /// Adds a text that surely fits, as most do, without weighing it; returns whether it did.
    fn add_unweighed(&mut self, span: Span, heading: bool) -> bool {
        let Some(cost) = self.count.most(span.end - span.start) else {
            return false;
        };
        let gap = self.gap(span.start);
        let fits = self.cost + gap + cost <= self.budget;
        if fits {
            self.cost += gap + cost;
            self.fresh += 1;
            self.window.push_back(Segment { span, cost, heading });
        }
        fits
    }

    /// What lies between the window and a segment that starts there costs.
    fn gap(&self, start: usize) -> usize {
        let last = self.window.back();
        last.map_or(0, |last| self.count.blank_cost(start - last.span.end))
    }

    /// Weighs the segments that are not yet.
    fn weigh(&mut self) {
        for segment in self.window.range_mut(self.weighed..) {
            let cost = self.count.cost_of(self.text, segment.span.bytes());
            self.cost -= segment.cost - cost;
            segment.cost = cost;
        }
        self.weighed = self.window.len();
    }

    /// Takes the next unit of a block that is too long; returns whether there was one. Step by step, so that a document
    /// of one huge line is never in memory as a list of its words.
    pub(super) fn step(&mut self) -> bool {
        let Some(mut frame) = self.frames.pop() else {
            return false;
        };
        let rest = trimmed(self.text, frame.span.bytes());
        if rest.is_empty() {
            return true;
        }
        let boundary = frame.boundary;
        let text = &self.text[rest.clone()];
        if boundary == Boundary::Character {
            let length = prefix_within(text, self.room(false), self.count).len();
            let span = frame.take(self.text, rest.start..rest.start + length);
            self.frames.push(frame);
            let cost = self.count.cost_of(self.text, span.bytes());
            self.push(Segment {
                span,
                cost,
                heading: false,
            });
            return true;
        }
        let unit = rest.start..rest.start + boundary.first_unit(text).len();
        if unit == rest && frame.untouched {
            // Known to be too long as a whole.
            frame.boundary = boundary.next();
            self.frames.push(frame);
        } else {
            let span = frame.take(self.text, unit);
            self.frames.push(frame);
            self.add(span, boundary.next(), false);
        }
        true
    }

    /// What the next segment may cost. Below a heading that would otherwise be left alone it is what the heading leaves.
    fn room(&self, heading: bool) -> usize {
        let left = self.budget.saturating_sub(self.cost);
        let lonely = !heading && self.fresh > 0 && self.window.iter().all(|segment| segment.heading);
        if lonely && left >= self.budget / 2 {
            left
        } else {
            self.budget
        }
    }

    fn push(&mut self, segment: Segment) {
        loop {
            let gap = self.gap(segment.span.start);
            self.weigh();
            if self.window.is_empty() || self.cost + gap + segment.cost <= self.budget {
                self.cost += gap + segment.cost;
                self.window.push_back(segment);
                self.weighed = self.window.len();
                self.fresh += 1;
                return;
            }
            if self.fresh > 0 {
                self.close(false);
            } else {
                self.drop_front(1);
            }
        }
    }

    /// Makes a chunk of the window; its last segments stay, as overlap. `finishing` says that no others will join them.
    fn close(&mut self, finishing: bool) {
        let mut taken = self.window.len();
        let text = loop {
            let text = self.render(taken);
            if self.count.is_exact() && !self.joins_words(taken) {
                break text;
            }
            let tokens = self.count.of(&text);
            if tokens <= self.max_tokens {
                break text;
            }
            // The parts cost less than the whole: take fewer of them, the overlap going first.
            let repeated = self.window.len() - self.fresh;
            if repeated > 0 {
                self.drop_front(repeated);
                taken = self.window.len();
            } else if taken > 1 {
                taken = (taken * self.max_tokens / tokens).clamp(1, taken - 1);
            } else if !self.halve_front() {
                break text;
            }
        };
        let last = finishing && taken == self.window.len();
        self.emit(taken, text, last);
        if taken < self.window.len() {
            self.drop_front(taken);
            self.fresh = self.window.len();
            return;
        }
        self.fresh = 0;
        if last {
            return;
        }
        self.weigh();
        while self.overlap == 0 && !self.window.is_empty() || self.cost > self.overlap {
            self.drop_front(1);
        }
    }

    fn body(&self, taken: usize) -> Span {
        let (first, last) = (self.window[0].span, self.window[taken - 1].span);
        Span {
            end: last.end,
            line_end: last.line_end,
            ..first
        }
    }

    fn render(&self, taken: usize) -> String {
        let body = &self.text[self.body(taken).bytes()];
        if self.header.text.is_empty() {
            return body.to_owned();
        }
        [&self.header.text, HEADER_END, body].concat()
    }

    /// The last chunk of a section takes what says where it stands; most sections have but one.
    fn emit(&mut self, taken: usize, text: String, last: bool) {
        let (heading_path, context_header) = if last {
            (mem::take(&mut self.path), mem::take(&mut self.header.text))
        } else {
            (self.path.clone(), self.header.text.clone())
        };
        self.ready.push_back(Chunk {
            ordinal: self.ordinal,
            span: self.body(taken),
            heading_path,
            context_header,
            content_hash: ContentHash::of_text(&text),
            text,
        });
        self.ordinal = self.ordinal.saturating_add(1);
    }

    /// Whether segments meet within a word, where an estimate of the parts says little of the whole.
    fn joins_words(&self, taken: usize) -> bool {
        let next = self.window.iter().take(taken).skip(1);
        self.window
            .iter()
            .zip(next)
            .any(|(segment, next)| segment.span.end == next.span.start)
    }

    fn drop_front(&mut self, segments: usize) {
        for _ in 0..segments {
            let Some(first) = self.window.pop_front() else {
                return;
            };
            let gap = self
                .window
                .front()
                .map_or(0, |next| self.count.blank_cost(next.span.start - first.span.end));
            self.cost -= first.cost + gap;
        }
        self.fresh = self.fresh.min(self.window.len());
        self.weighed = self.weighed.saturating_sub(segments);
    }

    /// Makes two segments of the first one; returns false if it is a single character.
    fn halve_front(&mut self) -> bool {
        self.weigh();
        let Some(Segment { span, heading, .. }) = self.window.front().cloned() else {
            return false;
        };
        let Some(half) = halfway(&self.text[span.bytes()]) else {
            return false;
        };
        let first = trimmed(self.text, span.start..span.start + half);
        let second = trimmed(self.text, span.start + half..span.end);
        self.drop_front(1);
        for range in [second, first] {
            let span = part(self.text, span, range);
            let cost = self.count.cost_of(self.text, span.bytes());
            let gap = self
                .window
                .front()
                .map_or(0, |next| self.count.blank_cost(next.span.start - span.end));
            self.cost += cost + gap;
            self.window.push_front(Segment { span, cost, heading });
        }
        self.weighed = self.window.len();
        self.fresh = self.window.len();
        true
    }
}

/// The span of a part of a span. Lines are counted only in the text before the part, and in the part or behind it,
/// whichever is shorter: where white space is trimmed, that is next to nothing.
#[inline]
fn part(text: &str, whole: Span, range: Range<usize>) -> Span {
    if range == whole.bytes() {
        return whole;
    }
    let line_ends = |range: Range<usize>| memchr_iter(b'\n', &text.as_bytes()[range]).count();
    let line_start = whole.line_start + line_ends(whole.start..range.start);
    let line_end = if whole.end - range.end < range.len() {
        whole.line_end - line_ends(range.end..whole.end)
    } else {
        line_start + line_ends(range.clone())
    };
    Span {
        start: range.start,
        end: range.end,
        line_start,
        line_end,
    }
}
