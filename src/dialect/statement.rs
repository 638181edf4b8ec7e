//! One statement of Databricks SQL: its header read here, the query inside it by [`parse_query`](super::parse_query).
//!
//! Queries and conditions keep their places: they are handed out as the whole statement with everything else blanked, so
//! that lines and columns of a syntax tree are those of the statement.

mod alter;
mod changes;
mod create;
mod cursor;
mod describe;
mod grant;
mod header;
mod upkeep;

use std::ops::Range;

pub use alter::{AddedColumn, Alteration, ColumnChange, ColumnPlace, NamespaceChange};

use super::query::SyntaxError;
use super::types::DataType;

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `SELECT …`, `WITH … SELECT …`, `VALUES …`.
    Query(Part),
    /// `CREATE [OR REPLACE] TABLE …`
    CreateTable(CreateTable),
    /// `CREATE [OR REPLACE] VIEW …`
    CreateView(CreateView),
    /// `CREATE TABLE … CLONE …`
    Clone(CloneTable),
    /// `COPY INTO …`
    CopyInto(CopyInto),
    /// `CREATE SCHEMA …`
    CreateSchema {
        /// The schema.
        name: Name,
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// `COMMENT '…'`
        comment: Option<String>,
    },
    /// `CREATE CATALOG …`
    CreateCatalog {
        /// The catalog.
        name: Name,
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// `COMMENT '…'`
        comment: Option<String>,
    },
    /// `DROP TABLE …`, `DROP VIEW …`
    Drop {
        /// What it says it drops.
        kind: Relation,
        /// The table or view.
        name: Name,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `DROP SCHEMA …`
    DropSchema {
        /// The schema.
        name: Name,
        /// `IF EXISTS`
        if_exists: bool,
        /// `CASCADE`
        cascade: bool,
    },
    /// `DROP CATALOG …`
    DropCatalog {
        /// The catalog.
        name: Name,
        /// `IF EXISTS`
        if_exists: bool,
        /// `CASCADE`
        cascade: bool,
    },
    /// `INSERT …`
    Insert(Insert),
    /// `DELETE FROM t [WHERE …]`
    Delete {
        /// The table.
        table: Name,
        /// Its name in the condition.
        alias: Option<String>,
        /// The condition, if any.
        condition: Option<Part>,
    },
    /// `UPDATE t SET … [WHERE …]`
    Update {
        /// The table.
        table: Name,
        /// Its name in the expressions.
        alias: Option<String>,
        /// What is set.
        assignments: Vec<Assignment>,
        /// The condition.
        condition: Option<Part>,
    },
    /// `MERGE INTO …`
    Merge(Merge),
    /// `TRUNCATE TABLE t`
    Truncate {
        /// The table.
        table: Name,
    },
    /// `OPTIMIZE t [ZORDER BY (a, b)]`
    Optimize {
        /// The table.
        table: Name,
        /// The columns by which rows are laid side by side.
        zorder: Vec<String>,
    },
    /// `VACUUM t [FULL | LITE] [RETAIN n HOURS] [DRY RUN]`
    Vacuum {
        /// The table.
        table: Name,
        /// `LITE`: only files that the log says were removed.
        lite: bool,
        /// `RETAIN n HOURS`, in hours.
        retain: Option<f64>,
        /// Only say what would be removed.
        dry_run: bool,
    },
    /// `RESTORE [TABLE] t TO VERSION AS OF n`, `… TIMESTAMP AS OF '…'`
    Restore {
        /// The table.
        table: Name,
        /// Which of its versions.
        version: TableVersion,
    },
    /// `DESCRIBE [TABLE] [EXTENDED] t [column] [AS JSON]`
    Describe {
        /// The table or view.
        table: Name,
        /// `EXTENDED`
        extended: bool,
        /// One column only, perhaps in structs.
        column: Option<Vec<String>>,
        /// `AS JSON`
        json: bool,
    },
    /// `DESCRIBE QUERY query`
    DescribeQuery(Part),
    /// `DESCRIBE SCHEMA [EXTENDED] s`, `DESCRIBE CATALOG [EXTENDED] c`
    DescribeNamespace {
        /// Whether it is a catalog.
        catalog: bool,
        /// Its name.
        name: Name,
        /// `EXTENDED`
        extended: bool,
    },
    /// `DESCRIBE FUNCTION [EXTENDED] f`
    DescribeFunction {
        /// The function.
        name: String,
        /// `EXTENDED`
        extended: bool,
    },
    /// `DESCRIBE HISTORY t [LIMIT n]`
    DescribeHistory {
        /// The table.
        table: Name,
        /// At most so many versions.
        limit: Option<usize>,
    },
    /// `DESCRIBE DETAIL t`
    DescribeDetail {
        /// The table.
        table: Name,
    },
    /// `SHOW CATALOGS`
    ShowCatalogs {
        /// `LIKE '…'`
        like: Option<String>,
    },
    /// `SHOW SCHEMAS [IN c]`
    ShowSchemas {
        /// The catalog.
        catalog: Option<Name>,
        /// `LIKE '…'`
        like: Option<String>,
    },
    /// `SHOW TABLES [IN s]`, `SHOW VIEWS [IN s]`
    ShowTables {
        /// The schema.
        schema: Option<Name>,
        /// `LIKE '…'`
        like: Option<String>,
        /// `SHOW VIEWS`
        views_only: bool,
    },
    /// `SHOW TABLE EXTENDED [IN s] LIKE '…'`
    ShowTableExtended {
        /// The schema.
        schema: Option<Name>,
        /// `LIKE '…'`
        like: String,
    },
    /// `SHOW PARTITIONS t`
    ShowPartitions {
        /// The table.
        table: Name,
    },
    /// `SHOW [USER | SYSTEM | ALL] FUNCTIONS [LIKE '…']`
    ShowFunctions {
        /// Whether those are wanted that every workspace has.
        system: bool,
        /// `LIKE '…'`
        like: Option<String>,
    },
    /// `SHOW COLUMNS IN t`
    ShowColumns {
        /// The table or view.
        table: Name,
    },
    /// `SHOW CREATE TABLE t`
    ShowCreateTable {
        /// The table or view.
        table: Name,
    },
    /// `SHOW TBLPROPERTIES t [('key')]`
    ShowProperties {
        /// The table or view.
        table: Name,
        /// The one that is wanted.
        key: Option<String>,
    },
    /// `COMMENT ON … IS …`
    Comment {
        /// What it is on.
        on: Commented,
        /// Its name.
        name: Name,
        /// The comment; `None` for `NULL`.
        comment: Option<String>,
    },
    /// `ALTER TABLE t …`, `ALTER VIEW v …`
    Alter {
        /// What it says it alters.
        kind: Relation,
        /// The table or view.
        table: Name,
        /// What changes.
        change: Alteration,
    },
    /// `ALTER SCHEMA s …`, `ALTER CATALOG c …`
    AlterNamespace {
        /// Whether it is a catalog.
        catalog: bool,
        /// Its name.
        name: Name,
        /// What changes.
        change: NamespaceChange,
    },
    /// `REFRESH MATERIALIZED VIEW v`, `REFRESH TABLE t`
    Refresh {
        /// What it says it refreshes.
        kind: Relation,
        /// Its name.
        name: Name,
    },
    /// `GRANT …`, `REVOKE …`
    Grant(Grant),
    /// `SHOW GRANTS [principal] ON …`
    ShowGrants {
        /// Whose; everybody's if it is left out.
        principal: Option<String>,
        /// On what.
        on: Securable,
        /// Its name.
        name: Name,
    },
    /// `EXPLAIN [FORMATTED | EXTENDED | COST | CODEGEN] query`
    Explain {
        /// Whether the logical plans are wanted too.
        extended: bool,
        /// The query.
        query: Part,
    },
    /// A statement of the language that is not read here yet.
    Other {
        /// Its first words: `GRANT`, `COPY INTO`.
        words: String,
        /// Where they stand.
        range: Range<usize>,
    },
}

