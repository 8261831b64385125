//! New in 1.3.0: exact fractions, and linear equations solved with them.

use std::fmt;
use std::ops::{Div, Mul, Sub};

/// A fraction in lowest terms.
#[derive(Clone, Copy, PartialEq)]
pub struct Fraction(i64, i64);

impl Fraction {
    fn new(a: i64, b: i64) -> Self {
        let divisor = gcd(a.abs(), b.abs()).max(1) * if b < 0 { -1 } else { 1 };
        Fraction(a / divisor, b / divisor)
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Sub for Fraction {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Fraction::new(self.0 * other.1 - other.0 * self.1, self.1 * other.1)
    }
}

impl Mul for Fraction {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Fraction::new(self.0 * other.0, self.1 * other.1)
    }
}

impl Div for Fraction {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        Fraction::new(self.0 * other.1, self.1 * other.0)
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1 == 1 { write!(f, "{}", self.0) } else { write!(f, "{}/{}", self.0, self.1) }
    }
}

/// Solves the equations whose last column is the right-hand side, by Gauss's elimination.
pub fn solve(mut rows: Vec<Vec<Fraction>>) -> Option<Vec<Fraction>> {
    let n = rows.len();
    for column in 0..n {
        let pivot = (column..n).find(|&row| rows[row][column].0 != 0)?;
        rows.swap(column, pivot);
        let head = rows[column][column];
        rows[column].iter_mut().for_each(|value| *value = *value / head);
        let chosen = rows[column].clone();
        for (row, values) in rows.iter_mut().enumerate().filter(|(row, _)| *row != column) {
            let _ = row;
            let factor = values[column];
            values.iter_mut().zip(&chosen).for_each(|(value, pivot)| *value = *value - factor * *pivot);
        }
    }
    Some(rows.iter().map(|row| row[n]).collect())
}

pub fn work() {
    let equations = [[2, 1, -1, 8], [-3, -1, 2, -11], [-2, 1, 2, -3]];
    let rows = equations.iter().map(|row| row.iter().map(|&value| Fraction::new(value, 1)).collect()).collect();
    let solution = solve(rows).map(|values| values.iter().map(Fraction::to_string).collect::<Vec<_>>().join(", "));
    println!("  three equations, solved: {}", solution.unwrap_or_default());
}
