//! `ALTER`: what may be changed, and how it is written.

use sqlparser::tokenizer::Token;

use super::create::{cluster_by, column, constraint, is_constraint};
use super::cursor::Cursor;
use super::{ClusterBy, ColumnDefinition, Constraint, Name, Part, Relation, Statement, StatementError, Tags};
use crate::dialect::types::DataType;

/// What an `ALTER TABLE`, `ALTER VIEW` or `ALTER MATERIALIZED VIEW` changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Alteration {
    /// `RENAME TO t`
    RenameTo(Name),
    /// `ADD COLUMNS (…)`
    AddColumns(Vec<AddedColumn>),
    /// `DROP COLUMNS (…)`
    DropColumns {
        /// The columns, each with the names of the structs that it is in.
        columns: Vec<Vec<String>>,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `RENAME COLUMN a TO b`
    RenameColumn {
        /// The column, with the names of the structs that it is in.
        from: Vec<String>,
        /// Its new name.
        to: String,
    },
    /// `ALTER COLUMN c …, d …`: columns, each with the names of the structs that it is in, and what changes of each.
    Columns(Vec<(Vec<String>, ColumnChange)>),
    /// `ADD CONSTRAINT …`
    AddConstraint(Constraint),
    /// `DROP CONSTRAINT [IF EXISTS] name [RESTRICT | CASCADE]`
    DropConstraint {
        /// The constraint.
        name: String,
        /// `IF EXISTS`
        if_exists: bool,
        /// `CASCADE`
        cascade: bool,
    },
    /// `DROP PRIMARY KEY [IF EXISTS] [RESTRICT | CASCADE]`
    DropPrimaryKey {
        /// `IF EXISTS`
        if_exists: bool,
        /// `CASCADE`
        cascade: bool,
    },
    /// `DROP FOREIGN KEY [IF EXISTS] (…)`
    DropForeignKey {
        /// The columns of the key.
        columns: Vec<String>,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `SET TBLPROPERTIES (…)`
    SetProperties(Vec<(String, String)>),
    /// `UNSET TBLPROPERTIES [IF EXISTS] (…)`
    UnsetProperties {
        /// The keys.
        keys: Vec<String>,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `SET TAGS (…)`, `UNSET TAGS (…)`
    Tags(Tags),
    /// `CLUSTER BY …`
    ClusterBy(ClusterBy),
    /// `[SET] OWNER TO principal`
    Owner(String),
    /// `AS query`, of a view.
    Query(Part),
}

/// A column that is added, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct AddedColumn {
    /// The structs that it is put into; none for a column of the table.
    pub inside: Vec<String>,
    /// The column.
    pub definition: ColumnDefinition,
    /// Its place; the last one unless said otherwise.
    pub place: Option<ColumnPlace>,
}

/// Where a column stands among its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnPlace {
    /// `FIRST`
    First,
    /// `AFTER c`
    After(String),
}

/// What an `ALTER COLUMN` changes.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnChange {
    /// `COMMENT '…'`
    Comment(String),
    /// `FIRST`, `AFTER c`
    Place(ColumnPlace),
    /// `SET NOT NULL` (true), `DROP NOT NULL` (false)
    NotNull(bool),
    /// `TYPE t`
    Type(DataType),
    /// `SET DEFAULT e`, `DROP DEFAULT`
    Default(Option<Part>),
    /// `SET TAGS (…)`, `UNSET TAGS (…)`
    Tags(Tags),
}

/// What an `ALTER SCHEMA` or `ALTER CATALOG` changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceChange {
    /// `SET DBPROPERTIES (…)`
    SetProperties(Vec<(String, String)>),
    /// `SET TAGS (…)`, `UNSET TAGS (…)`
    Tags(Tags),
    /// `[SET] OWNER TO principal`
    Owner(String),
}

pub(super) fn alter(c: &mut Cursor<'_>) -> Result<Statement, StatementError> {
    for (word, catalog) in [("schema", false), ("database", false), ("catalog", true)] {
        if c.eat(word) {
            let name = c.name("a name")?;
            let change = namespace_change(c)?;
            return Ok(Statement::AlterNamespace { catalog, name, change });
        }
    }
    let kind = if c.eat("table") {
        Relation::Table
    } else if c.eat("view") {
        Relation::View
    } else if c.eat("materialized view") {
        Relation::MaterializedView
    } else {
        return Err(match c.peek(0) {
            Some(_) => c.unsupported(format!("ALTER {}", c.slice(c.here()).to_ascii_uppercase())),
            None => c.unexpected("TABLE, VIEW, SCHEMA or CATALOG"),
        });
    };
    let table = c.name("a table's name")?;
    let change = match common(c)? {
        Some(change) => change,
        None if kind == Relation::Table => of_table(c)?,
        None if kind == Relation::View && c.eat("as") => Alteration::Query(c.rest("a query")?),
        None if kind == Relation::View && c.eat("alter column") => {
            let column = c.identifier("a column's name")?;
            // Nothing else can be said of it, and of no second one.
            let Some(tags) = tags(c)? else { return Err(unread(c, kind)) };
            Alteration::Columns(vec![(vec![column], ColumnChange::Tags(tags))])
        }
        None => return Err(unread(c, kind)),
    };
    Ok(Statement::Alter { kind, table, change })
}

