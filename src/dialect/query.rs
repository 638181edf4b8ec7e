//! One query of Databricks SQL, from text to syntax tree, with errors that say what was expected where.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use sqlparser::ast::{Expr, Ident, Query, SetExpr, TableFactor, VisitMut, VisitorMut};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::databricks::{Databricks, GIVEN_UP};
use super::lex::{self, Summary, TextMap, lower_first};
use super::{pipes, short, values};

/// Why a text is not one query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong, in lower case.
    pub message: String,
    /// What to do, where that can be guessed.
    pub help: Option<String>,
    /// Bytes of the text at which it went wrong; empty at the end of the text.
    pub range: Range<usize>,
}

impl SyntaxError {
    pub(super) fn at(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, range }
    }
}

/// Parses exactly one query; comments and trailing semicolons are allowed.
pub fn parse_query(text: &str) -> Result<Query, SyntaxError> {
    parse_seen(text, &TextMap::new(text), |_| ()).map(|(query, ())| query)
}

/// The same of a text whose map is there already, with what decides whether its rows are the same again.
pub fn parse_summed(text: &str, map: &TextMap) -> Result<(Query, Summary), SyntaxError> {
    parse_seen(text, map, lex::summary_of)
}

/// Parses one query; `see` takes from the tokens what it wants before they go into the tree.
fn parse_seen<S>(text: &str, map: &TextMap, see: fn(&[TokenWithSpan]) -> S) -> Result<(Query, S), SyntaxError> {
    let tokens = lex::tokens(text, map)?;
    Source { map, tokens: &tokens }.check_beginning()?;
    let seen = see(&tokens);
    // The parser takes the tokens; they are cut once more where a mistake has to be told.
    let wrong = |tell: &dyn Fn(&Source<'_>) -> SyntaxError| match lex::tokens(text, map) {
        Ok(tokens) => tell(&Source { map, tokens: &tokens }),
        Err(error) => error,
    };
    let tokens = values::samples_last(values::in_parentheses(tokens));
    let (tokens, levels) = values::recursion_levels(tokens);
    let tokens = short::written_out(tokens);
    let dialect = Databricks::for_tokens(tokens.len());
    let mut parser = Parser::new(&dialect).with_recursion_limit(lex::MAX_DEPTH).with_tokens_with_locations(tokens);
    let mut query = parser.parse_query().map_err(|error| wrong(&|source| source.explain(&error)))?;
    let mut semicolon = false;
    while parser.consume_token(&Token::SemiColon) {
        semicolon = true;
    }
    let next = parser.peek_token();
    match (&next.token, semicolon) {
        (Token::EOF, _) if matches!(&*query.body, SetExpr::Insert(_) | SetExpr::Update(_)) => Err(not_a_query(0..0)),
        (Token::EOF, _) if matches!(&*query.body, SetExpr::Delete(_) | SetExpr::Merge(_)) => Err(not_a_query(0..0)),
        (Token::EOF, _) => match pipes::unfold(&mut query) {
            Ok(()) => {
                note_levels(&mut query, &levels);
                Ok((*query, seen))
            }
            Err(step) => Err(SyntaxError::at(0..0, format!("the language has no {step}"))),
        },
        (_, true) => {
            let message = format!("expected one query, found a second statement that begins with `{}`", next.token);
            Err(SyntaxError::at(map.range(next.span), message))
        }
        (_, false) => Err(wrong(&|source| source.unexpected("the end of the query", next.span.start))),
    }
}

/// Notes how often recursive CTEs may run, at their names.
fn note_levels(query: &mut Query, levels: &HashMap<Location, String>) {
    struct Noting<'a>(&'a HashMap<Location, String>);
    impl VisitorMut for Noting<'_> {
        type Break = ();
        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
                cte.alias.at = self.0.get(&cte.alias.name.span.start).map(Ident::new);
            }
            ControlFlow::Continue(())
        }
    }
    if !levels.is_empty() {
        let _ = VisitMut::visit(query, &mut Noting(levels));
    }
}

