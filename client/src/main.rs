//! The command `upstep`: keeps any program up to date, also one that does not link the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    upstep::command::main()
}
