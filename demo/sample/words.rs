//! New in 1.0.0: counts the words of a text.

/// Words with how often they occur, the most frequent first.
pub fn count(text: &str) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

pub fn work() {
    let counts = count("the quick brown fox jumps over the lazy dog and the cat");
    println!("  the most frequent of {} words: {:?}", counts.len(), counts.first());
}