/// How often the recursive part of a CTE may run at most, if the query says so.
#[cfg(feature = "local")]
pub(crate) fn recursion_level(cte: &sqlparser::ast::Cte) -> Option<usize> {
    cte.alias.at.as_ref()?.value.parse().ok()
}

/// Parses an expression that stands by itself in a statement, such as the value of an assignment.
pub fn parse_expression(text: &str) -> Result<Expr, SyntaxError> {
    parse_piece(text, "the end of the expression", |parser| parser.parse_expr())
}

/// Parses what may stand in FROM: a table or a subquery, perhaps with an alias.
pub fn parse_relation(text: &str) -> Result<TableFactor, SyntaxError> {
    parse_piece(text, "the end of the table or subquery", |parser| parser.parse_table_factor())
}

fn parse_piece<T>(
    text: &str,
    end: &str,
    parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Result<T, SyntaxError> {
    let map = TextMap::new(text);
    let tokens = lex::tokens(text, &map)?;
    let source = Source { map: &map, tokens: &tokens };
    let dialect = Databricks::for_tokens(tokens.len());
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(lex::MAX_DEPTH).with_tokens_with_locations(tokens.clone());
    let piece = parse(&mut parser).map_err(|error| source.explain(&error))?;
    let next = parser.peek_token();
    if next.token == Token::EOF { Ok(piece) } else { Err(source.unexpected(end, next.span.start)) }
}

fn not_a_query(range: Range<usize>) -> SyntaxError {
    SyntaxError {
        help: Some("Write the query alone; the statement round it is made from the configuration.".to_owned()),
        ..SyntaxError::at(range, "expected a query, found a statement that changes data")
    }
}

/// The tokens of a text, for telling what went wrong.
struct Source<'a> {
    map: &'a TextMap,
    tokens: &'a [TokenWithSpan],
}

