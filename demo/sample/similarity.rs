//! New in 1.2.0: finds the most similar of several words.

/// The Levenshtein distance, by characters.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == *y { diagonal } else { 1 + diagonal.min(above).min(row[j]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

pub fn work() {
    let commands = ["check", "update", "status", "rollback", "doctor"];
    for typed in ["updaet", "chek", "stats"] {
        let nearest = commands.iter().min_by_key(|command| distance(typed, command));
        println!("  {typed}: did you mean {}?", nearest.copied().unwrap_or("help"));
    }
}
