//! Types of results: what arithmetic, comparison and built-in functions return, as Spark in ANSI mode has it. Where
//! Spark's rule is not reproduced here, the type is left unknown rather than guessed.

use super::DataType;
use crate::dialect::functions::Returns;

/// The most digits of a decimal.
const MAX_DIGITS: u32 = 38;

/// The type that all of several values can have, as in `coalesce`, CASE and UNION. None if one is not known, unless
/// it does not matter.
pub(super) fn common<'a>(types: impl IntoIterator<Item = Option<&'a DataType>>) -> Option<DataType> {
    let mut result = DataType::Void;
    for data_type in types {
        result = wider(&result, data_type?)?;
    }
    Some(result)
}

fn wider(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    if a == b {
        return Some(a.clone());
    }
    Some(match (a, b) {
        (T::Void, other) | (other, T::Void) => other.clone(),
        _ if a.is_integral() && b.is_integral() => {
            if rank(a) > rank(b) {
                a.clone()
            } else {
                b.clone()
            }
        }
        (T::Double, other) | (other, T::Double) if other.is_numeric() => T::Double,
        (T::Date, T::Timestamp) | (T::Timestamp, T::Date) => T::Timestamp,
        _ => {
            let ((p1, s1), (p2, s2)) = (digits(a)?, digits(b)?);
            let (whole, scale) = ((p1 - s1).max(p2 - s2), s1.max(s2));
            // Digits before the point are never given up.
            let scale = scale.min(MAX_DIGITS.saturating_sub(whole));
            DataType::Decimal((whole + scale).min(MAX_DIGITS) as u8, scale as u8)
        }
    })
}

/// The order of whole numbers by size.
fn rank(t: &DataType) -> u8 {
    match t {
        DataType::TinyInt => 1,
        DataType::SmallInt => 2,
        DataType::Int => 3,
        _ => 4,
    }
}

/// Precision and scale of a number without floating point.
fn digits(t: &DataType) -> Option<(u32, u32)> {
    Some(match t {
        DataType::TinyInt => (3, 0),
        DataType::SmallInt => (5, 0),
        DataType::Int => (10, 0),
        DataType::BigInt => (20, 0),
        DataType::Decimal(p, s) => (u32::from(*p), u32::from(*s)),
        _ => return None,
    })
}

/// A decimal; where it has more digits than there can be, places after the point are given up first, down to six.
fn decimal(precision: u32, scale: u32) -> DataType {
    if precision <= MAX_DIGITS {
        return DataType::Decimal(precision as u8, scale.min(precision) as u8);
    }
    let whole = precision - scale;
    let scale = MAX_DIGITS.saturating_sub(whole).max(scale.min(6));
    DataType::Decimal(MAX_DIGITS as u8, scale as u8)
}

