//! `serve`: runs everything until SIGTERM or Ctrl-C.

use crate::app::{App, remove_folder};
use crate::cli::OnFolder;
use crate::output::answer;
use crate::reach::Reach;
use serde_json::json;
use vestibule_platform::{BoxError, metrics};

pub async fn run(reach: &Reach, on: &OnFolder) -> Result<(), BoxError> {
    // This comes first, so that no signal is lost.
    let signal = stop_signal()?;
    let data = on.folder("what the stack deployed serves it")?;
    let (app, host) = App::start(&data).await?;
    let app = app.reached_at(reach.public_url.as_deref());
    let front = reach.front(&app.links)?;
    let (listener, url) = reach.listen(&data).await?;
    let metrics = reach.listen_for_metrics().await?;
    // Nothing keeps it from serving any more.
    host.mark()?;
    metrics::TENANTS.set([], f64::from(u32::try_from(app.store.tenants().await?.len()).unwrap_or(u32::MAX)));
    let functions = app.functions();
    let mut ready = json!({"url": url, "data": data});
    if let Some(public) = &reach.public_url {
        ready["publicUrl"] = json!(public);
    }
    if let Some(metrics) = &metrics {
        ready["metrics"] = json!(format!("http://{}/metrics", metrics.local_addr()?));
    }
    answer(on.json, &ready, || {
        let public = reach.public_url.as_ref().map(|public| format!(", reached by {public},"));
        format!("Serving {} at {url}{} until Ctrl-C.", data.display(), public.unwrap_or_default())
    });
    let flush = app.flush();
    let stop = async {
        signal.await;
        flush.await;
    };
    let _erasures = app.ending_erasures(&host);
    let host = match metrics {
        Some(metrics) => host.measured_at(metrics),
        None => host,
    };
    host.run(listener, front, functions, stop).await?;
    remove_folder(&app.scratch)?;
    if !on.json {
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
