//! Parts of URLs, as Java's `URI` parts them, and their escapes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::simple::{Simple, Takes};
use super::text::row;
use crate::local::engine::error::SqlError;

const TEXT: Takes = Takes::Text;

/// All functions of this family.
pub(super) fn functions() -> Vec<Simple> {
    let text = |name, takes: &'static [Takes], required, eval| Simple {
        name,
        takes,
        required,
        returns: |_| DataType::Utf8,
        eval,
    };
    vec![
        text("parse_url", &[TEXT, TEXT, TEXT], 2, |a| each(a, false, part)),
        text("try_parse_url", &[TEXT, TEXT, TEXT], 2, |a| each(a, true, part)),
        text("url_decode", &[TEXT], 1, |a| each(a, false, decoded)),
        text("try_url_decode", &[TEXT], 1, |a| each(a, true, decoded)),
    ]
}

/// Applies to rows in which nothing is NULL; errors give NULL if `tolerant`.
fn each(args: &[ArrayRef], tolerant: bool, f: fn(&[&str]) -> Result<Option<String>, SqlError>) -> Result<ArrayRef> {
    let mut builder = StringBuilder::new();
    for i in 0..args[0].len() {
        let found = match row(args, i).map(|(texts, _)| f(&texts)) {
            None => None,
            Some(Err(_)) if tolerant => None,
            Some(found) => found?,
        };
        builder.append_option(found);
    }
    Ok(Arc::new(builder.finish()))
}

/// `+` is a blank and `%20` a byte; bytes that are no UTF-8 are replaced.
fn decoded(texts: &[&str]) -> Result<Option<String>, SqlError> {
    let bytes = texts[0].as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let byte = escaped_byte(bytes, at).ok_or_else(|| {
                    SqlError::new(
                        "CANNOT_DECODE_URL",
                        "22546",
                        format!(
                            "The provided URL cannot be decoded: {}. Please ensure that the URL is properly formatted \
                             and try again.",
                            texts[0]
                        ),
                    )
                })?;
                at += 2;
                byte
            }
            byte => *byte,
        });
    }
    Ok(Some(String::from_utf8_lossy(&out).into_owned()))
}

/// The byte that two hexadecimal digits say.
fn escaped_byte(bytes: &[u8], at: usize) -> Option<u8> {
    let digits = bytes.get(at..at + 2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn part(texts: &[&str]) -> Result<Option<String>, SqlError> {
    let url = Url::new(texts[0]).ok_or_else(|| {
        SqlError::new(
            "INVALID_URL",
            "22P02",
            format!(
                "The url is invalid: {}. Use `try_parse_url` to tolerate invalid URL and return NULL instead.",
                texts[0]
            ),
        )
    })?;
    let found = match (texts[1], texts.get(2)) {
        ("QUERY", Some(key)) => url.query.and_then(|query| {
            query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| name == key).map(|(_, v)| v)
        }),
        (_, Some(_)) => None,
        ("HOST", _) => url.host,
        ("PATH", _) => url.path,
        ("QUERY", _) => url.query,
        ("REF", _) => url.fragment,
        ("PROTOCOL", _) => url.scheme,
        ("AUTHORITY", _) => url.authority,
        ("USERINFO", _) => url.user,
        ("FILE", _) => {
            return Ok(url.path.map(|path| match url.query {
                Some(query) => format!("{path}?{query}"),
                None => path.to_owned(),
            }));
        }
        _ => None,
    };
    Ok(found.map(str::to_owned))
}

/// A URL, taken apart.
#[derive(Default)]
struct Url<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    user: Option<&'a str>,
    host: Option<&'a str>,
    path: Option<&'a str>,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn new(text: &'a str) -> Option<Self> {
        let mut url = Self::default();
        let (rest, fragment) = split(text, '#');
        url.fragment = fragment;
        let rest = match rest.find([':', '/', '?']) {
            Some(end) if rest[end..].starts_with(':') => {
                let scheme = &rest[..end];
                let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
                if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(legal) {
                    return None;
                }
                url.scheme = Some(scheme);
                let rest = &rest[end + 1..];
                if rest.is_empty() {
                    return None;
                }
                if !rest.starts_with('/') {
                    // It has no parts but its scheme.
                    let legal = is_legal(rest, "[]/?;") && is_legal(fragment.unwrap_or_default(), "[]/?;");
                    return legal.then_some(url);
                }
                rest
            }
            _ => rest,
        };
        let (before, query) = split(rest, '?');
        url.query = query;
        let path = match before.strip_prefix("//") {
            Some(behind) => {
                let end = behind.find('/').unwrap_or(behind.len());
                url.place(&behind[..end])?;
                &behind[end..]
            }
            None => before,
        };
        url.path = Some(path);
        let legal = is_legal(path, "/;")
            && is_legal(url.authority.unwrap_or_default(), "[];")
            && [url.query, fragment].into_iter().flatten().all(|part| is_legal(part, "[]/?;"));
        legal.then_some(url)
    }

    /// Reads user, host and port; an authority of another form has none of them.
    fn place(&mut self, authority: &'a str) -> Option<()> {
        if authority.is_empty() {
            return Some(());
        }
        self.authority = Some(authority);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let (host, port) = match place.find(']') {
            Some(end) if place.starts_with('[') => place.split_at(end + 1),
            _ => place.split_at(place.find(':').unwrap_or(place.len())),
        };
        let port = port.strip_prefix(':').unwrap_or(port);
        if host.starts_with('[') {
            let address = host.trim_start_matches('[').trim_end_matches(']');
            address.split('%').next()?.parse::<std::net::Ipv6Addr>().ok()?;
        }
        if (host.starts_with('[') || is_host(host)) && port.bytes().all(|b| b.is_ascii_digit()) {
            (self.user, self.host) = (user, Some(host));
        }
        Some(())
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

/// Whether it is a name of a host, or four numbers.
fn is_host(host: &str) -> bool {
    if host.parse::<std::net::Ipv4Addr>().is_ok() {
        return true;
    }
    let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
    let legal = labels.iter().all(|label| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    });
    legal && labels.last().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Whether a part has only characters that may stand in it: these, those of every part, and escapes.
fn is_legal(part: &str, more: &str) -> bool {
    part.char_indices().all(|(i, c)| match c {
        '%' => escaped_byte(part.as_bytes(), i + 1).is_some(),
        c if c.is_ascii() => c.is_ascii_alphanumeric() || "-_.!~*'():@&=+$,".contains(c) || more.contains(c),
        c => !c.is_control() && !c.is_whitespace(),
    })
}
