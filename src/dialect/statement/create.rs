//! The headers of statements that make something.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{
    CloneTable, ClusterBy, ColumnDefinition, Constraint, CreateTable, CreateView, Generated, Rule, Statement,
    StatementError, upkeep,
};
use crate::dialect::query::SyntaxError;
use crate::dialect::types::DataType;

pub(super) fn create(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    let or_replace = c.eat("or replace");
    for kind in [
        "temporary",
        "temp",
        "global",
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
        create_view(c, or_replace, false)
    } else if c.eat("materialized view") {
        create_view(c, or_replace, true)
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
    let shallow = c.eat("shallow clone");
    if shallow || c.eat("deep clone") || c.eat("clone") {
        let source = c.name("a table's name")?;
        let version = upkeep::version(c)?;
        let properties = if c.eat("tblproperties") { c.properties()? } else { Vec::new() };
        return Ok(Statement::Clone(CloneTable {
            name,
            or_replace,
            if_not_exists,
            shallow,
            source,
            version,
            properties,
        }));
    }
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
        constraints: Vec::new(),
        like: None,
    };
    if c.eat("like") {
        table.like = Some(c.name("a table's name")?);
    } else if c.peek(0).is_some_and(|l| l.token == Token::LParen) {
        (table.columns, table.constraints) = columns(c)?;
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
    for clause in ["location", "options", "clustered", "default", "with"] {
        if c.is_word(0, clause) {
            return Err(c.unsupported(format!("CREATE TABLE … {}", clause.to_ascii_uppercase())));
        }
    }
    if table.cluster_by.as_ref().is_some_and(|by| *by != ClusterBy::None) && !table.partitioned_by.is_empty() {
        return Err(SyntaxError::at(c.here(), "CLUSTER BY and PARTITIONED BY exclude each other").into());
    }
    Ok(Statement::CreateTable(table))
}

pub(super) fn cluster_by(c: &mut Cursor<'_>) -> Result<ClusterBy, StatementError> {
    if c.eat("auto") {
        Ok(ClusterBy::Auto)
    } else if c.eat("none") {
        Ok(ClusterBy::None)
    } else {
        Ok(ClusterBy::Columns(c.names()?))
    }
}

fn columns(c: &mut Cursor<'_>) -> Result<(Vec<ColumnDefinition>, Vec<Constraint>), StatementError> {
    c.expect_token(&Token::LParen)?;
    let (mut columns, mut constraints) = (Vec::new(), Vec::new());
    loop {
        if is_constraint(c) {
            constraints.push(constraint(c)?);
        } else {
            let mut column = column(c)?;
            constraints.append(&mut column.constraints);
            columns.push(column);
        }
        if !c.eat_token(&Token::Comma) {
            break;
        }
    }
    c.expect_token(&Token::RParen)?;
    Ok((columns, constraints))
}

/// Whether a constraint comes next. A column may have such a name; a constraint goes on with certain words.
pub(super) fn is_constraint(c: &Cursor<'_>) -> bool {
    let begins = |n: usize| {
        (c.is_word(n, "primary") || c.is_word(n, "foreign")) && c.is_word(n + 1, "key")
            || c.is_word(n, "check") && c.peek(n + 1).is_some_and(|l| l.token == Token::LParen)
    };
    begins(0) || c.is_word(0, "constraint") && begins(2)
}

/// `[CONSTRAINT name] {CHECK (…) | PRIMARY KEY (…) | FOREIGN KEY (…) REFERENCES t [(…)]}`
pub(super) fn constraint(c: &mut Cursor<'_>) -> Result<Constraint, StatementError> {
    let start = c.here().start;
    let name = if c.eat("constraint") { Some(c.identifier("a constraint's name")?) } else { None };
    let rule = if c.eat("check") {
        let inside = c.parenthesised()?;
        c.eat("enforced");
        Rule::Check(c.part(inside))
    } else if c.eat("primary key") {
        let mut columns = Vec::new();
        c.expect_token(&Token::LParen)?;
        loop {
            columns.push(c.identifier("a column's name")?);
            // A time series key names the column of time; it is a key all the same.
            c.eat("timeseries");
            if !c.eat_token(&Token::Comma) {
                break;
            }
        }
        c.expect_token(&Token::RParen)?;
        Rule::PrimaryKey(columns)
    } else {
        c.expect("FOREIGN KEY")?;
        let columns = c.names()?;
        c.expect("REFERENCES")?;
        references(c, columns)?
    };
    key_options(c);
    Ok(Constraint { name, rule, range: start..c.before() })
}

fn references(c: &mut Cursor<'_>, columns: Vec<String>) -> Result<Rule, StatementError> {
    let table = c.name("a table's name")?;
    let references = if c.peek(0).is_some_and(|l| l.token == Token::LParen) { c.names()? } else { Vec::new() };
    Ok(Rule::ForeignKey { columns, table, references })
}

/// Options of keys. All of them say that nobody enforces the key, or how it would be: nothing to record.
fn key_options(c: &mut Cursor<'_>) {
    let options = [
        "not enforced",
        "deferrable",
        "initially deferred",
        "norely",
        "rely",
        "match full",
        "on update no action",
        "on delete no action",
    ];
    while options.iter().any(|option| c.eat(option)) {}
}

pub(super) fn column(c: &mut Cursor<'_>) -> Result<ColumnDefinition, StatementError> {
    let start = c.here().start;
    let name = c.identifier("a column's name")?;
    let data_type = data_type(c)?;
    let mut column = ColumnDefinition {
        name,
        data_type,
        not_null: false,
        comment: None,
        default: None,
        generated: None,
        constraints: Vec::new(),
        range: start..c.before(),
    };
    loop {
        let here = c.here().start;
        if c.eat("not null") {
            column.not_null = true;
        } else if c.eat("comment") {
            column.comment = Some(c.string()?);
        } else if c.eat("default") {
            column.default = Some(c.expression(&CLAUSES, "a default")?);
        } else if c.eat("generated") {
            column.generated = Some(generated(c)?);
        } else if ["primary", "constraint", "references", "foreign"].iter().any(|w| c.is_word(0, w)) {
            let name = if c.eat("constraint") { Some(c.identifier("a constraint's name")?) } else { None };
            let own = vec![column.name.clone()];
            let rule = if c.eat("primary key") {
                Rule::PrimaryKey(own)
            } else {
                c.eat("foreign key");
                c.expect("REFERENCES")?;
                references(c, own)?
            };
            key_options(c);
            column.constraints.push(Constraint { name, rule, range: here..c.before() });
        } else {
            break;
        }
    }
    for clause in ["mask", "collate", "check"] {
        if c.is_word(0, clause) {
            return Err(c.unsupported(format!("a column with {}", clause.to_ascii_uppercase())));
        }
    }
    Ok(column)
}

/// Words that begin a clause of a column.
const CLAUSES: [&str; 12] = [
    "not",
    "comment",
    "default",
    "generated",
    "primary",
    "foreign",
    "constraint",
    "references",
    "mask",
    "check",
    "first",
    "after",
];

/// What follows `GENERATED`.
fn generated(c: &mut Cursor<'_>) -> Result<Generated, StatementError> {
    let always = c.eat("always");
    if !always {
        c.expect("BY DEFAULT")?;
    }
    c.expect("AS")?;
    if !c.eat("identity") {
        if !always {
            return Err(c.unexpected("IDENTITY"));
        }
        let inside = c.parenthesised()?;
        return Ok(Generated::Expression(c.part(inside)));
    }
    let (mut start, mut step) = (1, 1);
    if c.eat_token(&Token::LParen) {
        while !c.eat_token(&Token::RParen) {
            if c.eat("start with") {
                start = whole(c)?;
            } else if c.eat("increment by") {
                step = whole(c)?;
            } else {
                return Err(c.unexpected("START WITH or INCREMENT BY"));
            }
            c.eat_token(&Token::Comma);
        }
    }
    Ok(Generated::Identity { always, start, step })
}

/// A whole number, perhaps negative.
fn whole(c: &mut Cursor<'_>) -> Result<i64, StatementError> {
    let sign = if c.eat_token(&Token::Minus) { "-" } else { "" };
    let number = match c.peek(0).map(|l| &l.token) {
        Some(Token::Number(text, _)) => format!("{sign}{text}").parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| c.unexpected("a whole number"))?;
    c.next();
    Ok(number)
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
            Token::Word(_) if outside && CLAUSES.iter().any(|w| c.is_word(0, w)) => {
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

fn create_view(c: &mut Cursor<'_>, or_replace: bool, materialized: bool) -> Result<Statement, StatementError> {
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
        } else if ["with", "default", "schedule", "trigger", "partitioned", "cluster", "language"]
            .iter()
            .any(|word| c.is_word(0, word))
        {
            return Err(c.unsupported(format!("CREATE VIEW … {}", c.slice(c.here()).to_ascii_uppercase())));
        } else {
            break;
        }
    }
    c.expect("AS")?;
    let query = c.rest("a query")?;
    Ok(Statement::CreateView(CreateView {
        materialized,
        name,
        or_replace,
        if_not_exists,
        columns,
        comment,
        properties,
        query,
    }))
}
