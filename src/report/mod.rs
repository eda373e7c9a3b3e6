//! Cards, summaries and pictures.
