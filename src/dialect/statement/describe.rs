//! The headers of statements that describe and list.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{Name, Statement, StatementError};

pub(super) fn describe(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    if c.eat("history") {
        let table = c.name("a table's name")?;
        let limit = if c.eat("limit") { Some(count(c)?) } else { None };
        return Ok(Statement::DescribeHistory { table, limit });
    }
    if c.eat("detail") {
        return Ok(Statement::DescribeDetail { table: c.name("a table's name")? });
    }
    for (word, catalog) in [("schema", false), ("database", false), ("catalog", true)] {
        if c.is_word(0, word) && c.peek(1).is_some() {
            c.next();
            let extended = c.peek(1).is_some() && c.eat("extended");
            let name = c.name("a name")?;
            return Ok(Statement::DescribeNamespace { catalog, name, extended });
        }
    }
    if c.is_word(0, "function") && c.peek(1).is_some() {
        c.next();
        let extended = c.peek(1).is_some() && c.eat("extended");
        // Operators are functions too, and have no name that is a word.
        let name = match c.next() {
            Some(lexeme) => c.slice(lexeme.range).trim_matches('`').to_owned(),
            None => return Err(c.unexpected("a function's name")),
        };
        return Ok(Statement::DescribeFunction { name, extended });
    }
    if c.is_word(0, "volume") && c.peek(1).is_some() {
        return Err(c.unsupported("DESCRIBE VOLUME"));
    }
    let named = c.is_word(0, "query") && c.peek(1).is_some();
    if named || ["select", "with", "values", "from"].iter().any(|word| c.is_word(0, word) && c.peek(1).is_some()) {
        if named {
            c.next();
        }
        return Ok(Statement::DescribeQuery(c.rest("a query")?));
    }
    if c.is_word(0, "table") && c.peek(1).is_some() {
        c.next();
    }
    let extended = c.peek(1).is_some() && (c.eat("extended") || c.eat("formatted"));
    let table = c.name("a table's name")?;
    let column = if c.is_done() || c.is_word(0, "as") { None } else { Some(c.path("a column's name")?) };
    let json = c.eat("as json");
    if json && !extended {
        return Err(c.unexpected("EXTENDED before a name with AS JSON"));
    }
    Ok(Statement::Describe { table, extended, column, json })
}

/// `EXPLAIN [FORMATTED | EXTENDED | COST | CODEGEN] query`
pub(super) fn explain(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let extended = c.eat("extended") || c.eat("cost");
    if !extended && !c.eat("formatted") {
        c.eat("codegen");
    }
    let is_query = ["select", "with", "values", "from", "table"].iter().any(|word| c.is_word(0, word))
        || c.peek(0).is_some_and(|l| l.token == Token::LParen);
    if !is_query && !c.is_done() {
        return Err(c.unsupported(format!("EXPLAIN {}", c.slice(c.here()).to_ascii_uppercase())));
    }
    Ok(Statement::Explain { extended, query: c.rest("a query")? })
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
    if c.eat("table extended") {
        let schema = if c.eat("in") || c.eat("from") { Some(c.name("a schema's name")?) } else { None };
        let Some(like) = like(c)? else { return Err(c.unexpected("LIKE and a pattern")) };
        return Ok(Statement::ShowTableExtended { schema, like });
    }
    if c.eat("partitions") {
        let table = c.name("a table's name")?;
        if !c.is_done() {
            return Err(c.unsupported("SHOW PARTITIONS … PARTITION"));
        }
        return Ok(Statement::ShowPartitions { table });
    }
    if c.eat("grants") || c.eat("grant") {
        return super::grant::show_grants(c);
    }
    for (words, system) in
        [("functions", true), ("all functions", true), ("system functions", true), ("user functions", false)]
    {
        if c.eat(words) {
            if c.eat("in") || c.eat("from") {
                c.name("a schema's name")?;
            }
            return Ok(Statement::ShowFunctions { system, like: like(c)? });
        }
    }
    if c.eat("columns") {
        if !c.eat("in") {
            c.expect("FROM")?;
        }
        let mut table = c.name("a table's name")?;
        // `SHOW COLUMNS IN t IN s`
        if c.eat("in") || c.eat("from") {
            let schema = c.name("a schema's name")?;
            if let (Name::Parts { parts, range }, Name::Parts { parts: before, .. }) = (&table, &schema)
                && parts.len() == 1
            {
                let parts = before.iter().chain(parts).cloned().collect();
                table = Name::Parts { parts, range: range.clone() };
            }
        }
        return Ok(Statement::ShowColumns { table });
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
        None => Err(c.unexpected("CATALOGS, SCHEMAS, TABLES, VIEWS, COLUMNS, FUNCTIONS, GRANTS or TBLPROPERTIES")),
    }
}
