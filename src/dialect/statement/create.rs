//! The headers of statements that make something.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{ClusterBy, ColumnDefinition, CreateTable, CreateView, Statement, StatementError};
use crate::dialect::query::SyntaxError;
use crate::dialect::types::DataType;

pub(super) fn create(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let or_replace = c.eat("or replace");
    for kind in [
        "temporary",
        "temp",
        "global",
        "materialized",
        "streaming",
        "function",
        "external",
        "volume",
        "live",
        "private",
        "share",
        "connection",
        "location",
        "recipient",
        "provider",
        "index",
        "procedure",
        "bloomfilter",
        "foreign",
        "storage",
        "credential",
        "or",
        "policy",
        "server",
    ] {
        if c.is_word(0, kind) {
            return Err(c.unsupported(format!("CREATE {}", c.slice(c.here()).to_ascii_uppercase())));
        }
    }
    if c.eat("table") {
        create_table(c, or_replace)
    } else if c.eat("view") {
        create_view(c, or_replace)
    } else if c.eat("schema") || c.eat("database") {
        let if_not_exists = c.eat("if not exists");
        let name = c.name("a schema's name")?;
        let comment = namespace_comment(c, "CREATE SCHEMA")?;
        Ok(Statement::CreateSchema { name, if_not_exists, comment })
    } else if c.eat("catalog") {
        let if_not_exists = c.eat("if not exists");
        let name = c.name("a catalog's name")?;
        let comment = namespace_comment(c, "CREATE CATALOG")?;
        Ok(Statement::CreateCatalog { name, if_not_exists, comment })
    } else {
        Err(c.unexpected("TABLE, VIEW, SCHEMA or CATALOG"))
    }
}

fn namespace_comment(c: &mut Cursor<'_>, statement: &str) -> Result<Option<String>, StatementError> {
    let comment = if c.eat("comment") { Some(c.string()?) } else { None };
    for clause in ["managed", "location", "with", "using"] {
        if c.is_word(0, clause) {
            return Err(c.unsupported(format!("{statement} … {}", clause.to_ascii_uppercase())));
        }
    }
    Ok(comment)
}

fn create_table(c: &mut Cursor<'_>, or_replace: bool) -> Result<Statement, StatementError> {
    let if_not_exists = c.eat("if not exists");
    if or_replace && if_not_exists {
        return Err(SyntaxError::at(c.here(), "OR REPLACE and IF NOT EXISTS exclude each other").into());
    }
    let name = c.name("a table's name")?;
    let mut table = CreateTable {
        name,
        or_replace,
        if_not_exists,
        columns: Vec::new(),
        partitioned_by: Vec::new(),
        cluster_by: None,
        comment: None,
        properties: Vec::new(),
        query: None,
    };
    if c.peek(0).is_some_and(|l| l.token == Token::LParen) {
        table.columns = columns(c)?;
    }
    loop {
        if c.eat("using") {
            if !c.eat("delta") {
                return Err(c.unsupported(format!("CREATE TABLE … USING {}", c.slice(c.here()).to_ascii_uppercase())));
            }
        } else if c.eat("partitioned by") {
            table.partitioned_by = c.names()?;
        } else if c.eat("cluster by") {
            table.cluster_by = Some(cluster_by(c)?);
        } else if c.eat("comment") {
            table.comment = Some(c.string()?);
        } else if c.eat("tblproperties") {
            table.properties = c.properties()?;
        } else if c.eat("as") {
            table.query = Some(c.rest("a query")?);
            break;
        } else if ["select", "with", "values"].iter().any(|w| c.is_word(0, w)) {
            // AS may be left out.
            table.query = Some(c.rest("a query")?);
            break;
        } else {
            break;
        }
    }
    for clause in ["location", "options", "clustered", "shallow", "deep", "clone", "like", "default", "with"] {
        if c.is_word(0, clause) {
            return Err(c.unsupported(format!("CREATE TABLE … {}", clause.to_ascii_uppercase())));
        }
    }
    if table.cluster_by.as_ref().is_some_and(|by| *by != ClusterBy::None) && !table.partitioned_by.is_empty() {
        return Err(SyntaxError::at(c.here(), "CLUSTER BY and PARTITIONED BY exclude each other").into());
    }
    Ok(Statement::CreateTable(table))
}

fn cluster_by(c: &mut Cursor<'_>) -> Result<ClusterBy, StatementError> {
    if c.eat("auto") {
        Ok(ClusterBy::Auto)
    } else if c.eat("none") {
        Ok(ClusterBy::None)
    } else {
        Ok(ClusterBy::Columns(c.names()?))
    }
}

