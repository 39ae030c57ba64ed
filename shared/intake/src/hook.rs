//! A function's webhooks: they find out whose request it is, then read it.

use crate::handshake;
use crate::ignored::{Ignored, takes_notice};
use crate::limit::Limit;
use crate::log::{Became, Log};
use crate::reason::Reason;
use crate::sign_ins::SignIns;
use crate::until::Until;
use crate::{Results, Status, store_batch_until};
use http::{HeaderMap, Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_platform::{Clock, HttpRequest, HttpResponse, Operation, Problem, Proven, metrics, problem};
use vestibule_store::{Store, StoreError, Tenant, TenantCache};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::proof::{Proof, Shown};
use vestibule_webhook::signature::{self, SignatureError};
use vestibule_webhook::sources::entra_sign_ins::Read as SignIn;
use vestibule_webhook::sources::{Answer, Sender};
use vestibule_webhook::{BodyError, MAX_BODY_BYTES, Received};

/// The time after which to send again what could not be stored.
const RETRY_AFTER_SECONDS: u32 = 5;
/// How long a process may accept a secret that was revoked, where no notice reaches it at once.
const SECRETS_HELD_FOR: Millis = Millis::from_seconds(10);
/// The secret to compare with if there is no tenant, so that an unknown tenant takes as long as a wrong signature.
const NOBODYS_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The webhooks of all senders, at `/hooks/{tenant}/{source}`. The routes alone decide which function receives which of
/// them.
#[derive(Clone, Debug)]
pub struct Hook {
    store: Store,
    tenants: TenantCache,
    clock: Clock,
    limit: Limit,
    log: Log,
    ignored: Ignored,
}

impl Hook {
    /// The webhooks, storing in `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            tenants: TenantCache::new(store.clone()).holding(SECRETS_HELD_FOR).consistent(),
            store,
            clock,
            limit: Limit::default(),
            log: Log::default(),
            ignored: Ignored::default(),
        }
    }

    /// The same webhooks with a limit of requests a minute for each tenant; 0 for no limit.
    #[must_use]
    pub fn limited(mut self, requests_a_minute: u32) -> Self {
        self.limit = Limit::new(requests_a_minute);
        self
    }

    /// Serves one request, however long it takes.
    pub async fn handle(&self, request: HttpRequest) -> HttpResponse {
        self.handle_until(request, Until::NEVER).await
    }

    /// Serves one request of a function whose invocation ends after `left`, if that is known. Within seconds it is
    /// answered; what is not stored by then counts as not stored, and is to be sent again.
    pub async fn handle_in_time(&self, request: HttpRequest, left: Option<Duration>) -> HttpResponse {
        self.handle_until(request, Until::invocation_ends(left)).await
    }

    async fn handle_until(&self, request: HttpRequest, until: Until) -> HttpResponse {
        let operation = operation_of(&request);
        operation.answered(match self.receive(request, until).await {
            Ok(response) => response,
            Err(problem) => problem.into(),
        })
    }

    async fn receive(&self, request: HttpRequest, until: Until) -> Result<HttpResponse, Problem> {
        let now = Timestamp::from_millis(self.clock.now_millis());
        match *request.method() {
            Method::POST => {}
            Method::OPTIONS => return self.shake_hands(&request, now, until).await,
            _ => return Err(Problem::method_not_allowed().allow(handshake::METHODS)),
        }
        let (tenant, source) = self.whose(&request, now, until).await?;
        let read = match self.count(&tenant, source, now) {
            Ok(()) => {
                read_body(&tenant, source, &request, now).map_err(|error| (unread(&error), Became::unread(&error)))
            }
            Err(problem) => Err((
                problem,
                Became::Refused(Reason::TooManyRequests, "more requests than a tenant may send".to_owned()),
            )),
        };
        let batch = match read {
            Ok(batch) => batch,
            Err((problem, became)) => {
                self.warn_ignored(&tenant, source, &became, problem.status(), now);
                self.log.note(&self.store, (&tenant, source), request.body(), &became, (now, until)).await;
                return Err(problem);
            }
        };
        let kept = until.table(self.that_keeps(tenant, &batch, now)).await;
        let tenant = kept.map_err(|error| unavailable(&error, source))?;
        let results = self.store(&tenant, source, request.body(), batch, (now, until)).await;
        let became = Became::Read(&results);
        let is_unstored = results.count(Status::Unavailable) > 0;
        let response = match source.answer {
            Answer::Always { again } if is_unstored => unstored(again).into(),
            Answer::Always { .. } => problem::json(StatusCode::OK, &results),
            Answer::WithoutBody if results.rejected == 0 => problem::empty(StatusCode::NO_CONTENT),
            Answer::WithoutBody | Answer::ByEvent => results.clone().into(),
        };
        self.warn_ignored(&tenant, source, &became, response.status(), now);
        Ok(response)
    }

    /// Accepts what was fetched from a product for a tenant as if the product had posted it: it is stored and counted
    /// in the same way.
    ///
    /// # Errors
    /// When the body as a whole does not have the form of that source.
    pub async fn take(
        &self,
        tenant: &Tenant,
        source: &'static Sender,
        body: &[u8],
        backfill: bool,
        now: Timestamp,
    ) -> Result<Results, BodyError> {
        match (source.read)(body, &HeaderMap::new(), received(tenant, source, now, backfill)) {
            Ok(batch) => Ok(self.store(tenant, source, body, batch, (now, Until::NEVER)).await),
            Err(error) => {
                let at = (now, Until::NEVER);
                self.log.note(&self.store, (tenant, source), body, &Became::unread(&error), at).await;
                Err(error)
            }
        }
    }

    /// Accepts sign-ins that were fetched for a tenant. The steps among them are added to the same sets as those that a
    /// forwarder posts, so a sign-in from both counts once. Nothing else is kept, not even that they arrived. Returns
    /// how many added something new.
    ///
    /// # Errors
    /// When the table cannot be read or written; calling it again continues from there.
    pub async fn take_sign_ins(
        &self,
        tenant: &Tenant,
        sign_ins: Vec<SignIn>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut taken = SignIns::default();
        for (index, read) in sign_ins.into_iter().enumerate() {
            taken.take(index, None, read, &tenant.settings, now);
        }
        let grew = taken.add(&self.store, &tenant.id, &tenant.settings, |_| {}).await?;
        Ok(grew.into_iter().filter(|grew| *grew).count())
    }

    /// Stores a batch and counts the results.
    async fn store(
        &self,
        tenant: &Tenant,
        source: &'static Sender,
        body: &[u8],
        batch: Batch,
        (now, until): (Timestamp, Until),
    ) -> Results {
        let results = store_batch_until(until, &self.store, (&tenant.id, &tenant.settings), batch, now).await;
        let mut all = 0;
        for status in Status::ALL {
            match results.count(status) as u64 {
                0 => {}
                events => {
                    metrics::EVENTS.add([source.name, status.name()], events);
                    all += events;
                }
            }
        }
        metrics::emf::count_events(tenant.id.as_str(), all);
        self.log.note(&self.store, (tenant, source), body, &Became::Read(&results), (now, until)).await;
        results
    }

    /// Allows a delivery service to deliver to an address whose secret it knows. Without the secret it gets the answer
    /// of a post without one, and no more is looked up. A request that is not a handshake is not looked up at all.
    async fn shake_hands(&self, request: &HttpRequest, now: Timestamp, until: Until) -> Result<HttpResponse, Problem> {
        let origin = handshake::asked_by(request.headers())?;
        self.whose(request, now, until).await?;
        Ok(handshake::granted(origin, self.limit.a_minute()))
    }

    /// Logs a refusal that its sender ignores.
    fn warn_ignored(
        &self,
        tenant: &Tenant,
        source: &'static Sender,
        became: &Became<'_>,
        status: StatusCode,
        now: Timestamp,
    ) {
        let Some((reason, field, problem)) = became.refusal().filter(|_| !takes_notice(source, status)) else { return };
        if let Some(unlogged) = self.ignored.is_due(tenant.id.as_str(), source.name, now) {
            let (tenant, source, status) = (&tenant.id, source.name, status.as_u16());
            tracing::warn!(%tenant, source, status, reason, field, problem, unlogged, "a sender takes no notice of a refusal");
        }
    }

    /// Writes to the delivery log what is not there yet. A program calls this when it stops; a function that is frozen
    /// cannot.
    pub async fn flush(&self) {
        self.log.flush(&self.store, Timestamp::from_millis(self.clock.now_millis()), true).await;
    }

    /// The same, but only for sources that were not written for a minute. A long-running program calls it regularly, so
    /// that the latest requests become visible even if no others follow.
    pub async fn flush_due(&self) {
        self.log.flush(&self.store, Timestamp::from_millis(self.clock.now_millis()), false).await;
    }

    /// Finds out whose request it is and reads it; nothing is stored.
    ///
    /// # Errors
    /// The problem that the sender gets.
    pub async fn read(
        &self,
        request: &HttpRequest,
        now: Timestamp,
    ) -> Result<(Arc<Tenant>, &'static Sender, Batch), Problem> {
        let (tenant, source) = self.whose(request, now, Until::NEVER).await?;
        let batch = read_body(&tenant, source, request, now).map_err(|error| unread(&error))?;
        Ok((tenant, source, batch))
    }

    /// The tenant with its current settings, if an event is too old by the cached ones: whoever raised `retentionDays`
    /// to fill in the past sends right afterwards, and events answered `tooOld` are not sent again.
    async fn that_keeps(&self, tenant: Arc<Tenant>, batch: &Batch, now: Timestamp) -> Result<Arc<Tenant>, StoreError> {
        let kept_from = now - tenant.settings.retention();
        let is_old = |parsed: &Parsed| matches!(parsed, Parsed::Event(event) if event.placed() < kept_from);
        if !batch.events.iter().any(is_old) {
            return Ok(tenant);
        }
        Ok(self.tenants.fresh(&tenant.id, now).await?.unwrap_or(tenant))
    }

    /// The tenant and the source of a request.
    async fn whose(
        &self,
        request: &HttpRequest,
        now: Timestamp,
        until: Until,
    ) -> Result<(Arc<Tenant>, &'static Sender), Problem> {
        if request.body().len() > MAX_BODY_BYTES {
            return Err(Problem::too_large().detail(BodyError::TooLarge.to_string()));
        }
        let addressed = addressed(request.uri().path()).ok_or_else(Problem::not_found)?;
        let tenant = self.authenticate(&addressed, request, now, until).await?;
        Proven::note(request);
        Ok((tenant, addressed.source))
    }

    /// Counts a request of a tenant. If there are too many, its body is not read.
    fn count(&self, tenant: &Tenant, source: &'static Sender, now: Timestamp) -> Result<(), Problem> {
        let share = self.log.share(&tenant.id, source, now);
        self.limit.take(&tenant.id, share, now).map_err(|seconds| {
            metrics::HOOK_REQUESTS_LIMITED.count(tenant.id.as_str(), 1, now.millis());
            let status = match source.answer {
                // This is the only answer after which its sender sends again.
                Answer::Always { again } => again,
                Answer::ByEvent | Answer::WithoutBody => StatusCode::TOO_MANY_REQUESTS,
            };
            Problem::new(status, "Too many requests; send the same again later").retry_after(seconds)
        })
    }

    /// The tenant that the path names and the sender proves. Both failures look the same from outside.
    async fn authenticate(
        &self,
        addressed: &Addressed<'_>,
        request: &HttpRequest,
        now: Timestamp,
        until: Until,
    ) -> Result<Arc<Tenant>, Problem> {
        let id = addressed.tenant.as_ref();
        let unavailable = |error| unavailable(&error, addressed.source);
        let mut found = match id {
            Some(id) => until.table(self.tenants.get(id, now)).await.map_err(unavailable)?,
            None => None,
        };
        for attempt in 0..2 {
            match verify(found.as_deref(), addressed, request, now) {
                Ok(()) => break,
                // The secret may be newer than the cached one.
                Err(SignatureError::Mismatch | SignatureError::Header(_)) if attempt == 0 && id.is_some() => {
                    if let Some(id) = id {
                        found = until.table(self.tenants.fresh(id, now)).await.map_err(unavailable)?;
                    }
                }
                Err(error) => {
                    let tenant = found.as_ref().map_or("-", |tenant| tenant.id.as_str());
                    let source = addressed.source.name;
                    if let Some(unlogged) = self.ignored.is_due(&format!("401 {tenant}"), source, now) {
                        tracing::warn!(tenant, source, %error, unlogged, "a request was not authenticated");
                    }
                    return Err(Problem::unauthorized());
                }
            }
        }
        found.ok_or_else(Problem::unauthorized)
    }
}

