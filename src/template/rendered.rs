//! Rendered text with a map back to the template it came from.

use std::ops::Range;
use std::sync::Arc;

use crate::diag::{SourceFile, Span};

/// The text of a rendered template, and where each piece of it comes from.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The rendered text.
    pub text: String,
    /// The template file.
    pub file: Arc<SourceFile>,
    /// The rendered text again, for counting its lines and columns.
    lines: Arc<SourceFile>,
    /// Pieces in the order of the text, not overlapping, possibly with gaps.
    segments: Vec<Segment>,
}

/// A piece of rendered text and its origin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    range: Range<usize>,
    file: Arc<SourceFile>,
    origin: Range<usize>,
    /// Literal text, equal to its origin character by character; else the value of an expression.
    literal: bool,
}

impl Segment {
    /// A piece of literal text that begins at a place of a file.
    pub(super) fn text(range: Range<usize>, file: &Arc<SourceFile>, start: usize) -> Self {
        let origin = start..start + range.len();
        Self { range, file: Arc::clone(file), origin, literal: true }
    }

    /// What an expression gave.
    pub(super) fn value(range: Range<usize>, file: &Arc<SourceFile>, origin: Range<usize>) -> Self {
        Self { range, file: Arc::clone(file), origin, literal: false }
    }

    /// Returns where the next segment may begin at the earliest.
    pub(super) fn earliest_end(&self) -> usize {
        if self.literal { self.range.end } else { self.range.start }
    }

    /// Ends a segment where the next one begins.
    pub(super) fn cut(&mut self, end: usize) {
        self.range.end = self.range.end.min(end);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.range.is_empty()
    }
}

impl Rendered {
    /// Wraps a text that is no template: every place is its own origin.
    pub fn plain(file: &Arc<SourceFile>) -> Self {
        let segments = vec![Segment::text(0..file.text.len(), file, 0)];
        Self { text: file.text.clone(), file: Arc::clone(file), lines: Arc::clone(file), segments }
    }

    pub(super) fn new(file: &Arc<SourceFile>, text: String, segments: Vec<Segment>) -> Self {
        let lines = SourceFile::new(&file.path, text.clone());
        Self { text, file: Arc::clone(file), lines, segments }
    }

    /// Wraps a rendered text of which nothing is known but the template: lines that both have are taken for the same.
    pub(super) fn by_lines(file: &Arc<SourceFile>, text: String) -> Self {
        let template: Vec<(usize, &str)> = lines(&file.text).filter(|(_, line)| !line.trim().is_empty()).collect();
        let mut next = 0;
        let mut segments = Vec::new();
        for (start, line) in lines(&text) {
            let (before, after) = template.split_at(next);
            // Further down first; a loop's later rounds go back up.
            let found = after.iter().chain(before).position(|(_, other)| *other == line);
            if let Some(found) = found {
                let index = (next + found) % template.len();
                segments.push(Segment::text(start..start + line.len(), file, template[index].0));
                next = index + 1;
            }
        }
        Self::new(file, text, segments)
    }

    /// Returns the place in a template file that a range of bytes of the rendered text comes from.
    ///
    /// Literal text gives exactly its place, in the template or in the component that wrote it; what an expression gave
    /// gives the whole `{{ … }}`. A range over several pieces gives the stretch from the first to the last if that is a
    /// stretch of one file, else its first piece.
    pub fn origin(&self, range: Range<usize>) -> Span {
        let first = self.origin_at(range.start);
        if range.is_empty() {
            return Span::new(&first.file, first.range.start..first.range.start);
        }
        let mut last_start = range.end.min(self.text.len()).saturating_sub(1);
        while !self.text.is_char_boundary(last_start) {
            last_start -= 1;
        }
        let last = self.origin_at(last_start.max(range.start));
        if first.file == last.file && first.range.start <= last.range.start && first.range.end <= last.range.end {
            return Span::new(&first.file, first.range.start..last.range.end);
        }
        // The range leaves the piece it begins in for another file, or for another round of a loop.
        match self.segments.get(self.index_at(range.start)) {
            Some(segment) if segment.literal && segment.range.contains(&range.start) => {
                Span::new(&segment.file, first.range.start..segment.origin.end)
            }
            _ => first,
        }
    }

    /// Returns the origin of one character.
    fn origin_at(&self, offset: usize) -> Span {
        let Some(segment) = self.segments.get(self.index_at(offset)) else { return Span::start_of(&self.file) };
        if !segment.literal {
            return Span::new(&segment.file, segment.origin.clone());
        }
        if offset < segment.range.start {
            return Span::new(&segment.file, segment.origin.start..segment.origin.start);
        }
        let start = (segment.origin.start + offset - segment.range.start).min(segment.origin.end);
        let length = segment.file.text[start..segment.origin.end].chars().next().map_or(0, char::len_utf8);
        Span::new(&segment.file, start..start + length)
    }

    /// Returns the index of the segment at an offset: in a gap and at the end the one before, before all the first.
    fn index_at(&self, offset: usize) -> usize {
        self.segments.partition_point(|segment| segment.range.start <= offset).saturating_sub(1)
    }

    /// Returns line and column of a byte offset in the rendered text, counted from 1; columns count characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        self.lines.line_column(offset)
    }

    /// Returns the place in a template file of a line and column of the rendered text, both counted from 1.
    pub fn origin_of_line_column(&self, line: usize, column: usize) -> Span {
        let start = self.lines.offset(line, column);
        if start < self.text.len() { self.origin_at(start) } else { self.origin(start..start) }
    }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        let at = start;
        start += line.len();
        (at, line.trim_end_matches(['\n', '\r']))
    })
}
