//! Sends messages to people when their rules say so (docs/MESSAGES.md).
//!
//! An event of the bus is only noted, under its own id. At each tick of the schedule, one run for each tenant with rules
//! takes the news, looks at what lasts, changes how the rules stand, and sends what is due. A lease keeps two runs of one
//! tenant apart.
//!
//! Must stay true: news are forgotten only after the state has them, and a message leaves the state only after its channel
//! took it or it was given up; so nothing is lost if a run dies, and who is then sent a message again sees the same id. A
//! channel that refuses holds up no other; one tenant's failure affects no other tenant.

mod look;
mod mail;
mod news;
mod post;
mod reach;
mod send;

pub use reach::Reach;
pub use send::{Refusal, Sender};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_archive::Archive;
use vestibule_domain::message::TestRequest;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_notices::mute::{GOOD_FOR, Mute};
use vestibule_notices::render::Message;
use vestibule_notices::{Channel, Failed, Outgoing, Rule, State, Verdict, Watch};
use vestibule_platform::bus::NOTICE_TEST_REQUESTED;
use vestibule_platform::{BoxError, Clock};
use vestibule_store::{News, Notices, Secret, SentNotice, Store, StoreError, Tenant};

/// Tenants worked on side by side.
const CONCURRENCY: usize = 8;
/// How often rates are looked at: they are of whole days, but late events change those.
const RATES_EVERY: Millis = Millis::from_minutes(60);
/// How long a test that was asked for is still wanted.
const TEST_WAITS: Millis = Millis::from_minutes(10);
/// News taken in one run of a tenant.
const MOST_NEWS: usize = 500;

/// The function.
#[derive(Clone)]
pub struct Notify {
    archive: Archive,
    sender: Sender,
    /// For channels that administrators added.
    sender_of_administrators: Sender,
    clock: Clock,
}

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticked {
    /// Messages that a channel took.
    pub sent: usize,
    /// Tries that failed.
    pub failed: usize,
    /// Messages that were given up.
    pub given_up: usize,
    /// Tenants that could not be worked on.
    pub unreadable: usize,
}

/// What the rules of a tenant found.
#[derive(Default)]
struct Found {
    rates: Option<look::Rates>,
    waiting: Option<Vec<look::Waiting>>,
    silent: Option<BTreeMap<&'static str, vestibule_notices::Facts>>,
    weeks: Vec<(Rule, vestibule_notices::Facts)>,
}

impl Notify {
    /// The function over the tenants' files and table, which sends to where `reach` allows, and through channels that
    /// administrators added to public addresses only.
    pub fn new(archive: Archive, reach: Reach, clock: Clock) -> Self {
        Self { archive, sender: Sender::new(reach), sender_of_administrators: Sender::new(Reach::Public), clock }
    }

    /// The same, with channels of administrators going to where those of the operator go.
    #[must_use]
    pub fn trusting_administrators(mut self) -> Self {
        self.sender_of_administrators = self.sender.clone();
        self
    }

    fn store(&self) -> &Store {
        self.archive.store()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }

    /// Handles a tick of the schedule, or an event of the bus.
    ///
    /// # Errors
    /// If the table can't be read or written. An event is then delivered again; the next tick finds the same.
    pub async fn handle(&self, event: Value) -> Result<Value, BoxError> {
        if event["detail-type"] == "Scheduled Event" {
            return Ok(serde_json::to_value(self.tick().await?)?);
        }
        if event["detail-type"] == NOTICE_TEST_REQUESTED {
            self.requested_test(&event["detail"]).await?;
            return Ok(Value::Null);
        }
        let now = self.now();
        if let Some(heard) = news::read(&event, now) {
            let rules = self.store().notices(&heard.tenant).await?.rules;
            let is_about = |rule: &Rule| match (&heard.news, &rule.watch) {
                (News::Ended(_), Watch::Outcomes { .. }) => true,
                (News::File(_), watch) => *watch == Watch::FileMade,
                _ => false,
            };
            if rules.iter().any(is_about) {
                self.store().note_news(&heard.tenant, &heard.id, &heard.news, now).await?;
            }
        }
        Ok(Value::Null)
    }

