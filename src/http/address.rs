//! Base addresses of services, as people write them.

use std::net::IpAddr;

use url::{Host, Url};

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address at all.
    #[error("`{0}` is not the address of a server, such as https://example.cloud.databricks.com")]
    Malformed(String),
    /// `https://user:password@host`. The address is not repeated, for it holds a secret.
    #[error("an address must not hold a user name or password")]
    Credentials,
    /// `http://` to another machine.
    #[error("`{0}` would send credentials in clear text; use https (http is for this machine only)")]
    ClearText(String),
}

/// Reads a base address: adds `https://` where no scheme is given, drops path, query, trailing slash and default port.
///
/// # Errors
/// If it is not an address, holds credentials, or would send them unencrypted to another machine.
pub fn base_address(text: &str) -> Result<Url, AddressError> {
    let text = text.trim();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let malformed = || AddressError::Malformed(text.split('@').next_back().unwrap_or_default().to_owned());
    let mut url = Url::parse(&with_scheme).map_err(|_| malformed())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credentials);
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(malformed());
    }
    url.set_path("");
    url.set_query(None);
    url.set_fragment(None);
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(AddressError::ClearText(url.as_str().trim_end_matches('/').to_owned()));
    }
    Ok(url)
}

/// Tells whether an address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalised() {
        let address = |text| base_address(text).map(String::from);
        assert_eq!(address("dbc-1.cloud.databricks.com").unwrap(), "https://dbc-1.cloud.databricks.com/");
        assert_eq!(address(" https://dbc-1.test:443/?o=12#x ").unwrap(), "https://dbc-1.test/");
        assert_eq!(address("http://127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080/");
        assert_eq!(address("http://localhost:1/a").unwrap(), "http://localhost:1/");
        assert_eq!(address("http://[::1]:1").unwrap(), "http://[::1]:1/");
    }

    #[test]
    fn clear_text_leaves_this_machine_only_by_mistake_and_is_refused() {
        assert_eq!(base_address("http://dbc-1.test"), Err(AddressError::ClearText("http://dbc-1.test".into())));
    }

    #[test]
    fn addresses_with_credentials_are_refused_without_repeating_them() {
        let error = base_address("https://ada:hunter22@dbc-1.test").unwrap_err();
        assert_eq!(error, AddressError::Credentials);
        assert!(!error.to_string().contains("hunter22"));
        let error = base_address("https://ada:hunter22@not a host").unwrap_err();
        assert!(!error.to_string().contains("hunter22"), "{error}");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "https://", "ftp://x.test", "https://a b"] {
            assert!(matches!(base_address(text), Err(AddressError::Malformed(_))), "{text}");
        }
    }
}
