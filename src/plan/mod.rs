//! What a run will do: pure, complete, with nothing left to decide while it is carried out.
