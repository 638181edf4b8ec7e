//! Spark's patterns for days and instants: `yyyy-MM-dd HH:mm:ss`. They are those of `java.time`, less what Spark forbids.

mod check;
mod read;
mod write;

use crate::local::engine::error::SqlError;

/// A pattern, taken apart.
pub(super) struct Pattern {
    items: Vec<Item>,
}

/// What a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Text is read by it.
    Read,
    /// Text is written by it.
    Write,
}

enum Item {
    Literal(String),
    /// A number of at least and at most so many digits.
    Number(Number),
    /// Digits of the second's fraction: at least and at most so many.
    Fraction(usize, usize),
    /// A field as a word: the letter, and whether it is short.
    Word(char, bool),
    /// An offset or a zone: the letter and how often it stands.
    Zone(char, usize),
    /// What may be missing.
    Optional(Vec<Item>),
}

struct Number {
    letter: char,
    least: usize,
    most: usize,
    sign: Sign,
    /// Whether it is a year of two digits.
    reduced: bool,
    /// What stands behind it without anything between.
    behind: Behind,
}

/// Which signs a number may have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A minus.
    Minus,
    /// None.
    None,
    /// A minus, and a plus if there are more digits than the least.
    Both,
}

/// What stands behind a number without anything between.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// Numbers of so many digits, perhaps none, which it leaves to them.
    Digits(usize),
    /// It has the least number of digits itself.
    Fixed,
}

impl Number {
    fn is_fixed(&self) -> bool {
        self.least == self.most && self.sign == Sign::None
    }
}

/// So deep may optional sections nest.
const MAX_DEPTH: usize = 50;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Pattern {
    /// Takes a pattern apart; an error if it is none, or not for this use.
    pub(super) fn new(pattern: &str, usage: Use) -> Result<Self, SqlError> {
        let wrong = match check::forbidden(pattern, usage) {
            Some(wrong) => wrong,
            None => match Maker::new(pattern, usage).items(pattern) {
                Ok(items) => return Ok(Self { items }),
                Err(Stop::Wrong) => check::Wrong::Pattern,
                Err(Stop::Refused(what)) => {
                    return Err(SqlError::unsupported(&format!("{what} in the datetime pattern '{pattern}'")));
                }
            },
        };
        Err(wrong.error(pattern))
    }
}

/// Why a pattern is not taken apart.
enum Stop {
    Wrong,
    Refused(String),
}

struct Maker {
    usage: Use,
    /// Whether years are those of an era, because the pattern names one.
    era: bool,
    /// The open optional sections, the pattern itself as the first.
    open: Vec<Vec<Item>>,
    /// The place of the number in the innermost section that takes the digits of those behind it.
    active: Option<usize>,
}

impl Maker {
    fn new(pattern: &str, usage: Use) -> Self {
        let era = pattern.split('\'').step_by(2).any(|part| part.contains('G'));
        Self { usage, era, open: vec![Vec::new()], active: None }
    }

    fn items(mut self, pattern: &str) -> Result<Vec<Item>, Stop> {
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' => {
                    let (mut literal, mut closed) = (String::new(), false);
                    while let Some(c) = chars.next() {
                        if c != '\'' {
                            literal.push(c);
                        } else if chars.next_if_eq(&'\'').is_some() {
                            literal.push('\'');
                        } else {
                            closed = true;
                            break;
                        }
                    }
                    if !closed {
                        return Err(Stop::Wrong);
                    }
                    self.push(Item::Literal(if literal.is_empty() { "'".to_owned() } else { literal }));
                }
                '[' if self.open.len() > MAX_DEPTH => {
                    return Err(Stop::Refused("so many nested sections".to_owned()));
                }
                '[' => {
                    self.open.push(Vec::new());
                    self.active = None;
                }
                ']' => {
                    let section = self.open.pop().filter(|_| !self.open.is_empty()).ok_or(Stop::Wrong)?;
                    self.push(Item::Optional(section));
                }
                '{' | '}' | '#' => return Err(Stop::Wrong),
                c if c.is_ascii_alphabetic() => {
                    let mut count = 1;
                    while chars.next_if_eq(&c).is_some() {
                        count += 1;
                    }
                    self.field(c, count)?;
                }
                c => self.push(Item::Literal(c.to_string())),
            }
        }
        while self.open.len() > 1 {
            if let Some(section) = self.open.pop() {
                self.push(Item::Optional(section));
            }
        }
        self.open.pop().ok_or(Stop::Wrong)
    }

    fn field(&mut self, letter: char, count: usize) -> Result<(), Stop> {
        // The years of `u` are counted on through 0.
        let letter = if letter == 'y' && !self.era { 'u' } else { letter };
        match (letter, count) {
            ('y' | 'u', 2) => self.digits(letter, 2, 2, Sign::None, true),
            ('y' | 'u', 1..=3) => self.digits(letter, count, 19, Sign::Minus, false),
            ('y' | 'u', 4..=19) => self.digits(letter, count, 19, Sign::Both, false),
            ('g', 1..=19) => self.digits(letter, count, 19, Sign::Minus, false),
            ('M' | 'L' | 'Q' | 'q' | 'd' | 'h' | 'H' | 'k' | 'K' | 'm' | 's' | 'F' | 'D', 1) => {
                self.digits(letter, 1, 19, Sign::Minus, false);
            }
            ('M' | 'L' | 'Q' | 'q' | 'd' | 'h' | 'H' | 'k' | 'K' | 'm' | 's', 2) => {
                self.digits(letter, 2, 2, Sign::None, false);
            }
            ('D', 2 | 3) => self.digits(letter, count, 3, Sign::None, false),
            ('M' | 'L' | 'Q' | 'q' | 'E', 4) | ('G', 4) => self.push(Item::Word(letter, false)),
            ('M' | 'L' | 'Q' | 'q' | 'E' | 'G', 3) | ('E' | 'G', 1 | 2) | ('a', 1) => {
                self.push(Item::Word(letter, true));
            }
            ('S', 1..=9) => {
                let least = if self.usage == Use::Read { 1 } else { count };
                self.push(Item::Fraction(least, count));
            }
            ('X' | 'x' | 'Z', 1..=5) | ('z', 1..=4) | ('V', 2) | ('O' | 'v', 1 | 4) => {
                self.push(Item::Zone(letter, count));
            }
            _ => return Err(Stop::Wrong),
        }
        Ok(())
    }

    fn section(&mut self) -> Option<&mut Vec<Item>> {
        self.open.last_mut()
    }

    fn push(&mut self, item: Item) {
        self.active = None;
        if let Some(section) = self.section() {
            section.push(item);
        }
    }

    /// Adds a number; one before it, without anything between, leaves it its digits.
    fn digits(&mut self, letter: char, least: usize, most: usize, sign: Sign, reduced: bool) {
        let active = self.active;
        let mut number = Number { letter, least, most, sign, reduced, behind: Behind::Digits(0) };
        let Some(section) = self.section() else { return };
        let mut next = section.len();
        if let Some(at) = active
            && let Some(Item::Number(before)) = section.get_mut(at)
        {
            if number.is_fixed() {
                if let Behind::Digits(digits) = &mut before.behind {
                    *digits += most;
                }
                number.behind = Behind::Fixed;
                next = at;
            } else {
                before.behind = Behind::Fixed;
            }
        }
        section.push(Item::Number(number));
        self.active = Some(next);
    }
}
