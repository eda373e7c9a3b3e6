//! Certificate tables: from vote counts to radii, rounded down.
