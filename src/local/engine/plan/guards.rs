//! What may fail is computed only for the rows that the conditions to its left let pass.
//!
//! Spark looks at the sides of AND and OR row by row, from left to right; the query engine computes both for all rows.
//! Where a side may fail, a choice takes the place of the operator: its branches are computed in turn, each for the
//! rows that are left.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::utils::{split_binary_owned, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    cast, lit,
};

use crate::local::engine::functions::arrays::SUBSCRIPT;

/// A condition of which parts may fail. It stays a conjunction: parts that cannot fail may be judged elsewhere.
pub(super) fn filter(predicate: Expr) -> Result<Expr> {
    conjunction(predicate, |_| true)
}

/// A condition of a join. Equalities stay as they are: they may be what the sides are joined by.
pub(super) fn join(predicate: Expr) -> Result<Expr> {
    conjunction(predicate, |part| !matches!(part, Expr::BinaryExpr(BinaryExpr { op: Operator::Eq, .. })))
}

fn conjunction(predicate: Expr, may_move: fn(&Expr) -> bool) -> Result<Expr> {
    let parts = split_conjunction_owned(predicate);
    let risky = parts.iter().enumerate().map(|(i, part)| i > 0 && may_move(part) && may_fail(part));
    let risky: Vec<bool> = risky.collect();
    let parts = parts.into_iter().map(expression).collect::<Result<Vec<_>>>()?;
    let guarded = (0..parts.len()).map(|i| {
        if !risky[i] {
            return parts[i].clone();
        }
        let before = parts[..i].iter().map(|p| (Expr::IsNotTrue(Box::new(p.clone())), lit(0_i8)));
        choice(before.collect(), cast(parts[i].clone(), DataType::Int8))
    });
    Ok(guarded.reduce(Expr::and).unwrap_or_else(|| lit(true)))
}

/// Puts choices in the place of AND and OR whose sides may fail.
pub(super) fn expression(expr: Expr) -> Result<Expr> {
    let changed = expr.transform_down(|expr| {
        let Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), ref right, ref left }) = expr else {
            return Ok(Transformed::no(expr));
        };
        if !may_fail(right) && !chain_may_fail(left, op) {
            return Ok(Transformed::no(expr));
        }
        let parts = split_binary_owned(expr, op);
        let (decides, otherwise): (fn(Box<Expr>) -> Expr, i8) = match op {
            Operator::And => (Expr::IsFalse, 0),
            _ => (Expr::IsTrue, 1),
        };
        let decided = parts.iter().map(|part| (decides(Box::new(part.clone())), lit(otherwise)));
        let unknown = parts.iter().map(|part| (Expr::IsNull(Box::new(part.clone())), lit(ScalarValue::Int8(None))));
        Ok(Transformed::yes(choice(decided.chain(unknown).collect(), lit(1 - otherwise))))
    })?;
    Ok(changed.data)
}

/// A choice between conditions, as a condition.
fn choice(branches: Vec<(Expr, Expr)>, otherwise: Expr) -> Expr {
    let branches = branches.into_iter().map(|(when, then)| (Box::new(when), Box::new(then))).collect();
    let number = Expr::Case(Case::new(None, branches, Some(Box::new(otherwise))));
    ScalarUDF::new_from_impl(Truth { signature: Signature::exact(vec![DataType::Int8], Volatility::Immutable) })
        .call(vec![number])
}

/// The truth value that a number stands for. A choice between truth values, or numbers that are compared, would be
/// turned into AND and OR again.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Truth {
    signature: Signature,
}

/// The name of [`Truth`].
const TRUTH: &str = "__kiln_truth";

impl ScalarUDFImpl for Truth {
    fn name(&self) -> &str {
        TRUTH
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args[0].cast_to(&DataType::Boolean, None)
    }
}

/// Whether a part of a chain of the operator, after its first, may fail.
fn chain_may_fail(expr: &Expr, op: Operator) -> bool {
    let mut expr = expr;
    while let Expr::BinaryExpr(BinaryExpr { left, op: found, right }) = expr {
        if *found != op {
            return false;
        }
        if may_fail(right) {
            return true;
        }
        expr = left;
    }
    false
}

/// Whether an expression may be an error for some rows. What is guarded already is taken as safe.
fn may_fail(expr: &Expr) -> bool {
    let mut found = false;
    // A plain search cannot leave a part out.
    let _ = expr.apply(|part| {
        use datafusion::common::tree_node::TreeNodeRecursion as Next;
        if is_choice(part) {
            return Ok(Next::Jump);
        }
        found |= matches!(part, Expr::ScalarFunction(call) if FALLIBLE.contains(&call.func.name()));
        Ok(if found { Next::Stop } else { Next::Continue })
    });
    found
}

fn is_choice(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.name() == TRUTH)
}

/// Functions that are an error for some values, and that people guard against that.
const FALLIBLE: [&str; 15] = [
    "assert_true",
    "cast",
    "div",
    "divide",
    "element_at",
    "interval_divide",
    "make_date",
    "make_timestamp",
    "pmod",
    "raise_error",
    "remainder",
    SUBSCRIPT,
    "to_date",
    "to_number",
    "to_timestamp",
];
