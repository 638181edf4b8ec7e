//! Shape of a distribution, and straight lines through pairs.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;

use super::{Group, complete, doubles, one_double};

/// An aggregate of numbers that is a DOUBLE.
const fn double(name: &'static str, finish: fn(&[ArrayRef], &DataType) -> Result<ArrayRef>) -> Group {
    Group {
        name,
        coerce: |given| doubles("a statistical function", given),
        returns: |_| DataType::Float64,
        finish,
        reduce: None,
    }
}

pub(super) const FUNCTIONS: &[Group] = &[
    double("skewness", |all, _| {
        let m = Moments::of(&all[0]);
        Ok(one_double((m.second != 0.0).then(|| m.count.sqrt() * m.third / (m.second * m.second * m.second).sqrt())))
    }),
    double("kurtosis", |all, _| {
        let m = Moments::of(&all[0]);
        Ok(one_double((m.second != 0.0).then(|| m.count * m.fourth / (m.second * m.second) - 3.0)))
    }),
    Group {
        name: "regr_count",
        coerce: |given| doubles("regr_count", given),
        returns: |_| DataType::Int64,
        finish: |all, _| Ok(Arc::new(Int64Array::from(vec![complete(all, 2).len() as i64]))),
        reduce: None,
    },
    double("regr_avgx", |all, _| pairs(all, |p| Some(p.x_mean))),
    double("regr_avgy", |all, _| pairs(all, |p| Some(p.y_mean))),
    double("regr_sxx", |all, _| pairs(all, |p| Some(p.xx))),
    double("regr_syy", |all, _| pairs(all, |p| Some(p.yy))),
    double("regr_sxy", |all, _| pairs(all, |p| Some(p.xy))),
    double("regr_slope", |all, _| pairs(all, Pairs::slope)),
    double("regr_intercept", |all, _| pairs(all, |p| Some(p.y_mean - p.slope()? * p.x_mean))),
    double("stddev_of_frame", |all, _| spread(&all[0], 1.0, f64::sqrt)),
    double("stddev_pop_of_frame", |all, _| spread(&all[0], 0.0, f64::sqrt)),
    double("var_samp_of_frame", |all, _| spread(&all[0], 1.0, |v| v)),
    double("var_pop_of_frame", |all, _| spread(&all[0], 0.0, |v| v)),
    double("covar_samp_of_frame", |all, _| pairs(all, |p| (p.count > 1.0).then(|| p.xy / (p.count - 1.0)))),
    double("covar_pop_of_frame", |all, _| pairs(all, |p| Some(p.xy / p.count))),
    double("corr_of_frame", |all, _| {
        pairs(all, |p| (p.count > 1.0 && p.xx != 0.0 && p.yy != 0.0).then(|| p.xy / (p.xx * p.yy).sqrt()))
    }),
    double("regr_r2", |all, _| {
        pairs(all, |p| match (p.xx == 0.0, p.yy == 0.0) {
            (true, _) => None,
            (false, true) => Some(1.0),
            _ => Some(p.xy * p.xy / (p.xx * p.yy)),
        })
    }),
];

/// Sums of powers of the distance from the mean, kept up value by value.
#[derive(Default)]
struct Moments {
    count: f64,
    mean: f64,
    second: f64,
    third: f64,
    fourth: f64,
}

impl Moments {
    fn of(values: &ArrayRef) -> Self {
        let mut m = Self::default();
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            m.count += 1.0;
            let delta = value - m.mean;
            let share = delta / m.count;
            m.mean += share;
            m.second += delta * (delta - share);
            let (delta2, share2) = (delta * delta, share * share);
            m.third += -3.0 * share * m.second + delta * (delta2 - share2);
            m.fourth += -4.0 * share * m.third - 6.0 * share2 * m.second + delta * (delta * delta2 - share * share2);
        }
        m
    }
}

/// A measure of the distance from the mean; none: there are too few values.
fn spread(values: &ArrayRef, fewer: f64, measure: fn(f64) -> f64) -> Result<ArrayRef> {
    let m = Moments::of(values);
    Ok(one_double((m.count > fewer).then(|| measure(m.second / (m.count - fewer)))))
}

/// The same for pairs of which both are known; the first argument is y.
#[derive(Default)]
struct Pairs {
    count: f64,
    x_mean: f64,
    y_mean: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Pairs {
    fn slope(&self) -> Option<f64> {
        (self.xx != 0.0).then(|| self.xy / self.xx)
    }
}

fn pairs(all: &[ArrayRef], result: fn(&Pairs) -> Option<f64>) -> Result<ArrayRef> {
    let (ys, xs) = (all[0].as_primitive::<Float64Type>(), all[1].as_primitive::<Float64Type>());
    let mut p = Pairs::default();
    for (y, x) in ys.iter().zip(xs).filter_map(|(y, x)| y.zip(x)) {
        p.count += 1.0;
        let (dx, dy) = (x - p.x_mean, y - p.y_mean);
        p.x_mean += dx / p.count;
        p.y_mean += dy / p.count;
        p.xy += dx * (y - p.y_mean);
        p.xx += dx * (x - p.x_mean);
        p.yy += dy * (y - p.y_mean);
    }
    Ok(one_double(if p.count > 0.0 { result(&p) } else { None }))
}
