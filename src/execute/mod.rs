//! Carries a plan out: order, concurrency, cancellation. Prints nothing.
