//! The types of Databricks SQL, as the catalogue and `DESCRIBE` write them.

use std::fmt;

/// A type of Databricks SQL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `BOOLEAN`
    Boolean,
    /// `TINYINT`, 8 bits.
    TinyInt,
    /// `SMALLINT`, 16 bits.
    SmallInt,
    /// `INT`, 32 bits.
    Int,
    /// `BIGINT`, 64 bits.
    BigInt,
    /// `FLOAT`, 32 bits.
    Float,
    /// `DOUBLE`, 64 bits.
    Double,
    /// `DECIMAL(precision, scale)`.
    Decimal(u8, u8),
    /// `STRING`; also `CHAR(n)` and `VARCHAR(n)`, which read as strings.
    String,
    /// `BINARY`
    Binary,
    /// `DATE`
    Date,
    /// `TIMESTAMP`, an instant.
    Timestamp,
    /// `TIMESTAMP_NTZ`, a wall clock without a zone.
    TimestampNtz,
    /// `INTERVAL …`, with its qualifier as written: `DAY TO SECOND`.
    Interval(String),
    /// `ARRAY<element>`; the element may be unknown.
    Array(Option<Box<DataType>>),
    /// `MAP<key, value>`; either may be unknown.
    Map(Option<Box<DataType>>, Option<Box<DataType>>),
    /// `STRUCT<name: type, …>`; a field's type may be unknown.
    Struct(Vec<(String, Option<DataType>)>),
    /// `VARIANT`
    Variant,
    /// `VOID`, the type of a bare `NULL`.
    Void,
}

impl DataType {
    /// Reads a type as Databricks writes it, in any case: `decimal(12, 2)`, `ARRAY<STRING>`, `struct<a:int>`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader::of(text);
        let data_type = reader.data_type(0)?;
        reader.at_end().then_some(data_type)
    }

    /// Reads a schema of records: a type, or columns as a table has them, `a INT, b STRING`, which are a struct. Tells
    /// whether it has texts of a limited length in it.
    pub fn parse_schema(text: &str) -> Option<(Self, bool)> {
        let mut reader = Reader::of(text);
        if let Some(data_type) = reader.data_type(0)
            && reader.at_end()
        {
            return Some((data_type, reader.limited));
        }
        let mut reader = Reader::of(text);
        let mut columns = Vec::new();
        while columns.is_empty() || reader.eat(',').is_some() {
            let name = reader.name()?;
            columns.push((name, Some(reader.data_type(1)?)));
            reader.details()?;
        }
        reader.at_end().then_some((Self::Struct(columns), reader.limited))
    }

    /// Tells whether it is a number.
    pub fn is_numeric(&self) -> bool {
        self.is_integral() || matches!(self, Self::Float | Self::Double | Self::Decimal(..))
    }

    /// Tells whether it is a whole number.
    pub fn is_integral(&self) -> bool {
        matches!(self, Self::TinyInt | Self::SmallInt | Self::Int | Self::BigInt)
    }

    /// Tells whether it is a date or a timestamp.
    pub fn is_temporal(&self) -> bool {
        matches!(self, Self::Date | Self::Timestamp | Self::TimestampNtz)
    }
}

/// How deep types may nest; deeper ones are not read.
const MAX_DEPTH: usize = 50;