fn columns(c: &mut Cursor<'_>) -> Result<Vec<ColumnDefinition>, StatementError> {
    c.expect_token(&Token::LParen)?;
    let mut columns = Vec::new();
    loop {
        for clause in ["constraint", "primary", "foreign", "check"] {
            // A column may have such a name; a constraint goes on with another word or a parenthesis.
            let constraint = c.is_word(0, clause)
                && (clause == "constraint" && c.is_word(2, "primary")
                    || c.is_word(2, "foreign")
                    || c.is_word(2, "check")
                    || c.is_word(1, "key")
                    || clause == "check" && c.peek(1).is_some_and(|l| l.token == Token::LParen));
            if constraint {
                return Err(c.unsupported("CREATE TABLE … with constraints"));
            }
        }
        columns.push(column(c)?);
        if !c.eat_token(&Token::Comma) {
            break;
        }
    }
    c.expect_token(&Token::RParen)?;
    Ok(columns)
}

fn column(c: &mut Cursor<'_>) -> Result<ColumnDefinition, StatementError> {
    let start = c.here().start;
    let name = c.identifier("a column's name")?;
    let data_type = data_type(c)?;
    let mut column = ColumnDefinition { name, data_type, not_null: false, comment: None, range: start..c.before() };
    loop {
        if c.eat("not null") {
            column.not_null = true;
        } else if c.eat("comment") {
            column.comment = Some(c.string()?);
        } else {
            break;
        }
    }
    for clause in ["default", "generated", "primary", "constraint", "references", "mask", "collate", "check"] {
        if c.is_word(0, clause) {
            return Err(c.unsupported(format!("a column with {}", clause.to_ascii_uppercase())));
        }
    }
    Ok(column)
}

/// A type: everything up to a comma, the closing parenthesis or a word that begins another clause.
fn data_type(c: &mut Cursor<'_>) -> Result<Option<DataType>, StatementError> {
    let start = c.here();
    let mark = c.mark();
    let (mut round, mut angle) = (0i32, 0i32);
    while let Some(lexeme) = c.peek(0) {
        let outside = round == 0 && angle == 0;
        match &lexeme.token {
            Token::LParen => round += 1,
            Token::RParen if round == 0 => break,
            Token::RParen => round -= 1,
            Token::Lt => angle += 1,
            Token::Gt => angle -= 1,
            Token::ShiftRight => angle -= 2,
            Token::Comma if outside => break,
            Token::Word(_)
                if outside
                    && [
                        "not",
                        "comment",
                        "default",
                        "generated",
                        "primary",
                        "constraint",
                        "references",
                        "mask",
                        "check",
                    ]
                    .iter()
                    .any(|w| c.is_word(0, w)) =>
            {
                break;
            }
            _ => {}
        }
        c.next();
    }
    if c.mark() == mark {
        return Ok(None);
    }
    let range = start.start..c.before();
    let text = c.slice(range.clone());
    DataType::parse(text)
        .map(Some)
        .ok_or_else(|| SyntaxError::at(range, format!("`{text}` is not a type of Databricks SQL")).into())
}

fn create_view(c: &mut Cursor<'_>, or_replace: bool) -> Result<Statement, StatementError> {
    let if_not_exists = c.eat("if not exists");
    if or_replace && if_not_exists {
        return Err(SyntaxError::at(c.here(), "OR REPLACE and IF NOT EXISTS exclude each other").into());
    }
    let name = c.name("a view's name")?;
    let mut columns = Vec::new();
    if c.eat_token(&Token::LParen) {
        loop {
            let column = c.identifier("a column's name")?;
            let comment = if c.eat("comment") { Some(c.string()?) } else { None };
            columns.push((column, comment));
            if !c.eat_token(&Token::Comma) {
                break;
            }
        }
        c.expect_token(&Token::RParen)?;
    }
    let (mut comment, mut properties) = (None, Vec::new());
    loop {
        if c.eat("comment") {
            comment = Some(c.string()?);
        } else if c.eat("tblproperties") {
            properties = c.properties()?;
        } else if c.is_word(0, "with") || c.is_word(0, "default") {
            return Err(c.unsupported(format!("CREATE VIEW … {}", c.slice(c.here()).to_ascii_uppercase())));
        } else {
            break;
        }
    }
    c.expect("AS")?;
    let query = c.rest("a query")?;
    Ok(Statement::CreateView(CreateView { name, or_replace, if_not_exists, columns, comment, properties, query }))
}
