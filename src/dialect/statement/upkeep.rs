//! The headers of statements that look after the files and versions of a table.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{CopyInto, Statement, StatementError, TableVersion};
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
    match version(c)? {
        Some(version) => Ok(Statement::Restore { table, version }),
        None => Err(c.unexpected("VERSION AS OF or TIMESTAMP AS OF")),
    }
}

/// `VERSION AS OF n`, `TIMESTAMP AS OF '…'`, or nothing.
pub(super) fn version(c: &mut Cursor<'_>) -> Result<Option<TableVersion>, StatementError> {
    if c.eat("version as of") {
        return Ok(Some(TableVersion::Number(number(c, "a version")?)));
    }
    if !c.eat("timestamp as of") {
        return Ok(None);
    }
    if !matches!(c.peek(0).map(|l| &l.token), Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)))
        && c.peek(0).is_some()
    {
        return Err(c.unsupported("TIMESTAMP AS OF an expression that is no string"));
    }
    Ok(Some(TableVersion::Time(c.string()?)))
}

/// `COPY INTO t FROM {'path' | (SELECT … FROM 'path')} FILEFORMAT = … …`
pub(super) fn copy_into(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let table = c.name("a table's name")?;
    c.eat("by position");
    c.expect("FROM")?;
    let mut select = None;
    let parenthesis = c.eat_token(&Token::LParen);
    if parenthesis {
        c.expect("SELECT")?;
        let start = c.here().start;
        while c.peek(0).is_some() && !c.is_word(0, "from") {
            if c.peek(0).is_some_and(|l| l.token == Token::LParen) {
                c.parenthesised()?;
            } else {
                c.next();
            }
        }
        select = Some(c.part(start..c.before()));
        c.expect("FROM")?;
    }
    let range = c.here();
    let path = c.string()?;
    if parenthesis {
        c.expect_token(&Token::RParen)?;
    }
    let mut copy = CopyInto {
        table,
        select,
        path,
        range,
        format: String::new(),
        files: Vec::new(),
        pattern: None,
        format_options: Vec::new(),
        copy_options: Vec::new(),
    };
    loop {
        if c.eat("fileformat") {
            c.expect_token(&Token::Eq)?;
            copy.format = c.identifier("a format")?.to_ascii_uppercase();
        } else if c.eat("files") {
            c.expect_token(&Token::Eq)?;
            c.expect_token(&Token::LParen)?;
            copy.files.push(c.string()?);
            while c.eat_token(&Token::Comma) {
                copy.files.push(c.string()?);
            }
            c.expect_token(&Token::RParen)?;
        } else if c.eat("pattern") {
            c.expect_token(&Token::Eq)?;
            copy.pattern = Some(c.string()?);
        } else if c.eat("format_options") {
            copy.format_options = c.properties()?;
        } else if c.eat("copy_options") {
            copy.copy_options = c.properties()?;
        } else if c.is_word(0, "validate") || c.is_word(0, "with") {
            return Err(c.unsupported(format!("COPY INTO … {}", c.slice(c.here()).to_ascii_uppercase())));
        } else {
            break;
        }
    }
    if copy.format.is_empty() {
        return Err(c.unexpected("FILEFORMAT = and a format"));
    }
    Ok(Statement::CopyInto(copy))
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
