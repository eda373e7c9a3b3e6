//! Total variation distance between the table that is shipped and the rounded Gaussian.

use super::alias::Columns;
use super::gaussian::{BITS, shift_ceil};
use super::pmf::Cells;
use dashu::integer::UBig;

/// Bound of the distance of an image of `values` independent draws, units of 2^-64, rounded up (saturating).
///
/// The distribution is read back from the finished columns; the distance of a product is at most the sum of
/// the distances.
pub(super) fn image(cells: &Cells, columns: &Columns, values: usize) -> u128 {
    let masses = columns.masses();
    let zero = masses.len() / 2 - 1;
    let mut doubled = cells.tail.clone();
    for (column, &units) in masses.iter().enumerate() {
        let table = UBig::from(units) << (BITS - 64);
        doubled += match cells.mass.get(column.abs_diff(zero)) {
            Some(ideal) => distance(&table, &ideal.low).max(distance(&table, &ideal.high)),
            None => table, // beyond the reach: the ideal mass there is already in the tail
        };
    }
    let units = shift_ceil(doubled * UBig::from(values), BITS - 64 + 1);
    u128::try_from(units).unwrap_or(u128::MAX)
}

fn distance(a: &UBig, b: &UBig) -> UBig {
    if a > b { a - b } else { b - a }
}
