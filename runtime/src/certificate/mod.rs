//! Certificate tables: from a vote count to a radius.
