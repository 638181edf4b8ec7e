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
}

impl Rendered {
    /// Wraps a text that is no template: every place is its own origin.
    pub fn plain(file: &Arc<SourceFile>) -> Self {
        Self { text: file.text.clone(), file: Arc::clone(file) }
    }

    /// Returns the place in a template file that a range of bytes of the rendered text comes from.
    pub fn origin(&self, range: Range<usize>) -> Span {
        Span::new(&self.file, range)
    }

    /// Returns line and column of a byte offset in the rendered text, counted from 1; columns count characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        self.file.line_column(offset)
    }

    /// Returns the place in a template file of a line and column of the rendered text, both counted from 1.
    pub fn origin_of_line_column(&self, line: usize, column: usize) -> Span {
        let offset = self.file.offset(line, column);
        self.origin(offset..offset)
    }
}
