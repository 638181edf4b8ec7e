//! The headers of statements that describe and list.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{Statement, StatementError};

pub(super) fn describe(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    if c.eat("history") {
        let table = c.name("a table's name")?;
        let limit = if c.eat("limit") { Some(count(c)?) } else { None };
        return Ok(Statement::DescribeHistory { table, limit });
    }
    if c.eat("detail") {
        return Ok(Statement::DescribeDetail { table: c.name("a table's name")? });
    }
    for kind in ["schema", "database", "catalog", "function", "query", "volume"] {
        if c.is_word(0, kind) && c.peek(1).is_some() {
            return Err(c.unsupported(format!("DESCRIBE {}", kind.to_ascii_uppercase())));
        }
    }
    if c.is_word(0, "table") && c.peek(1).is_some() {
        c.next();
    }
    let extended = c.peek(1).is_some() && (c.eat("extended") || c.eat("formatted"));
    let table = c.name("a table's name")?;
    if c.is_word(0, "as") {
        return Err(c.unsupported("DESCRIBE … AS JSON"));
    }
    Ok(Statement::Describe { table, extended })
}

/// A whole number.
fn count(c: &mut Cursor<'_>) -> Result<usize, StatementError> {
    let number = match c.peek(0).map(|l| &l.token) {
        Some(Token::Number(text, _)) => text.parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| c.unexpected("a whole number"))?;
    c.next();
    Ok(number)
}

fn like(c: &mut Cursor<'_>) -> Result<Option<String>, StatementError> {
    if c.eat("like") {
        return c.string().map(Some);
    }
    match c.peek(0).map(|l| &l.token) {
        Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)) => c.string().map(Some),
        _ => Ok(None),
    }
}

pub(super) fn show(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    if c.eat("catalogs") {
        return Ok(Statement::ShowCatalogs { like: like(c)? });
    }
    if c.eat("schemas") || c.eat("databases") {
        let catalog = if c.eat("in") || c.eat("from") { Some(c.name("a catalog's name")?) } else { None };
        return Ok(Statement::ShowSchemas { catalog, like: like(c)? });
    }
    for (word, views_only) in [("tables", false), ("views", true)] {
        if c.eat(word) {
            let schema = if c.eat("in") || c.eat("from") { Some(c.name("a schema's name")?) } else { None };
            return Ok(Statement::ShowTables { schema, like: like(c)?, views_only });
        }
    }
    if c.eat("columns") {
        if !c.eat("in") {
            c.expect("FROM")?;
        }
        return Ok(Statement::ShowColumns { table: c.name("a table's name")? });
    }
    if c.eat("create table") {
        return Ok(Statement::ShowCreateTable { table: c.name("a table's name")? });
    }
    if c.eat("tblproperties") {
        let table = c.name("a table's name")?;
        let key = if c.eat_token(&Token::LParen) {
            let key = c.key()?;
            c.expect_token(&Token::RParen)?;
            Some(key)
        } else {
            None
        };
        return Ok(Statement::ShowProperties { table, key });
    }
    match c.peek(0) {
        Some(_) => Err(c.unsupported(format!("SHOW {}", c.slice(c.here()).to_ascii_uppercase()))),
        None => Err(c.unexpected("CATALOGS, SCHEMAS, TABLES, VIEWS, COLUMNS or TBLPROPERTIES")),
    }
}