/// The parts of a path `/hooks/{tenant}/{source}`, with a secret after it if the sender proves itself by the path.
/// `None` if no sender posts there; this does not depend on the tenant, so it reveals nothing about tenants.
fn addressed(path: &str) -> Option<Addressed<'_>> {
    let mut segments = path.strip_prefix("/hooks/")?.split('/');
    let (tenant, name, path_secret) = (segments.next()?, segments.next()?, segments.next());
    let source = Sender::named(name).filter(|source| segments.next().is_none() && source.takes(path_secret))?;
    Some(Addressed { tenant: TenantId::parse(tenant).ok(), source, path_secret })
}

/// The operation of a request, as the API's description names it.
fn operation_of(request: &HttpRequest) -> Operation {
    let Some(addressed) = addressed(request.uri().path()) else { return Operation::NONE };
    if request.method() == Method::OPTIONS {
        return Operation::PREFLIGHT;
    }
    Operation(match (addressed.source.name, addressed.path_secret) {
        ("enrollment-events", _) => "postEnrollmentEvents",
        ("esp-status", _) => "postEspStatus",
        ("github-style", _) => "postGithubStyle",
        ("graph-autopilot-events", None) => "postAutopilotEvents",
        ("graph-autopilot-events", Some(_)) => "postAutopilotEventsWithSecret",
        (_, None) => "postFromProduct",
        (_, Some(_)) => "postFromProductWithSecret",
    })
}