/// What a statement says a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `TABLE`
    Table,
    /// `VIEW`
    View,
    /// `MATERIALIZED VIEW`
    MaterializedView,
}

impl Relation {
    /// The word for it.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::View => "VIEW",
            Self::MaterializedView => "MATERIALIZED VIEW",
        }
    }
}

/// Tags that are set or taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `SET TAGS ('key' = 'value', 'key')`
    Set(Vec<(String, String)>),
    /// `UNSET TAGS ('key')`
    Unset(Vec<String>),
}

/// What `COMMENT ON` may be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commented {
    /// `TABLE` or `VIEW`
    Table,
    /// `COLUMN`
    Column,
    /// `SCHEMA` or `DATABASE`
    Schema,
    /// `CATALOG`
    Catalog,
}

/// A part of a statement's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As long as the statement up to the part's end, with blanks before the part.
    pub padded: String,
    /// The part's bytes in the statement.
    pub range: Range<usize>,
}

impl Part {
    /// The part alone.
    pub fn text(&self) -> &str {
        self.padded.get(self.range.clone()).unwrap_or_default()
    }
}

/// A name in a statement's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// `a.b.c`, with the quotes taken off.
    Parts {
        /// The parts.
        parts: Vec<String>,
        /// Where it stands.
        range: Range<usize>,
    },
    /// `IDENTIFIER(expression)`
    Computed {
        /// The expression.
        expression: Part,
        /// Where it all stands.
        range: Range<usize>,
    },
}

