//! `differ init`

use super::output;
use crate::DifferError;
use crate::init::{Args, init};
use crate::project::ROOT_FILE;
use crate::secrets::Secrets;
use jiff::Timestamp;
use std::path::Path;

/// Sets up an app.
pub fn run(args: &Args, project: &Path, json: bool) -> Result<(), DifferError> {
    let passphrase = Secrets::of_this_process().new_passphrase(args.passphrase)?;
    init(args, project, passphrase.as_deref(), Timestamp::now())?;
    let is_encrypted = passphrase.is_some();
    if json {
        let report = serde_json::json!({ "project": project, "app": args.app, "encrypted": is_encrypted });
        return output::json(&report);
    }
    output::text(&next_steps(args, project, is_encrypted))
}

/// What to do with what was written.
fn next_steps(args: &Args, project: &Path, is_encrypted: bool) -> String {
    let protect = match is_encrypted {
        true => "",
        false => "  The keys are not encrypted: guard them, or begin again with --passphrase.\n",
    };
    let (app, project) = (&args.app, project.display());
    format!(
        r#"Wrote {project} and {ROOT_FILE}, which belong into version control, and keys/, which is secret.
{protect}  Keep keys/root.pem off this machine: it is needed only to replace the other keys.

Paste into the top of main, in src/main.rs:

    let up = upstep::app!("{app}")
        .url("https://updates.example.org")
        .start();
    up.update_at_start();

and after each build run:

    differ publish target/release/{app}
"#
    )
}
