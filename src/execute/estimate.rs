//! How long steps will take, judged by how long they took before; and from that, which of them are the most urgent.

use std::collections::HashMap;
use std::time::Duration;

use crate::event::StepKind;
use crate::ids::StepId;
use crate::plan::{Action, RunPlan};

/// How long a build is taken to last where nothing is known of any.
const SOME_BUILD: Duration = Duration::from_secs(1);

/// Returns for each step how long it and what waits for it take one after the other, along the longest way to the end of
/// the run: the step with the longest goes first. The plan lists each step after those that it needs.
///
/// `known` tells how long steps took before. One that is unknown is taken to last as long as others of its kind on
/// average, and if none is known, all builds alike.
pub(super) fn urgency(plan: &RunPlan, known: &HashMap<StepId, Duration>) -> HashMap<StepId, Duration> {
    let usual = usual(plan, known);
    let mut urgency: HashMap<StepId, Duration> = HashMap::with_capacity(plan.steps.len());
    for step in plan.steps.values().rev() {
        let own = known.get(&step.id).copied().unwrap_or_else(|| usual(&step.action));
        let way = urgency.entry(step.id.clone()).or_default();
        *way += own;
        let way = *way;
        for need in &step.needs {
            let below = urgency.entry(need.clone()).or_default();
            *below = way.max(*below);
        }
    }
    urgency
}

/// Returns how long steps of a kind take on average.
fn usual(plan: &RunPlan, known: &HashMap<StepId, Duration>) -> impl Fn(&Action) -> Duration {
    let mut sums: Vec<(StepKind, Duration, u32)> = Vec::new();
    for step in plan.steps.values() {
        let Some(took) = known.get(&step.id) else { continue };
        let kind = StepKind::from(&step.action);
        match sums.iter_mut().find(|sum| sum.0 == kind) {
            Some((_, sum, count)) => (*sum, *count) = (*sum + *took, *count + 1),
            None => sums.push((kind, *took, 1)),
        }
    }
    move |action| {
        let kind = StepKind::from(action);
        match sums.iter().find(|sum| sum.0 == kind) {
            Some((_, sum, count)) => *sum / *count,
            None if kind == StepKind::Build => SOME_BUILD,
            None => Duration::ZERO,
        }
    }
}
