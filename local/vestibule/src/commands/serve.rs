//! `serve`: runs everything until SIGTERM or Ctrl-C.

use crate::app::{App, remove_folder};
use crate::cli::Common;
use crate::output::answer;
use crate::reach::Reach;
use serde_json::json;
use vestibule_platform::{BoxError, metrics};

pub async fn run(reach: &Reach, common: &Common) -> Result<(), BoxError> {
    // This comes first, so that no signal is lost.
    let signal = stop_signal()?;
    let app = App::start(&common.data).await?.reached_at(reach.public_url.as_deref());
    let front = reach.front(&app.links)?;
    let (listener, url) = reach.listen(&common.data).await?;
    let metrics = reach.listen_for_metrics().await?;
    // Nothing keeps it from serving any more.
    app.host.mark()?;
    metrics::TENANTS.set([], f64::from(u32::try_from(app.store.tenants().await?.len()).unwrap_or(u32::MAX)));
    let functions = app.functions();
    let mut ready = json!({"url": url, "data": common.data});
    if let Some(public) = &reach.public_url {
        ready["publicUrl"] = json!(public);
    }
    if let Some(metrics) = &metrics {
        ready["metrics"] = json!(format!("http://{}/metrics", metrics.local_addr()?));
    }
    answer(common.json, &ready, || {
        let public = reach.public_url.as_ref().map(|public| format!(", reached by {public},"));
        format!("Serving {} at {url}{} until Ctrl-C.", common.data.display(), public.unwrap_or_default())
    });
    let flush = app.flush();
    let stop = async {
        signal.await;
        flush.await;
    };
    let _erasures = app.ending_erasures(&common.data);
    let host = match metrics {
        Some(metrics) => app.host.measured_at(metrics),
        None => app.host,
    };
    host.run(listener, front, functions, stop).await?;
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
