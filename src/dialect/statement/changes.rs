//! The headers of statements that change rows.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{
    Assignment, Insert, Merge, MergeAction, MergeClause, MergeWhen, Name, Part, Replace, Statement, StatementError,
};
use crate::dialect::query::SyntaxError;

pub(super) fn insert(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let evolves = c.eat("with schema evolution");
    let overwrite = if c.eat("overwrite") {
        c.eat("into");
        true
    } else {
        c.expect("INTO")?;
        false
    };
    c.eat("table");
    let table = c.name("a table's name")?;
    let partition = if c.eat("partition") { partition(c)? } else { Vec::new() };
    for clause in ["if", "as"] {
        if c.is_word(0, clause) {
            return Err(c.unsupported(format!("INSERT … {}", clause.to_ascii_uppercase())));
        }
    }
    let mut by_name = c.eat("by name");
    let mark = c.mark();
    // A parenthesis opens a list of columns or a query.
    let columns = match c.peek(0).map(|l| &l.token) {
        Some(Token::LParen) if !by_name && !["select", "with", "values", "from"].iter().any(|w| c.is_word(1, w)) => {
            c.names().or_else(|_| {
                c.reset(mark);
                Ok::<_, StatementError>(Vec::new())
            })?
        }
        _ => Vec::new(),
    };
    by_name |= c.eat("by name");
    let replace = replace(c)?;
    if replace.is_some() && overwrite {
        return Err(c.unexpected("INSERT INTO before REPLACE: OVERWRITE takes all rows away"));
    }
    let query = c.rest("a query or VALUES")?;
    Ok(Statement::Insert(Insert { table, overwrite, columns, by_name, partition, replace, evolves, query }))
}

/// `(a = 1, b)`
fn partition(c: &mut Cursor<'_>) -> Result<Vec<(String, Option<Part>)>, StatementError> {
    c.expect_token(&Token::LParen)?;
    let mut columns = Vec::new();
    loop {
        let column = c.identifier("a partition column")?;
        let value = if c.eat_token(&Token::Eq) { Some(c.expression(&[], "a value")?) } else { None };
        columns.push((column, value));
        if !c.eat_token(&Token::Comma) {
            break;
        }
    }
    c.expect_token(&Token::RParen)?;
    Ok(columns)
}

fn replace(c: &mut Cursor<'_>) -> Result<Option<Replace>, StatementError> {
    if c.eat("replace where") {
        let condition = c.expression(&["select", "with", "values", "from", "table"], "a condition")?;
        return Ok(Some(Replace::Where(condition)));
    }
    if c.eat("replace using") {
        return Ok(Some(Replace::Using(c.names()?)));
    }
    if c.is_word(0, "replace") {
        return Err(c.unsupported("INSERT … REPLACE ON"));
    }
    Ok(None)
}

pub(super) fn delete(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    c.expect("DELETE")?;
    c.expect("FROM")?;
    let table = c.name("a table's name")?;
    let alias = alias(c, "where")?;
    let condition = if c.eat("where") { Some(c.expression(&[], "a condition")?) } else { None };
    Ok(Statement::Delete { table, alias, condition })
}

pub(super) fn update(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let table = c.name("a table's name")?;
    let alias = alias(c, "set")?;
    c.expect("SET")?;
    let assignments = assignments(c, "where")?;
    let condition = if c.eat("where") { Some(c.expression(&[], "a condition")?) } else { None };
    Ok(Statement::Update { table, alias, assignments, condition })
}

/// An alias, unless the next word is that with which the statement goes on.
fn alias(c: &mut Cursor<'_>, next: &str) -> Result<Option<String>, StatementError> {
    if c.eat("as") || !c.is_word(0, next) && !c.is_done() {
        return c.identifier("an alias").map(Some);
    }
    Ok(None)
}

fn assignments(c: &mut Cursor<'_>, end: &str) -> Result<Vec<Assignment>, StatementError> {
    let mut assignments = Vec::new();
    loop {
        let column = c.name("a column's name")?;
        c.expect_token(&Token::Eq)?;
        assignments.push(Assignment { column, value: value(c, &[end])? });
        if !c.eat_token(&Token::Comma) {
            return Ok(assignments);
        }
    }
}

fn value(c: &mut Cursor<'_>, stops: &[&str]) -> Result<Part, StatementError> {
    c.expression(stops, "an expression")
}

pub(super) fn merge(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let evolves = c.eat("with schema evolution");
    c.expect("INTO")?;
    let table = c.name("a table's name")?;
    let alias = alias(c, "using")?;
    c.expect("USING")?;
    let source = c.expression(&["on"], "a table or a subquery")?;
    c.expect("ON")?;
    let on = c.expression(&["when"], "a condition")?;
    let mut clauses = Vec::new();
    while clauses.is_empty() || !c.is_done() {
        clauses.push(merge_clause(c)?);
    }
    Ok(Statement::Merge(Merge { table, alias, source, on, clauses, evolves }))
}

fn merge_clause(c: &mut Cursor<'_>) -> Result<MergeClause, StatementError> {
    let range = c.here();
    c.expect("WHEN")?;
    let when = if c.eat("matched") {
        MergeWhen::Matched
    } else if c.eat("not matched by source") {
        MergeWhen::NotMatchedBySource
    } else if c.eat("not matched") {
        c.eat("by target");
        MergeWhen::NotMatched
    } else {
        return Err(c.unexpected("MATCHED or NOT MATCHED"));
    };
    let condition = if c.eat("and") { Some(c.expression(&["then"], "a condition")?) } else { None };
    c.expect("THEN")?;
    let action = if when == MergeWhen::NotMatched {
        c.expect("INSERT")?;
        merge_insert(c)?
    } else if c.eat("delete") {
        MergeAction::Delete
    } else if c.eat("update set") {
        let all = when == MergeWhen::Matched && c.eat_token(&Token::Mul);
        if all { MergeAction::UpdateAll } else { MergeAction::Update(assignments(c, "when")?) }
    } else {
        return Err(c.unexpected("UPDATE SET or DELETE"));
    };
    Ok(MergeClause { when, condition, action, range })
}

fn merge_insert(c: &mut Cursor<'_>) -> Result<MergeAction, StatementError> {
    if c.eat_token(&Token::Mul) {
        return Ok(MergeAction::InsertAll);
    }
    let list = c.here();
    let mut columns: Vec<Name> = Vec::new();
    c.expect_token(&Token::LParen)?;
    while columns.is_empty() || c.eat_token(&Token::Comma) {
        columns.push(c.name("a column's name")?);
    }
    c.expect_token(&Token::RParen)?;
    c.expect("VALUES")?;
    let mut values = Vec::new();
    c.expect_token(&Token::LParen)?;
    while values.is_empty() || c.eat_token(&Token::Comma) {
        values.push(value(c, &[])?);
    }
    c.expect_token(&Token::RParen)?;
    if columns.len() != values.len() {
        let message = format!("{} columns are to be inserted, but there are {} values", columns.len(), values.len());
        return Err(SyntaxError::at(list, message).into());
    }
    let pairs = columns.into_iter().zip(values).map(|(column, value)| Assignment { column, value });
    Ok(MergeAction::Insert(pairs.collect()))
}
