//! Noise tables with an exact total-variation budget.
