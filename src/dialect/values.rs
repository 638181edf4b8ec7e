//! VALUES and samples in forms that the parser reads: `FROM VALUES 1, 2 AS t` as `FROM (VALUES (1), (2)) AS t`,
//! `(…) TABLESAMPLE (…) AS t` with the sample behind the name; and levels of recursion, which it does not know.

use std::collections::HashMap;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::short::{begins_query, keyword, last, put};

/// Writes VALUES out where the parser does not read them as they stand.
pub(super) fn in_parentheses(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|t| keyword(&t.token) == Keyword::VALUES) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 16);
    let mut i = 0;
    while i < tokens.len() {
        let t = &tokens[i];
        let before = last(&out).map(keyword);
        let in_from = matches!(before, Some(Keyword::FROM | Keyword::JOIN | Keyword::LATERAL))
            || last(&out) == Some(&Token::Comma);
        let at_top = !in_from && begins_query(&out) && last(&out) != Some(&Token::RParen);
        if keyword(&t.token) != Keyword::VALUES || !in_from && !at_top {
            out.push(t.clone());
            i += 1;
            continue;
        }
        let Some((rows, end)) = rows(&tokens, i + 1) else {
            out.push(t.clone());
            i += 1;
            continue;
        };
        let aliased = tokens.get(end).is_some_and(|t| is_alias(&t.token));
        let wrapped = in_from || aliased;
        if at_top && aliased {
            put(&mut out, "SELECT * FROM", t.span);
        }
        if wrapped {
            put(&mut out, "(", t.span);
        }
        out.push(t.clone());
        for (n, row) in rows.iter().enumerate() {
            if n > 0 {
                put(&mut out, ",", tokens[row.from].span);
            }
            if row.bare {
                put(&mut out, "(", tokens[row.from].span);
            }
            out.extend_from_slice(&tokens[row.from..row.to]);
            if row.bare {
                put(&mut out, ")", tokens[row.to - 1].span);
            }
        }
        if wrapped {
            put(&mut out, ")", tokens[end - 1].span);
        }
        i = end;
    }
    out
}

/// A row of VALUES, by its tokens.
struct Row {
    from: usize,
    to: usize,
    /// Whether it is one value without parentheses.
    bare: bool,
}

/// The rows that begin at a token, and the token behind them.
fn rows(tokens: &[TokenWithSpan], start: usize) -> Option<(Vec<Row>, usize)> {
    let mut rows = Vec::new();
    let mut i = start;
    loop {
        let from = i;
        let bare = tokens.get(i)?.token != Token::LParen;
        let mut depth = 0_usize;
        let mut to = i;
        while let Some(t) = tokens.get(i) {
            match &t.token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket if depth == 0 => break,
                Token::RParen | Token::RBracket => depth -= 1,
                token if depth == 0 && bare && i > from && ends_value(&tokens[from..i], token) => break,
                _ => {}
            }
            i += 1;
            to = i;
            if !bare && depth == 0 {
                break;
            }
        }
        if to == from || depth > 0 {
            return None;
        }
        rows.push(Row { from, to, bare });
        if tokens.get(to).is_none_or(|next| next.token != Token::Comma) || !starts_row(tokens, to + 1, bare) {
            return Some((rows, to));
        }
        i = to + 1;
    }
}

/// Whether the list goes on behind a comma: rows are alike, so what else stands there is another item of FROM.
fn starts_row(tokens: &[TokenWithSpan], after: usize, bare: bool) -> bool {
    let Some(next) = tokens.get(after) else { return false };
    match &next.token {
        Token::LParen => {
            let inside = tokens.get(after + 1).map(|t| keyword(&t.token));
            bare || !matches!(inside, Some(Keyword::SELECT | Keyword::VALUES | Keyword::WITH | Keyword::FROM))
        }
        token => bare || !matches!(token, Token::Word(_)),
    }
}

/// Whether a value without parentheses ends before this token.
fn ends_value(value: &[TokenWithSpan], token: &Token) -> bool {
    if matches!(token, Token::Comma | Token::SemiColon | Token::EOF | Token::VerticalBarRightAngleBracket) {
        return true;
    }
    let complete = matches!(
        value.last().map(|t| &t.token),
        Some(Token::Number(..) | Token::SingleQuotedString(_) | Token::RParen)
    );
    match token {
        Token::Word(word) if word.keyword == Keyword::NoKeyword || word.quote_style.is_some() => complete,
        _ => is_clause(keyword(token)),
    }
}

/// Whether a word begins what may stand behind an item of FROM.
fn is_clause(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::AS
            | Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT
            | Keyword::MINUS
            | Keyword::ORDER
            | Keyword::SORT
            | Keyword::CLUSTER
            | Keyword::DISTRIBUTE
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::QUALIFY
            | Keyword::WINDOW
            | Keyword::LATERAL
            | Keyword::JOIN
            | Keyword::CROSS
            | Keyword::INNER
            | Keyword::LEFT
            | Keyword::RIGHT
            | Keyword::FULL
            | Keyword::NATURAL
            | Keyword::SEMI
            | Keyword::ANTI
            | Keyword::ON
            | Keyword::USING
            | Keyword::PIVOT
            | Keyword::UNPIVOT
            | Keyword::TABLESAMPLE
    )
}

