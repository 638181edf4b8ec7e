//! Templates with small additions: a step counter in every loop and component, and marks that survive rendering.
//!
//! A mark is one character from the supplementary private-use planes, which no SQL holds; its number says which piece
//! of which template follows. Marks are put where they cannot change white-space control: behind the white space that
//! begins a text, and before the white space in front of a `{{-`. Whether they did change anything is checked by
//! comparing with the text that was rendered without them.

use std::ops::Range;
use std::sync::Arc;

use super::filters::STEP;
use super::rendered::Segment;
use super::scan::{self, Kind, Piece};
use crate::diag::{SourceFile, Span};

const FIRST_MARK: u32 = 0xF0000;
/// Each of the two planes has this many characters that can be used.
const MARKS_PER_PLANE: u32 = 0xFFFE;

/// A template file and the texts that Tera gets for it.
#[derive(Clone, Debug)]
pub(super) struct Instrumented {
    pub(super) file: Arc<SourceFile>,
    /// The name Tera knows it by: its path.
    pub(super) name: String,
    /// With step counters.
    pub(super) plain: String,
    /// With step counters and marks.
    pub(super) marked: String,
    pub(super) pieces: Vec<Piece>,
    /// Names that the template assigns to.
    pub(super) assigned: Vec<String>,
    /// What was added to `plain`, in order.
    additions: Vec<Addition>,
}

#[derive(Clone, Debug)]
struct Addition {
    /// Bytes of `plain`.
    range: Range<usize>,
    /// Bytes of the file that it stands for.
    origin: Range<usize>,
}

impl Instrumented {
    pub(super) fn new(file: &Arc<SourceFile>, marks: &mut Marks) -> Self {
        let pieces = scan::pieces(&file.text);
        let mut plain = Writer::new(&file.text);
        let mut marked = Writer::new(&file.text);
        let mut assigned = Vec::new();
        let mut additions = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            match &piece.kind {
                Kind::Text(content) => {
                    if let Some(at) = mark_for_text(&file.text, piece, content)
                        && let Some(mark) = marks.add(Mark::text(file, at, content))
                    {
                        marked.insert(at, &mark.to_string());
                    }
                }
                Kind::Print => {
                    let previous = index.checked_sub(1).map(|i| &pieces[i]);
                    let at = mark_before(piece, previous);
                    if let Some(mark) = marks.add(Mark::value(file, piece)) {
                        marked.insert(at, &mark.to_string());
                    }
                }
                Kind::Tag(name) if name == "for" || name == "component" => {
                    let dash = if piece.trims_after() { "-" } else { "" };
                    let counter = format!("{{% if {STEP}() %}}{{% endif {dash}%}}");
                    let range = plain.insert(piece.range.end, &counter);
                    additions.push(Addition { range, origin: piece.range.clone() });
                    marked.insert(piece.range.end, &counter);
                }
                Kind::Tag(name) if name == "set" || name == "set_global" => {
                    let code = &file.text[piece.range.clone()];
                    let target = code[code.find(name.as_str()).unwrap_or_default() + name.len()..].trim_start();
                    assigned.push(target.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect());
                }
                Kind::Tag(_) | Kind::Comment => {}
            }
        }
        let name = file.path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        Self {
            file: Arc::clone(file),
            name,
            plain: plain.finish(),
            marked: marked.finish(),
            pieces,
            assigned,
            additions,
        }
    }

    /// Returns the place in the file of a line and column (from 1) of `plain`, `width` characters wide.
    pub(super) fn span(&self, line: usize, column: usize, width: usize) -> Span {
        let plain = SourceFile::new(&self.file.path, self.plain.clone());
        let start = plain.offset(line, column);
        let end = plain.text[start..].chars().take(width).map(char::len_utf8).sum::<usize>() + start;
        if let Some(addition) = self.additions.iter().find(|addition| addition.range.contains(&start)) {
            return Span::new(&self.file, addition.origin.clone());
        }
        Span::new(&self.file, self.original(start)..self.original(end).max(self.original(start)))
    }

    fn original(&self, offset: usize) -> usize {
        let mut added = 0;
        for addition in self.additions.iter().filter(|addition| addition.range.start < offset) {
            added += addition.range.len().min(offset - addition.range.start);
        }
        offset - added
    }
}

/// Returns where the mark of a text goes, if the text is there at all.
fn mark_for_text(text: &str, piece: &Piece, content: &Range<usize>) -> Option<usize> {
    let lead = content.len() - text[content.clone()].trim_start().len();
    if lead < content.len() {
        return Some(content.start + lead);
    }
    // White space only: a mark in it would keep it from being dropped, so it gets one only where nothing drops it.
    (!content.is_empty() && piece.range == *content).then_some(content.start)
}