impl Source<'_> {
    /// Refuses texts that are no query by their first word.
    fn check_beginning(&self) -> Result<(), SyntaxError> {
        let first = self.tokens.iter().find(|t| t.token != Token::SemiColon);
        let Some(first) = first else {
            return Err(SyntaxError::at(0..0, "expected a query, found nothing but blanks and comments"));
        };
        let good = match &first.token {
            Token::LParen => true,
            Token::Word(word) => matches!(
                word.keyword,
                Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE | Keyword::FROM
            ),
            _ => false,
        };
        if good {
            return Ok(());
        }
        Err(SyntaxError {
            help: Some("A query begins with SELECT, WITH, VALUES, TABLE, FROM or a parenthesis.".to_owned()),
            ..SyntaxError::at(self.map.range(first.span), format!("expected a query, found `{}`", first.token))
        })
    }

    /// Says what the parser's error means.
    fn explain(&self, error: &ParserError) -> SyntaxError {
        let message = match error {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
            ParserError::RecursionLimitExceeded => {
                return lex::too_deep(self.deepest());
            }
        };
        let (message, location) = split_location(message);
        if message == GIVEN_UP {
            return SyntaxError::at(self.deepest(), "the query could not be parsed; look for an error in nested calls");
        }
        if let Some(inner) = location.and_then(|location| self.inside_subquery(location)) {
            return inner;
        }
        let nowhere = Location::new(0, 0);
        if let Some((expected, _)) = message.strip_prefix("Expected: ").and_then(|m| m.split_once(", found: ")) {
            return self.unexpected(&name_of(expected), location.unwrap_or(nowhere));
        }
        // In a few messages the place is that of the token after the one that was found.
        if let Some((expected, _)) = message.strip_prefix("Expected ").and_then(|m| m.split_once(", found: ")) {
            let next = location.and_then(|l| self.index_at(l)).unwrap_or(self.tokens.len());
            return self.unexpected(&name_of(expected), self.before(next).map_or(nowhere, |t| t.span.start));
        }
        let range = location.map_or(0..0, |l| self.range_at(l));
        SyntaxError::at(range, lower_first(message))
    }

    /// The parser retries a parenthesis in FROM as a join when the query in it fails, and then complains of something
    /// that only looks wrong to a join. The error wanted is the one inside, so the subqueries round the place that it
    /// complains of are parsed by themselves, the outermost first.
    fn inside_subquery(&self, location: Location) -> Option<SyntaxError> {
        let index = self.index_at(location)?;
        let mut open = Vec::new();
        for (i, t) in self.tokens[..index].iter().enumerate() {
            match t.token {
                Token::LParen => open.push(i),
                Token::RParen => drop(open.pop()),
                _ => {}
            }
        }
        open.into_iter().find_map(|start| {
            let tokens = self.query_in_parenthesis(start)?;
            let source = Source { map: self.map, tokens };
            let dialect = Databricks::for_tokens(tokens.len());
            let mut parser =
                Parser::new(&dialect).with_recursion_limit(lex::MAX_DEPTH).with_tokens_with_locations(tokens.to_vec());
            match parser.parse_query() {
                Err(error) => Some(source.explain(&error)),
                Ok(_) => {
                    let next = parser.peek_token();
                    (next.token != Token::EOF).then(|| source.unexpected("`)`", next.span.start))
                }
            }
        })
    }

    /// The tokens between a parenthesis and its counterpart, if they begin like a query.
    fn query_in_parenthesis(&self, start: usize) -> Option<&[TokenWithSpan]> {
        let inside = &self.tokens[start + 1..];
        let Token::Word(word) = &inside.first()?.token else { return None };
        if !matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::FROM) {
            return None;
        }
        let mut depth = 0;
        let end = inside.iter().position(|t| {
            match t.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            depth < 0
        });
        Some(&inside[..end.unwrap_or(inside.len())])
    }

    /// Makes the error for a token that stands where something else should.
    fn unexpected(&self, expected: &str, location: Location) -> SyntaxError {
        let index = self.index_at(location);
        let previous = self.before(index.unwrap_or(self.tokens.len()));
        let after = previous.map_or(String::new(), |t| format!(" after `{}`", t.token));
        let found = index.map_or("the end of the query".to_owned(), |i| format!("`{}`", self.tokens[i].token));
        let range = match index {
            Some(i) => self.map.range(self.tokens[i].span),
            None => previous.map_or(0..0, |t| {
                let end = self.map.offset(t.span.end);
                end..end
            }),
        };
        let comma = previous.is_some_and(|t| t.token == Token::Comma);
        let clause = index.is_none_or(|i| match &self.tokens[i].token {
            Token::Word(word) => word.keyword != Keyword::NoKeyword,
            token => matches!(token, Token::RParen | Token::SemiColon),
        });
        let placeholder = index.is_some_and(|i| self.tokens[i].token.to_string().starts_with('$'));
        let help = if placeholder {
            Some("A placeholder such as `${name}` must be replaced before the text is a query.".to_owned())
        } else {
            (comma && clause).then(|| format!("Remove the comma before {found}."))
        };
        SyntaxError { help, ..SyntaxError::at(range, format!("expected {expected}{after}, found {found}")) }
    }

    fn index_at(&self, location: Location) -> Option<usize> {
        self.tokens.iter().position(|t| t.span.start == location)
    }

    fn range_at(&self, location: Location) -> Range<usize> {
        self.index_at(location).map_or_else(
            || {
                let at = self.map.offset(location);
                at..at
            },
            |i| self.map.range(self.tokens[i].span),
        )
    }

    /// The token before an index.
    fn before(&self, index: usize) -> Option<&TokenWithSpan> {
        self.tokens[..index].last()
    }

    /// The place of the deepest parenthesis.
    fn deepest(&self) -> Range<usize> {
        let mut depth = 0;
        let mut deepest = (0, None);
        for t in self.tokens {
            match t.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => continue,
            }
            if depth > deepest.0 {
                deepest = (depth, Some(t.span));
            }
        }
        deepest.1.map_or(0..0, |span| self.map.range(span))
    }
}

/// Takes ` at Line: 1, Column: 2` off a message of the parser.
fn split_location(message: &str) -> (&str, Option<Location>) {
    let found = message.rfind(" at Line: ").and_then(|i| {
        let (line, column) = message[i + " at Line: ".len()..].split_once(", Column: ")?;
        Some((i, Location::new(line.parse().ok()?, column.trim().parse().ok()?)))
    });
    match found {
        Some((i, location)) => (&message[..i], Some(location)),
        None => (message, None),
    }
}

