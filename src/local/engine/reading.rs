//! How many bytes of data files a statement reads: what the scans of all its plans have counted.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::physical_plan::ExecutionPlan;

type Plans = Arc<Mutex<Vec<Arc<dyn ExecutionPlan>>>>;

tokio::task_local! {
    /// The plans that the statement of this task has begun to run.
    static PLANS: Plans;
}

/// What scans of Parquet files call the bytes that they read.
const SCANNED: &str = "bytes_scanned";

/// Carries a statement out; returns how many bytes of data files it read, too.
pub(super) async fn counted<T>(work: impl Future<Output = T>) -> (T, u64) {
    let plans = Plans::default();
    let result = PLANS.scope(Arc::clone(&plans), work).await;
    let plans = std::mem::take(&mut *plans.lock().unwrap_or_else(PoisonError::into_inner));
    (result, plans.iter().map(scanned).sum())
}

/// Counts what a plan will have read; to be called in the task of its statement before it runs.
pub(super) fn count(plan: &Arc<dyn ExecutionPlan>) {
    // What is not asked for by a statement is not counted.
    let _ = PLANS.try_with(|plans| plans.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(plan)));
}

fn scanned(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name(SCANNED)).map_or(0, |sum| sum.as_usize() as u64);
    own + plan.children().into_iter().map(scanned).sum::<u64>()
}
