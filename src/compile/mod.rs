//! From a float graph to an integer model file.