/// Returns where the mark of a `{{ … }}` goes: before it, and before the white space that it drops.
fn mark_before(piece: &Piece, previous: Option<&Piece>) -> usize {
    match previous.map(|previous| &previous.kind) {
        Some(Kind::Text(content)) if piece.trims_before() => content.end,
        _ => piece.range.start,
    }
}

/// Copies a text, with insertions at rising places.
struct Writer<'t> {
    text: &'t str,
    out: String,
    copied: usize,
}

impl<'t> Writer<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, out: String::with_capacity(text.len() * 2), copied: 0 }
    }

    /// Inserts at a place of the text; returns the place in what is written.
    fn insert(&mut self, at: usize, addition: &str) -> Range<usize> {
        let at = at.max(self.copied);
        self.out.push_str(&self.text[self.copied..at]);
        self.copied = at;
        let start = self.out.len();
        self.out.push_str(addition);
        start..self.out.len()
    }

    fn finish(mut self) -> String {
        self.out.push_str(&self.text[self.copied..]);
        self.out
    }
}

/// Where a mark stands, and what follows it.
#[derive(Clone, Debug)]
struct Mark {
    file: Arc<SourceFile>,
    at: usize,
    /// The text that the mark is in, or the whole `{{ … }}` that it stands before.
    range: Range<usize>,
    is_text: bool,
}

impl Mark {
    fn text(file: &Arc<SourceFile>, at: usize, content: &Range<usize>) -> Self {
        Self { file: Arc::clone(file), at, range: content.clone(), is_text: true }
    }

    fn value(file: &Arc<SourceFile>, piece: &Piece) -> Self {
        Self { file: Arc::clone(file), at: piece.range.start, range: piece.range.clone(), is_text: false }
    }
}

/// All marks that were given out, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(Vec<Mark>);

impl Marks {
    /// Gives out a mark; none when there are no more characters, and the piece then has no map.
    fn add(&mut self, mark: Mark) -> Option<char> {
        let number = u32::try_from(self.0.len()).ok()?;
        let character = match number {
            0..MARKS_PER_PLANE => char::from_u32(FIRST_MARK + number),
            _ if number < 2 * MARKS_PER_PLANE => char::from_u32(FIRST_MARK + 0x10000 + number - MARKS_PER_PLANE),
            _ => None,
        }?;
        self.0.push(mark);
        Some(character)
    }

    fn get(&self, character: char) -> Option<&Mark> {
        let number = u32::from(character).checked_sub(FIRST_MARK)?;
        let number = if number < 0x10000 { number } else { number - 0x10000 + MARKS_PER_PLANE };
        self.0.get(number as usize)
    }

    /// Takes the marks out of a rendered text and says where its pieces come from. Returns `None` if what is left is
    /// not the text that was rendered without marks.
    pub(super) fn locate(&self, marked: &str, text: &str) -> Option<Vec<Segment>> {
        let mut found: Vec<(usize, &Mark)> = Vec::new();
        let mut stripped = String::with_capacity(text.len());
        for character in marked.chars() {
            match self.get(character) {
                Some(mark) => found.push((stripped.len(), mark)),
                None => stripped.push(character),
            }
        }
        if stripped != text {
            return None;
        }
        let mut segments: Vec<Segment> = Vec::new();
        for (index, (position, mark)) in found.iter().enumerate() {
            let next = found.get(index + 1).map_or(text.len(), |(position, _)| *position);
            let source = &mark.file.text;
            if !mark.is_text {
                segments.push(Segment::value(*position..next, &mark.file, mark.range.clone()));
                continue;
            }
            // White space that begins the text stands before the mark.
            let earliest = segments.last().map_or(0, Segment::earliest_end);
            let lead = common_suffix(&text[earliest..*position], &source[mark.range.start..mark.at]);
            let length = common_prefix(&text[*position..next], &source[mark.at..mark.range.end]);
            let start = position - lead;
            if let Some(last) = segments.last_mut() {
                last.cut(start);
            }
            segments.push(Segment::text(start..position + length, &mark.file, mark.at - lead));
        }
        segments.retain(|segment| !segment.is_empty());
        Some(segments)
    }
}

fn common_prefix(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| same(*a, *b)).map(|(a, _)| a.len_utf8()).sum()
}

fn common_suffix(a: &str, b: &str) -> usize {
    a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

/// Tells whether characters are the same but for their case, which a filter may have changed.
fn same(a: char, b: char) -> bool {
    a == b || (a.len_utf8() == b.len_utf8() && a.to_lowercase().eq(b.to_lowercase()))
}
