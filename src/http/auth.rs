//! How a request proves who sends it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use crate::secret::Secret;

/// What goes into the `Authorization` header.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `Bearer <token>`.
    Bearer(Secret),
    /// `Basic base64(user:password)`.
    Basic {
        /// User, or API key.
        user: Secret,
        /// Password, or API secret.
        password: Secret,
    },
}

impl Auth {
    /// Returns the header, or nothing if the credentials hold characters no header can carry.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Bearer(token) => format!("Bearer {}", token.expose()),
            Self::Basic { user, password } => format!("Basic {}", basic(user, password)),
        };
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Replaces every secret in a text that came from elsewhere and is about to be shown.
    pub(super) fn redact(&self, text: &str) -> String {
        let secrets = match self {
            Self::Bearer(token) => vec![token.expose().to_owned()],
            Self::Basic { user, password } => {
                vec![basic(user, password), password.expose().to_owned(), user.expose().to_owned()]
            }
        };
        // A secret of a few characters occurs in any text by chance; hiding it would garble the message and hide nothing.
        secrets
            .iter()
            .filter(|secret| secret.len() >= 6)
            .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "[secret]"))
    }
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
        let header = auth.header().unwrap();
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
        assert!(Auth::Bearer(Secret::new("dapi\r\nX: y")).header().is_none());
    }
}
