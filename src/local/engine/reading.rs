//! How many bytes of data files a statement reads, which is what the scans of all its plans have counted, and how many it
//! writes.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::physical_plan::ExecutionPlan;

type Plans = Arc<Mutex<Vec<Arc<dyn ExecutionPlan>>>>;

tokio::task_local! {
    /// The plans that the statement of this task has begun to run.
    static PLANS: Plans;
    /// Bytes of the files that it gave to tables.
    static WRITTEN: Arc<AtomicU64>;
}

/// Bytes of data files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes {
    pub(super) read: u64,
    pub(super) written: u64,
}

/// What scans of Parquet files call the bytes that they read.
const SCANNED: &str = "bytes_scanned";

/// Carries a statement out; returns how many bytes of data files it read and wrote, too.
pub(super) async fn counted<T>(work: impl Future<Output = T>) -> (T, Bytes) {
    let (plans, written) = (Plans::default(), Arc::new(AtomicU64::new(0)));
    let result = WRITTEN.scope(Arc::clone(&written), PLANS.scope(Arc::clone(&plans), work)).await;
    let plans = std::mem::take(&mut *plans.lock().unwrap_or_else(PoisonError::into_inner));
    (result, Bytes { read: plans.iter().map(scanned).sum(), written: written.load(Ordering::Relaxed) })
}

/// Counts files that a statement gives to a table; to be called in its task.
pub(super) fn wrote(bytes: u64) {
    let _ = WRITTEN.try_with(|written| written.fetch_add(bytes, Ordering::Relaxed));
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
