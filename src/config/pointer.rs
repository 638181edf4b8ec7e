//! JSON pointers (RFC 6901): where in a document a secret or a mistake stands.

use std::borrow::Cow;

/// Returns the pointer to a key of what another points to; the empty one points to the whole document.
pub(crate) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Returns the first key of a pointer.
pub(crate) fn first_key(pointer: &str) -> String {
    key_of(pointer.trim_start_matches('/').split('/').next().unwrap_or_default()).into_owned()
}

/// Returns the key that a part of a pointer, between two slashes, stands for.
pub(crate) fn key_of(part: &str) -> Cow<'_, str> {
    if part.contains('~') { Cow::Owned(part.replace("~1", "/").replace("~0", "~")) } else { Cow::Borrowed(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_as_rfc_6901_has_it() {
        // From the table in section 5 of the RFC.
        assert_eq!(child("", "a/b"), "/a~1b");
        assert_eq!(child(&child("", "m~n"), "0"), "/m~0n/0");
        assert_eq!(first_key("/m~0n/0"), "m~n");
        assert_eq!(first_key("/a~1b"), "a/b");
    }
}
