//! The README's plots, from what was measured: SVG that reads on light and on dark ground.

use crate::BenchError;
use crate::child::Usage;
use crate::report::{Measured, Report};
use crate::scaling::{Point, Scaling, n_log_n};
use crate::tool::Tool;
use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Display;
use std::fs;
use std::path::Path;

/// Grey that is told from white and from black.
const INK: RGBColor = RGBColor(125, 133, 144);
const FONT: &str = "sans-serif";
const WIDTH: u32 = 860;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws `sizes.svg` and `apply.svg`, and `scaling.svg` if that was measured, into `folder`.
pub fn draw(folder: &Path, report: &Report, scaling: Option<&Scaling>) -> Result<(), BenchError> {
    fs::create_dir_all(folder).map_err(BenchError::io("create", folder))?;
    let save = |name: &str, svg: Result<String, BenchError>| {
        let path = folder.join(name);
        fs::write(&path, svg?).map_err(BenchError::io("write", &path))
    };
    save("sizes.svg", sizes(report))?;
    save("apply.svg", apply(report))?;
    if let Some(scaling) = scaling {
        save("scaling.svg", costs(scaling))?;
    }
    Ok(())
}

fn colour(tool: Tool) -> RGBColor {
    match tool {
        Tool::Upstep => RGBColor(31, 136, 61),
        Tool::UpstepFast => RGBColor(126, 196, 118),
        Tool::HDiffPatch => RGBColor(84, 134, 219),
        Tool::Bsdiff => RGBColor(191, 135, 0),
        Tool::Bidiff => RGBColor(207, 90, 54),
        Tool::Zstd => RGBColor(150, 110, 200),
        Tool::Xdelta3 => RGBColor(140, 150, 160),
    }
}

/// Draws on an area without ground.
fn svg(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Result<(), String>) -> Result<String, BenchError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(said)).map_err(BenchError::Plot)?;
    }
    Ok(text)
}

fn said(error: impl Display) -> String {
    error.to_string()
}

fn label(size: i32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

/// Bars: each tool's patch of each pair, as a part of the full download.
fn sizes(report: &Report) -> Result<String, BenchError> {
    const BAR: i32 = 9;
    const LEFT: i32 = 250;
    const TOP: i32 = 56;
    let tools = tools(report);
    let row = BAR * tools.len() as i32 + 12;
    let shares = |pair: &Measured| {
        let full = full(pair) as f64;
        tools.iter().map(|tool| pair.by(*tool).map(|cost| cost.bytes as f64 / full)).collect::<Vec<_>>()
    };
    let most = report.pairs.iter().flat_map(shares).flatten().fold(0.0, f64::max).max(f64::EPSILON);
    let scale = f64::from(WIDTH as i32 - LEFT - 90) / most;
    let height = TOP + row * report.pairs.len() as i32 + 8;
    svg((WIDTH, height.unsigned_abs()), |area| {
        area.draw(&Text::new("Patch, in percent of the full download (xz -9e); shorter is better", (8, 8), label(15)))
            .map_err(said)?;
        legend(area, &tools, 32)?;
        for (at, pair) in report.pairs.iter().enumerate() {
            let top = TOP + row * at as i32;
            let name = format!("{} {} to {}", pair.program, pair.from, pair.to);
            let right = label(12).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(name, (LEFT - 8, top + (row - 12) / 2), right)).map_err(said)?;
            for (at, (tool, share)) in tools.iter().zip(shares(pair)).enumerate() {
                let y = top + BAR * at as i32;
                let (length, text) = match share {
                    Some(share) => ((share * scale).max(1.0) as i32, format!("{:.*}%", digits(share), share * 100.0)),
                    None => (0, "failed".to_owned()),
                };
                let bar = [(LEFT, y), (LEFT + length, y + BAR - 1)];
                area.draw(&Rectangle::new(bar, colour(*tool).filled())).map_err(said)?;
                area.draw(&Text::new(text, (LEFT + length + 4, y - 1), label(9))).map_err(said)?;
            }
        }
        Ok(())
    })
}

