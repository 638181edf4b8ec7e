//! Reading `multipart/form-data`, the form in which the Python SDK uploads workspace files.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use super::super::error::ApiError;

/// The fields of a form: names and contents.
pub(super) struct Form<'a>(Vec<(String, &'a [u8])>);

impl<'a> Form<'a> {
    /// Reads the body if the headers say that it is a form; none if it is something else.
    pub(super) fn read(headers: &HeaderMap, body: &'a [u8]) -> Result<Option<Self>, ApiError> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
            return Ok(None);
        }
        let boundary = parameter(kind, "boundary").filter(|boundary| !boundary.is_empty());
        let fields = boundary.and_then(|boundary| parse(boundary, body));
        fields.map(|fields| Some(Self(fields))).ok_or_else(|| ApiError::malformed("the body is not a whole form"))
    }

    /// Returns a field's bytes.
    pub(super) fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, bytes)| *bytes)
    }

    /// Returns a field's text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.bytes(name).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

fn parse<'a>(boundary: &str, body: &'a [u8]) -> Option<Vec<(String, &'a [u8])>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut fields = Vec::new();
    // The first delimiter stands at the very beginning, without a line end before it.
    let mut rest = body.strip_prefix(&delimiter.as_bytes()[2..])?;
    loop {
        if rest.starts_with(b"--") {
            return Some(fields);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let (head, content) = split(rest, b"\r\n\r\n")?;
        let (content, behind) = split(content, delimiter.as_bytes())?;
        let head = std::str::from_utf8(head).ok()?;
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
        fields.push((parameter(line, "name")?.to_owned(), content));
        rest = behind;
    }
}

/// Splits at the first occurrence of a separator.
fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let first = *separator.first()?;
    let mut from = 0;
    loop {
        from += bytes[from..].iter().position(|byte| *byte == first)?;
        if bytes[from..].starts_with(separator) {
            return Some((&bytes[..from], &bytes[from + separator.len()..]));
        }
        from += 1;
    }
}

/// Returns a parameter of a header such as `form-data; name="content"; filename="x"`.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(kind: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())])
    }

    const BODY: &[u8] = b"--b1\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n/Shared/x\r\n--b1\r\n\
        Content-Disposition: form-data; name=\"content\"; filename=\"content\"\r\nContent-Type: x/y\r\n\r\na\r\n--b\r\n\xff\r\n--b1--\r\n";

    #[test]
    fn fields_come_out_as_they_went_in() {
        let headers = headers("multipart/form-data; boundary=b1");
        let form = Form::read(&headers, BODY).unwrap().unwrap();
        assert_eq!(form.text("path"), Some("/Shared/x"));
        assert_eq!(form.bytes("content"), Some(b"a\r\n--b\r\n\xff".as_slice()));
        assert_eq!((form.text("content"), form.bytes("other")), (None, None));
    }

    #[test]
    fn broken_forms_are_refused_and_other_bodies_left_alone() {
        assert!(Form::read(&headers("application/json"), b"{}").unwrap().is_none());
        assert!(Form::read(&headers("multipart/form-data; boundary=b2"), BODY).is_err());
        assert!(Form::read(&headers("multipart/form-data"), BODY).is_err());
        assert!(Form::read(&headers("multipart/form-data; boundary=b1"), &BODY[..BODY.len() - 9]).is_err());
    }
}
