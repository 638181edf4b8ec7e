//! Functions that take lambdas: `transform(xs, x -> x + 1)`.
//!
//! A lambda is computed once for the elements of all rows of a batch, never row by row, where that is possible.

mod invoke;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDF,
    HigherOrderUDFImpl, LambdaParametersProgress, ValueOrLambda, Volatility,
};

use super::common_type::tightest;
use super::nested::{as_list, entry_of, item_of, list_of, map_of, mismatch, unexpected};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// The name of `array_sort` where it is given an order.
pub(in crate::local::engine) const SORT_BY: &str = "array_sort_by";

/// The functions, under Spark's names.
pub(super) fn functions() -> impl Iterator<Item = (&'static str, Arc<HigherOrderUDF>)> {
    use Kind::{
        Aggregate, ArraySort, Exists, Filter, ForAll, MapFilter, MapZipWith, Transform, TransformKeys, TransformValues,
        ZipWith,
    };
    [
        Transform,
        Filter,
        Exists,
        ForAll,
        Aggregate,
        ZipWith,
        ArraySort,
        MapFilter,
        MapZipWith,
        TransformKeys,
        TransformValues,
    ]
    .into_iter()
    .map(|kind| {
        let signature = HigherOrderSignature::user_defined(Volatility::Immutable);
        (kind.name(), Arc::new(HigherOrderUDF::new_from_impl(Lambdas { kind, signature })))
    })
}

