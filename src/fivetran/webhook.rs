//! Deliveries of webhooks: whether Fivetran sent one, and what it tells of a sync.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::sync::Delivered;
use super::wire::{SyncEnd, WebhookBody};
use crate::ids::ConnectionId;
use crate::secret::Secret;

/// The end of a sync, as a delivery tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The connection's schema, or the prefix of its schemas.
    pub schema: Option<String>,
    /// The connection and how its sync ended.
    pub sync: Delivered,
}

/// Why a delivery is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refused {
    /// The signature is not one.
    #[error("the signature is not 64 hexadecimal digits")]
    NoSignature,
    /// Somebody else signed it, or it was changed.
    #[error("the signature is not that of this body with this secret")]
    WrongSignature,
    /// It is not what Fivetran sends.
    #[error("the body is signed rightly, and is no delivery of Fivetran's: {0}")]
    Malformed(String),
    /// It tells of something else.
    #[error("the webhook tells of `{0}`, not of the end of a sync (`sync_end`)")]
    OtherEvent(String),
}

/// Reads a delivery, if its signature is right: HMAC-SHA256 of the body's bytes, compared in constant time.
///
/// # Errors
/// If it is not signed with the secret, or does not tell of the end of a sync.
pub fn read(body: &[u8], signature: &str, secret: &Secret) -> Result<Delivery, Refused> {
    let signature = hex(signature.trim()).ok_or(Refused::NoSignature)?;
    // Whoever writes a body to a file with a shell adds a line's end to it.
    let trimmed = body.strip_suffix(b"\r\n").or(body.strip_suffix(b"\n")).unwrap_or(body);
    if !is_signed(body, &signature, secret) && !is_signed(trimmed, &signature, secret) {
        return Err(Refused::WrongSignature);
    }
    let body: WebhookBody = serde_json::from_slice(body).map_err(|error| Refused::Malformed(error.to_string()))?;
    if body.event != "sync_end" {
        return Err(Refused::OtherEvent(body.event));
    }
    let missing = |what: &str| Refused::Malformed(format!("it has no {what}"));
    let connection = ConnectionId::new(body.connection().ok_or_else(|| missing("connection"))?);
    let schema = body.schema().map(str::to_owned);
    let at = body.created.ok_or_else(|| missing("time"))?;
    let data = body.data.unwrap_or_default();
    let status = data.status.ok_or_else(|| missing("status"))?;
    Ok(Delivery { schema, sync: Delivered { connection, sync_id: body.sync_id, at, status, reason: data.reason } })
}

fn is_signed(body: &[u8], signature: &[u8], secret: &Secret) -> bool {
    Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
}

/// Reads 32 bytes in hexadecimal digits of either case.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

impl Delivered {
    /// Tells whether the sync brought all there was.
    pub fn succeeded(&self) -> bool {
        self.status == SyncEnd::Successful
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"event":"sync_end","created":"2026-09-02T02:21:40.912Z","connector_id":"speak_inexpensive","connector_name":"shop_pg","sync_id":"b4703f73","data":{"status":"SUCCESSFUL"}}"#;

    /// Of [`BODY`] with the secret `hush`, by `openssl dgst -sha256 -hmac hush`.
    const SIGNATURE: &str = "048f7da4505452b1ebd363c180744ef903f5a1b40f9a1b25812adb40139e161b";

    fn read_with(body: &str, signature: &str, secret: &str) -> Result<Delivery, Refused> {
        read(body.as_bytes(), signature, &Secret::new(secret))
    }

    #[test]
    fn a_delivery_counts_only_with_its_own_signature() {
        let delivery = read_with(BODY, SIGNATURE, "hush").unwrap();
        assert_eq!(delivery.sync.connection.as_str(), "speak_inexpensive");
        assert_eq!(delivery.schema.as_deref(), Some("shop_pg"));
        assert!(delivery.sync.succeeded());
        assert_eq!(read_with(BODY, &SIGNATURE.to_uppercase(), "hush").as_ref(), Ok(&delivery));
        assert_eq!(read_with(&format!("{BODY}\n"), SIGNATURE, "hush"), Ok(delivery), "a shell added that line's end");
        assert_eq!(read_with(BODY, SIGNATURE, "hush!"), Err(Refused::WrongSignature));
        assert_eq!(read_with(&BODY.replace("SUCC", "succ"), SIGNATURE, "hush"), Err(Refused::WrongSignature));
        assert_eq!(read_with(&format!("{BODY} "), SIGNATURE, "hush"), Err(Refused::WrongSignature));
        for no_signature in ["", "abc", &SIGNATURE[1..], &format!("sha256={SIGNATURE}"), &"ä".repeat(64)] {
            assert_eq!(read_with(BODY, no_signature, "hush"), Err(Refused::NoSignature), "{no_signature}");
        }
    }

    #[test]
    fn the_digest_is_that_of_rfc_4231() {
        // Test case 2 there.
        let signature = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843").unwrap();
        assert!(is_signed(b"what do ya want for nothing?", &signature, &Secret::new("Jefe")));
    }
}