    /// Works on all tenants with rules.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn tick(&self) -> Result<Ticked, BoxError> {
        let tenants = self.store().all_notices().await?;
        let with_rules = tenants.into_iter().filter(|(_, notices)| !notices.rules.is_empty()).map(|(id, _)| id);
        let mut runs = futures::stream::iter(with_rules)
            .map(|tenant| async move { (self.run(&tenant).await, tenant) })
            .buffer_unordered(CONCURRENCY);
        let mut ticked = Ticked::default();
        while let Some((ran, tenant)) = runs.next().await {
            match ran {
                Ok(one) => {
                    ticked.sent += one.sent;
                    ticked.failed += one.failed;
                    ticked.given_up += one.given_up;
                }
                Err(error) => {
                    ticked.unreadable += 1;
                    tracing::error!(%tenant, %error, "a tenant's messages could not be worked on; they wait for the next tick");
                }
            }
        }
        Ok(ticked)
    }

    /// Works on one tenant's messages.
    async fn run(&self, id: &TenantId) -> Result<Ticked, StoreError> {
        let owner = uuid::Uuid::new_v4().to_string();
        let Some(tenant) = self.store().tenant(id).await? else { return Ok(Ticked::default()) };
        let Some(notices) = self.store().take_notices(id, &owner, self.now()).await? else {
            return Ok(Ticked::default());
        };
        let ran = self.work(&tenant, &notices).await;
        self.store().leave_notices(id, &owner).await?;
        ran
    }

    async fn work(&self, tenant: &Tenant, notices: &Notices) -> Result<Ticked, StoreError> {
        let (now, zone) = (self.now(), tenant.settings.time_zone);
        let mut news = self.store().news(&tenant.id, MOST_NEWS).await?;
        self.find_profiles(tenant, &notices.rules, &mut news, now).await;
        let state = self.store().notice_state(&tenant.id).await?;
        let found = self.look(tenant, notices, &state, now).await;
        let change = |state: &mut State| {
            for (_, news) in &news {
                match news {
                    News::Ended(event) => state.take(&notices.rules, event, now),
                    News::File(as_of) => state.published(&notices.rules, as_of, now),
                }
            }
            found.tell(&notices.rules, state, now);
            state.make(&notices.rules, &notices.channels, &notices.policy, zone, now);
            state.to_send(&notices.policy, zone, now)
        };
        let due = self.store().change_notice_state(&tenant.id, change).await?;
        for (taken, _) in &news {
            self.store().forget_news(&tenant.id, taken).await?;
        }
        let mut ticked = Ticked::default();
        for outgoing in due {
            self.send(tenant, notices, &outgoing, &mut ticked).await?;
        }
        Ok(ticked)
    }

    /// Finds the profiles of sessions, and the groups through which they apply, if a rule asks for them.
    async fn find_profiles(&self, tenant: &Tenant, rules: &[Rule], news: &mut [(String, News)], now: Timestamp) {
        let asks = |rule: &Rule| match &rule.watch {
            Watch::Outcomes { profiles, groups, .. } => !(profiles.is_empty() && groups.is_empty()),
            _ => false,
        };
        if !rules.iter().any(asks) {
            return;
        }
        let subject = |(_, news): &(String, News)| match news {
            News::Ended(event) => Some(event.subject.clone()),
            News::File(_) => None,
        };
        let about = look::about(&self.archive, tenant, news.iter().filter_map(subject).collect(), now).await;
        let about = about.unwrap_or_else(|error| {
            tracing::error!(tenant = %tenant.id, %error, "the profiles of sessions could not be found");
            look::About::default()
        });
        for (_, news) in news {
            if let News::Ended(event) = news {
                event.profile = about.profiles.get(&event.subject).cloned();
                event.group = about.groups.get(&event.subject).cloned();
            }
        }
    }

    /// Looks at what lasts, as far as rules ask. What can't be read is looked at again at the next tick.
    async fn look(&self, tenant: &Tenant, notices: &Notices, state: &State, now: Timestamp) -> Found {
        let rules = &notices.rules;
        let any = |is: fn(&Watch) -> bool| rules.iter().any(|rule| is(&rule.watch));
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(tenant = %tenant.id, %error, "rules could not be looked at; the next tick does");
        };
        let mut found = Found::default();
        let rates_due = state.rates_at.is_none_or(|at| at + RATES_EVERY <= now);
        if rates_due && any(|watch| matches!(watch, Watch::StepRate { .. } | Watch::AppRate { .. })) {
            found.rates = look::rates(&self.archive, tenant, now).await.inspect_err(|error| failed(error)).ok();
        }
        if any(|watch| matches!(watch, Watch::Stuck { .. })) {
            found.waiting = look::waiting(&self.archive, tenant, now).await.inspect_err(|error| failed(error)).ok();
        }
        if any(|watch| matches!(watch, Watch::Silent { .. })) {
            found.silent = look::silent(self.store(), tenant, now).await.inspect_err(|error| failed(error)).ok();
        }
        for rule in rules.iter().filter(|rule| rule.watch == Watch::Weekly) {
            let Some(monday) = state.week_due(rule, tenant.settings.time_zone, now) else { continue };
            match look::week(&self.archive, tenant, monday, now).await {
                Ok(facts) => found.weeks.push((rule.clone(), facts)),
                Err(error) => failed(&error),
            }
        }
        found
    }

    /// Sends a message, and notes what came of it.
    async fn send(
        &self,
        tenant: &Tenant,
        notices: &Notices,
        outgoing: &Outgoing,
        ticked: &mut Ticked,
    ) -> Result<(), StoreError> {
        let (now, id) = (self.now(), format!("notice-{}-{}", tenant.id, outgoing.number));
        let message = self.message(tenant, notices, &outgoing.lines, outgoing.more, now).await?;
        let sent = self.try_send(tenant, notices, &outgoing.channel, &id, &message, now).await;
        let mut kept = SentNotice {
            number: Some(outgoing.number),
            channel: outgoing.channel.clone(),
            at: now,
            text: without_names(message).text(),
            problem: None,
        };
        match sent {
            Ok(()) => {
                ticked.sent += 1;
                self.store().keep_notice(&tenant.id, &kept).await?;
                self.store().change_notice_state(&tenant.id, |state| state.delivered(outgoing.number)).await
            }
            Err(refusal) => {
                ticked.failed += 1;
                let channel = &outgoing.channel;
                tracing::warn!(tenant = %tenant.id, channel, problem = refusal.problem, for_good = refusal.for_good, "a message was not taken");
                let fail = |state: &mut State| state.failed(outgoing.number, refusal.for_good, now);
                if let Failed::GivenUp(_) = self.store().change_notice_state(&tenant.id, fail).await? {
                    ticked.given_up += 1;
                    kept.problem = Some(refusal.problem.clone());
                    self.store().keep_notice(&tenant.id, &kept).await?;
                }
                Ok(())
            }
        }
    }

    async fn try_send(
        &self,
        tenant: &Tenant,
        notices: &Notices,
        channel: &str,
        id: &str,
        message: &Message<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let channel = notices.channel(channel).ok_or_else(|| Refusal::for_good("the channel is gone"))?;
        let keys = self.store().channel_keys(&tenant.id, &channel.name).await;
        let keys = keys.map_err(|_| Refusal::for_now("what is secret of the channel could not be read"))?;
        let sender = if channel.by_administrator { &self.sender_of_administrators } else { &self.sender };
        sender.send(channel, &keys.unwrap_or_default(), id, message, now).await
    }

    /// Sends the test that somebody asked the API for. An old request is passed over: who asked has gone.
    async fn requested_test(&self, detail: &Value) -> Result<(), StoreError> {
        let Ok(request) = serde_json::from_value::<TestRequest>(detail.clone()) else { return Ok(()) };
        let is_of_now = Timestamp::parse(&request.requested_at).is_ok_and(|at| at + TEST_WAITS > self.now());
        let Some(tenant) = self.store().tenant(&request.tenant).await?.filter(|_| is_of_now) else { return Ok(()) };
        let notices = self.store().notices(&tenant.id).await?;
        if let Some(channel) = notices.channel(&request.channel) {
            let _result = self.test(&tenant, channel).await?;
        }
        Ok(())
    }

    /// Sends a message that is marked as a test through a channel, at once and whatever its rules say.
    ///
    /// # Errors
    /// Why the channel did not take it; if the table can't be read or written.
    pub async fn test(&self, tenant: &Tenant, channel: &Channel) -> Result<Result<(), Refusal>, StoreError> {
        let now = self.now();
        let mut notices = self.store().notices(&tenant.id).await?;
        notices.channels = vec![channel.clone()];
        let message = Message { is_test: true, ..self.message(tenant, &notices, &[], 0, now).await? };
        let id = format!("notice-{}-test-{}", tenant.id, now.millis());
        let sent = self.try_send(tenant, &notices, &channel.name, &id, &message, now).await;
        let problem = sent.as_ref().err().map(|refusal| refusal.problem.clone());
        let text = message.text();
        let kept = SentNotice { number: None, channel: channel.name.clone(), at: now, text, problem };
        self.store().keep_notice(&tenant.id, &kept).await?;
        Ok(sent)
    }

    /// A message of these lines, with names if the tenant wants them and links if there is an address for them.
    async fn message<'m>(
        &self,
        tenant: &'m Tenant,
        notices: &Notices,
        lines: &'m [vestibule_notices::Line],
        more: u64,
        now: Timestamp,
    ) -> Result<Message<'m>, StoreError> {
        let mut message = Message {
            tenant: tenant.id.as_str(),
            lines,
            more,
            is_test: false,
            names: BTreeMap::new(),
            mute: BTreeMap::new(),
        };
        if notices.policy.names {
            let ids: BTreeSet<String> = lines.iter().filter_map(|line| line.attempt().map(str::to_owned)).collect();
            match look::about(&self.archive, tenant, ids, now).await {
                Ok(about) => message.names = about.names,
                Err(error) => tracing::error!(tenant = %tenant.id, %error, "a message goes out without names"),
            }
        }
        if let Some(address) = notices.policy.address.as_ref().filter(|_| !lines.is_empty()) {
            let key = self.mute_key(&tenant.id).await?;
            let until = (now + GOOD_FOR).seconds();
            for rule in lines.iter().map(|line| &line.rule).collect::<BTreeSet<_>>() {
                let mute = Mute { tenant: tenant.id.clone(), rule: rule.clone(), until };
                let token = mute.token(key.expose().as_bytes());
                let link = token.map(|token| format!("{}/notices/mute/{token}", address.trim_end_matches('/')));
                message.mute.extend(link.map(|link| (rule.clone(), link)));
            }
        }
        Ok(message)
    }

    async fn mute_key(&self, tenant: &TenantId) -> Result<Secret, StoreError> {
        if let Some(key) = self.store().mute_key(tenant).await? {
            return Ok(key);
        }
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        // Only the run that has the tenant's lease makes one.
        let key = Secret::new(STANDARD.encode(bytes));
        self.store().set_mute_key(tenant, &key).await?;
        Ok(key)
    }
}

/// A message as it is kept: without names, and without links, which anybody can use.
fn without_names(message: Message<'_>) -> Message<'_> {
    Message { names: BTreeMap::new(), mute: BTreeMap::new(), ..message }
}

impl Found {
    /// Changes the state by what was found.
    fn tell(&self, rules: &[Rule], state: &mut State, now: Timestamp) {
        if self.rates.is_some() {
            state.rates_at = Some(now);
        }
        for rule in rules {
            if let Some(seen) = self.rates.as_ref().and_then(|rates| rates.found(rule, state)) {
                state.observe(rule, seen, Verdict::Unsure, now);
            }
            if let Some(seen) = self.waiting.as_ref().and_then(|waiting| look::stuck(rule, waiting, now)) {
                state.observe(rule, seen, Verdict::Fine, now);
            }
            if let Some(seen) = self.silent.as_ref().and_then(|silent| look::unheard(rule, silent)) {
                state.observe(rule, seen, Verdict::Fine, now);
            }
            if rule.watch == Watch::Weekly {
                state.begin_weeks(rule, now);
            }
        }
        for (rule, facts) in &self.weeks {
            state.week(rule, facts.clone(), now);
        }
    }
}