/// How a body of the source is received. A sender of the native form reports everything unless the tenant limits it;
/// for every other sender its module decides.
fn received(tenant: &Tenant, source: &Sender, now: Timestamp, backfill: bool) -> Received {
    let set = tenant.source_settings.get(source.name).copied().unwrap_or_default();
    let less = set.reports.filter(|_| source.source.is_none());
    let reports = less.unwrap_or(source.reports);
    Received {
        reports,
        holds: !set.ignore_awaiting_configuration,
        kept_from: now - tenant.settings.retention(),
        ..source.received(now, backfill)
    }
}

/// Reads a tenant's request.
fn read_body(tenant: &Tenant, source: &Sender, request: &HttpRequest, now: Timestamp) -> Result<Batch, BodyError> {
    let received = received(tenant, source, now, is_backfill(request.uri().query()));
    (source.read)(request.body(), request.headers(), received)
}

/// The answer to a body that cannot be read.
fn unread(error: &BodyError) -> Problem {
    match error {
        BodyError::TooLarge | BodyError::TooManyEvents => Problem::too_large().detail(error.to_string()),
        BodyError::NotJson { .. } | BodyError::NotAnEvent | BodyError::Malformed(_) | BodyError::UnsignedHeaders => {
            Problem::bad_request().detail(error.to_string())
        }
    }
}

