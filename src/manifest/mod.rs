//! The compiled project: a pure function of files, environment and variables.
