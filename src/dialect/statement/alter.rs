//! The headers of statements that alter.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{Relation, Statement, StatementError};

pub(super) fn alter(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let kind = if c.eat("table") {
        Relation::Table
    } else if c.eat("view") {
        Relation::View
    } else {
        return Err(match c.peek(0) {
            Some(_) => c.unsupported(format!("ALTER {}", c.slice(c.here()).to_ascii_uppercase())),
            None => c.unexpected("TABLE or VIEW"),
        });
    };
    let table = c.name("a table's name")?;
    if c.eat("set tblproperties") {
        let properties = c.properties()?;
        return Ok(Statement::SetProperties { kind, table, properties });
    }
    if c.eat("unset tblproperties") {
        let if_exists = c.eat("if exists");
        c.expect_token(&Token::LParen)?;
        let mut keys = vec![c.key()?];
        while c.eat_token(&Token::Comma) {
            keys.push(c.key()?);
        }
        c.expect_token(&Token::RParen)?;
        return Ok(Statement::UnsetProperties { kind, table, keys, if_exists });
    }
    let words: Vec<_> =
        (0..2).filter_map(|n| c.peek(n)).map(|l| c.slice(l.range.clone()).to_ascii_uppercase()).collect();
    let words = words.join(" ");
    let kind = if kind == Relation::Table { "TABLE" } else { "VIEW" };
    Err(c.unsupported(format!("ALTER {kind} … {words}")))
}
