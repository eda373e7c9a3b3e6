//! Votes, predictions and certificates over noisy copies of an image.
