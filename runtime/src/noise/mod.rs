//! Counter-seeded noise on the pixel grid.