/// An operator of arithmetic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// The type of `a op b`. `literals` are the operands' numbers of digits where they are whole-number literals, which
/// count with their own digits beside a decimal.
pub(super) fn arithmetic(
    op: Arithmetic,
    a: Option<&DataType>,
    b: Option<&DataType>,
    literals: (Option<u32>, Option<u32>),
) -> Option<DataType> {
    use Arithmetic as A;
    use DataType as T;
    let (a, b) = (a?, b?);
    match (op, a, b) {
        (A::Add | A::Subtract, T::Date, t) if t.is_integral() && rank(t) <= 3 => return Some(T::Date),
        (A::Add, t, T::Date) if t.is_integral() && rank(t) <= 3 => return Some(T::Date),
        (A::Subtract, T::Date, T::Date) => return Some(T::Interval("DAY".to_owned())),
        (A::Subtract, T::Timestamp, T::Timestamp) => return Some(T::Interval("DAY TO SECOND".to_owned())),
        (A::Add | A::Subtract, T::Timestamp | T::TimestampNtz, T::Interval(_)) => return Some(a.clone()),
        (A::Add, T::Interval(_), T::Timestamp | T::TimestampNtz) => return Some(b.clone()),
        (A::Add | A::Subtract, T::Date, T::Interval(unit)) | (A::Add, T::Interval(unit), T::Date) => {
            let whole_days = matches!(unit.as_str(), "DAY" | "MONTH" | "YEAR" | "YEAR TO MONTH");
            return whole_days.then_some(T::Date);
        }
        _ => {}
    }
    if !(a.is_numeric() && b.is_numeric()) {
        return None;
    }
    if matches!(a, T::Double) || matches!(b, T::Double) {
        return Some(T::Double);
    }
    if matches!(a, T::Float) || matches!(b, T::Float) {
        return (a == b).then(|| if op == A::Divide { T::Double } else { T::Float });
    }
    if a.is_integral() && b.is_integral() {
        return if op == A::Divide { Some(T::Double) } else { wider(a, b) };
    }
    let with_literal = |t: &T, literal: Option<u32>| literal.map_or_else(|| digits(t), |digits| Some((digits, 0)));
    let ((p1, s1), (p2, s2)) = (with_literal(a, literals.0)?, with_literal(b, literals.1)?);
    Some(match op {
        A::Add | A::Subtract => {
            let scale = s1.max(s2);
            decimal((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        A::Multiply => decimal(p1 + p2 + 1, s1 + s2),
        A::Divide => {
            let scale = (s1 + p2 + 1).max(6);
            decimal(p1 - s1 + s2 + scale, scale)
        }
        A::Modulo => {
            let scale = s1.max(s2);
            decimal((p1 - s1).min(p2 - s2) + scale, scale)
        }
    })
}

/// The type that a function returns where the rule of the catalogue does not say it all: for some types of arguments, or
/// a number of them. The outer option tells whether there is anything to say. `literals` are the arguments' numbers of
/// digits where they are whole-number literals.
pub(super) fn particular(name: &str, args: &[Option<DataType>], literals: &[Option<u32>]) -> Option<Option<DataType>> {
    use DataType as T;
    let arg = |i: usize| args.get(i).and_then(Option::as_ref);
    let literal = |i: usize| literals.get(i).copied().flatten();
    let element = |t: Option<&T>| match t {
        Some(T::Array(Some(element))) => Some((**element).clone()),
        _ => None,
    };
    let array_of = |element: Option<T>| Some(element.map(|t| T::Array(Some(Box::new(t)))));
    match name {
        "max_by" | "min_by" if args.len() == 3 => array_of(arg(0).cloned()),
        "percentile_cont" if matches!(arg(0), Some(T::Array(_))) => array_of(Some(T::Double)),
        "array_append" | "array_prepend" => array_of(common([element(arg(0)).as_ref(), arg(1)])),
        "array_union" | "array_except" | "array_intersect" => {
            array_of(common([element(arg(0)).as_ref(), element(arg(1)).as_ref()]))
        }
        "sequence" if arg(0).is_some_and(T::is_integral) => array_of(common([arg(0), arg(1)])),
        "pmod" | "try_divide" if [arg(0), arg(1)].iter().any(|t| matches!(t, Some(T::Decimal(..)))) => {
            let op = if name == "pmod" { Arithmetic::Modulo } else { Arithmetic::Divide };
            Some(arithmetic(op, arg(0), arg(1), (literal(0), literal(1))))
        }
        "abs" | "negative" | "positive" if matches!(arg(0), Some(T::String | T::Void)) => Some(Some(T::Double)),
        "nanvl" => Some(Some(match (arg(0), arg(1)) {
            (Some(T::Float), Some(T::Float)) => T::Float,
            _ => T::Double,
        })),
        "shiftleft" | "shiftright" | "shiftrightunsigned" => Some(match arg(0)? {
            T::BigInt => Some(T::BigInt),
            t if t.is_integral() || *t == T::Void => Some(T::Int),
            _ => None,
        }),
        "zeroifnull" => Some(common([arg(0), Some(&T::Int)])),
        "map_concat" => Some(arg(0).filter(|first| args.iter().flatten().all(|t| t == *first)).cloned()),
        "lpad" | "rpad" | "left" | "right" | "overlay" if arg(0) == Some(&T::Binary) => Some(Some(T::Binary)),
        "elt" if args.iter().skip(1).any(|t| *t == Some(T::Binary)) => Some(None),
        _ => None,
    }
}

/// The type that a function returns for arguments of these types; `places` is the second argument of `round`, where
/// it is a literal or absent.
pub(super) fn returned(rule: &Returns, args: &[Option<DataType>], places: Option<i64>) -> Option<DataType> {
    use DataType as T;
    let arg = |i: usize| args.get(i).and_then(Option::as_ref);
    let all = |from: usize| common(args.iter().skip(from).map(Option::as_ref));
    match rule {
        Returns::Type(t) => Some(t.clone()),
        Returns::Argument(i) => arg(*i).cloned(),
        Returns::Common(from) => all(*from),
        Returns::ArrayOf(i) => Some(T::Array(arg(*i).cloned().map(Box::new))),
        Returns::ArrayOfCommon => Some(T::Array(all(0).map(Box::new))),
        Returns::Element => match arg(0)? {
            T::Array(element) => element.as_deref().cloned(),
            T::Map(_, value) => value.as_deref().cloned(),
            _ => None,
        },
        Returns::MapOfArguments => {
            let every_other = |start: usize| common(args.iter().skip(start).step_by(2).map(Option::as_ref));
            Some(T::Map(every_other(0).map(Box::new), every_other(1).map(Box::new)))
        }
        Returns::Keys => match arg(0)? {
            T::Map(key, _) => Some(T::Array(key.clone())),
            _ => None,
        },
        Returns::Values => match arg(0)? {
            T::Map(_, value) => Some(T::Array(value.clone())),
            _ => None,
        },
        Returns::Sum => match arg(0)? {
            t if t.is_integral() => Some(T::BigInt),
            T::Decimal(p, s) => Some(T::Decimal((p + 10).min(38), *s)),
            T::Float | T::Double => Some(T::Double),
            t @ T::Interval(_) => Some(t.clone()),
            _ => None,
        },
        Returns::Average => match arg(0)? {
            T::Decimal(p, s) => Some(T::Decimal((p + 4).min(38), (s + 4).min(38))),
            t if t.is_numeric() => Some(T::Double),
            _ => None,
        },
        Returns::Round => match arg(0)? {
            T::Decimal(p, s) => {
                let scale = u32::from(*s).min(u32::try_from(places?).ok()?);
                let digits = u32::from(p - s) + 1 + scale;
                Some(T::Decimal(digits.min(MAX_DIGITS) as u8, scale.min(MAX_DIGITS) as u8))
            }
            t if t.is_numeric() => Some(t.clone()),
            _ => None,
        },
        Returns::Whole => match arg(0)? {
            _ if args.len() > 1 => None,
            T::Decimal(p, 0) => Some(T::Decimal(*p, 0)),
            T::Decimal(p, s) => Some(decimal(u32::from(p - s) + 1, 0)),
            t if t.is_numeric() => Some(T::BigInt),
            _ => None,
        },
        Returns::Concat => match arg(0)? {
            T::Array(_) => all(0),
            T::Binary => None,
            _ => Some(T::String),
        },
        Returns::Percentile(fixed) => {
            let one = fixed.clone().or_else(|| arg(0).cloned());
            match arg(1)? {
                T::Array(_) => Some(T::Array(one.map(Box::new))),
                _ => one,
            }
        }
        Returns::DateDiff => Some(if args.len() == 2 { T::Int } else { T::BigInt }),
        Returns::DateAdd if args.len() == 2 => Some(T::Date),
        Returns::DateAdd => match arg(2)? {
            T::TimestampNtz => Some(T::TimestampNtz),
            T::Date | T::Timestamp => Some(T::Timestamp),
            _ => None,
        },
        Returns::Quotient => arithmetic(Arithmetic::Divide, arg(0), arg(1), (None, None)),
        Returns::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> DataType {
        DataType::parse(text).unwrap()
    }

    #[test]
    fn decimals_grow_as_sparks_do() {
        use Arithmetic as A;
        // From Spark's DecimalPrecisionSuite and its documentation of arithmetic.
        for (op, a, b, expected) in [
            (A::Add, "decimal(5,2)", "decimal(4,1)", "DECIMAL(6,2)"),
            (A::Multiply, "decimal(5,2)", "decimal(4,1)", "DECIMAL(10,3)"),
            (A::Divide, "decimal(5,2)", "decimal(2,1)", "DECIMAL(10,6)"),
            (A::Divide, "decimal(38,10)", "decimal(38,10)", "DECIMAL(38,6)"),
            (A::Add, "decimal(10,2)", "int", "DECIMAL(13,2)"),
            (A::Divide, "int", "bigint", "DOUBLE"),
            (A::Multiply, "smallint", "int", "INT"),
            (A::Add, "double", "decimal(3,1)", "DOUBLE"),
            (A::Add, "date", "int", "DATE"),
            (A::Subtract, "date", "date", "INTERVAL DAY"),
        ] {
            let result = arithmetic(op, Some(&t(a)), Some(&t(b)), (None, None)).unwrap();
            assert_eq!(result.to_string(), expected, "{a} and {b}");
        }
        let hundredfold = arithmetic(A::Multiply, Some(&t("decimal(12,2)")), Some(&t("int")), (None, Some(3)));
        assert_eq!(hundredfold, Some(t("decimal(16,2)")));
    }

    #[test]
    fn the_common_type_is_the_widest_or_unknown() {
        for (types, expected) in [
            (vec!["int", "bigint"], Some("BIGINT")),
            (vec!["void", "date"], Some("DATE")),
            (vec!["decimal(12,2)", "int"], Some("DECIMAL(12,2)")),
            (vec!["decimal(12,2)", "double"], Some("DOUBLE")),
            (vec!["date", "timestamp"], Some("TIMESTAMP")),
            (vec!["string", "int"], None),
        ] {
            let types: Vec<_> = types.into_iter().map(t).collect();
            assert_eq!(common(types.iter().map(Some)).map(|t| t.to_string()).as_deref(), expected, "{types:?}");
        }
    }
}