impl Name {
    /// Where the name stands.
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Parts { range, .. } | Self::Computed { range, .. } => range.clone(),
        }
    }
}

/// `CREATE TABLE`
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// The table.
    pub name: Name,
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// The columns.
    pub columns: Vec<ColumnDefinition>,
    /// `PARTITIONED BY`
    pub partitioned_by: Vec<String>,
    /// `CLUSTER BY`
    pub cluster_by: Option<ClusterBy>,
    /// `COMMENT`
    pub comment: Option<String>,
    /// `TBLPROPERTIES`
    pub properties: Vec<(String, String)>,
    /// `AS query`
    pub query: Option<Part>,
    /// Constraints of the table, those written with a column included.
    pub constraints: Vec<Constraint>,
    /// `LIKE t`
    pub like: Option<Name>,
}

/// `CREATE TABLE … [SHALLOW | DEEP] CLONE …`
#[derive(Clone, Debug, PartialEq)]
pub struct CloneTable {
    /// The table that is made.
    pub name: Name,
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// `SHALLOW`: the files stay where they are.
    pub shallow: bool,
    /// The table whose rows and definition it gets.
    pub source: Name,
    /// Which version of it; the last one unless said otherwise.
    pub version: Option<TableVersion>,
    /// `TBLPROPERTIES`
    pub properties: Vec<(String, String)>,
}

/// `COPY INTO t FROM …`
#[derive(Clone, Debug, PartialEq)]
pub struct CopyInto {
    /// The table.
    pub table: Name,
    /// The expressions of `FROM (SELECT … FROM 'path')`; all columns if it is a path alone.
    pub select: Option<Part>,
    /// The file or folder.
    pub path: String,
    /// Where the path stands.
    pub range: Range<usize>,
    /// `FILEFORMAT`, in upper case.
    pub format: String,
    /// `FILES = (…)`
    pub files: Vec<String>,
    /// `PATTERN = '…'`
    pub pattern: Option<String>,
    /// `FORMAT_OPTIONS (…)`
    pub format_options: Vec<(String, String)>,
    /// `COPY_OPTIONS (…)`
    pub copy_options: Vec<(String, String)>,
}

/// How a table is clustered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterBy {
    /// `CLUSTER BY (…)`
    Columns(Vec<String>),
    /// `CLUSTER BY AUTO`
    Auto,
    /// `CLUSTER BY NONE`
    None,
}

/// A column in a `CREATE TABLE`.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDefinition {
    /// The name.
    pub name: String,
    /// The type; `None` in `CREATE TABLE … (names) AS query`.
    pub data_type: Option<DataType>,
    /// `NOT NULL`
    pub not_null: bool,
    /// `COMMENT`
    pub comment: Option<String>,
    /// `DEFAULT e`
    pub default: Option<Part>,
    /// `GENERATED …`
    pub generated: Option<Generated>,
    /// `PRIMARY KEY`, `REFERENCES …`
    pub constraints: Vec<Constraint>,
    /// Where it stands.
    pub range: Range<usize>,
}

/// How a column's values come about.
#[derive(Clone, Debug, PartialEq)]
pub enum Generated {
    /// `GENERATED ALWAYS AS (e)`
    Expression(Part),
    /// `GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY (START WITH n INCREMENT BY m)`
    Identity {
        /// `ALWAYS`: an INSERT may not give values.
        always: bool,
        /// The first value.
        start: i64,
        /// The distance from one value to the next.
        step: i64,
    },
}

/// A constraint of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// `CONSTRAINT name`
    pub name: Option<String>,
    /// What must hold.
    pub rule: Rule,
    /// Where it stands.
    pub range: Range<usize>,
}

/// What a constraint says.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// `CHECK (condition)`
    Check(Part),
    /// `PRIMARY KEY (…)`: recorded, not enforced.
    PrimaryKey(Vec<String>),
    /// `FOREIGN KEY (…) REFERENCES t (…)`: recorded, not enforced.
    ForeignKey {
        /// The columns.
        columns: Vec<String>,
        /// The table they refer to.
        table: Name,
        /// The columns there; its primary key if none are written.
        references: Vec<String>,
    },
}

