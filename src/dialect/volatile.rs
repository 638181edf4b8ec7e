//! Functions that give something else each time, though what is read is the same.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::lex::{TextMap, tokens};

/// Those that can be called without parentheses.
const BARE: [&str; 7] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
];

/// Those that are called with parentheses.
const CALLED: [&str; 15] = [
    "ai_query",
    "curdate",
    "getdate",
    "input_file_name",
    "is_account_group_member",
    "is_member",
    "monotonically_increasing_id",
    "now",
    "rand",
    "randn",
    "random",
    "randstr",
    "shuffle",
    "user",
    "uuid",
];

/// Finds what makes a query's answer depend on more than what it reads: on the time, on chance, on who asks. Returns the
/// first such function; a column of the same name counts as well.
pub fn volatile(sql: &str) -> Option<&'static str> {
    volatile_of(&tokens(sql, &TextMap::new(sql)).ok()?)
}

pub(super) fn volatile_of(tokens: &[TokenWithSpan]) -> Option<&'static str> {
    tokens.iter().enumerate().find_map(|(i, token)| {
        let Token::Word(word) = &token.token else { return None };
        let next = |n: usize| tokens.get(i + n).map(|next| &next.token);
        if word.quote_style.is_none()
            && let Some(bare) = BARE.iter().find(|bare| bare.eq_ignore_ascii_case(&word.value))
        {
            return Some(*bare);
        }
        if next(1) != Some(&Token::LParen) {
            return None;
        }
        let name = word.value.to_lowercase();
        // With an argument it reads a time; without, the clock.
        if name == "unix_timestamp" && next(2) == Some(&Token::RParen) {
            return Some("unix_timestamp");
        }
        CALLED.iter().find(|called| **called == name).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::volatile;

    #[test]
    fn what_depends_on_time_chance_or_the_asker_is_found() {
        for (sql, expected) in [
            ("select current_date, a from t", Some("current_date")),
            ("select NOW() from t", Some("now")),
            ("select unix_timestamp() from t", Some("unix_timestamp")),
            ("select unix_timestamp(at), user, now from t", None),
            ("select 'now()' as a /* rand() */ from t -- uuid()", None),
            ("select `current_date` from t", None),
            ("select date_add(ordered_on, 1) from t", None),
            ("select * from t where rand ( 3 ) < 0.5", Some("rand")),
        ] {
            assert_eq!(volatile(sql), expected, "{sql}");
        }
    }
}