fn digits(share: f64) -> usize {
    if share < 0.001 { 3 } else { 1 }
}

fn legend(area: &Area<'_>, tools: &[Tool], y: i32) -> Result<(), String> {
    let mut x = 8;
    for tool in tools {
        area.draw(&Rectangle::new([(x, y), (x + 11, y + 11)], colour(*tool).filled())).map_err(said)?;
        area.draw(&Text::new(tool.name(), (x + 16, y - 1), label(13))).map_err(said)?;
        x += 34 + 8 * tool.name().len() as i32;
    }
    Ok(())
}

/// Points: the patch against the time to apply it, `xz -d` of the full download being 1.
fn apply(report: &Report) -> Result<String, BenchError> {
    let mut points = Vec::new();
    for pair in &report.pairs {
        let Some(xz) = &pair.xz else { continue };
        for tool in tools(report) {
            if let Some(cost) = pair.by(tool) {
                let share = cost.bytes as f64 / xz.bytes.max(1) as f64;
                let time = cost.apply.wall_seconds.max(0.001) / xz.apply.wall_seconds.max(0.001);
                points.push((tool, time, share));
            }
        }
    }
    let (across, up) = (bounds(points.iter().map(|point| point.1)), bounds(points.iter().map(|point| point.2)));
    svg((WIDTH, 460), |area| {
        let title = "Patch, in parts of the full download (xz -9e), against the time to apply it (xz -d = 1); lower left is better";
        area.draw(&Text::new(title, (8, 8), label(14))).map_err(said)?;
        legend(area, &tools(report), 32)?;
        let area = area.margin(48, 0, 10, 16);
        let mut chart = ChartBuilder::on(&area)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d((across.0..across.1).log_scale(), (up.0..up.1).log_scale())
            .map_err(said)?;
        mesh(chart.configure_mesh(), "time to apply from start to end, xz -d = 1", "bytes, full = 1")?;
        let dots = points.iter().map(|(tool, time, share)| Circle::new((*time, *share), 4, colour(*tool).filled()));
        chart.draw_series(dots).map(drop).map_err(said)
    })
}

/// Lines: seconds against the length of the input.
fn costs(scaling: &Scaling) -> Result<String, BenchError> {
    type Pick = fn(&Point) -> Option<&Usage>;
    let lines: [(&str, RGBColor, Pick); 3] = [
        ("diff", colour(Tool::Upstep), |point| Some(&point.diff)),
        ("HDiffPatch's diff", colour(Tool::HDiffPatch), |point| point.hdiffpatch.as_ref()),
        ("apply", colour(Tool::Bsdiff), |point| Some(&point.apply)),
    ];
    let seconds = |pick: Pick| {
        let measured = scaling.points.iter().filter_map(move |point| Some((point, pick(point)?)));
        measured.map(|(point, usage)| (megabytes(point.new_bytes), usage.cpu_seconds.max(0.001)))
    };
    let across = bounds(scaling.points.iter().map(|point| megabytes(point.new_bytes)));
    // Names of lines stand behind their ends.
    let across = (across.0, across.1 * 2.0);
    let up = bounds(lines.iter().flat_map(|(_, _, pick)| seconds(*pick)).map(|point| point.1));
    svg((WIDTH, 420), |area| {
        let title = "Processor time against the length of the new file, n; grey lines grow by n log n";
        area.draw(&Text::new(title, (8, 8), label(14))).map_err(said)?;
        let area = area.margin(32, 0, 10, 16);
        let mut chart = ChartBuilder::on(&area)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d((across.0..across.1).log_scale(), (up.0..up.1).log_scale())
            .map_err(said)?;
        mesh(chart.configure_mesh(), "MB of the new file", "processor seconds")?;
        for (name, colour, pick) in lines {
            let Some(first) = seconds(pick).next() else { continue };
            let lengths = scaling.points.iter().map(|point| megabytes(point.new_bytes));
            let even = lengths.map(|n| (n, first.1 * n_log_n(n * 1e6) / n_log_n(first.0 * 1e6)));
            chart.draw_series(LineSeries::new(even, INK.mix(0.5))).map_err(said)?;
            chart.draw_series(LineSeries::new(seconds(pick), colour.stroke_width(2)).point_size(4)).map_err(said)?;
            if let Some(last) = seconds(pick).next_back() {
                let font = (FONT, 14).into_font().color(&colour);
                let text = Text::new(name, (10, 0), font.pos(Pos::new(HPos::Left, VPos::Center)));
                let text = EmptyElement::at(last) + text;
                chart.draw_series(std::iter::once(text)).map_err(said)?;
            }
        }
        Ok(())
    })
}