/// Reads a type from text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Whether a CHAR or a VARCHAR has been read.
    limited: bool,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, at: 0, limited: false }
    }

    fn at_end(&mut self) -> bool {
        self.spaces();
        self.at == self.text.len()
    }

    /// Reads a word if it is this one.
    fn keyword(&mut self, wanted: &str) -> Option<()> {
        let before = self.at;
        let found = self.word().is_some_and(|word| word.eq_ignore_ascii_case(wanted));
        if !found {
            self.at = before;
        }
        found.then_some(())
    }

    /// `NOT NULL` and `COMMENT 'text'` after a field's type.
    fn details(&mut self) -> Option<()> {
        if self.keyword("not").is_some() {
            self.keyword("null")?;
        }
        if self.keyword("comment").is_some() {
            self.spaces();
            let quote = self.text[self.at..].chars().next().filter(|c| matches!(c, '\'' | '"'))?;
            self.eat(quote)?;
            self.at += self.text[self.at..].find(quote)?;
            self.eat(quote)?;
        }
        Some(())
    }

    fn spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, c: char) -> Option<()> {
        self.spaces();
        if !self.text[self.at..].starts_with(c) {
            return None;
        }
        self.at += c.len_utf8();
        Some(())
    }

    fn word(&mut self) -> Option<&'a str> {
        self.spaces();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += end;
        (end > 0).then(|| &rest[..end])
    }

    /// A field's name: a word, or anything in back-quotes.
    fn name(&mut self) -> Option<String> {
        if self.eat('`').is_none() {
            return self.word().map(str::to_owned);
        }
        let mut name = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find('`')?;
            name.push_str(&rest[..end]);
            self.at += end + 1;
            if !rest[end + 1..].starts_with('`') {
                return Some(name);
            }
            self.at += 1;
            name.push('`');
        }
    }

    /// Numbers in parentheses, if there are any.
    fn numbers(&mut self) -> Option<Vec<u32>> {
        let mut numbers = Vec::new();
        if self.eat('(').is_none() {
            return Some(numbers);
        }
        loop {
            numbers.push(self.word()?.parse().ok()?);
            if self.eat(',').is_none() {
                break;
            }
        }
        self.eat(')')?;
        Some(numbers)
    }

    fn data_type(&mut self, depth: usize) -> Option<DataType> {
        if depth > MAX_DEPTH {
            return None;
        }
        Some(match self.word()?.to_ascii_uppercase().as_str() {
            "BOOLEAN" | "BOOL" => DataType::Boolean,
            "TINYINT" | "BYTE" => DataType::TinyInt,
            "SMALLINT" | "SHORT" => DataType::SmallInt,
            "INT" | "INTEGER" => DataType::Int,
            "BIGINT" | "LONG" => DataType::BigInt,
            "FLOAT" | "REAL" => DataType::Float,
            "DOUBLE" => DataType::Double,
            "DECIMAL" | "DEC" | "NUMERIC" => match self.numbers()?.as_slice() {
                [] => DataType::Decimal(10, 0),
                [p] => decimal(*p, 0)?,
                [p, s] => decimal(*p, *s)?,
                _ => return None,
            },
            "STRING" => {
                if self.keyword("collate").is_some() {
                    self.word()?;
                }
                DataType::String
            }
            "VARCHAR" | "CHAR" | "CHARACTER" => {
                self.numbers()?;
                self.limited = true;
                DataType::String
            }
            "BINARY" => DataType::Binary,
            "DATE" => DataType::Date,
            "TIMESTAMP" | "TIMESTAMP_LTZ" => DataType::Timestamp,
            "TIMESTAMP_NTZ" => DataType::TimestampNtz,
            "INTERVAL" => {
                let mut words = Vec::new();
                loop {
                    let before = self.at;
                    match self.word() {
                        Some(word) => words.push(word.to_ascii_uppercase()),
                        None => {
                            self.at = before;
                            break;
                        }
                    }
                }
                DataType::Interval(words.join(" "))
            }
            "ARRAY" => {
                self.eat('<')?;
                let element = self.data_type(depth + 1)?;
                self.eat('>')?;
                DataType::Array(Some(Box::new(element)))
            }
            "MAP" => {
                self.eat('<')?;
                let key = self.data_type(depth + 1)?;
                self.eat(',')?;
                let value = self.data_type(depth + 1)?;
                self.eat('>')?;
                DataType::Map(Some(Box::new(key)), Some(Box::new(value)))
            }
            "STRUCT" => DataType::Struct(self.fields(depth)?),
            "VARIANT" => DataType::Variant,
            "VOID" | "NULL" => DataType::Void,
            _ => return None,
        })
    }

    fn fields(&mut self, depth: usize) -> Option<Vec<(String, Option<DataType>)>> {
        self.eat('<')?;
        let mut fields = Vec::new();
        while self.eat('>').is_none() {
            if !fields.is_empty() {
                self.eat(',')?;
            }
            let name = self.name()?;
            // Spark writes a colon; a blank is accepted as well.
            let _ = self.eat(':');
            fields.push((name, Some(self.data_type(depth + 1)?)));
            self.details()?;
        }
        Some(fields)
    }
}

