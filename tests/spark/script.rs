//! Reads the scripts of this folder: statements that end with `;` at the end of a line, each followed by what Spark said
//! (`-->` a row or the columns, `--!` an error). `ask.py` writes them.

/// A statement of a script.
pub(crate) struct Told<'a> {
    /// The statement, without what ends it.
    pub(crate) sql: String,
    /// The lines that tell Spark's answer.
    pub(crate) said: Vec<&'a str>,
}

/// Returns the statements of a script, in order.
pub(crate) fn statements(text: &str) -> Vec<Told<'_>> {
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    let mut sql = String::new();
    while let Some(line) = lines.next() {
        if sql.is_empty() && (line.trim().is_empty() || line.starts_with("--")) {
            continue;
        }
        sql.push_str(line);
        sql.push('\n');
        if !line.trim_end().ends_with(';') {
            continue;
        }
        let mut said = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("-->") || line.starts_with("--!")) {
            said.push(line);
        }
        sql.truncate(sql.trim_end().trim_end_matches(';').len());
        found.push(Told { sql: std::mem::take(&mut sql), said });
    }
    assert!(sql.is_empty(), "the last statement has no end: {sql}");
    found
}
