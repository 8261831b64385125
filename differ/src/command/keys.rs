//! `differ keys`

use super::output;
use super::table::Table;
use crate::project::Project;
use crate::status::{KeyState, RoleStatus, status};
use crate::{DifferError, duration};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;

/// Look after the keys
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Which role has which key, where it is, and until when its metadata is valid
    Status,
}

/// Shows them.
pub fn run(args: &Args, project: &Path, json: bool) -> Result<(), DifferError> {
    let Command::Status = args.command;
    let project = Project::load(project)?;
    let rows = crate::runtime()?.block_on(status(&project, Timestamp::now()))?;
    if json {
        return output::json(&rows);
    }
    let mut table = Table::new(&["role", "key id", "stored as", "metadata valid", "key"]);
    for row in &rows {
        table.row(cells(row));
    }
    output::text(&table.text())?;
    for row in rows.iter().filter(|row| row.is_due) {
        eprintln!("warning: {}", warning(row));
    }
    Ok(())
}

fn cells(row: &RoleStatus) -> [String; 5] {
    let id = row.key_ids.first().map(|id| id.chars().take(16).collect()).unwrap_or_default();
    let key = match row.key {
        KeyState::Plain => "plain text",
        KeyState::Encrypted => "encrypted",
        KeyState::Input => "standard input",
        KeyState::Missing => "not here",
        KeyState::Wrong => "WRONG KEY",
    };
    let valid = match row.seconds_left {
        None => "nothing in the store".to_owned(),
        Some(left) if left < 0 => "EXPIRED".to_owned(),
        Some(left) => format!("{} left", duration::roughly(SignedDuration::from_secs(left))),
    };
    [row.role.to_owned(), id, key.to_owned(), valid, row.place.clone()]
}

fn warning(row: &RoleStatus) -> String {
    let cure = match row.role {
        "root" => "sign a new root",
        "targets" => "publish, which signs it anew",
        _ => "run `differ resign`",
    };
    let expires = row.expires.map(|time| time.to_string()).unwrap_or_default();
    format!("the {} metadata is valid until {expires}: {cure}", row.role)
}
