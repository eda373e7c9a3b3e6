//! Data sets: built in and on disk.
