//! Classes of characters that Java has names for.

/// Java's classes of characters.
pub(super) fn class(name: char) -> &'static str {
    match name {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[A-Za-z0-9_]",
        'W' => "[^A-Za-z0-9_]",
        's' => "[\\x20\\t\\n\\x0B\\f\\r]",
        'S' => "[^\\x20\\t\\n\\x0B\\f\\r]",
        'v' => "[\\n\\x0B\\f\\r\\x{85}\\x{2028}\\x{2029}]",
        'V' => "[^\\n\\x0B\\f\\r\\x{85}\\x{2028}\\x{2029}]",
        'h' => "[\\x20\\t\\x{A0}\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}]",
        _ => "[^\\x20\\t\\x{A0}\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}]",
    }
}

/// `\p{…}`: POSIX's names mean ASCII, others Unicode.
pub(super) fn property(name: &str, negated: bool) -> String {
    let posix = match name {
        "Lower" | "Upper" | "Alpha" | "Digit" | "Alnum" | "Punct" | "Graph" | "Print" | "Blank" | "Cntrl"
        | "XDigit" | "Space" => Some(name.to_ascii_lowercase()),
        "ASCII" => Some("ascii".to_owned()),
        _ => None,
    };
    if let Some(posix) = posix {
        return format!("[[:{}{posix}:]]", if negated { "^" } else { "" });
    }
    let name = match name {
        "javaLowerCase" | "IsLowercase" => "Lowercase",
        "javaUpperCase" | "IsUppercase" => "Uppercase",
        "javaWhitespace" => "White_Space",
        "IsAlphabetic" => "Alphabetic",
        other => other.strip_prefix("Is").unwrap_or(other),
    };
    format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' })
}
