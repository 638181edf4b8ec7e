//! How a request proves who sends it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderValue, InvalidHeaderValue};

use super::tokens::Tokens;
use crate::secret::Secret;

/// What goes into the `Authorization` header.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Nothing: the service is open, or the request's body says who sends it.
    None,
    /// `Bearer <token>`.
    Bearer(Secret),
    /// `Basic base64(user:password)`.
    Basic {
        /// User, or API key.
        user: Secret,
        /// Password, or API secret.
        password: Secret,
    },
    /// `Bearer <token>`, with tokens that end and are renewed.
    Tokens(Arc<Tokens>),
}

impl Auth {
    /// Returns the header, which is always the same; none if there is none, or if it changes with each token.
    ///
    /// # Errors
    /// If the credentials hold characters that no header can carry.
    pub(super) fn header(&self) -> Result<Option<HeaderValue>, InvalidHeaderValue> {
        match self {
            Self::None | Self::Tokens(_) => Ok(None),
            Self::Bearer(token) => bearer(token).map(Some),
            Self::Basic { user, password } => sensitive(&format!("Basic {}", basic(user, password))).map(Some),
        }
    }

    /// Replaces every secret in a text that came from elsewhere and is about to be shown.
    pub(super) fn redact(&self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Bearer(token) => redact(text, [token]),
            Self::Basic { user, password } => redact(text, [&Secret::new(basic(user, password)), password, user]),
            Self::Tokens(tokens) => redact(text, &tokens.secrets()),
        }
    }
}

/// Returns the header that carries a token.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, InvalidHeaderValue> {
    sensitive(&format!("Bearer {}", token.expose()))
}

/// Blots secrets out of a text.
/// Takes secrets out of a text.
pub fn redact<'s>(text: &str, secrets: impl IntoIterator<Item = &'s Secret>) -> String {
    // A secret of a few characters occurs in any text by chance; hiding it would garble the message and hide nothing.
    let long = secrets.into_iter().map(Secret::expose).filter(|secret| secret.len() >= 6);
    long.fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
}

fn sensitive(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut header = HeaderValue::from_str(text)?;
    header.set_sensitive(true);
    Ok(header)
}

fn basic(user: &Secret, password: &Secret) -> String {
    STANDARD.encode(format!("{}:{}", user.expose(), password.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_encoded_as_rfc_7617_shows() {
        let auth = Auth::Basic { user: Secret::new("Aladdin"), password: Secret::new("open sesame") };
        let header = auth.header().unwrap().unwrap();
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{header:?} {auth:?}"), "Sensitive Basic { user: [secret], password: [secret] }");
    }

    #[test]
    fn secrets_vanish_from_texts_in_every_form() {
        let auth = Auth::Basic { user: Secret::new("Aladdin"), password: Secret::new("open sesame") };
        let text = "Aladdin sent QWxhZGRpbjpvcGVuIHNlc2FtZQ== (open sesame)";
        assert_eq!(auth.redact(text), "[secret] sent [secret] ([secret])");
    }

    #[test]
    fn a_token_with_a_line_break_makes_no_header() {
        assert!(Auth::Bearer(Secret::new("dapi\r\nX: y")).header().is_err());
    }
}
