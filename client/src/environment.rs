//! Everything that the library reads from the environment: opt-out and check interval.
//!
//! Proxies and extra certificate authorities come from the environment too, but are read by
//! reqwest and rustls themselves; the roles of a self-update are read by `upstep-swap`.

use crate::interval;
use std::time::Duration;
use upstep_model::AppName;

/// Set to anything but `0` or nothing: no program that links Upstep checks for updates.
pub const NO_UPDATE: &str = "UPSTEP_NO_UPDATE";
/// How often programs look for updates: `0` (every start), `90s`, `15m`, `24h`, `7d`.
pub const CHECK_EVERY: &str = "UPSTEP_CHECK_EVERY";
/// Set by a program for the process that it starts to download in the background.
pub const BACKGROUND: &str = "UPSTEP_BACKGROUND";

/// What the environment asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The variable that switches updates off, if one does.
    pub opted_out: Option<String>,
    /// An interval that overrides the program's own.
    pub check_every: Option<Duration>,
    /// What [`BACKGROUND`] says.
    pub background: Option<String>,
}

impl Environment {
    /// Reads the environment of this process.
    pub fn read(app: &AppName) -> Self {
        Self::from(app, |name| std::env::var(name).ok())
    }

    fn from(app: &AppName, variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name: &String| variable(name).is_some_and(|value| !matches!(value.as_str(), "" | "0"));
        let check_every = variable(CHECK_EVERY).and_then(|text| {
            let parsed = interval::parse(&text);
            if parsed.is_none() {
                tracing::warn!("{CHECK_EVERY} must be a duration such as 90s, 15m or 24h, found {text:?}: ignored");
            }
            parsed
        });
        Environment {
            opted_out: [NO_UPDATE.to_owned(), own_variable(app)].into_iter().find(is_set),
            check_every,
            background: variable(BACKGROUND),
        }
    }
}

/// The variable that switches the checks of one app off: `MY_APP_NO_UPDATE_CHECK`.
pub fn own_variable(app: &AppName) -> String {
    format!("{}_NO_UPDATE_CHECK", app.as_str().to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Environment {
        let app = AppName::parse("my-app").expect("a name");
        Environment::from(&app, |name| variables.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn either_variable_opts_out_and_zero_does_not() {
        assert_eq!(read(&[]), Environment::default());
        assert_eq!(read(&[(NO_UPDATE, "1")]).opted_out.as_deref(), Some(NO_UPDATE));
        assert_eq!(read(&[("MY_APP_NO_UPDATE_CHECK", "yes")]).opted_out.as_deref(), Some("MY_APP_NO_UPDATE_CHECK"));
        assert_eq!(read(&[(NO_UPDATE, "0"), ("OTHER_NO_UPDATE_CHECK", "1")]).opted_out, None);
    }

    #[test]
    fn a_malformed_interval_is_ignored() {
        assert_eq!(read(&[(CHECK_EVERY, "15m")]).check_every, Some(Duration::from_secs(900)));
        assert_eq!(read(&[(CHECK_EVERY, "soon")]).check_every, None);
    }
}
