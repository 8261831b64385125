//! The settings of the command: flag before environment before configuration file before default.

use crate::logs::LogFormat;
use crate::{BaseUrl, Config, Resign, ServerError, TlsFiles};
use clap::Args;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use upstep_model::AppName;

/// The settings that can be given: each as a flag, in the environment and in the file.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The store: a folder, or s3://bucket/prefix (keys, region and endpoint from AWS_*) [default: releases]
    #[arg(long, env = "UPSTEP_SERVER_STORE", value_name = "PATH-or-URL")]
    store: Option<String>,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long, env = "UPSTEP_SERVER_HOST", value_name = "ADDRESS")]
    host: Option<IpAddr>,
    /// The port to listen on; 0 takes a free one, the log says which [default: 8080]
    #[arg(long, env = "UPSTEP_SERVER_PORT")]
    port: Option<u16>,
    /// Serve HTTPS with this certificate chain (PEM); read again on SIGHUP
    #[arg(long, env = "UPSTEP_SERVER_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, env = "UPSTEP_SERVER_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// What clients see before the path: for the URLs in latest.json [default: from Host and X-Forwarded-*]
    #[arg(long, env = "UPSTEP_SERVER_PUBLIC_URL", value_name = "URL")]
    public_url: Option<BaseUrl>,
    /// The app of /latest.json, where the store has several
    #[arg(long, env = "UPSTEP_SERVER_DEFAULT_APP", value_name = "APP")]
    default_app: Option<AppName>,
    /// Sign snapshot and timestamp anew before they expire, with the keys in this folder:
    /// snapshot.pem and timestamp.pem, or APP/snapshot.pem and APP/timestamp.pem
    #[arg(long, env = "UPSTEP_SERVER_RESIGN_KEYS", value_name = "FOLDER")]
    resign_keys: Option<PathBuf>,
    /// How long newly signed metadata is valid [default: 7]
    #[arg(long, env = "UPSTEP_SERVER_RESIGN_DAYS", value_name = "DAYS")]
    resign_days: Option<u32>,
    /// How often the store is asked for new commits [default: 1]
    #[arg(long, env = "UPSTEP_SERVER_POLL_INTERVAL", value_name = "SECONDS")]
    poll_interval: Option<u64>,
    /// How long downloads in flight may go on after SIGTERM [default: 120]
    #[arg(long, env = "UPSTEP_SERVER_SHUTDOWN_TIMEOUT", value_name = "SECONDS")]
    shutdown_timeout: Option<u64>,
    /// How long a client may take to send a request [default: 10]
    #[arg(long, env = "UPSTEP_SERVER_REQUEST_TIMEOUT", value_name = "SECONDS")]
    request_timeout: Option<u64>,
    /// Threads that answer requests [default: one per core]
    #[arg(long, env = "UPSTEP_SERVER_WORKERS", value_name = "N")]
    workers: Option<usize>,
    /// Most connections of one worker at a time [default: 10000]
    #[arg(long, env = "UPSTEP_SERVER_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<usize>,
    /// How log lines look, on standard error [default: text]
    #[arg(long, env = "UPSTEP_SERVER_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,
    /// Which log lines: error, warn, info, debug, or directives such as info,access=off [default: info,actix_server=warn]
    #[arg(long, env = "UPSTEP_SERVER_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// Where to listen, and how to log: what the library is not told.
#[derive(Debug)]
pub struct Process {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 for a free one.
    pub port: u16,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines.
    pub log: String,
}

