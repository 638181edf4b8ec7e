//! What happened in a run: data only, versioned, serialisable; reports are made of nothing else.
