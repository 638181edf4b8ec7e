//! What rendered SQL reads and yields: references, columns, types.