impl Settings {
    /// Reads a configuration file: TOML, with the flags' names.
    pub fn read(path: &Path) -> Result<Self, ServerError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| ServerError::ConfigFile {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.into()))?;
        toml::from_str(&text).map_err(|error| failed(error.into()))
    }

    /// These settings, and those of `fallback` where these say nothing.
    pub fn or(self, fallback: Settings) -> Settings {
        Settings {
            store: self.store.or(fallback.store),
            host: self.host.or(fallback.host),
            port: self.port.or(fallback.port),
            tls_cert: self.tls_cert.or(fallback.tls_cert),
            tls_key: self.tls_key.or(fallback.tls_key),
            public_url: self.public_url.or(fallback.public_url),
            default_app: self.default_app.or(fallback.default_app),
            resign_keys: self.resign_keys.or(fallback.resign_keys),
            resign_days: self.resign_days.or(fallback.resign_days),
            poll_interval: self.poll_interval.or(fallback.poll_interval),
            shutdown_timeout: self.shutdown_timeout.or(fallback.shutdown_timeout),
            request_timeout: self.request_timeout.or(fallback.request_timeout),
            workers: self.workers.or(fallback.workers),
            max_connections: self.max_connections.or(fallback.max_connections),
            log_format: self.log_format.or(fallback.log_format),
            log: self.log.or(fallback.log),
        }
    }

    /// What the process and what the server is told.
    ///
    /// `passphrase` is that of the keys to sign with: it comes from the environment alone.
    pub fn resolve(self, passphrase: Option<String>) -> Result<(Process, Config), ServerError> {
        let process = Process {
            // Plain HTTP for the whole network is something to ask for, not to get by accident.
            host: self.host.unwrap_or(IpAddr::from([127, 0, 0, 1])),
            port: self.port.unwrap_or(8080),
            log_format: self.log_format.unwrap_or_default(),
            log: self.log.unwrap_or_else(|| "info,actix_server=warn".to_owned()),
        };
        let defaults = Config::new(self.store.unwrap_or_else(|| "releases".to_owned()));
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(ServerError::Settings("tls-cert and tls-key need each other")),
        };
        let seconds = |given: Option<u64>, default| given.map_or(default, Duration::from_secs);
        let days = self.resign_days.unwrap_or(7);
        let is_zero = [
            self.poll_interval == Some(0),
            self.request_timeout == Some(0),
            self.workers == Some(0),
            self.max_connections == Some(0),
            days == 0,
        ];
        if is_zero.contains(&true) {
            return Err(ServerError::Settings(
                "poll-interval, request-timeout, workers, max-connections and resign-days must not be 0",
            ));
        }
        let resign = self.resign_keys.map(|keys| Resign {
            keys,
            passphrase,
            lifetime: Duration::from_secs(u64::from(days) * 24 * 3600),
        });
        let config = Config {
            default_app: self.default_app,
            public_url: self.public_url,
            tls,
            resign,
            poll_interval: seconds(self.poll_interval, defaults.poll_interval),
            shutdown_timeout: seconds(self.shutdown_timeout, defaults.shutdown_timeout),
            request_timeout: seconds(self.request_timeout, defaults.request_timeout),
            workers: self.workers,
            max_connections: self.max_connections.unwrap_or(defaults.max_connections),
            ..defaults
        };
        Ok((process, config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Settings, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn what_is_said_first_wins_and_what_is_not_said_has_a_default() {
        let flags = file("port = 1").expect("settings");
        let other = file("port = 2\nhost = '0.0.0.0'\npublic-url = 'https://a.example/'").expect("settings");
        let (process, config) = flags.or(other).resolve(None).expect("settings that go together");
        assert_eq!((process.port, process.host.to_string().as_str()), (1, "0.0.0.0"));
        assert_eq!(config.public_url.map(String::from).as_deref(), Some("https://a.example"));
        let (process, config) = Settings::default().resolve(None).expect("settings that go together");
        assert!(process.host.is_loopback());
        assert_eq!((config.store.as_str(), config.poll_interval), ("releases", Duration::from_secs(1)));
    }

    #[test]
    fn unknown_keys_and_values_of_the_wrong_form_are_errors() {
        for bad in ["prot = 1", "port = 'x'", "public-url = 'a.example'", "default-app = 'v1'", "log-format = 'xml'"] {
            assert!(file(bad).is_err(), "{bad}");
        }
        for bad in ["tls-cert = 'a.pem'", "tls-key = 'a.pem'", "poll-interval = 0", "resign-days = 0", "workers = 0"] {
            assert!(file(bad).expect("settings").resolve(None).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_setting_has_a_flag_a_variable_and_a_key_of_the_same_name() {
        let command = Settings::augment_args(clap::Command::new("patch-server"));
        let names: Vec<String> =
            command.get_arguments().map(|arg| arg.get_long().expect("a flag").to_owned()).collect();
        for arg in command.get_arguments() {
            let name = arg.get_long().expect("a flag");
            let variable = format!("UPSTEP_SERVER_{}", name.to_uppercase().replace('-', "_"));
            assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(variable.as_str()));
        }
        let unknown = file("no-such-key = 1").expect_err("no such key").to_string();
        for name in names {
            assert!(unknown.contains(&format!("`{name}`")), "the file does not know {name}: {unknown}");
        }
    }
}
