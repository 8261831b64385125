//! The table at the end.

use std::time::Duration;

/// One update.
pub struct Row {
    from: &'static str,
    to: &'static str,
    /// Bytes that the server sent for it.
    pub sent: u64,
    full: u64,
    /// How long the program was away.
    pub away: Option<Duration>,
    /// How it ended.
    pub outcome: &'static str,
}

impl Row {
    /// An update whose end is not known yet.
    pub fn new(from: &'static str, to: &'static str, sent: u64, full: u64) -> Self {
        Row { from, to, sent, full, away: None, outcome: "" }
    }
}

/// Prints the updates.
pub fn print(rows: &[Row]) {
    println!("\n{:<16} {:>12} {:>14} {:>9} {:>12}   ", "update", "bytes sent", "full download", "share", "away");
    for row in rows {
        let update = format!("{} -> {}", row.from, row.to);
        let share = format!("{:.1}%", 100.0 * row.sent as f64 / row.full.max(1) as f64);
        let away = row.away.map_or_else(|| "-".to_owned(), |away| format!("{} ms", away.as_millis()));
        println!("{update:<16} {:>12} {:>14} {share:>9} {away:>12}   {}", row.sent, row.full, row.outcome);
    }
    println!("\nBytes sent are those of the server's own access log, and equal to what the program reported.");
    println!("Away: from the updater's start to the new version's first words.");
}
