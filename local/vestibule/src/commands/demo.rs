//! `demo`: takes a sample the whole way: posts it signed, flags abandonment, publishes the report file and asks the
//! API.
//!
//! The events take the same way as a sender's, and everything that is printed comes from the API. A second run posts
//! the same events again, which changes nothing, and shows the report as of then.

mod post;
mod products;
mod profiles;
mod show;

use crate::app::{App, remove_folder};
use crate::commands::{export, serve, tenant};
use crate::output::{answer, note, say};
use crate::reach;
use abandonment_sweep::Sweep;
use http::uri::Scheme;
use report_export::Exporter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use vestibule_domain::time::Tz;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_host::FrontSettings;
use vestibule_platform::{BoxError, Clock};
use vestibule_report::ask::Parameters;
use vestibule_report::{Reader, headline};
use vestibule_simulator::{Delivery, Mark, Scenario, Summary, simulate, waiting};
use vestibule_store::Role;
use vestibule_words::form::plural;

/// The demonstration's organisation.
const TENANT: &str = "contoso";
/// Days of the sample.
const DAYS: u32 = 30;
/// Days that the demonstration's tenant keeps data. The sample's first events are older than its days when they are
/// posted, and later runs post them again, so the tenant must keep them for longer.
const KEPT_DAYS: u32 = 60;
/// How long after the sample's end those who still wait count as having given up, so that the sweep finds them, not the
/// webhook.
const WAITING_LEFT: Millis = Millis::from_seconds(10);
/// The name of its API token. The token of the run before is revoked.
const TOKEN: &str = "demo";

pub struct Options {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub exit: bool,
    pub enrollments: usize,
    pub seed: u64,
    pub json: bool,
}

/// The sample that a data folder has.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    seed: u64,
    enrollments: usize,
    until_ms: i64,
}

/// The credentials of a sender and an administrator of the demonstration's tenant.
struct Credentials {
    tenant: TenantId,
    secret: String,
    token: String,
}

/// What is shown at the end.
struct Shown {
    /// The overview of the file in one sentence.
    headline: String,
    path: PathBuf,
    report_html: Option<PathBuf>,
    sha256: String,
    corrections: u64,
    posted: post::Posted,
    flagged: usize,
    sample: Summary,
    report: Value,
    month: Value,
    coverage: Value,
    status: Value,
    failures: Value,
    esp: Value,
    products: Value,
}

pub async fn run(options: Options) -> Result<(), BoxError> {
    let mut signal = std::pin::pin!(serve::stop_signal()?);
    let (app, host) = App::start(&options.data).await?;
    let (listener, url) = reach::listen(options.listen, Scheme::HTTP, None, &options.data).await?;
    let front = FrontSettings { links: Some(app.links.clone()), ..FrontSettings::default() };
    app.mark(&host).await?;
    let credentials = prepare_tenant(&app).await?;
    let products = products::prepare(&app, TOKEN).await?;
    let sample = sample_of(&options, app.now())?;

    // The demonstration is a client of its own server, so the server runs beside it.
    let (stop, stopped) = oneshot::channel::<()>();
    let functions = app.functions();
    let flush = app.flush();
    let _erasures = app.ending_erasures(&host);
    let App { store, sweep, exporter, scratch, .. } = app;
    let serving = tokio::spawn(host.run(listener, front, functions, async {
        let _dropped = stopped.await;
        flush.await;
    }));

    let shown = tokio::select! {
        shown = demonstrate(&sweep, &exporter, &options.data, &sample, &credentials, &products, &url) => Some(shown?),
        () = &mut signal => None,
    };
    if let Some(shown) = shown {
        let value = json!({
            "url": url, "tenant": credentials.tenant, "token": credentials.token, "headline": shown.headline, "path": shown.path, "reportHtml": shown.report_html,
            "webhookSecret": credentials.secret, "sha256": shown.sha256, "corrections": shown.corrections,
            "flagged": shown.flagged, "products": shown.products, "sample": shown.sample, "incompleteEnrollments": shown.report, "wholeWindow": shown.month, "coverage": shown.coverage,
            "enrollmentStatus": shown.status, "failures": shown.failures, "esp": shown.esp,
        });
        answer(options.json, &value, || show::report(&shown, &url, &credentials.token));
        if !options.exit {
            if !options.json {
                // Printed only here, because the link works once and only while this serves.
                let link = tenant::give_link(&store, now(), &credentials.tenant, Role::Admin, &url).await?;
                say("");
                say(format!("The page: {link}"));
                say(format!("Serving {url} until Ctrl-C."));
            }
            signal.await;
        }
    }
    let _ended = stop.send(());
    serving.await??;
    Ok(remove_folder(&scratch)?)
}

