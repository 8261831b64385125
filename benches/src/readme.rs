//! The README's tables, from what was measured.

use crate::BenchError;
use crate::report::{Cost, Measured, Report, megabytes};
use crate::scaling::Scaling;
use crate::tool::Tool;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Puts the tables between the two markers of `readme`.
pub fn write(readme: &Path, report: &Report, scaling: Option<&Scaling>) -> Result<(), BenchError> {
    let text = fs::read_to_string(readme).map_err(BenchError::io("read", readme))?;
    let missing = |marker| BenchError::Marker { path: readme.to_owned(), marker };
    let (before, rest) = text.split_once(BEGIN).ok_or_else(|| missing(BEGIN))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| missing(END))?;
    let text = format!("{before}{BEGIN}\n{}{END}{after}", tables(report, scaling));
    fs::write(readme, text).map_err(BenchError::io("write", readme))
}

/// The tables as Markdown, and where the plots are.
pub fn tables(report: &Report, scaling: Option<&Scaling>) -> String {
    let tools: Vec<Tool> = Tool::ALL.into_iter().filter(|tool| !report.missing.contains(tool)).collect();
    let mut text = format!(
        "Bytes to send for an update; the smallest is bold. Measured on {} with `cargo bench -p upstep-benches`, {}, {} cores.\n\n",
        report.date, report.machine, report.cores
    );
    text.push_str("| Program | Versions | Full, zstd |");
    tools.iter().for_each(|tool| text.push_str(&format!(" {} |", tool.name())));
    text.push_str("\n|---|---|--:|");
    tools.iter().for_each(|_| text.push_str("--:|"));
    text.push('\n');
    for pair in &report.pairs {
        let _ = write!(text, "| {} | {} to {} | {} |", pair.program, pair.from, pair.to, grouped(pair.full_bytes));
        for tool in &tools {
            let cell = match pair.by(*tool) {
                Some(cost) if Some(cost.bytes) == pair.smallest() => format!("**{}**", grouped(cost.bytes)),
                Some(cost) => grouped(cost.bytes),
                None => "failed".to_owned(),
            };
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    let _ = writeln!(text, "\n{}", verdict(report, &tools));
    if !report.missing.is_empty() {
        let names: Vec<_> = report.missing.iter().map(|tool| tool.name()).collect();
        let _ = writeln!(text, "Not installed, so not measured: {}.", names.join(", "));
    }
    text.push_str("\n![Patch sizes by pair and tool](docs/plots/sizes.svg)\n");
    if report.pairs.iter().any(|pair| pair.xz.is_some()) {
        text.push_str("\n![Patch size against the time to apply it](docs/plots/apply.svg)\n");
    }
    for tool in Tool::OURS {
        text.push_str(&waiting(report, tool).unwrap_or_default());
    }
    if let Some(largest) = report.pairs.iter().max_by_key(|pair| pair.new_bytes) {
        text.push_str(&costs(largest, &tools));
    }
    if scaling.is_some() {
        text.push_str("\n![Time against the length of the file](docs/plots/scaling.svg)\n");
    }
    text
}

/// Who is smallest how often, and by how much we lose or win on the whole.
fn verdict(report: &Report, tools: &[Tool]) -> String {
    let count = |tool: Tool| {
        let smallest = |pair: &&Measured| pair.by(tool).map(|cost| cost.bytes) == pair.smallest();
        report.pairs.iter().filter(|pair| pair.by(tool).is_some()).filter(smallest).count()
    };
    let wins: Vec<_> = tools.iter().filter(|tool| count(**tool) > 0).collect();
    let wins: Vec<_> = wins.into_iter().map(|tool| format!("{} on {}", tool.name(), count(*tool))).collect();
    let mut text = format!("Of {} pairs the smallest patch is made by: {}.", report.pairs.len(), wins.join(", "));
    for tool in tools.iter().filter(|tool| **tool != Tool::Upstep) {
        if let Some(ratio) = ratio(report, *tool) {
            let _ = write!(text, " {} takes {:.2} times Upstep's bytes.", tool.name(), ratio);
        }
    }
    text.push_str(" (Geometric means.)");
    text
}

/// The geometric mean of a tool's patches, ours being 1.
fn ratio(report: &Report, tool: Tool) -> Option<f64> {
    let both = report.pairs.iter().filter_map(|pair| Some((pair.by(tool)?.bytes, pair.by(Tool::Upstep)?.bytes)));
    geometric_mean(both.map(|(other, ours)| other as f64 / ours as f64))
}

fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logs: Vec<f64> = ratios.map(f64::ln).collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

/// How long applying one of our patches takes, measured by unpacking the full download.
fn waiting(report: &Report, tool: Tool) -> Option<String> {
    let ratios = report.pairs.iter().filter_map(|pair| {
        let (ours, xz) = (pair.by(tool)?, pair.xz.as_ref()?);
        Some((ours.apply.wall_seconds / xz.apply.wall_seconds.max(0.001), pair))
    });
    let ratios: Vec<_> = ratios.collect();
    let mean = geometric_mean(ratios.iter().map(|(ratio, _)| *ratio))?;
    let (least, _) = ratios.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let (most, pair) = ratios.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!(
        "\nFrom start to end, applying a patch of \"{}\" takes {mean:.2} times as long as `xz -d` of the full download \
         (geometric mean; {least:.2} to {most:.2}, which is {} {} to {}).\n",
        tool.name(),
        pair.program,
        pair.from,
        pair.to
    ))
}

/// Time and memory on one pair.
fn costs(pair: &Measured, tools: &[Tool]) -> String {
    let mut text = format!(
        "\nWhat that costs on the largest pair, {} {} to {} ({} bytes): processor seconds, from start \
         to end, and peak memory in MB.\n\n| | Diff s | MB | Apply s | start to end | MB |\n|---|--:|--:|--:|--:|--:|\n",
        pair.program,
        pair.from,
        pair.to,
        grouped(pair.new_bytes)
    );
    let patches = tools.iter().filter_map(|tool| Some((tool.name(), pair.by(*tool)?)));
    for (name, Cost { diff, apply, .. }) in patches.chain(pair.xz.iter().map(|cost| ("the full, xz -9e", cost))) {
        let _ = writeln!(
            text,
            "| {name} | {:.1} | {} | {:.2} | {:.2} | {} |",
            diff.cpu_seconds,
            megabytes(diff),
            apply.cpu_seconds,
            apply.wall_seconds,
            megabytes(apply)
        );
    }
    text
}

/// A number with its thousands apart: `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn losses_failures_and_missing_tools_are_shown() {
        let text = tables(&report(), None);
        assert!(text.contains("| hello | 1.0.0 to 1.1.0 | 345,678 | 2,000 | 3,000 | **1,000** | failed |"), "{text}");
        assert!(text.contains("HDiffPatch on 1. Upstep, fast takes 1.50 times"), "{text}");
        assert!(text.contains("not measured: bsdiff, xdelta3."), "{text}");
        assert!(text.contains("| Upstep | 0.5 | 13 | 0.50 | 1.00 | 13 |"), "{text}");
    }

    #[test]
    fn waiting_for_a_patch_is_compared_with_unpacking_the_full() {
        let mut report = report();
        let mut xz = report.pairs[0].by(Tool::Upstep).expect("it did its work").clone();
        xz.apply.wall_seconds = 0.8;
        report.pairs[0].xz = Some(xz);
        let text = tables(&report, None);
        assert!(
            text.contains("takes 1.25 times as long as `xz -d`") && text.contains("hello 1.0.0 to 1.1.0"),
            "{text}"
        );
    }

    #[test]
    fn the_tables_go_between_the_markers_and_nothing_else_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let readme = folder.path().join("README.md");
        fs::write(&readme, format!("before\n{BEGIN}\nold\n{END}\nafter\n")).expect("written");
        write(&readme, &report(), None).expect("markers are there");
        let once = fs::read_to_string(&readme).expect("text");
        assert!(once.starts_with("before\n<!--") && once.ends_with("-->\nafter\n") && !once.contains("\nold\n"));
        write(&readme, &report(), None).expect("markers are still there");
        assert_eq!(fs::read_to_string(&readme).expect("text"), once);
        fs::write(&readme, "nothing").expect("written");
        assert!(matches!(write(&readme, &report(), None), Err(BenchError::Marker { .. })));
    }
}
