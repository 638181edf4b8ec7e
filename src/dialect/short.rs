//! Short forms of queries that the parser does not read, written out before it sees them: `TABLE t`, `(FROM t)`, set
//! operations after a pipe, versions as in `t@v3`, the history of a table as in `FROM (DESCRIBE HISTORY t)`.

use std::mem;

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};

/// The time of a table at which its rows are what `DESCRIBE HISTORY` tells of it, in queries that are written out.
pub const HISTORY: &str = "__kiln_history";

/// Writes short forms out. What is put in has the place of the word that it stands for.
pub(super) fn written_out(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let needed = tokens.iter().any(|t| match &t.token {
        Token::Word(word) => matches!(word.keyword, Keyword::TABLE | Keyword::FROM),
        token => matches!(token, Token::VerticalBarRightAngleBracket | Token::AtSign),
    });
    if !needed {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 16);
    // How deep each set operation after a pipe lies whose query was put into parentheses.
    let mut open_sets: Vec<usize> = Vec::new();
    let mut depth = 0;
    let mut skip = false;
    // Behind which token the name of a table ends whose history is read.
    let mut told = None;
    let end = tokens.last().map_or_else(Span::empty, |t| t.span);
    for i in 0..tokens.len() {
        let t = &tokens[i];
        match &t.token {
            Token::LParen => depth += 1,
            Token::RParen => {
                close(&mut open_sets, depth, t.span, &mut out);
                depth = depth.saturating_sub(1);
            }
            Token::VerticalBarRightAngleBracket | Token::SemiColon => close(&mut open_sets, depth, t.span, &mut out),
            _ => {}
        }
        if t.token == Token::AtSign
            && let Some(text) = tokens.get(i + 1).and_then(|next| version(&next.token))
        {
            put(&mut out, &text, t.span);
            skip = true;
            continue;
        }
        if mem::take(&mut skip) {
            continue;
        }
        let keyword = keyword(&t.token);
        let side = matches!(last(&out).map(self::keyword), Some(Keyword::BOTH | Keyword::LEADING | Keyword::TRAILING));
        if keyword == Keyword::FROM && side {
            // What is cut off, if nothing else is said.
            put(&mut out, "' '", t.span);
        }
        if keyword == Keyword::TABLE && begins_query(&out) && names_table(&tokens[i + 1..]) {
            put(&mut out, "SELECT * FROM", t.span);
            continue;
        }
        if keyword == Keyword::FROM && last(&out) == Some(&Token::LParen) && !has_select(&tokens[i + 1..]) {
            put(&mut out, "SELECT *", t.span);
        }
        if matches!(keyword, Keyword::DESCRIBE | Keyword::DESC)
            && last(&out) == Some(&Token::LParen)
            && let Some(end) = history_of(&tokens[i + 1..])
        {
            put(&mut out, "SELECT * FROM", t.span);
            told = Some(i + end);
            skip = true;
            continue;
        }
        let set = matches!(keyword, Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS);
        if set && last(&out) == Some(&Token::VerticalBarRightAngleBracket) {
            let rest = &tokens[i + 1..];
            let said =
                rest.first().is_some_and(|t| matches!(self::keyword(&t.token), Keyword::ALL | Keyword::DISTINCT));
            let word = if keyword == Keyword::UNION {
                "UNION"
            } else if keyword == Keyword::INTERSECT {
                "INTERSECT"
            } else {
                "EXCEPT"
            };
            put(&mut out, word, t.span);
            if !said {
                put(&mut out, "DISTINCT", t.span);
            }
            let query = rest.get(usize::from(said));
            if query.is_some_and(|t| t.token != Token::LParen) {
                open_sets.push(depth);
                if !said {
                    put(&mut out, "(", t.span);
                }
            }
            continue;
        }
        let opens = matches!(keyword, Keyword::ALL | Keyword::DISTINCT)
            && open_sets.last() == Some(&depth)
            && matches!(out.iter().nth_back(1).map(|t| &t.token), Some(Token::VerticalBarRightAngleBracket));
        let span = t.span;
        // What was read stands in `out`; only what is ahead is looked at here.
        out.push(TokenWithSpan { token: mem::replace(&mut tokens[i].token, Token::EOF), span });
        if opens {
            put(&mut out, "(", span);
        }
        if told == Some(i) {
            put(&mut out, &format!("TIMESTAMP AS OF '{HISTORY}'"), span);
        }
    }
    while open_sets.pop().is_some() {
        put(&mut out, ")", end);
    }
    out
}

/// Closes the set operation that was opened at this depth.
fn close(open_sets: &mut Vec<usize>, depth: usize, span: Span, out: &mut Vec<TokenWithSpan>) {
    if open_sets.last() == Some(&depth) {
        open_sets.pop();
        put(out, ")", span);
    }
}

pub(super) fn keyword(token: &Token) -> Keyword {
    match token {
        Token::Word(word) if word.quote_style.is_none() => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

pub(super) fn put(out: &mut Vec<TokenWithSpan>, text: &str, span: Span) {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().unwrap_or_default();
    let tokens = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_)));
    out.extend(tokens.map(|token| TokenWithSpan { token, span }));
}

pub(super) fn last(out: &[TokenWithSpan]) -> Option<&Token> {
    out.last().map(|t| &t.token)
}

/// Whether a query may begin behind these tokens.
pub(super) fn begins_query(before: &[TokenWithSpan]) -> bool {
    match last(before) {
        None | Some(Token::LParen | Token::RParen) => true,
        Some(token) => matches!(
            keyword(token),
            Keyword::UNION | Keyword::ALL | Keyword::DISTINCT | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::MINUS
        ),
    }
}

/// Behind how many tokens the table's name ends in `HISTORY t`, `HISTORY c.s.t`; none if this is nothing of the kind.
fn history_of(after: &[TokenWithSpan]) -> Option<usize> {
    let word = |i: usize| matches!(after.get(i).map(|t| &t.token), Some(Token::Word(_)));
    let named = matches!(after.first().map(|t| &t.token), Some(Token::Word(word)) if word.value.eq_ignore_ascii_case("history"));
    if !named || !word(1) {
        return None;
    }
    let mut end = 2;
    while after.get(end).is_some_and(|t| t.token == Token::Period) && word(end + 1) {
        end += 2;
    }
    Some(end)
}

fn names_table(after: &[TokenWithSpan]) -> bool {
    matches!(after.first().map(|t| &t.token), Some(Token::Word(_)))
}

/// Whether a SELECT follows at the same depth before a pipe or the closing parenthesis: `FROM t SELECT a`.
fn has_select(after: &[TokenWithSpan]) -> bool {
    let mut depth = 0_i32;
    for t in after {
        match &t.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return false,
            Token::RParen => depth -= 1,
            Token::VerticalBarRightAngleBracket if depth == 0 => return false,
            token if depth == 0 && keyword(token) == Keyword::SELECT => return true,
            _ => {}
        }
    }
    false
}

/// What stands behind the sign in `t@v3` and `t@20240131120000000`, written out.
fn version(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => {
            let digits = word.value.strip_prefix(['v', 'V'])?;
            digits.parse::<u64>().ok().map(|version| format!("VERSION AS OF {version}"))
        }
        Token::Number(digits, false) if digits.len() == 17 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            let part = |from: usize, to: usize| &digits[from..to];
            Some(format!(
                "TIMESTAMP AS OF '{}-{}-{} {}:{}:{}.{}'",
                part(0, 4),
                part(4, 6),
                part(6, 8),
                part(8, 10),
                part(10, 12),
                part(12, 14),
                part(14, 17)
            ))
        }
        _ => None,
    }
}
