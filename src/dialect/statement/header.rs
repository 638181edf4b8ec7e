//! The first words of a statement, which say what kind it is; what drops and comments is read here too.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{Commented, Relation, Statement, StatementError, alter, changes, create, describe, grant, upkeep};

/// Reads one statement.
pub(super) fn read(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let is_query = ["select", "with", "values", "from", "table"].iter().any(|word| c.is_word(0, word))
        || c.peek(0).is_some_and(|l| l.token == Token::LParen);
    if is_query {
        return Ok(Statement::Query(c.rest("a query")?));
    }
    let statement = if c.eat("create") {
        create::create(c)?
    } else if c.eat("drop") {
        drop_(c)?
    } else if c.eat("insert") {
        changes::insert(c)?
    } else if c.is_word(0, "delete") {
        changes::delete(c)?
    } else if c.eat("update") {
        changes::update(c)?
    } else if c.eat("merge") {
        changes::merge(c)?
    } else if c.eat("truncate table") {
        Statement::Truncate { table: c.name("a table's name")? }
    } else if c.eat("optimize") {
        upkeep::optimize(c)?
    } else if c.eat("vacuum") {
        upkeep::vacuum(c)?
    } else if c.eat("copy into") {
        upkeep::copy_into(c)?
    } else if c.eat("restore") {
        upkeep::restore(c)?
    } else if c.eat("describe") || c.eat("desc") {
        describe::describe(c)?
    } else if c.eat("show") {
        describe::show(c)?
    } else if c.eat("comment") {
        comment_on(c)?
    } else if c.eat("grant") {
        grant::grant(c, false)?
    } else if c.eat("revoke") {
        grant::grant(c, true)?
    } else if c.eat("refresh") {
        refresh(c)?
    } else if c.eat("explain") {
        describe::explain(c)?
    } else if c.eat("alter") {
        alter::alter(c)?
    } else {
        other(c)?
    };
    c.finish()?;
    Ok(statement)
}

/// First words of statements that the language has and that are not read here.
const OTHERS: &[&str] = &[
    "use", "set", "reset", "analyze", "deny", "truncate", "undrop", "cache", "uncache", "clear", "msck", "fsck",
    "repair", "reorg", "convert", "generate", "execute", "call", "declare", "begin", "commit", "rollback", "list",
    "put", "get", "remove", "sync", "load", "reduce", "pivot", "unpivot",
];

fn other(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let range = c.here();
    let first = c.slice(range.clone()).to_ascii_lowercase();
    if !OTHERS.contains(&first.as_str()) {
        return Err(c.unexpected("a statement"));
    }
    let mut words = first.to_ascii_uppercase();
    if let Some(next) = c.peek(1)
        && ["into", "table", "view", "catalog", "schema", "immediate", "transaction", "atomic"]
            .iter()
            .any(|word| c.is_word(1, word))
    {
        words.push(' ');
        words.push_str(&c.slice(next.range.clone()).to_ascii_uppercase());
    }
    while c.next().is_some() {}
    Ok(Statement::Other { words, range })
}

/// `REFRESH [MATERIALIZED VIEW | TABLE] t`
fn refresh(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let kind = if c.eat("materialized view") {
        Relation::MaterializedView
    } else if c.is_word(0, "streaming") || c.is_word(0, "foreign") || c.is_word(0, "function") {
        return Err(c.unsupported(format!("REFRESH {}", c.slice(c.here()).to_ascii_uppercase())));
    } else {
        c.eat("table");
        Relation::Table
    };
    let name = c.name("a name")?;
    // What is refreshed is refreshed when the statement ends, and all of it.
    if !c.eat("sync") {
        c.eat("full");
    }
    Ok(Statement::Refresh { kind, name })
}

fn drop_(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let catalog = c.eat("catalog");
    if catalog || c.eat("schema") || c.eat("database") {
        let if_exists = c.eat("if exists");
        let name = c.name(if catalog { "a catalog's name" } else { "a schema's name" })?;
        let cascade = c.eat("cascade");
        if !cascade {
            c.eat("restrict");
        }
        return Ok(match catalog {
            true => Statement::DropCatalog { name, if_exists, cascade },
            false => Statement::DropSchema { name, if_exists, cascade },
        });
    }
    let kind = if c.eat("table") {
        Relation::Table
    } else if c.eat("view") {
        Relation::View
    } else if c.eat("materialized view") {
        Relation::MaterializedView
    } else if c.peek(0).is_some() {
        return Err(c.unsupported(format!("DROP {}", c.slice(c.here()).to_ascii_uppercase())));
    } else {
        return Err(c.unexpected("TABLE, VIEW, SCHEMA or CATALOG"));
    };
    let if_exists = c.eat("if exists");
    let name = c.name("a name")?;
    Ok(Statement::Drop { kind, name, if_exists })
}

fn comment_on(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    c.expect("ON")?;
    let on = if c.eat("table") || c.eat("view") || c.eat("materialized view") {
        Commented::Table
    } else if c.eat("column") {
        Commented::Column
    } else if c.eat("schema") || c.eat("database") {
        Commented::Schema
    } else if c.eat("catalog") {
        Commented::Catalog
    } else if c.peek(0).is_some() {
        return Err(c.unsupported(format!("COMMENT ON {}", c.slice(c.here()).to_ascii_uppercase())));
    } else {
        return Err(c.unexpected("TABLE, COLUMN, SCHEMA or CATALOG"));
    };
    let name = c.name("a name")?;
    c.expect("IS")?;
    let comment = if c.eat("null") { None } else { Some(c.string()?) };
    Ok(Statement::Comment { on, name, comment })
}