/// How many parameters the lambda at a place among the arguments may have; none: no lambda stands there.
pub(in crate::local::engine) fn parameters(function: &str, place: usize) -> Option<(usize, usize)> {
    Some(match (function, place) {
        ("transform" | "filter", 1) => (1, 2),
        ("exists" | "forall", 1) => (1, 1),
        ("aggregate" | "reduce", 2) | ("zip_with", 2) => (2, 2),
        ("aggregate" | "reduce", 3) => (1, 1),
        ("array_sort" | "map_filter" | "transform_keys" | "transform_values", 1) => (2, 2),
        ("map_zip_with", 2) => (3, 3),
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Transform,
    Filter,
    Exists,
    ForAll,
    Aggregate,
    ZipWith,
    ArraySort,
    MapFilter,
    MapZipWith,
    TransformKeys,
    TransformValues,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Filter => "filter",
            Self::Exists => "exists",
            Self::ForAll => "forall",
            Self::Aggregate => "aggregate",
            Self::ZipWith => "zip_with",
            Self::ArraySort => SORT_BY,
            Self::MapFilter => "map_filter",
            Self::MapZipWith => "map_zip_with",
            Self::TransformKeys => "transform_keys",
            Self::TransformValues => "transform_values",
        }
    }

    /// Whether the first argument is a map.
    fn of_map(self) -> bool {
        matches!(self, Self::MapFilter | Self::MapZipWith | Self::TransformKeys | Self::TransformValues)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Lambdas {
    kind: Kind,
    signature: HigherOrderSignature,
}

impl Lambdas {
    /// The types of the parameters of each lambda, from the types of the values.
    fn parameter_types(&self, values: &[DataType]) -> Vec<Vec<DataType>> {
        let first = &values[0];
        let (key, value) = entry_of(first);
        match self.kind {
            Kind::Transform | Kind::Filter => vec![vec![item_of(first), DataType::Int32]],
            Kind::Exists | Kind::ForAll => vec![vec![item_of(first)]],
            Kind::Aggregate => vec![vec![values[1].clone(), item_of(first)], vec![values[1].clone()]],
            Kind::ZipWith => vec![vec![item_of(first), item_of(&values[1])]],
            Kind::ArraySort => vec![vec![item_of(first), item_of(first)]],
            Kind::MapFilter | Kind::TransformKeys | Kind::TransformValues => vec![vec![key, value]],
            Kind::MapZipWith => vec![vec![key, value, entry_of(&values[1]).1]],
        }
    }

    /// The type of the result, from the types of the values and of what the lambdas return.
    fn result_type(&self, values: &[DataType], lambdas: &[DataType]) -> Result<DataType, SqlError> {
        let name = self.kind.name();
        let Some(returned) = lambdas.first() else {
            return Err(SqlError::internal(format!("{name} was called without a lambda")));
        };
        let truth = || match returned {
            DataType::Boolean | DataType::Null => Ok(()),
            other => Err(unexpected(name, "second", "BOOLEAN", other)),
        };
        let (key, value) = entry_of(&values[0]);
        Ok(match self.kind {
            Kind::Transform | Kind::ZipWith => list_of(returned),
            Kind::Filter | Kind::MapFilter => {
                truth()?;
                values[0].clone()
            }
            Kind::Exists | Kind::ForAll => {
                truth()?;
                DataType::Boolean
            }
            Kind::Aggregate => {
                let (start, merged) = (types::nullable(&values[1]), types::nullable(returned));
                if start != merged && merged != DataType::Null {
                    return Err(unexpected(name, "third", &types::from_arrow(&start).to_string(), returned));
                }
                lambdas.get(1).unwrap_or(&values[1]).clone()
            }
            Kind::ArraySort => {
                if !matches!(returned, DataType::Int32) {
                    return Err(SqlError::new(
                        "DATATYPE_MISMATCH.UNEXPECTED_RETURN_TYPE",
                        "42K09",
                        format!(
                            "Cannot resolve \"array_sort\" due to data type mismatch: The comparator requires return \
                             \"INT\" type, but the actual is {} type.",
                            types::shown(returned)
                        ),
                    ));
                }
                values[0].clone()
            }
            Kind::MapZipWith | Kind::TransformValues => map_of(&key, returned),
            Kind::TransformKeys => {
                super::maps::valid_key(name, returned)?;
                map_of(returned, &value)
            }
        })
    }
}

impl HigherOrderUDFImpl for Lambdas {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.kind.name();
        let given: Vec<_> = given.iter().map(types::nullable).collect();
        let map = |place: &str, given: &DataType| match given {
            DataType::Map(..) => Ok(given.clone()),
            DataType::Null => Ok(map_of(&DataType::Null, &DataType::Null)),
            other => Err(unexpected(name, place, "MAP", other)),
        };
        let first = given.first().ok_or_else(|| SqlError::internal(format!("{name} was called without a value")))?;
        let mut found = vec![if self.kind.of_map() { map("first", first)? } else { as_list(name, "first", first)? }];
        match (self.kind, given.get(1)) {
            (Kind::Aggregate, Some(start)) => found.push(start.clone()),
            (Kind::ZipWith, Some(second)) => found.push(as_list(name, "second", second)?),
            (Kind::MapZipWith, Some(second)) => {
                let second = map("second", second)?;
                let ((k1, v1), (k2, v2)) = (entry_of(&found[0]), entry_of(&second));
                let key = tightest(&k1, &k2).ok_or_else(|| mismatch("MAP_ZIP_WITH_DIFF_TYPES", name, &given))?;
                found = vec![map_of(&key, &v1), map_of(&key, &v2)];
            }
            _ => {}
        }
        match given.get(found.len()) {
            Some(value) => Err(unexpected(name, "last", "LAMBDA", value))?,
            None => Ok(found),
        }
    }

    fn lambda_parameters(
        &self,
        _step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let (mut values, mut lambdas) = (Vec::new(), 0);
        for field in fields {
            match field {
                ValueOrLambda::Value(field) => values.push(types::nullable(field.data_type())),
                ValueOrLambda::Lambda(_) => lambdas += 1,
            }
        }
        let field = |data_type| Arc::new(Field::new("", data_type, true));
        let all = self.parameter_types(&values).into_iter().take(lambdas);
        Ok(LambdaParametersProgress::Complete(all.map(|one| one.into_iter().map(field).collect()).collect()))
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs) -> Result<FieldRef> {
        let (mut values, mut lambdas) = (Vec::new(), Vec::new());
        for field in args.arg_fields {
            match field {
                ValueOrLambda::Value(field) => values.push(types::nullable(field.data_type())),
                ValueOrLambda::Lambda(field) => lambdas.push(types::nullable(field.data_type())),
            }
        }
        Ok(Arc::new(Field::new("", self.result_type(&values, &lambdas)?, true)))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let result = args.return_field.data_type().clone();
        let (mut values, mut lambdas) = (Vec::new(), Vec::new());
        for (arg, field) in args.args.into_iter().zip(&args.arg_fields) {
            match arg {
                ValueOrLambda::Value(value) => values.push(value.to_array(rows)?),
                ValueOrLambda::Lambda(lambda) => {
                    let returns = match field {
                        ValueOrLambda::Value(field) | ValueOrLambda::Lambda(field) => {
                            types::nullable(field.data_type())
                        }
                    };
                    lambdas.push(invoke::Body { lambda, returns });
                }
            }
        }
        let result = match self.kind {
            Kind::Transform => invoke::transform(&values, &lambdas[0], &result),
            Kind::Filter => invoke::filter(&values, &lambdas[0], &result),
            Kind::Exists => invoke::quantified(&values, &lambdas[0], true),
            Kind::ForAll => invoke::quantified(&values, &lambdas[0], false),
            Kind::Aggregate => invoke::aggregate(&values, &lambdas),
            Kind::ZipWith => invoke::zip_with(&values, &lambdas[0], &result),
            Kind::ArraySort => invoke::sort(&values, &lambdas[0], &result),
            Kind::MapFilter => invoke::map_filter(&values, &lambdas[0], &result),
            Kind::MapZipWith => invoke::map_zip_with(&values, &lambdas[0], &result),
            Kind::TransformKeys => invoke::transform_entries(&values, &lambdas[0], &result, true),
            Kind::TransformValues => invoke::transform_entries(&values, &lambdas[0], &result, false),
        };
        result.map(ColumnarValue::Array)
    }
}
