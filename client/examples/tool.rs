//! A program that does not link the library, for the tests: what a shell script is elsewhere.
//!
//! Its version, and what it does before it prints that, stand behind the end of its own file:
//! `exit N`, `exit-if WORD N`, `crash` (but not when asked for `--version`).

/// What stands between the program and its two lines.
const TRAILER: &[u8] = b"\n--tool--\n";

fn main() {
    let program = std::fs::read(std::env::current_exe().expect("a path")).expect("its own file");
    let at = program.windows(TRAILER.len()).rposition(|window| window == TRAILER).expect("a trailer");
    let text = String::from_utf8_lossy(&program[at + TRAILER.len()..]).into_owned();
    let mut lines = text.lines();
    let version = lines.next().unwrap_or_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = arguments.first().map_or("", String::as_str);
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let number = |text: &str| text.parse().expect("a number");
    match words[..] {
        ["exit", status] => std::process::exit(number(status)),
        ["exit-if", word, status] if asked == word => std::process::exit(number(status)),
        ["crash"] if asked != "--version" => std::process::abort(),
        _ => {}
    }
    println!("version {version}");
    for argument in &arguments {
        println!("argument {argument}");
    }
}