/// The parts of a request's path.
struct Addressed<'r> {
    /// `None` if it cannot be the name of a tenant.
    tenant: Option<TenantId>,
    source: &'static Sender,
    path_secret: Option<&'r str>,
}

/// Whether the request is the tenant's, by any proof that its source accepts.
fn verify(
    tenant: Option<&Tenant>,
    addressed: &Addressed<'_>,
    request: &HttpRequest,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let (headers, body) = (request.headers(), request.body());
    let Addressed { source, path_secret, .. } = *addressed;
    let mut signed = Err(SignatureError::Mismatch);
    let mut proved = false;
    for proof in source.proofs {
        match (proof, tenant) {
            (Proof::StandardWebhooks, Some(tenant)) => {
                signed = signature::verify(headers, body, tenant.secrets(), now);
            }
            (Proof::StandardWebhooks, None) => {
                let nobody = signature::verify(headers, body, [NOBODYS_SECRET], now);
                signed = nobody.and(Err(SignatureError::Mismatch));
            }
            (proof, tenant) => {
                let shown = Shown { headers, body, path_secret };
                let secrets =
                    tenant.map_or(vec![NOBODYS_SECRET], |tenant| tenant.source_secrets(source.name).collect());
                // Also compared if there is no tenant; then the comparison never counts.
                proved |= proof.holds(shown, secrets) & tenant.is_some();
            }
        }
    }
    if proved { Ok(()) } else { signed }
}

/// The answer if the tenant cannot be read: the one after which the sender sends again.
fn unavailable(error: &StoreError, source: &Sender) -> Problem {
    tracing::error!(source = source.name, %error, "the tenant could not be read");
    unstored(match source.answer {
        Answer::Always { again } => again,
        Answer::ByEvent | Answer::WithoutBody => StatusCode::SERVICE_UNAVAILABLE,
    })
}

/// The answer for what could not be stored now.
fn unstored(again: StatusCode) -> Problem {
    Problem::new(again, "Temporarily unavailable; send the same again").retry_after(RETRY_AFTER_SECONDS)
}

fn is_backfill(query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|pair| pair.eq_ignore_ascii_case("backfill=true"))
}
