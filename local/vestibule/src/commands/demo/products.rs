//! The demonstration's second tenant. Only products post to it, each in its own form, which shows what coverage means.

use crate::app::App;
use crate::commands::{source, tenant};
use crate::output::note;
use serde_json::Value;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_platform::{BoxError, Clock};
use vestibule_simulator::feeds::{Enrollment, Product, Truth};
use vestibule_store::Role;
use vestibule_webhook::proof::Proof;
use vestibule_webhook::sources::Sender;

/// The second organisation.
const TENANT: &str = "wingtip";
/// Products that post to it, with the prefix of their serial numbers and their number of devices.
const PRODUCTS: [(Product, &str, usize); 3] =
    [(Product::Jamf, "JMF7Q2LX", 60), (Product::NanoMdm, "NMD4R8KW", 24), (Product::AndroidManagement, "AMP3T6ZV", 36)];
/// Time from one enrollment of a product to the next.
const APART: Millis = Millis::from_minutes(5 * 60);

/// The tenant, with a secret for each product.
pub struct Products {
    pub tenant: TenantId,
    pub token: String,
    webhook_secret: String,
    secrets: Vec<(Product, String)>,
}

/// Adds the tenant and its sources, if they are missing.
pub async fn prepare(app: &App, token_name: &str) -> Result<Products, BoxError> {
    let id = TenantId::parse(TENANT)?;
    if app.store.tenant(&id).await?.is_none() {
        tenant::add(app, TENANT).await?;
    }
    let (kept, token) = tenant::new_api_token(app.now(), &id, Role::Admin, token_name, Vec::new())?;
    let changed = app.change(TENANT, |tenant| {
        tenant.tokens.retain(|token| token.name != token_name);
        tenant::add_token(tenant, &kept);
        Ok(())
    });
    let (tenant, ()) = changed.await?;
    let mut secrets = Vec::new();
    for (product, ..) in PRODUCTS {
        let known = tenant.source_secrets(product.source()).next().map(str::to_owned);
        let secret = match known {
            Some(secret) => secret,
            None => source::add_secret(app, TENANT, product.source()).await?,
        };
        secrets.push((product, secret));
    }
    let webhook_secret = tenant.secrets().next().unwrap_or_default().to_owned();
    Ok(Products { tenant: id, token, webhook_secret, secrets })
}

/// What happened to a product's devices until an instant: of ten, seven completed, two were given up and one failed.
fn truth(prefix: &str, count: usize, until: Timestamp) -> Vec<Enrollment> {
    let mut began = until;
    let mut all = Vec::with_capacity(count);
    for number in 0..count {
        began = began - APART;
        let minutes = i64::try_from(10 + number % 17).unwrap_or_default();
        let truth = match number % 10 {
            3 | 6 => Truth::GivenUp,
            8 => Truth::Failed(minutes * 60_000),
            _ => Truth::Completed(minutes * 60_000),
        };
        all.push(Enrollment { serial: format!("{prefix}{number:02}"), began_ms: began.millis(), truth });
    }
    all
}

impl Products {
    /// Posts what each product would have posted by then.
    pub async fn post(&self, url: &str, until: Timestamp) -> Result<(), BoxError> {
        let client = reqwest::Client::new();
        let mut posted = 0_usize;
        for (product, prefix, count) in PRODUCTS {
            let source = Sender::named(product.source()).ok_or("a product has no source")?;
            let proof = source.own_proof().unwrap_or(Proof::StandardWebhooks);
            let own = self.secrets.iter().find(|(of, _)| *of == product).map(|(_, secret)| secret.as_str());
            let secret = own.unwrap_or(&self.webhook_secret);
            for body in product.posts(&truth(prefix, count, until)) {
                let body = serde_json::to_vec(&body)?;
                let now = Timestamp::from_millis(Clock::system().now_millis());
                let headers = proof.headers(secret, &body, now).ok_or("the webhook secret is malformed")?;
                let address = format!("{url}{}", source.path(self.tenant.as_str(), proof, secret));
                let request = client.post(address).header("content-type", "application/json").body(body);
                let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
                let status = request.send().await?.status();
                if !status.is_success() {
                    return Err(format!("the webhook of {} answered {status}", source.name).into());
                }
                posted += 1;
            }
        }
        note(format!("{TENANT}: {posted} posts of products in their own forms"));
        Ok(())
    }

    /// The part of the printed JSON for this tenant.
    pub fn shown(&self, report: Value, coverage: Value, status: Value) -> Value {
        serde_json::json!({
            "tenant": self.tenant, "token": self.token, "wholeWindow": report, "coverage": coverage,
            "enrollmentStatus": status,
        })
    }
}
