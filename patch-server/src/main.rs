//! `patch-server`: answers with the cheapest plan for a client and serves its blobs.

use clap::Parser;
use patch_server::{ServerError, Settings, init_logs, run_with_signals, signals_of_process};
use std::error::Error as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;

/// Answers with the cheapest plan for a client and serves its blobs.
///
/// Every option can be given as a flag, in the environment, or in the file of --config (TOML, with
/// the flags' names); the first that says something counts.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A file with settings
    #[arg(long, env = "UPSTEP_SERVER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> ExitCode {
    match serve(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: Arguments) -> Result<(), ServerError> {
    let file = arguments.config.map(|path| Settings::read(&path)).transpose()?.unwrap_or_default();
    let passphrase = std::env::var("UPSTEP_PASSPHRASE").ok();
    let (process, config) = arguments.settings.or(file).resolve(passphrase)?;
    init_logs(process.log_format, &process.log)?;
    let address = SocketAddr::from((process.host, process.port));
    let listener = TcpListener::bind(address).map_err(|source| ServerError::Bind { address, source })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| ServerError::System { operation: "start the runtime", source })?;
    runtime.block_on(async {
        let signals =
            signals_of_process().map_err(|source| ServerError::System { operation: "listen to signals", source })?;
        run_with_signals(listener, config, signals).await
    })
}

fn report(error: &ServerError) {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("caused by: {cause}");
        source = cause.source();
    }
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
}