/// The parser's words for what it expected, in ours: symbols and keywords in back-quotes.
fn name_of(expected: &str) -> String {
    match expected {
        "identifier" => "a name".to_owned(),
        "end of statement" => "the end of the query".to_owned(),
        _ if expected.chars().any(|c| c.is_lowercase()) || expected.contains(' ') => lower_first(expected),
        _ => format!("`{expected}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `byte message` of the error, with ` | help`.
    fn error(text: &str) -> String {
        match parse_query(text) {
            Ok(query) => panic!("{text} parses as {query}"),
            Err(e) => {
                assert!(text.get(e.range.clone()).is_some(), "{text}: {:?} is no range of it", e.range);
                let help = e.help.map(|h| format!(" | {h}")).unwrap_or_default();
                format!("{} {}{help}", e.range.start, e.message)
            }
        }
    }

    #[test]
    fn errors_say_what_was_expected_and_where() {
        for (text, expected) in [
            ("select a, from t", "10 expected an expression after `,`, found `from` | Remove the comma before `from`."),
            ("select a b c from t", "11 expected the end of the query after `b`, found `c`"),
            ("select (a from t", "10 expected `)` after `a`, found `from`"),
            ("select a from", "13 expected a name after `from`, found the end of the query"),
            (
                "select a from (select b, from t) x",
                "25 expected an expression after `,`, found `from` | Remove the comma before `from`.",
            ),
            ("select a from t where x in (select 1 from (select 2 2 from s))", "52 expected `)` after `2`, found `2`"),
            (
                "select a from ${catalog}.t",
                "14 expected a name after `from`, found `$` | A placeholder such as `${name}` must be replaced before the text is a query.",
            ),
            ("select 'abc", "7 unterminated string literal"),
            ("select 1; select 2", "10 expected one query, found a second statement that begins with `select`"),
            ("", "0 expected a query, found nothing but blanks and comments"),
            ("-- only words", "0 expected a query, found nothing but blanks and comments"),
            (
                "create table t as select 1",
                "0 expected a query, found `create` | A query begins with SELECT, WITH, VALUES, TABLE, FROM or a parenthesis.",
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        assert!(error("with a as (select 1) insert into t select * from a").contains("changes data"));
    }

    #[test]
    fn what_databricks_accepts_is_parsed() {
        for text in [
            "select 1;",
            "select 1 ; -- done\n ;",
            "(select 1)",
            "select * from t limit 10 offset 5",
            "select a div b, a % b, a rlike '^x', a regexp 'y', a <=> b, !c from t",
            "select \"text\", 'it\\'s', 'a' 'b', r'\\d+', R\"\\w\" from t",
            "select * except (a, b) from t",
            "select t.* except (a) from t",
            "select :from_date, x:a.b[0]::int, x:['k'] from t where d between :range.min and :range.max",
            "select a, sum(b) filter (where c) from t group by all order by all",
            "select row_number() over (partition by a order by b desc nulls last) as r from t qualify r = 1",
            "select * from t lateral view outer explode(xs) e as x",
            "select * from t, lateral explode(t.xs) as e(x)",
            "select * from range(10)",
            "select * from values (1, 'a'), (2, 'b') as v(n, s)",
            "values (1), (2)",
            "select * from t pivot (sum(x) as s for m in ('a' as a, 'b'))",
            "select * from t unpivot (v for n in (a, b))",
            "select * from a left semi join b using (x) left anti join c on a.y = c.y",
            "select * from a natural join b cross join c",
            "select * from t tablesample (10 percent) as s",
            "select * from t version as of 3",
            "select * from t timestamp as of '2026-01-01'",
            "select transform(xs, x -> x + 1), filter(xs, (x, i) -> i > 0), exists(xs, x -> x = 1) from t",
            "select date_add(d, 1), datediff(month, a, b), timestampdiff(DAY, a, b) from t",
            "select interval '1' day, interval 1 day, interval '1 day', interval -7 days from t",
            "select date '2026-01-01', timestamp '2026-01-01 00:00:00', x'ff'",
            "select cast(a as struct<b: int, c: array<string>>), cast(m as map<string, int>), try_cast(x as date), y::decimal(10, 2) from t",
            "select struct(a as b, c), named_struct('x', 1).x, xs[0], m['k'] from t",
            "select 1L, 2S, 3Y, 4BD, 5D, 1e3",
            "select extract(dayofweek from d), extract(week from d) from t",
            "select a from t group by a with rollup",
            "select a, b from t group by grouping sets ((a), (a, b), ())",
            "select a, b from t group by cube (a, b)",
            "select listagg(a, ',') within group (order by a), percentile_cont(0.5) within group (order by x) from t",
            "select * from identifier(:table_name)",
            "select * from identifier('a.b')",
            "with recursive r(n) as (select 1 union all select n + 1 from r where n < 10) select * from r",
            "select a from t union all by name select a from s",
            "select a from t intersect select a from s minus select a from u",
            "select first_value(x) ignore nulls over w from t window w as (partition by a order by b)",
            "select a as `weiß alles` from `my-cat`.`sch`.`tab`",
            "select sum(x) over (order by d range between interval 6 days preceding and current row) from t",
            "select any_value(a), count(distinct a, b), count(*) from t having count(*) > 1",
            "select /*+ broadcast(t) */ a from t /* nested /* comment */ */",
            "select case when a then b else c end, if(a, b, c), a between 1 and 2, a not like 'x%', a ilike 'y' from t",
            "select a like any ('x%', 'y%') from t",
            "from t |> where a > 1 |> select a",
            "select * from (t)",
            "select position('a' in b), position('a', b), trim(both 'x' from y), substring(a from 2 for 3), ceil(a, 2) from t",
            "select current_date, current_timestamp(), current_user()",
            "select * from t sort by a limit 5",
            "select * from read_files('/x', format => 'csv')",
            "select stack(2, 1, 2) as (a), inline(xs) from t",
        ] {
            if let Err(e) = parse_query(text) {
                panic!("{text}\n{}^ {e}", " ".repeat(e.range.start));
            }
        }
    }

    #[test]
    fn raw_strings_keep_backslashes_and_places_stay_true() {
        let query = parse_query("select r'\\d''', /* r'x */ 'r', \"r'\" as x,\n  R'\\s' y z").unwrap_err();
        assert_eq!(query.message, "expected the end of the query after `y`, found `z`");
        let query = parse_query("select r'a\\d'").unwrap();
        assert!(query.to_string().contains("'a\\d'"), "{query}");
    }

    #[test]
    fn deep_and_long_queries_end_in_an_answer() {
        let deep = format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(error(&deep).contains("nested too deeply"), "{}", error(&deep));
        let subqueries = format!("select * from {}t{}", "(select * from ".repeat(3000), ")".repeat(3000));
        assert!(error(&subqueries).contains("nested too deeply"));
        let chain = format!("select 1{}", " + 1".repeat(100_000));
        assert!(error(&chain).contains("too long"));
        let unions = format!("select 1{}", " union all select 1".repeat(100_000));
        assert!(error(&unions).contains("too long"));
        assert!(error(&"-".repeat(17 << 20)).contains("16 MiB"));
        assert!(error(&format!("select {}1", "not ".repeat(100_000))).contains("too"));
        let long = format!("select 1{}", " + 1".repeat(1900));
        std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(move || drop(parse_query(&long).unwrap()))
            .unwrap()
            .join()
            .unwrap();
        let values = format!("values (1){}", ", (1)".repeat(50_000));
        parse_query(&values).unwrap();
    }

    #[test]
    fn a_mistake_inside_many_calls_is_found_in_time() {
        let calls = format!("select {}1 1{}", "cast(case when a then trim(".repeat(25), ") end as int)".repeat(25));
        let started = std::time::Instant::now();
        error(&calls);
        assert!(started.elapsed().as_secs() < 10);
    }
}