/// Whether a token begins a table's alias.
fn is_alias(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            keyword(token) == Keyword::AS || word.quote_style.is_some() || word.keyword == Keyword::NoKeyword
        }
        _ => false,
    }
}

/// Puts samples of subqueries behind their aliases.
pub(super) fn samples_last(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut i = 0;
    while i < tokens.len() {
        if keyword(&tokens[i].token) != Keyword::TABLESAMPLE || last(&tokens[..i]) != Some(&Token::RParen) {
            i += 1;
            continue;
        }
        let sample_end = parenthesised(&tokens, i + 1).map(|end| match tokens.get(end) {
            Some(next) if is_word(&next.token, "REPEATABLE") => parenthesised(&tokens, end + 1).unwrap_or(end),
            _ => end,
        });
        let aliased = |end: &usize| tokens.get(*end).is_some_and(|t| is_alias(&t.token));
        let Some(end) = sample_end.filter(aliased) else {
            i += 1;
            continue;
        };
        let name = end + usize::from(keyword(&tokens[end].token) == Keyword::AS);
        if name >= tokens.len() {
            return tokens;
        }
        let alias_end = parenthesised(&tokens, name + 1).unwrap_or(name + 1);
        // `… TABLESAMPLE (…) AS t` becomes `… AS t TABLESAMPLE (…)`.
        tokens[i..alias_end].rotate_left(end - i);
        i = alias_end;
    }
    tokens
}

fn is_word(token: &Token, text: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text))
}

/// The token behind a parenthesis and its counterpart, if one opens here.
fn parenthesised(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    if tokens.get(from)?.token != Token::LParen {
        return None;
    }
    let mut depth = 0_usize;
    for (i, t) in tokens.iter().enumerate().skip(from) {
        match t.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(i + 1);
        }
    }
    None
}

/// Takes `MAX RECURSION LEVEL n` out; returns the levels by the places of the names of their CTEs.
pub(super) fn recursion_levels(mut tokens: Vec<TokenWithSpan>) -> (Vec<TokenWithSpan>, HashMap<Location, String>) {
    let mut levels = HashMap::new();
    let mut i = 0;
    while i < tokens.len() {
        if !is_word(&tokens[i].token, "MAX") {
            i += 1;
            continue;
        }
        let level = match &tokens[i..] {
            [_, recursion, level, number, ..]
                if is_word(&recursion.token, "RECURSION") && is_word(&level.token, "LEVEL") =>
            {
                match &number.token {
                    Token::Number(n, false) => Some(n.clone()),
                    _ => None,
                }
            }
            _ => None,
        };
        // The name stands before it, perhaps with columns between.
        let mut depth = 0_usize;
        let name = tokens[..i].iter().rev().find(|t| {
            match t.token {
                Token::RParen => depth += 1,
                Token::LParen => depth = depth.saturating_sub(1),
                Token::Word(_) if depth == 0 => return true,
                _ => {}
            }
            false
        });
        if let (Some(n), Some(name)) = (level, name) {
            levels.insert(name.span.start, n);
            tokens.drain(i..i + 4);
        } else {
            i += 1;
        }
    }
    (tokens, levels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::lex::{self, TextMap};

    fn written(text: &str) -> String {
        let tokens = lex::tokens(text, &TextMap::new(text)).unwrap();
        let (tokens, _) = recursion_levels(samples_last(in_parentheses(tokens)));
        let tokens = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_)));
        tokens.map(|t| t.token.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn values_and_samples_are_written_as_the_parser_reads_them() {
        for (text, expected) in [
            ("values 1, 2", "values ( 1 ) , ( 2 )"),
            ("values (1), (2)", "values ( 1 ) , ( 2 )"),
            ("values (1), (2) as t(a)", "SELECT * FROM ( values ( 1 ) , ( 2 ) ) as t ( a )"),
            (
                "select * from values 1, f(2, 3) + 1 as t(n)",
                "select * from ( values ( 1 ) , ( f ( 2 , 3 ) + 1 ) ) as t ( n )",
            ),
            ("select * from values (1, 2) t, u", "select * from ( values ( 1 , 2 ) ) t , u"),
            ("select * from values (1), (2), u", "select * from ( values ( 1 ) , ( 2 ) ) , u"),
            ("select * from (values 1, 2) as t", "select * from ( values ( 1 ) , ( 2 ) ) as t"),
            ("select values from t", "select values from t"),
            (
                "select * from (select 1) tablesample (5 rows) as t where a",
                "select * from ( select 1 ) as t tablesample ( 5 rows ) where a",
            ),
            (
                "with recursive r(n) max recursion level 7 as (select 1) select 1",
                "with recursive r ( n ) as ( select 1 ) select 1",
            ),
            ("select max recursion from t", "select max recursion from t"),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
    }
}
