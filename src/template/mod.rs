//! SQL templates: text + variables → rendered text with a map back to file and line.
