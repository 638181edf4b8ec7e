//! The headers of statements about privileges.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{Grant, Name, Securable, Statement, StatementError};

/// The privileges of Unity Catalog on what kiln knows.
const PRIVILEGES: &[&str] = &[
    "ALL PRIVILEGES",
    "APPLY TAG",
    "BROWSE",
    "CREATE FUNCTION",
    "CREATE MATERIALIZED VIEW",
    "CREATE MODEL",
    "CREATE SCHEMA",
    "CREATE TABLE",
    "CREATE VOLUME",
    "EXECUTE",
    "EXTERNAL USE SCHEMA",
    "MANAGE",
    "MODIFY",
    "READ VOLUME",
    "REFRESH",
    "SELECT",
    "USE CATALOG",
    "USE SCHEMA",
    "WRITE VOLUME",
];

/// `GRANT privileges ON securable TO principal`, `REVOKE … FROM principal`
pub(super) fn grant(c: &mut Cursor<'_>, revoke: bool) -> Result<Statement, StatementError> {
    let start = c.here().start;
    let mut privileges = Vec::new();
    loop {
        let words = (0..3).filter_map(|n| c.peek(n)).map(|l| c.slice(l.range.clone()).to_ascii_uppercase());
        let words: Vec<_> = words.collect();
        // The longest that fits: CREATE TABLE is more than CREATE.
        let known = (1..=words.len()).rev().find(|n| PRIVILEGES.contains(&words[..*n].join(" ").as_str()));
        let Some(n) = known else { return Err(c.unexpected("a privilege, such as SELECT or USE SCHEMA")) };
        privileges.push(words[..n].join(" "));
        (0..n).for_each(|_| drop(c.next()));
        if !c.eat_token(&Token::Comma) {
            break;
        }
    }
    let range = start..c.before();
    c.expect("ON")?;
    let (on, name) = securable(c)?;
    c.expect(if revoke { "FROM" } else { "TO" })?;
    let principal = principal(c)?;
    Ok(Statement::Grant(Grant { revoke, privileges, on, name, principal, range }))
}

/// `SHOW GRANTS [principal] ON securable`
pub(super) fn show_grants(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let principal = if c.is_word(0, "on") { None } else { Some(principal(c)?) };
    c.expect("ON")?;
    let (on, name) = securable(c)?;
    Ok(Statement::ShowGrants { principal, on, name })
}

fn securable(c: &mut Cursor<'_>) -> Result<(Securable, Name), StatementError> {
    for kind in ["external", "function", "volume", "metastore", "share", "connection", "any", "anonymous", "model"] {
        if c.is_word(0, kind) && c.peek(1).is_some_and(|l| matches!(l.token, Token::Word(_))) && !c.is_word(1, "to") {
            return Err(c.unsupported(format!("privileges on a {}", kind.to_ascii_uppercase())));
        }
    }
    let on = if c.eat("catalog") {
        Securable::Catalog
    } else if c.eat("schema") || c.eat("database") {
        Securable::Schema
    } else {
        let _ = c.eat("table") || c.eat("view") || c.eat("materialized view");
        Securable::Table
    };
    Ok((on, c.name("a name")?))
}

/// A user, a service principal or a group: a name, in back-quotes where it has other characters.
fn principal(c: &mut Cursor<'_>) -> Result<String, StatementError> {
    c.identifier("a principal: its name, in back-quotes if it is an address or a UUID")
}
