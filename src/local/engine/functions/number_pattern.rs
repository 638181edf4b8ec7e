//! The patterns of `to_number` and `to_char`: `S$99,999.99`.

use crate::local::engine::error::SqlError;

/// A pattern of a number.
#[derive(Clone, Debug)]
pub(super) struct NumberPattern {
    tokens: Vec<Token>,
    /// Digits before and after the point.
    digits: (usize, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Digits between separators: how many, and whether there must be all.
    Digits(usize, bool),
    Separator,
    Point,
    Dollar,
    /// `S`
    Sign,
    /// `MI`
    Minus,
    /// `PR`
    Brackets,
}

/// An error of the form of a pattern.
fn invalid(kind: &str, pattern: &str, what: &str) -> SqlError {
    let text = format!("The format is invalid: '{pattern}'. {what}");
    SqlError::new(format!("INVALID_FORMAT.{kind}"), "42601", text)
}

impl NumberPattern {
    /// Takes a pattern apart.
    pub(super) fn new(pattern: &str) -> Result<Self, SqlError> {
        if pattern.is_empty() {
            return Err(invalid("EMPTY", pattern, "The number format string cannot be empty."));
        }
        let mut tokens: Vec<Token> = Vec::new();
        let mut strange = None;
        let upper = pattern.to_uppercase();
        let mut chars = upper.chars().peekable();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '0' | '9' => {
                    let mut count = 1;
                    while chars.next_if(|c| matches!(c, '0' | '9')).is_some() {
                        count += 1;
                    }
                    Token::Digits(count, c == '0')
                }
                ',' | 'G' => Token::Separator,
                '.' | 'D' => Token::Point,
                '$' => Token::Dollar,
                'S' => Token::Sign,
                'M' if chars.next_if_eq(&'I').is_some() => Token::Minus,
                'P' if chars.next_if_eq(&'R').is_some() => Token::Brackets,
                c => {
                    strange.get_or_insert(c);
                    continue;
                }
            });
        }
        let found = Self::checked(tokens, pattern)?;
        match strange {
            Some(c) => Err(invalid("UNEXPECTED_TOKEN", pattern, &format!("There is an unexpected {c} in it."))),
            None => Ok(found),
        }
    }

    fn checked(tokens: Vec<Token>, pattern: &str) -> Result<Self, SqlError> {
        let is_digits = |token: Option<&Token>| matches!(token, Some(Token::Digits(..)));
        if !tokens.iter().any(|token| is_digits(Some(token))) {
            return Err(invalid("WRONG_NUM_DIGIT", pattern, "It needs at least one digit."));
        }
        for single in [Token::Point, Token::Sign, Token::Minus, Token::Dollar, Token::Brackets] {
            if tokens.iter().filter(|token| **token == single).count() > 1 {
                return Err(invalid("WRONG_NUM_TOKEN", pattern, "A sign or a point can stand in it only once."));
            }
        }
        let point = tokens.iter().position(|token| *token == Token::Point).unwrap_or(tokens.len());
        for (i, token) in tokens.iter().enumerate() {
            match token {
                Token::Separator if i > point => {
                    let what = "Separators of thousands cannot stand behind the point.";
                    return Err(invalid("THOUSANDS_SEPS_MUST_BEFORE_DEC", pattern, what));
                }
                Token::Separator if i == 0 || !is_digits(tokens.get(i - 1)) || !is_digits(tokens.get(i + 1)) => {
                    let what = "Separators of thousands need digits on both sides.";
                    return Err(invalid("CONT_THOUSANDS_SEPS", pattern, what));
                }
                Token::Dollar if i > point => {
                    return Err(invalid("CUR_MUST_BEFORE_DEC", pattern, "$ has to stand before the point."));
                }
                Token::Dollar if tokens[..i].iter().any(|token| is_digits(Some(token))) => {
                    return Err(invalid("CUR_MUST_BEFORE_DIGIT", pattern, "$ has to stand before the digits."));
                }
                _ => {}
            }
        }
        // [MI | S] [$] digits [. digits] [PR | MI | S]
        let first = tokens.iter().position(|token| is_digits(Some(token)) || *token == Token::Point).unwrap_or(0);
        let is_number = |token: &Token| matches!(token, Token::Digits(..) | Token::Separator | Token::Point);
        let last = tokens.iter().rposition(is_number).unwrap_or(0);
        let head = matches!(
            tokens[..first],
            [] | [Token::Dollar] | [Token::Sign | Token::Minus] | [Token::Sign | Token::Minus, Token::Dollar]
        );
        let tail = tokens[last + 1..].len() <= 1 || tokens[last + 1..] == [Token::Minus, Token::Brackets];
        if !head || !tail || !tokens[first..=last].iter().all(is_number) {
            return Err(invalid("UNEXPECTED_TOKEN", pattern, "Its parts stand in an order that there is not."));
        }
        let count = |part: &[Token]| {
            let counts = part.iter().map(|token| if let Token::Digits(n, _) = token { *n } else { 0 });
            counts.sum::<usize>()
        };
        let digits = (count(&tokens[..point]), count(&tokens[point..]));
        Ok(Self { tokens, digits })
    }

    /// Digits of the numbers that it reads, all and those behind the point; `None` if no decimal has so many.
    pub(super) fn precision_and_scale(&self) -> Option<(u8, i8)> {
        let all = u8::try_from(self.digits.0 + self.digits.1).ok().filter(|all| *all <= 38)?;
        Some((all, i8::try_from(self.digits.1).ok()?))
    }

    /// Reads a number: its digits with the scale of the pattern; `None` if the text is not so.
    pub(super) fn read(&self, text: &str) -> Option<i128> {
        let solid: String = text.split_whitespace().collect();
        let mut rest = solid.as_str();
        let (mut negative, mut value, mut any) = (false, 0_i128, false);
        let brackets = self.tokens.contains(&Token::Brackets);
        let mut open = false;
        if brackets && let Some(inner) = rest.strip_prefix('<') {
            (rest, open) = (inner, true);
        }
        let mut i = 0;
        let mut after = false;
        while let Some(token) = self.tokens.get(i) {
            i += 1;
            match token {
                Token::Dollar => rest = rest.strip_prefix('$')?,
                Token::Sign => {
                    if let Some(behind) = rest.strip_prefix('-') {
                        (rest, negative) = (behind, !negative);
                    } else {
                        rest = rest.strip_prefix('+').unwrap_or(rest);
                    }
                }
                Token::Minus => {
                    if let Some(behind) = rest.strip_prefix('-') {
                        (rest, negative) = (behind, !negative);
                    }
                }
                Token::Brackets => {
                    if open {
                        rest = rest.strip_prefix('>')?;
                        (negative, open) = (!negative, false);
                    }
                }
                Token::Point => {
                    after = true;
                    let Some(behind) = rest.strip_prefix('.') else { continue };
                    rest = behind;
                }
                Token::Separator => {}
                Token::Digits(count, _) if after => {
                    let (digits, behind) = split_digits(rest);
                    if digits.len() > *count {
                        return None;
                    }
                    (rest, any) = (behind, any || !digits.is_empty());
                    let filled = digits.into_iter().chain(std::iter::repeat(0)).take(*count);
                    value = filled.fold(value, |all, digit| all * 10 + i128::from(digit));
                }
                Token::Digits(..) => {
                    let end = self.tokens[i..]
                        .iter()
                        .position(|t| !matches!(t, Token::Digits(..) | Token::Separator))
                        .map_or(self.tokens.len(), |n| i + n);
                    let (digits, behind) = groups(&self.tokens[i - 1..end], rest)?;
                    (rest, any, i) = (behind, any || !digits.is_empty(), end);
                    value = digits.into_iter().fold(value, |all, digit| all * 10 + i128::from(digit));
                }
            }
        }
        (rest.is_empty() && any && !open).then_some(if negative { -value } else { value })
    }

    /// Writes a number with its scale.
    pub(super) fn write(&self, value: i128, scale: i8) -> String {
        let scale = usize::try_from(scale).unwrap_or(0);
        let text = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
        let (before, after) = text.split_at(text.len() - scale);
        let (before, after) = (before.trim_start_matches('0'), after.trim_end_matches('0'));
        // Digits that have no place are shown by `#`, and all the others then as well.
        let fits = before.len() <= self.digits.0 && after.len() <= self.digits.1;
        let negative = value < 0;
        let mut out = Written { text: Vec::new() };
        if negative && self.tokens.contains(&Token::Brackets) {
            out.text.push('<');
        }
        // So many digits of the pattern come before the first one of the number.
        let mut ahead = self.digits.0.saturating_sub(before.len());
        let (mut whole, mut fraction) = (before.chars(), after.chars());
        let (mut point, mut begun) = (false, false);
        for token in &self.tokens {
            match token {
                Token::Digits(count, _) if !fits => out.text.extend(std::iter::repeat_n('#', *count)),
                Token::Digits(count, _) if point => {
                    out.text.extend((0..*count).map(|_| fraction.next().unwrap_or('0')));
                }
                Token::Digits(count, all) => {
                    for _ in 0..*count {
                        if ahead == 0 {
                            out.text.extend(whole.next());
                            begun = true;
                            continue;
                        }
                        ahead -= 1;
                        if *all {
                            out.text.push('0');
                            begun = true;
                        } else {
                            out.blank();
                        }
                    }
                }
                Token::Separator if begun => out.text.push(','),
                Token::Separator if fits => out.blank(),
                Token::Separator => out.text.push(' '),
                Token::Point => {
                    if let Some(last @ ' ') = out.text.last_mut() {
                        *last = '0';
                    }
                    out.text.push('.');
                    point = true;
                }
                Token::Dollar => out.text.push('$'),
                Token::Sign => out.behind(if negative { "-" } else { "+" }),
                Token::Minus => out.behind(if negative { "-" } else { " " }),
                Token::Brackets => out.behind(if negative { ">" } else { "  " }),
            }
        }
        out.without_point();
        out.text.into_iter().collect()
    }
}

