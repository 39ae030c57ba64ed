//! `serve`: runs everything until SIGTERM or Ctrl-C.

use crate::app::{App, remove_folder};
use crate::cli::{OnFolder, SharedOptions};
use crate::output::answer;
use crate::reach::Reach;
use aws_config::{BehaviorVersion, Region};
use serde_json::json;
use std::path::PathBuf;
use vestibule_host::{Clients, Host, Names, REGION};
use vestibule_platform::{BoxError, config, metrics};

pub async fn run(reach: &Reach, shared: &SharedOptions, on: &OnFolder) -> Result<(), BoxError> {
    // This comes first, so that no signal is lost.
    let signal = stop_signal()?;
    let (data, app, host) = match (&shared.dynamodb_endpoint, &shared.s3_endpoint) {
        (Some(table), Some(files)) => share(table, files, &shared.bucket, on).await?,
        _ => {
            let data = on.folder("what the stack deployed serves it")?;
            let (app, host) = App::start(&data).await?;
            (data, app, host)
        }
    };
    let app = app.reached_at(reach.public_url.as_deref()).with_patience(config::answer_patience()?);
    let app = if reach.local_channels { app.with_local_channels() } else { app };
    let mut front = reach.front(&app.links)?;
    if host.shared().is_some() {
        // A link that one process signed is opened at any of them, so links lead to the bucket.
        front.links = None;
    }
    let (listener, url) = reach.listen(&data).await?;
    let metrics = reach.listen_for_metrics().await?;
    // Nothing keeps it from serving any more.
    app.mark(&host).await?;
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
    app.exporter.archive().forget_copies().await?;
    remove_folder(&app.scratch)?;
    if !on.json {
        crate::output::say("Stopped; everything acknowledged is stored.");
    }
    Ok(())
}

/// Works on a table and a bucket elsewhere, beside other processes, each with a folder of its own.
async fn share(table: &str, files: &str, bucket: &str, on: &OnFolder) -> Result<(PathBuf, App, Host), BoxError> {
    let named = on.data.clone().or_else(|| std::env::var_os("VESTIBULE_DATA").map(PathBuf::from));
    let data = named.filter(|_| on.stack.is_none()).ok_or(
        "a process that shares a table has a folder of its own, for its bus and its copies of files: name it by --data. \
         What a stack deployed serves itself",
    )?;
    let sdk = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let region = sdk.region().cloned().unwrap_or_else(|| Region::new(REGION));
    let sdk = sdk.into_builder().region(region).build();
    let table_name = on.table.clone().unwrap_or_else(crate::app::table_name);
    let names = Names { table: table_name, bucket: bucket.to_owned(), bus: crate::app::bus_name() };
    let (app, host) = App::share(&data, names, Clients::at(&sdk, table, files)).await?;
    Ok((data, app, host))
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