async fn demonstrate(
    sweep: &Sweep,
    exporter: &Exporter,
    data: &Path,
    sample: &Sample,
    credentials: &Credentials,
    products: &products::Products,
    url: &str,
) -> Result<Shown, BoxError> {
    let began = Instant::now();
    let Sample { seed, enrollments, until_ms } = *sample;
    let scenario = Scenario { seed, enrollments, days: DAYS, until_ms };
    let deliveries = simulate(&scenario);
    let summary = Summary::of(&scenario, &deliveries);
    note(format!(
        "{} enrollments over {DAYS} days: {} events, {} repeated, {} late ({:.1} s)",
        summary.enrollments,
        summary.events,
        summary.duplicates,
        summary.late,
        began.elapsed().as_secs_f64()
    ));
    let sender = post::Sender::new(url, &credentials.tenant, &credentials.secret)?;
    // Those who wait are posted first, so that they are open when received, and due once the rest is posted.
    let until = Timestamp::from_millis(until_ms);
    let waits = sender.post(&waiting(&scenario, WAITING_LEFT.get()), "posting those who wait").await?;
    for profile in profiles::all() {
        sender.add_profile(&profile, &credentials.token).await?;
    }
    let (late, prompt): (Vec<Delivery>, Vec<Delivery>) =
        deliveries.into_iter().partition(|delivery| delivery.mark == Mark::Late);

    // Late events are posted after a file is published, so that the next file has something to correct.
    let posted = waits + sender.post(&prompt, "posting").await?;
    products.post(url, until).await?;
    let left = (until + WAITING_LEFT + Millis::new(1)) - now();
    tokio::time::sleep(Duration::from_millis(u64::try_from(left.get()).unwrap_or_default())).await;
    let flagged = flag(sweep).await?;
    let first = exporter.export(&credentials.tenant, now()).await?;
    note(format!(
        "first file: {} bytes ({} ms)",
        first.file.size_bytes,
        first.refresh_ms + first.write_ms + first.check_ms
    ));
    let posted = posted + sender.post(&late, "posting late events").await?;
    let flagged = flagged + flag(sweep).await?;
    let exported = exporter.export(&credentials.tenant, now()).await?;
    note(format!(
        "next file: {} ({} ms)",
        plural(exported.file.corrections, "correction", "corrections"),
        exported.refresh_ms + exported.write_ms + exported.check_ms
    ));
    let copies = export::copy(exporter, &exported, &credentials.tenant, data).await?;

    let ask = |path: &str| sender.get(path.to_owned(), &credentials.token);
    let until = until.day(Tz::UTC).plus(1);
    let from = until.plus(-DAYS.cast_signed());
    let of_products = async |path: &str| sender.get(path.to_owned(), &products.token).await;
    let shown_of_products = products.shown(
        of_products(&format!("/api/reports/incomplete-enrollments?from={from}&to={until}&os=all")).await?,
        of_products(&format!("/api/reports/coverage?from={from}&to={until}&os=all")).await?,
        of_products("/api/devices/enrollment-status").await?,
    );
    let shown = Shown {
        headline: headline(&Reader::open(&copies.database)?.overview(&Parameters::new())?),
        path: copies.database,
        report_html: copies.report_html,
        sha256: exported.file.sha256,
        corrections: exported.file.corrections,
        posted,
        flagged,
        sample: summary,
        report: ask("/api/reports/incomplete-enrollments").await?,
        month: ask(&format!("/api/reports/incomplete-enrollments?from={from}&to={until}")).await?,
        coverage: ask(&format!("/api/reports/coverage?from={from}&to={until}&os=all")).await?,
        status: ask("/api/devices/enrollment-status").await?,
        failures: ask("/api/devices/enrollment-status/failures?limit=8").await?,
        esp: ask(&format!("/api/reports/esp?from={from}&to={until}")).await?,
        products: shown_of_products,
    };
    note(format!("done in {:.1} s", began.elapsed().as_secs_f64()));
    Ok(shown)
}

/// Flags the attempts that the sample left open too long. The schedule would do so within a minute.
async fn flag(sweep: &Sweep) -> Result<usize, BoxError> {
    let swept = sweep.run().await?;
    note(format!("sweep: {} due, {} flagged", swept.due, swept.flagged));
    Ok(swept.flagged)
}

fn now() -> Timestamp {
    Timestamp::from_millis(Clock::system().now_millis())
}

/// The demonstration's tenant, with its secret and a new token. The token of the run before is revoked, since nobody
/// has it any more.
async fn prepare_tenant(app: &App) -> Result<Credentials, BoxError> {
    let id = TenantId::parse(TENANT)?;
    if app.store.tenant(&id).await?.is_none() {
        tenant::add(app, TENANT).await?;
    }
    let (kept, token) = tenant::new_api_token(app.now(), &id, Role::Admin, TOKEN, Vec::new())?;
    let changed = app.change(TENANT, |tenant| {
        // A longer retention that somebody chose stays.
        tenant.settings.retention_days = tenant.settings.retention_days.max(KEPT_DAYS);
        tenant.tokens.retain(|token| token.name != TOKEN);
        tenant::add_token(tenant, &kept);
        Ok(())
    });
    let (tenant, ()) = changed.await?;
    let secret = tenant.secrets().next().ok_or("the tenant has no webhook secret")?.to_owned();
    Ok(Credentials { tenant: id, secret, token })
}

/// The sample of a folder, or a new one that ends now.
fn sample_of(options: &Options, now: Timestamp) -> Result<Sample, BoxError> {
    let path = options.data.join("demo.json");
    let known = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Sample>(&text).ok());
    if let Some(known) = known
        && (known.seed, known.enrollments) == (options.seed, options.enrollments)
    {
        return Ok(known);
    }
    let sample = Sample { seed: options.seed, enrollments: options.enrollments, until_ms: now.millis() };
    std::fs::write(&path, serde_json::to_vec(&sample)?)?;
    Ok(sample)
}
