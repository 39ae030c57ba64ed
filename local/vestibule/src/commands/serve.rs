//! `serve`: runs everything until SIGTERM or Ctrl-C.

use crate::app::{App, remove_folder};
use crate::cli::Common;
use crate::output::answer;
use serde_json::json;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use vestibule_host::FrontSettings;
use vestibule_platform::{Access, BoxError};

pub async fn run(listen: SocketAddr, common: &Common) -> Result<(), BoxError> {
    // This comes first, so that no signal is lost.
    let signal = stop_signal()?;
    let app = App::start(&common.data).await?;
    let listener = TcpListener::bind(listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let functions = app.functions();
    let (links, allowed_origins) = (Some(app.links.clone()), Access::from_env()?.allowed_origins);
    let front = FrontSettings { links, allowed_origins, ..FrontSettings::default() };
    let endpoints = app.host.endpoints.clone();
    let ready = json!({"url": url, "data": common.data, "endpoints": endpoints});
    answer(common.json, &ready, || format!("Serving {} at {url} until Ctrl-C.", common.data.display()));
    let flush = app.flush();
    let stop = async {
        signal.await;
        flush.await;
    };
    app.host.run(listener, front, functions, stop).await?;
    remove_folder(&app.scratch)?;
    if !common.json {
        crate::output::say("Stopped; everything acknowledged is stored.");
    }
    Ok(())
}

/// Resolves on SIGTERM or Ctrl-C.
pub fn stop_signal() -> Result<impl Future<Output = ()>, BoxError> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
