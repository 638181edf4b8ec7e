//! What builds will read, in words.

use crate::plan::Estimate;

/// Says what a build reads: `reads 3 tables: 12.4 million rows, 1.2 GB`.
pub(super) fn in_words(estimate: &Estimate) -> String {
    let Estimate { tables, missing, rows, bytes } = *estimate;
    let tables_words = if tables == 1 { "1 table".to_owned() } else { format!("{tables} tables") };
    if tables == 0 {
        return "reads no table".to_owned();
    }
    if missing == tables {
        let all = if tables == 1 { "it is" } else { "they are" };
        return format!("reads {tables_words}: how much is not known, for {all} not there yet");
    }
    let rows = match rows {
        Some(1) => "1 row".to_owned(),
        Some(rows) => format!("{} rows", count(rows)),
        None => "number of rows unknown".to_owned(),
    };
    let bytes = bytes.map_or_else(|| "size unknown".to_owned(), size);
    let without = match missing {
        0 => String::new(),
        1 => ", and one that is not there yet".to_owned(),
        many => format!(", and {many} that are not there yet"),
    };
    format!("reads {tables_words}: {rows}, {bytes}{without}")
}

/// Writes a number as people say it: exact below a million, with one digit behind the point above.
fn count(n: u64) -> String {
    const STEPS: [(f64, &str); 3] = [(1e12, "trillion"), (1e9, "billion"), (1e6, "million")];
    let value = n as f64;
    // What would be rounded to a thousand of a step is one of the next.
    match STEPS.iter().find(|(step, _)| value >= step * 0.99995) {
        Some((step, word)) if n >= 1_000_000 => format!("{:.1} {word}", value / step),
        _ => {
            let digits = n.to_string();
            let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
            groups.iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
        }
    }
}

/// Writes a size in units of thousands.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let value = bytes as f64;
    match UNITS.iter().find(|(unit, _)| value >= unit * 0.99995) {
        Some((unit, word)) if bytes >= 1000 => format!("{:.1} {word}", value / unit),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_written_as_people_say_them() {
        let counts = [0, 999, 1_000, 999_999, 1_000_000, 12_449_999, 999_960_000, 2_500_000_000_000];
        assert_eq!(
            counts.map(count),
            ["0", "999", "1,000", "999,999", "1.0 million", "12.4 million", "1.0 billion", "2.5 trillion"]
        );
        let sizes = [0, 999, 1_000, 1_234_567, 999_960_000, 1_200_000_000, 3_000_000_000_000];
        assert_eq!(sizes.map(size), ["0 bytes", "999 bytes", "1.0 kB", "1.2 MB", "1.0 GB", "1.2 GB", "3.0 TB"]);
    }

    #[test]
    fn what_is_not_known_is_said_so() {
        let words = |tables, missing, rows, bytes| in_words(&Estimate { tables, missing, rows, bytes });
        assert_eq!(words(3, 0, Some(12_400_000), Some(1_200_000_000)), "reads 3 tables: 12.4 million rows, 1.2 GB");
        assert_eq!(words(1, 0, Some(1), None), "reads 1 table: 1 row, size unknown");
        assert_eq!(
            words(3, 1, None, Some(5)),
            "reads 3 tables: number of rows unknown, 5 bytes, and one that is not there yet"
        );
        assert_eq!(words(2, 2, Some(0), Some(0)), "reads 2 tables: how much is not known, for they are not there yet");
        assert_eq!(words(0, 0, Some(0), Some(0)), "reads no table");
    }
}