fn decimal(precision: u32, scale: u32) -> Option<DataType> {
    (1..=38).contains(&precision).then_some(())?;
    (scale <= precision).then_some(DataType::Decimal(precision as u8, scale as u8))
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn inner(t: Option<&DataType>) -> String {
            t.map_or_else(|| "?".to_owned(), ToString::to_string)
        }
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::TinyInt => f.write_str("TINYINT"),
            Self::SmallInt => f.write_str("SMALLINT"),
            Self::Int => f.write_str("INT"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Float => f.write_str("FLOAT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Decimal(p, s) => write!(f, "DECIMAL({p},{s})"),
            Self::String => f.write_str("STRING"),
            Self::Binary => f.write_str("BINARY"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::TimestampNtz => f.write_str("TIMESTAMP_NTZ"),
            Self::Interval(q) if q.is_empty() => f.write_str("INTERVAL"),
            Self::Interval(q) => write!(f, "INTERVAL {q}"),
            Self::Array(e) => write!(f, "ARRAY<{}>", inner(e.as_deref())),
            Self::Map(k, v) => write!(f, "MAP<{}, {}>", inner(k.as_deref()), inner(v.as_deref())),
            Self::Struct(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, t)| format!("{}: {}", field_name(name), inner(t.as_ref()))).collect();
                write!(f, "STRUCT<{}>", fields.join(", "))
            }
            Self::Variant => f.write_str("VARIANT"),
            Self::Void => f.write_str("VOID"),
        }
    }
}

/// A field's name as a type shows it: bare where it is a word.
fn field_name(name: &str) -> String {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { name.to_owned() } else { format!("`{}`", name.replace('`', "``")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_as_they_are_written() {
        for (text, shown) in [
            ("bigint", "BIGINT"),
            ("LONG", "BIGINT"),
            ("decimal(12, 2)", "DECIMAL(12,2)"),
            ("numeric", "DECIMAL(10,0)"),
            ("varchar(20)", "STRING"),
            ("timestamp_ntz", "TIMESTAMP_NTZ"),
            ("array<string>", "ARRAY<STRING>"),
            ("map<string,array<int>>", "MAP<STRING, ARRAY<INT>>"),
            ("struct<a:int, `b c`: decimal(3,1) not null>", "STRUCT<a: INT, `b c`: DECIMAL(3,1)>"),
            ("interval day to second", "INTERVAL DAY TO SECOND"),
        ] {
            let data_type = DataType::parse(text).unwrap_or_else(|| panic!("{text} is not read"));
            assert_eq!(data_type.to_string(), shown);
            assert_eq!(DataType::parse(shown), Some(data_type), "{shown} does not read back");
        }
    }

    #[test]
    fn columns_are_a_schema_too() {
        for (text, shown, limited) in [
            ("a INT, `b c` STRING NOT NULL COMMENT 'x, y'", "STRUCT<a: INT, `b c`: STRING>", false),
            ("array<int>", "ARRAY<INT>", false),
            ("a VARCHAR(3)", "STRUCT<a: STRING>", true),
        ] {
            let (schema, found) = DataType::parse_schema(text).unwrap_or_else(|| panic!("{text} is not read"));
            assert_eq!((schema.to_string().as_str(), found), (shown, limited));
        }
        for text in ["", "a", "a: INT", "a INT,", "a INT b INT", "a INT NOT", "a INT COMMENT 'x"] {
            assert_eq!(DataType::parse_schema(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_type_is_not_read() {
        for text in
            ["", "frob", "decimal(", "decimal(40,2)", "decimal(2,3)", "array<int", "array<int>>", "int x", "größe"]
        {
            assert_eq!(DataType::parse(text), None, "{text}");
        }
        assert_eq!(DataType::parse(&"array<".repeat(100_000)), None);
    }
}
