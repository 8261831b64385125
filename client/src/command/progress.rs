//! The progress bar: one line on a terminal, drawn again and again.

use crate::event::Bytes;
use std::io::{IsTerminal, Write};

const WIDTH: u64 = 30;

/// Draws the bar, if stderr is a terminal; clears it at the end.
pub(super) fn draw(done: u64, total: u64) {
    let mut stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return;
    }
    // Who closed the terminal does not look at it.
    let _ = match done < total {
        true => write!(stderr, "\r{}\x1b[K", line(done, total)),
        false => write!(stderr, "\r\x1b[K"),
    };
    let _ = stderr.flush();
}

fn line(done: u64, total: u64) -> String {
    let full = done.saturating_mul(WIDTH).checked_div(total).unwrap_or(WIDTH).min(WIDTH) as usize;
    let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDTH as usize - full));
    format!("  [{bar}] {} of {}", Bytes(done), Bytes(total))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn the_bar_fills_from_nothing_to_all() {
        assert_eq!(line(0, 20_000), "  [------------------------------] 0 bytes of 20.0 kB");
        assert_eq!(line(10_000, 20_000), "  [###############---------------] 10.0 kB of 20.0 kB");
        assert!(line(9, 0).starts_with("  [##############################]"));
    }
}