fn unread(c: &Cursor<'_>, kind: Relation) -> StatementError {
    let words: Vec<_> =
        (0..2).filter_map(|n| c.peek(n)).map(|l| c.slice(l.range.clone()).to_ascii_uppercase()).collect();
    if words.is_empty() {
        return c.unexpected("what to alter");
    }
    c.unsupported(format!("ALTER {} … {}", kind.keyword(), words.join(" ")))
}

fn namespace_change(c: &mut Cursor<'_>) -> Result<NamespaceChange, StatementError> {
    if c.eat("set dbproperties") || c.eat("set properties") {
        return Ok(NamespaceChange::SetProperties(c.properties()?));
    }
    if let Some(tags) = tags(c)? {
        return Ok(NamespaceChange::Tags(tags));
    }
    if c.eat("set owner to") || c.eat("owner to") {
        return Ok(NamespaceChange::Owner(c.identifier("a principal")?));
    }
    Err(match c.peek(0) {
        Some(_) => c.unsupported(format!("ALTER SCHEMA … {}", c.slice(c.here()).to_ascii_uppercase())),
        None => c.unexpected("what to alter"),
    })
}

/// `SET TAGS ('a' = 'b', 'c')`, `UNSET TAGS ('a')`
pub(super) fn tags(c: &mut Cursor<'_>) -> Result<Option<Tags>, StatementError> {
    let set = c.eat("set tags");
    if !set && !c.eat("unset tags") {
        return Ok(None);
    }
    c.expect_token(&Token::LParen)?;
    let mut tags = Vec::new();
    loop {
        let key = c.key()?;
        let value = if set && c.eat_token(&Token::Eq) { c.string()? } else { String::new() };
        tags.push((key, value));
        if !c.eat_token(&Token::Comma) {
            break;
        }
    }
    c.expect_token(&Token::RParen)?;
    Ok(Some(if set { Tags::Set(tags) } else { Tags::Unset(tags.into_iter().map(|(key, _)| key).collect()) }))
}

/// What may be changed of tables and views alike.
fn common(c: &mut Cursor<'_>) -> Result<Option<Alteration>, StatementError> {
    if c.eat("set tblproperties") {
        return Ok(Some(Alteration::SetProperties(c.properties()?)));
    }
    if c.eat("unset tblproperties") {
        let if_exists = c.eat("if exists");
        c.expect_token(&Token::LParen)?;
        let mut keys = vec![c.key()?];
        while c.eat_token(&Token::Comma) {
            keys.push(c.key()?);
        }
        c.expect_token(&Token::RParen)?;
        return Ok(Some(Alteration::UnsetProperties { keys, if_exists }));
    }
    if c.eat("rename to") {
        return Ok(Some(Alteration::RenameTo(c.name("the new name")?)));
    }
    if let Some(tags) = tags(c)? {
        return Ok(Some(Alteration::Tags(tags)));
    }
    if c.eat("set owner to") || c.eat("owner to") {
        return Ok(Some(Alteration::Owner(c.identifier("a principal")?)));
    }
    Ok(None)
}

fn of_table(c: &mut Cursor<'_>) -> Result<Alteration, StatementError> {
    if c.eat("cluster by") {
        return Ok(Alteration::ClusterBy(cluster_by(c)?));
    }
    if c.is_word(0, "add") {
        return add(c);
    }
    if c.eat("rename column") {
        let from = c.path("a column's name")?;
        c.expect("TO")?;
        return Ok(Alteration::RenameColumn { from, to: c.identifier("the new name")? });
    }
    if c.is_word(0, "drop") {
        return drop_(c);
    }
    if c.eat("alter column") || c.eat("change column") || c.eat("alter") || c.eat("change") {
        let mut changes: Vec<(Vec<String>, ColumnChange)> = Vec::new();
        loop {
            let range = c.here();
            let column = c.path("a column's name")?;
            let same = |(other, _): &(Vec<String>, ColumnChange)| {
                other.len() == column.len() && other.iter().zip(&column).all(|(a, b)| a.eq_ignore_ascii_case(b))
            };
            if changes.iter().any(same) {
                let text = format!("the column `{}` is altered twice", column.join("."));
                return Err(super::SyntaxError::at(range, text).into());
            }
            let change = column_change(c)?;
            changes.push((column, change));
            if !c.eat_token(&Token::Comma) {
                return Ok(Alteration::Columns(changes));
            }
        }
    }
    Err(unread(c, Relation::Table))
}

