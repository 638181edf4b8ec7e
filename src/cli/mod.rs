//! Commands, settings, exit statuses. The only room that reads the process environment and the wall clock.
