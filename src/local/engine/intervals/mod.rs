//! The interval types: `INTERVAL YEAR TO MONTH`, `INTERVAL DAY TO SECOND`, and those with some of their fields.
//!
//! In memory an interval is a struct of one field, which is named for the interval's fields and holds months or
//! microseconds in an Arrow type that nothing else here has. So each interval type is an Arrow type of its own, wherever
//! it stands, and values compare, group and sort as structs do.

mod text;

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, DurationMicrosecondArray, IntervalYearMonthArray, StructArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DataType, DurationMicrosecondType, Field, Fields, IntervalUnit, IntervalYearMonthType, TimeUnit,
};

pub(super) use text::{literal, read, show};

/// A field of an interval, the greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Unit {
    const ALL: [Self; 6] = [Self::Year, Self::Month, Self::Day, Self::Hour, Self::Minute, Self::Second];

    /// Its name in SQL, in upper case.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Year => "YEAR",
            Self::Month => "MONTH",
            Self::Day => "DAY",
            Self::Hour => "HOUR",
            Self::Minute => "MINUTE",
            Self::Second => "SECOND",
        }
    }

    /// The unit of a name in the singular or plural.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_uppercase();
        let name = name.strip_suffix('S').unwrap_or(&name);
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// How many months or microseconds it has.
    pub(super) fn size(self) -> i64 {
        match self {
            Self::Year => 12,
            Self::Month => 1,
            Self::Day => 86_400_000_000,
            Self::Hour => 3_600_000_000,
            Self::Minute => 60_000_000,
            Self::Second => 1_000_000,
        }
    }

    fn counts_months(self) -> bool {
        self <= Self::Month
    }
}

/// An interval type: its first and last field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Span {
    pub(super) first: Unit,
    pub(super) last: Unit,
}

impl Span {
    pub(super) const YEAR_TO_MONTH: Self = Self { first: Unit::Year, last: Unit::Month };
    pub(super) const DAY_TO_SECOND: Self = Self { first: Unit::Day, last: Unit::Second };
    pub(super) const DAY: Self = Self { first: Unit::Day, last: Unit::Day };

    /// The type with these fields, if there is one.
    pub(super) fn new(first: Unit, last: Unit) -> Option<Self> {
        (first <= last && first.counts_months() == last.counts_months()).then_some(Self { first, last })
    }

    /// The type of a qualifier such as `DAY TO SECOND`.
    pub(super) fn named(qualifier: &str) -> Option<Self> {
        let upper = qualifier.to_ascii_uppercase();
        let (first, last) = upper.split_once(" TO ").unwrap_or((&upper, &upper));
        let exact = |name: &str| Unit::ALL.into_iter().find(|unit| unit.name() == name.trim());
        Self::new(exact(first)?, exact(last)?)
    }

    /// The interval type that an Arrow type stands for.
    pub(super) fn of(arrow: &DataType) -> Option<Self> {
        let DataType::Struct(fields) = arrow else { return None };
        let [field] = fields.as_ref() else { return None };
        match field.data_type() {
            DataType::Duration(TimeUnit::Microsecond) | DataType::Interval(IntervalUnit::YearMonth) => {
                Self::named(field.name())
            }
            _ => None,
        }
    }

    /// `DAY TO SECOND`
    pub(super) fn qualifier(self) -> String {
        if self.first == self.last {
            self.first.name().to_owned()
        } else {
            format!("{} TO {}", self.first.name(), self.last.name())
        }
    }

    /// The Arrow type of its values.
    pub(super) fn arrow(self) -> DataType {
        DataType::Struct(self.fields())
    }

    fn fields(self) -> Fields {
        let held = if self.counts_months() {
            DataType::Interval(IntervalUnit::YearMonth)
        } else {
            DataType::Duration(TimeUnit::Microsecond)
        };
        Fields::from(vec![Field::new(self.qualifier(), held, true)])
    }

    /// Whether its values are months; otherwise they are microseconds.
    pub(super) fn counts_months(self) -> bool {
        self.first.counts_months()
    }

    /// The type with all fields of its kind.
    pub(super) fn widest(self) -> Self {
        if self.counts_months() { Self::YEAR_TO_MONTH } else { Self::DAY_TO_SECOND }
    }

    /// The type with the fields of both, if they are of one kind.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        (self.counts_months() == other.counts_months())
            .then(|| Self { first: self.first.min(other.first), last: self.last.max(other.last) })
    }

    /// Whether it can hold so many months or microseconds.
    pub(super) fn holds(self, value: i64) -> bool {
        !self.counts_months() || i32::try_from(value).is_ok()
    }

    /// A column of this type from months or microseconds, which it can hold.
    pub(super) fn column(self, values: &[Option<i64>]) -> ArrayRef {
        let nulls: NullBuffer = values.iter().map(Option::is_some).collect();
        let held: ArrayRef = if self.counts_months() {
            let months = values.iter().map(|value| value.and_then(|value| i32::try_from(value).ok()));
            Arc::new(IntervalYearMonthArray::from_iter(months))
        } else {
            Arc::new(DurationMicrosecondArray::from(values.to_vec()))
        };
        Arc::new(StructArray::new(self.fields(), vec![held], Some(nulls)))
    }
}

/// The months or microseconds of a column of intervals.
pub(super) fn values(array: &ArrayRef) -> Vec<Option<i64>> {
    let all = array.as_struct();
    let held = all.column(0);
    let value = |i| match held.data_type() {
        DataType::Duration(_) => held.as_primitive::<DurationMicrosecondType>().value(i),
        _ => held.as_primitive::<IntervalYearMonthType>().value(i).into(),
    };
    (0..all.len()).map(|i| (all.is_valid(i) && held.is_valid(i)).then(|| value(i))).collect()
}

/// Whether an interval is part of a type.
pub(super) fn are_in(arrow: &DataType) -> bool {
    match arrow {
        _ if Span::of(arrow).is_some() => true,
        DataType::Struct(fields) => fields.iter().any(|field| are_in(field.data_type())),
        DataType::List(field) | DataType::Map(field, _) => are_in(field.data_type()),
        _ => false,
    }
}
