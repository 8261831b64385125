//! Puts the parts together: store, catalog, refresh, re-signing, HTTP.

use crate::catalog::Live;
use crate::routes::{self, Site};
use crate::tls::Certificate;
use crate::{Config, ServerError, Signal, access, refresh, resign};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use upstep_store::Store;

/// Serves on `listener` until the future is dropped.
pub async fn run(listener: TcpListener, config: Config) -> Result<(), ServerError> {
    let (never, signals) = mpsc::channel(1);
    let result = run_with_signals(listener, config, signals).await;
    drop(never);
    result
}

/// Serves on `listener` until it is told to stop; downloads in flight are finished then.
pub async fn run_with_signals(
    listener: TcpListener,
    config: Config,
    mut signals: mpsc::Receiver<Signal>,
) -> Result<(), ServerError> {
    let address =
        listener.local_addr().map_err(|source| ServerError::System { operation: "use the listener", source })?;
    let certificate = config.tls.as_ref().map(Certificate::read).transpose()?;
    let store_error = |source| ServerError::Store { location: config.store.clone(), source: Box::new(source) };
    let store = Store::open(&config.store).map_err(|error| store_error(error.into()))?;
    let live = Arc::new(Live::default());
    refresh::round(&store, &live).await.map_err(store_error)?;
    let resigner = config.resign.clone().map(|settings| resign::Resigner::new(settings, store.clone())).transpose()?;

    let _refreshing = Background::spawn(refresh::run(store.clone(), live.clone(), config.poll_interval));
    let _watching = Background::spawn(resign::run(resigner, live.clone()));
    let site = Site { live, store, default_app: config.default_app.clone(), public_url: config.public_url.clone() };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = http_server(listener, address, &config, certificate.as_ref(), site, async {
        let _ = stopped.await;
    })?;
    let scheme = if certificate.is_some() { "https" } else { "http" };
    tracing::info!(%address, url = format!("{scheme}://{address}"), store = config.store, "listening");

    let mut stop = Some(stop);
    tokio::pin!(server);
    loop {
        tokio::select! {
            ended = &mut server => {
                return ended.map_err(|source| ServerError::Serve { operation: "serve", address, source });
            }
            Some(signal) = signals.recv() => match signal {
                Signal::Stop if stop.is_some() => {
                    tracing::info!("stopping; downloads in flight are finished");
                    stop = None;
                }
                Signal::Stop => {
                    tracing::warn!("told to stop twice; downloads in flight are cut off");
                    return Ok(());
                }
                Signal::Reload => reload(certificate.as_ref()),
            }
        }
    }
}

fn reload(certificate: Option<&Certificate>) {
    match certificate.map(Certificate::reload) {
        Some(Ok(())) => tracing::info!("certificate and key were read again"),
        Some(Err(error)) => {
            tracing::error!(error = crate::error::chain(&error), "the former certificate stays");
        }
        None => tracing::info!("nothing to reload: no certificate is used"),
    }
}

fn http_server(
    listener: TcpListener,
    address: SocketAddr,
    config: &Config,
    certificate: Option<&Certificate>,
    site: Site,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<actix_web::dev::Server, ServerError> {
    let site = web::Data::new(site);
    let mut server = HttpServer::new(move || {
        App::new().app_data(site.clone()).wrap(from_fn(access::log)).configure(routes::configure)
    })
    // Streamed bodies wait for acknowledgements otherwise: eight times the latency at 64 KB.
    .tcp_nodelay(true)
    .client_request_timeout(config.request_timeout)
    .max_connections(config.max_connections)
    .shutdown_timeout(config.shutdown_timeout.as_secs())
    .shutdown_signal(stopped);
    if let Some(workers) = config.workers {
        server = server.workers(workers);
    }
    let server = match certificate {
        Some(certificate) => server.listen_rustls_0_23(listener, certificate.server_config()?),
        None => server.listen(listener),
    };
    Ok(server.map_err(|source| ServerError::Serve { operation: "listen", address, source })?.run())
}

/// A task that ends with the server.
struct Background(AbortHandle);

impl Background {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Background(tokio::spawn(task).abort_handle())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}