/// `GRANT`, `REVOKE`
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// Whether it takes the privileges away.
    pub revoke: bool,
    /// The privileges, in upper case: `SELECT`, `USE SCHEMA`, `ALL PRIVILEGES`.
    pub privileges: Vec<String>,
    /// On what.
    pub on: Securable,
    /// Its name.
    pub name: Name,
    /// To whom, or from whom.
    pub principal: String,
    /// Where it stands.
    pub range: Range<usize>,
}

/// What privileges are granted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Securable {
    /// `CATALOG`
    Catalog,
    /// `SCHEMA`
    Schema,
    /// `TABLE`, also of views.
    Table,
}

/// `CREATE VIEW`, `CREATE MATERIALIZED VIEW`
#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    /// `MATERIALIZED`
    pub materialized: bool,
    /// The view.
    pub name: Name,
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// Names of the columns, with comments.
    pub columns: Vec<(String, Option<String>)>,
    /// `COMMENT`
    pub comment: Option<String>,
    /// `TBLPROPERTIES`
    pub properties: Vec<(String, String)>,
    /// `AS query`
    pub query: Part,
}

/// Which version of a table a statement means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableVersion {
    /// `VERSION AS OF n`
    Number(u64),
    /// `TIMESTAMP AS OF '…'`, its text.
    Time(String),
}

/// `INSERT`
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The table.
    pub table: Name,
    /// `OVERWRITE`
    pub overwrite: bool,
    /// `(a, b)`
    pub columns: Vec<String>,
    /// `BY NAME`
    pub by_name: bool,
    /// `PARTITION (a = 1, b)`: partition columns, with the value of those that are the same in all rows.
    pub partition: Vec<(String, Option<Part>)>,
    /// Which rows make room for the new ones.
    pub replace: Option<Replace>,
    /// `WITH SCHEMA EVOLUTION`
    pub evolves: bool,
    /// The query, or `VALUES`.
    pub query: Part,
}

/// Which rows of a table an INSERT takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replace {
    /// `REPLACE WHERE condition`: those, and the new rows must be such.
    Where(Part),
    /// `REPLACE USING (a, b)`: those that are equal to a new row in these columns.
    Using(Vec<String>),
}

/// `column = value`
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column, perhaps with the table's name or alias before it.
    pub column: Name,
    /// The expression.
    pub value: Part,
}

/// `MERGE INTO`
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// The table that changes.
    pub table: Name,
    /// Its name in the expressions.
    pub alias: Option<String>,
    /// The table or subquery that it is compared with, and its alias.
    pub source: Part,
    /// The condition under which a row of the source belongs to a row of the table.
    pub on: Part,
    /// The clauses, in their order.
    pub clauses: Vec<MergeClause>,
    /// `WITH SCHEMA EVOLUTION`
    pub evolves: bool,
}

/// `WHEN … THEN …` in a MERGE.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeClause {
    /// Which rows it is for.
    pub when: MergeWhen,
    /// `AND …`
    pub condition: Option<Part>,
    /// What is done with them.
    pub action: MergeAction,
    /// Where it begins.
    pub range: Range<usize>,
}

/// Which rows a clause of a MERGE is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeWhen {
    /// Rows of the table with a row of the source.
    Matched,
    /// Rows of the source without a row of the table.
    NotMatched,
    /// Rows of the table without a row of the source.
    NotMatchedBySource,
}

/// What a clause of a MERGE does.
#[derive(Clone, Debug, PartialEq)]
pub enum MergeAction {
    /// `UPDATE SET *`
    UpdateAll,
    /// `UPDATE SET …`
    Update(Vec<Assignment>),
    /// `DELETE`
    Delete,
    /// `INSERT *`
    InsertAll,
    /// `INSERT (…) VALUES (…)`
    Insert(Vec<Assignment>),
}

/// Why a text is not a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementError {
    /// Nothing but blanks and comments.
    Empty,
    /// Not as the language has it.
    Syntax(SyntaxError),
    /// The language has it; the reader does not.
    Unsupported {
        /// The construct: `CREATE TABLE … DEFAULT`.
        construct: String,
        /// Where it stands.
        range: Range<usize>,
    },
}

impl From<SyntaxError> for StatementError {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

/// Reads the header of one statement; a trailing semicolon and comments are allowed. The query in it is not read yet.
pub fn parse_statement(text: &str) -> Result<Statement, StatementError> {
    header::read(&mut cursor::Cursor::new(text)?)
}

#[cfg(test)]
mod tests;
