//! The headers of statements that look after the files and versions of a table.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{Statement, StatementError, TableVersion};
use crate::dialect::query::SyntaxError;

pub(super) fn optimize(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let table = c.name("a table's name")?;
    for clause in ["full", "where"] {
        if c.is_word(0, clause) {
            return Err(c.unsupported(format!("OPTIMIZE … {}", clause.to_ascii_uppercase())));
        }
    }
    let mut zorder = Vec::new();
    if c.eat("zorder by") {
        if c.peek(0).is_some_and(|l| l.token == Token::LParen) {
            zorder = c.names()?;
        } else {
            zorder.push(c.identifier("a column's name")?);
            while c.eat_token(&Token::Comma) {
                zorder.push(c.identifier("a column's name")?);
            }
        }
    }
    Ok(Statement::Optimize { table, zorder })
}

pub(super) fn vacuum(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let table = c.name("a table's name")?;
    let lite = c.eat("lite");
    if !lite {
        c.eat("full");
    }
    let retain = if c.eat("retain") {
        let hours = number::<f64>(c, "a number of hours")?;
        c.expect("HOURS")?;
        Some(hours)
    } else {
        None
    };
    let dry_run = c.eat("dry run");
    Ok(Statement::Vacuum { table, lite, retain, dry_run })
}

pub(super) fn restore(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    c.eat("table");
    let table = c.name("a table's name")?;
    c.eat("to");
    let version = if c.eat("version as of") {
        TableVersion::Number(number(c, "a version")?)
    } else {
        c.expect("TIMESTAMP AS OF")?;
        if !matches!(c.peek(0).map(|l| &l.token), Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)))
            && c.peek(0).is_some()
        {
            return Err(c.unsupported("RESTORE … TIMESTAMP AS OF an expression that is no string"));
        }
        TableVersion::Time(c.string()?)
    };
    Ok(Statement::Restore { table, version })
}

fn number<T: std::str::FromStr>(c: &mut Cursor<'_>, what: &str) -> Result<T, StatementError> {
    let range = c.here();
    match c.next().map(|l| l.token) {
        Some(Token::Number(text, false)) => {
            text.parse().map_err(|_| SyntaxError::at(range, format!("{text} is not {what}")).into())
        }
        found => {
            let message = if found.is_some() { "unexpected input" } else { "unexpected end" };
            Err(SyntaxError::at(range, format!("{message}: {what} was expected")).into())
        }
    }
}
