//! The class of a row of logits.

/// Index of the largest logit; the lowest index among equals; 0 for no logits.
pub fn argmax(logits: &[i32]) -> usize {
    let mut classes = logits.iter().enumerate();
    let Some(mut best) = classes.next() else { return 0 };
    for (class, logit) in classes {
        if logit > best.1 {
            best = (class, logit);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::argmax;

    #[test]
    fn ties_go_to_the_lowest_index() {
        assert_eq!(argmax(&[]), 0);
        assert_eq!(argmax(&[-7]), 0);
        assert_eq!(argmax(&[1, 5, 5, 2]), 1);
        assert_eq!(argmax(&[-3, -9, -3]), 0);
    }
}