fn mesh<X, Y>(mut mesh: MeshStyle<'_, '_, X, Y, SVGBackend<'_>>, across: &str, up: &str) -> Result<(), String>
where
    X: Ranged<ValueType = f64> + plotters::coord::ranged1d::ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + plotters::coord::ranged1d::ValueFormatter<f64>,
{
    mesh.x_desc(across)
        .y_desc(up)
        .axis_style(INK)
        .label_style(label(12))
        .axis_desc_style(label(13))
        .bold_line_style(INK.mix(0.25))
        .light_line_style(INK.mix(0.08))
        .x_label_formatter(&|value| tick(*value))
        .y_label_formatter(&|value| tick(*value))
        .draw()
        .map_err(said)
}

/// What stands at a line of a logarithmic axis: at 1, 2 and 5 there is room for it.
fn tick(value: f64) -> String {
    let digit = (value / 10f64.powf(value.log10().floor())).round();
    if [1.0, 2.0, 5.0].contains(&digit) { format!("{}", (value * 1e6).round() / 1e6) } else { String::new() }
}

/// A range around the values, for a logarithmic axis.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(value), f64::max(high, value)));
    if low > high { (0.1, 1.0) } else { (low / 1.3, high * 1.5) }
}

fn tools(report: &Report) -> Vec<Tool> {
    Tool::ALL.into_iter().filter(|tool| !report.missing.contains(tool)).collect()
}

/// Length of the full download: by xz, where that was there.
fn full(pair: &Measured) -> u64 {
    pair.xz.as_ref().map_or(pair.full_bytes, |xz| xz.bytes).max(1)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn every_pair_and_tool_is_in_the_bars_failures_too() {
        let text = sizes(&report()).expect("drawn");
        for word in ["<svg", "hello 1.0.0 to 1.1.0", "Upstep", "HDiffPatch", "failed", "0.6%"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(!text.contains("xdelta3"), "it is missing");
        assert!(!text.contains("white") && !text.contains("#FFFFFF"), "no ground of its own");
    }

    #[test]
    fn ticks_are_short_and_have_room() {
        let ticks = [0.0001, 0.2, 0.30000000000000004, 0.5, 0.7000000000000001, 1.0, 2.0, 30.0, 500.0].map(tick);
        assert_eq!(ticks, ["0.0001", "0.2", "", "0.5", "", "1", "2", "", "500"]);
    }

    #[test]
    fn the_plots_are_files_and_nothing_measured_is_no_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let usage = Usage { wall_seconds: 1.0, cpu_seconds: 2.0, peak_bytes: 3 };
        let point = |new_bytes| Point {
            old_bytes: new_bytes,
            new_bytes,
            patch_bytes: 5,
            diff: usage,
            halves_cpu_seconds: None,
            apply: usage,
            hdiffpatch: Some(usage),
        };
        let scaling = Scaling { date: String::new(), points: vec![point(1_000_000), point(10_000_000)] };
        draw(folder.path(), &report(), Some(&scaling)).expect("drawn");
        for name in ["sizes.svg", "apply.svg", "scaling.svg"] {
            assert!(fs::read_to_string(folder.path().join(name)).expect(name).contains("</svg>"), "{name}");
        }
        draw(folder.path(), &Report { pairs: Vec::new(), ..report() }, None).expect("drawn");
    }
}