struct Written {
    text: Vec<char>,
}

impl Written {
    /// A blank where a digit could be; a sign before it moves to the digits.
    fn blank(&mut self) {
        match self.text.last_mut() {
            Some(sign @ ('+' | '-' | '<')) => {
                let moved = std::mem::replace(sign, ' ');
                self.text.push(moved);
            }
            _ => self.text.push(' '),
        }
    }

    /// A sign; a point without digits before it falls away.
    fn behind(&mut self, sign: &str) {
        self.without_point();
        let end = self.text.iter().rposition(|c| *c != ' ').map_or(0, |last| last + 1);
        let at = if sign.starts_with(' ') { self.text.len() } else { end };
        self.text.splice(at..at, sign.chars());
    }

    fn without_point(&mut self) {
        if let Some(last @ '.') = self.text.last_mut() {
            *last = ' ';
        }
    }
}

/// The digits that a text begins with, and what follows.
fn split_digits(text: &str) -> (Vec<u8>, &str) {
    let end = text.find(|c: char| digit(c).is_none()).unwrap_or(text.len());
    (text[..end].chars().filter_map(digit).collect(), &text[end..])
}

/// A digit of any script.
pub(super) fn digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.to_digit(10).and_then(|d| u8::try_from(d).ok());
    }
    // The first digits of the scripts that Java knows, each followed by nine more.
    const ZEROS: [u32; 37] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
        0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
        0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0,
    ];
    let code = u32::from(c);
    ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).and_then(|zero| u8::try_from(code - zero).ok())
}

/// Digits in groups before the point, filled from the right as the pattern has them.
fn groups<'t>(tokens: &[Token], text: &'t str) -> Option<(Vec<u8>, &'t str)> {
    let end = text.find(|c: char| digit(c).is_none() && c != ',').unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let mut wanted =
        tokens.iter().filter_map(|t| if let Token::Digits(n, all) = t { Some((*n, *all)) } else { None }).rev();
    if head.is_empty() {
        return wanted.all(|(_, all)| !all).then_some((Vec::new(), rest));
    }
    let found: Vec<&str> = head.split(',').collect();
    for (i, part) in found.iter().enumerate().rev() {
        let (count, all) = wanted.next()?;
        let given = part.chars().count();
        if given > count || (all || i > 0) && given < count {
            return None;
        }
    }
    wanted.all(|(_, all)| !all).then(|| (head.chars().filter_map(digit).collect(), rest))
}
