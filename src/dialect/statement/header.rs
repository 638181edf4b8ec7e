//! The headers of statements that define and describe, one function a family.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{
    ClusterBy, ColumnDefinition, Commented, CreateTable, CreateView, Relation, Statement, StatementError, changes,
    upkeep,
};
use crate::dialect::query::SyntaxError;
use crate::dialect::types::DataType;

/// Reads one statement.
pub(super) fn read(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let is_query = ["select", "with", "values", "from", "table"].iter().any(|word| c.is_word(0, word))
        || c.peek(0).is_some_and(|l| l.token == Token::LParen);
    if is_query {
        return Ok(Statement::Query(c.rest("a query")?));
    }
    let statement = if c.eat("create") {
        create(c)?
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
    } else if c.eat("restore") {
        upkeep::restore(c)?
    } else if c.eat("describe") || c.eat("desc") {
        describe(c)?
    } else if c.eat("show") {
        show(c)?
    } else if c.eat("comment") {
        comment_on(c)?
    } else if c.eat("alter") {
        alter(c)?
    } else {
        other(c)?
    };
    c.finish()?;
    Ok(statement)
}

/// First words of statements that the language has and that are not read here.
const OTHERS: &[&str] = &[
    "use", "set", "reset", "copy", "refresh", "analyze", "explain", "grant", "revoke", "deny", "truncate", "undrop",
    "cache", "uncache", "clear", "msck", "fsck", "repair", "reorg", "convert", "generate", "execute", "call",
    "declare", "begin", "commit", "rollback", "list", "put", "get", "remove", "sync", "load", "reduce", "pivot",
    "unpivot",
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

fn create(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
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
    } else if c.peek(0).is_some() {
        return Err(c.unsupported(format!("DROP {}", c.slice(c.here()).to_ascii_uppercase())));
    } else {
        return Err(c.unexpected("TABLE, VIEW, SCHEMA or CATALOG"));
    };
    let if_exists = c.eat("if exists");
    let name = c.name("a name")?;
    Ok(Statement::Drop { kind, name, if_exists })
}

fn describe(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
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

fn show(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
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

fn comment_on(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    c.expect("ON")?;
    let on = if c.eat("table") || c.eat("view") {
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

fn alter(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
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
