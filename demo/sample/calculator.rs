//! New in 1.1.0: evaluates arithmetic by recursive descent.

use std::iter::Peekable;
use std::str::Chars;

/// The value of an expression of numbers, + - * / and brackets.
pub fn evaluate(text: &str) -> Result<f64, String> {
    let mut rest = text.chars().peekable();
    let value = sum(&mut rest)?;
    match rest.find(|c| !c.is_whitespace()) {
        None => Ok(value),
        Some(c) => Err(format!("unexpected {c:?}")),
    }
}

fn sum(rest: &mut Peekable<Chars<'_>>) -> Result<f64, String> {
    let mut value = product(rest)?;
    while let Some(&sign @ ('+' | '-')) = skip(rest) {
        rest.next();
        let next = product(rest)?;
        value = if sign == '+' { value + next } else { value - next };
    }
    Ok(value)
}

fn product(rest: &mut Peekable<Chars<'_>>) -> Result<f64, String> {
    let mut value = atom(rest)?;
    while let Some(&sign @ ('*' | '/')) = skip(rest) {
        rest.next();
        let next = atom(rest)?;
        value = if sign == '*' { value * next } else { value / next };
    }
    Ok(value)
}

fn atom(rest: &mut Peekable<Chars<'_>>) -> Result<f64, String> {
    match skip(rest) {
        Some('(') => {
            rest.next();
            let value = sum(rest)?;
            match skip(rest) {
                Some(')') => {
                    rest.next();
                    Ok(value)
                }
                other => Err(format!("expected a closing bracket, found {other:?}")),
            }
        }
        Some('-') => {
            rest.next();
            atom(rest).map(|value| -value)
        }
        _ => {
            let mut digits = String::new();
            while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || *c == '.') {
                digits.push(c);
            }
            digits.parse().map_err(|error| format!("{digits:?}: {error}"))
        }
    }
}

fn skip<'a>(rest: &'a mut Peekable<Chars<'_>>) -> Option<&'a char> {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
    rest.peek()
}

pub fn work() {
    for text in ["2 * (3 + 4) - 5 / 2", "1 / (2 - 2)", "3 +"] {
        println!("  {text} = {:?}", evaluate(text));
    }
}