fn add(c: &mut Cursor<'_>) -> Result<Alteration, StatementError> {
    let mark = c.mark();
    c.next();
    if is_constraint(c) {
        return Ok(Alteration::AddConstraint(constraint(c)?));
    }
    if c.eat("columns") || c.eat("column") {
        let many = c.eat_token(&Token::LParen);
        let mut columns = vec![added(c)?];
        while many && c.eat_token(&Token::Comma) {
            columns.push(added(c)?);
        }
        if many {
            c.expect_token(&Token::RParen)?;
        }
        return Ok(Alteration::AddColumns(columns));
    }
    c.reset(mark);
    Err(unread(c, Relation::Table))
}

fn added(c: &mut Cursor<'_>) -> Result<AddedColumn, StatementError> {
    let mut inside = Vec::new();
    while c.peek(1).is_some_and(|l| l.token == Token::Period) {
        inside.push(c.identifier("a column's name")?);
        c.next();
    }
    let definition = column(c)?;
    if definition.data_type.is_none() {
        return Err(c.unexpected("a type"));
    }
    Ok(AddedColumn { inside, definition, place: place(c)? })
}

fn place(c: &mut Cursor<'_>) -> Result<Option<ColumnPlace>, StatementError> {
    if c.eat("first") {
        return Ok(Some(ColumnPlace::First));
    }
    if c.eat("after") {
        return Ok(Some(ColumnPlace::After(c.identifier("a column's name")?)));
    }
    Ok(None)
}

fn drop_(c: &mut Cursor<'_>) -> Result<Alteration, StatementError> {
    let mark = c.mark();
    c.next();
    if c.eat("constraint") {
        let if_exists = c.eat("if exists");
        let name = c.identifier("a constraint's name")?;
        return Ok(Alteration::DropConstraint { name, if_exists, cascade: cascades(c) });
    }
    if c.eat("primary key") {
        let if_exists = c.eat("if exists");
        return Ok(Alteration::DropPrimaryKey { if_exists, cascade: cascades(c) });
    }
    if c.eat("foreign key") {
        let if_exists = c.eat("if exists");
        return Ok(Alteration::DropForeignKey { columns: c.names()?, if_exists });
    }
    if c.eat("columns") || c.eat("column") {
        let if_exists = c.eat("if exists");
        let many = c.eat_token(&Token::LParen);
        let mut columns = vec![c.path("a column's name")?];
        while c.eat_token(&Token::Comma) {
            columns.push(c.path("a column's name")?);
        }
        if many {
            c.expect_token(&Token::RParen)?;
        }
        return Ok(Alteration::DropColumns { columns, if_exists });
    }
    c.reset(mark);
    Err(unread(c, Relation::Table))
}

/// `RESTRICT`, `CASCADE`: whether foreign keys that refer to a primary key go with it.
fn cascades(c: &mut Cursor<'_>) -> bool {
    let cascade = c.eat("cascade");
    if !cascade {
        c.eat("restrict");
    }
    cascade
}

fn column_change(c: &mut Cursor<'_>) -> Result<ColumnChange, StatementError> {
    if let Some(place) = place(c)? {
        return Ok(ColumnChange::Place(place));
    }
    if let Some(tags) = tags(c)? {
        return Ok(ColumnChange::Tags(tags));
    }
    if c.eat("comment") {
        return Ok(ColumnChange::Comment(c.string()?));
    }
    if c.eat("set not null") {
        return Ok(ColumnChange::NotNull(true));
    }
    if c.eat("drop not null") {
        return Ok(ColumnChange::NotNull(false));
    }
    if c.eat("drop default") {
        return Ok(ColumnChange::Default(None));
    }
    if c.eat("set default") {
        return Ok(ColumnChange::Default(Some(c.expression(&[], "a default")?)));
    }
    if c.eat("type") {
        let range = c.here().start..c.end();
        let rest = c.rest("a type")?;
        let data_type = DataType::parse(rest.text());
        let unknown = || super::SyntaxError::at(range, format!("`{}` is not a type of Databricks SQL", rest.text()));
        return Ok(ColumnChange::Type(data_type.ok_or_else(unknown)?));
    }
    Err(match c.peek(0) {
        Some(_) => c.unsupported(format!("ALTER COLUMN … {}", c.slice(c.here()).to_ascii_uppercase())),
        None => c.unexpected("what to alter"),
    })
}
