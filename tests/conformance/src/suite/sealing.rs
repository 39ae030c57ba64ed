//! Sealed secrets: what lies in the table, who opens it, and what becomes of secrets that lie there in clear.

use crate::fixtures::{T0, tenant};
use crate::suite::tenants::new;
use crate::{Engine, Item, Table};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_domain::{StoredFormat, TenantId, TenantSettings};
use vestibule_notices::Keys;
use vestibule_permissions::{KEY, Kms};
use vestibule_platform::Clock;
use vestibule_store::{PullApp, Secret, SourceSecret, Store, StoreError, Tenant};
use vestibule_vault::{HELD_FOR, KmsVault};

/// What must not lie in a table in clear.
const SECRETS: [&str; 7] =
    ["whsec_new", "whsec_old", "of-jamf", "https://chat.example/s3cret", "muting", "of-the-app", "of-the-people"];

fn vault(table: &Table, kms: &Kms, key: Option<&str>, clock: &Clock) -> Arc<KmsVault> {
    Arc::new(KmsVault::new(&kms.sdk(), &table.name, key, clock.clone()))
}

fn sealing(table: &Table, kms: &Kms) -> Store {
    table.another_store().with_vault(vault(table, kms, Some(KEY), &Clock::system()))
}

fn contoso() -> Tenant {
    let jamf = SourceSecret { source: "jamf".to_owned(), secret: Secret::new("of-jamf"), created_at: T0 };
    let pseudonym_key = Secret::new("of-the-people").into();
    Tenant { sources: vec![jamf], pseudonym_key, settings: pseudonyms(), ..new("contoso") }
}

fn pseudonyms() -> TenantSettings {
    TenantSettings { pseudonymise: true, ..TenantSettings::default() }
}

fn keys() -> Keys {
    Keys { url: Some("https://chat.example/s3cret".to_owned()), ..Keys::default() }
}

/// A tenant with a secret of each kind.
async fn fill(store: &Store) {
    store.create_tenant(&mut contoso()).await.unwrap();
    store.set_channel_keys(&tenant(), "chat", &keys()).await.unwrap();
    store.set_mute_key(&tenant(), &Secret::new("muting")).await.unwrap();
    let app = PullApp {
        directory: "d".to_owned(),
        client: "c".to_owned(),
        cloud: "global".to_owned(),
        added_at: T0,
        expires_at: None,
        chosen: BTreeSet::new(),
    };
    store.set_pull(&tenant(), app, &Secret::new("of-the-app"), T0).await.unwrap();
}

/// Whether a store reads all of them.
async fn reads_all(store: &Store) -> Result<(), StoreError> {
    let read = store.tenant(&tenant()).await?.unwrap();
    assert_eq!(read.secrets().collect::<Vec<_>>(), ["whsec_new", "whsec_old"]);
    assert_eq!(read.source_secrets("jamf").collect::<Vec<_>>(), ["of-jamf"]);
    assert_eq!(read.pseudonyms()?, Some(&Secret::new("of-the-people")));
    assert_eq!(store.channel_keys(&tenant(), "chat").await?, Some(keys()));
    assert_eq!(store.mute_key(&tenant()).await?, Some(Secret::new("muting")));
    assert_eq!(store.pull_secret(&tenant()).await?, Some(Secret::new("of-the-app")));
    Ok(())
}

async fn changed(store: &Store, change: &dyn Fn(&mut Tenant)) -> Result<(), StoreError> {
    let change = |one: &mut Tenant| {
        change(one);
        Ok::<_, StoreError>(())
    };
    store.change_tenant(&tenant(), change).await.map(drop)
}

/// The secrets that lie in the table in clear.
async fn in_clear(table: &Table) -> Vec<&'static str> {
    let items = format!("{:?}", table.items().await);
    SECRETS.into_iter().filter(|secret| items.contains(secret)).collect()
}

async fn only(table: &Table, pk: &str, sk: &str) -> Item {
    let items = table.items().await;
    let is = |item: &&Item| item["pk"].as_s().unwrap() == pk && item["sk"].as_s().unwrap() == sk;
    items.iter().find(is).unwrap_or_else(|| panic!("there is no {pk} {sk}")).clone()
}

/// None lies in the table in clear, and all are read back.
pub async fn secrets_are_sealed_each_for_its_item(engine: &Engine) {
    let (table, kms) = (engine.table().await, Kms::start());
    let store = sealing(&table, &kms);
    fill(&store).await;
    assert_eq!(in_clear(&table).await, [] as [&str; 0]);
    assert_eq!(kms.calls(), 5);
    reads_all(&store).await.unwrap();
    assert_eq!(kms.calls(), 5, "whoever sealed them holds the keys");
    // Another process asks for each key once.
    let other = sealing(&table, &kms);
    for _ in 0..2 {
        reads_all(&other).await.unwrap();
        assert_eq!(kms.calls(), 10);
    }
    // Nobody asks for the key of pseudonyms of a tenant that has none.
    store.create_tenant(&mut new("fabrikam")).await.unwrap();
    assert_eq!(kms.calls(), 12);
    let fabrikam = other.tenant(&TenantId::parse("fabrikam").unwrap()).await.unwrap().unwrap();
    assert_eq!((fabrikam.pseudonyms().unwrap(), kms.calls()), (None, 13));
}

/// Settings, tokens and sources' settings leave the sealed text as it is.
pub async fn only_a_change_of_secrets_seals_anew(engine: &Engine) {
    let (table, kms) = (engine.table().await, Kms::start());
    let store = sealing(&table, &kms);
    fill(&store).await;
    let calls = kms.calls();
    let change = async |change: &dyn Fn(&mut Tenant)| {
        changed(&store, change).await.unwrap();
        kms.calls() - calls
    };
    assert_eq!(change(&|one| one.tokens.clear()).await, 0);
    // With a job of folding again, which is another write.
    assert_eq!(change(&|one| one.settings.macos_idle_limit_minutes += 5).await, 0);
    assert_eq!(change(&|one| one.webhook_secrets.insert(0, Secret::new("whsec_newest"))).await, 1);
    assert_eq!(change(&|one| one.sources.clear()).await, 2);
    let read = sealing(&table, &kms).tenant(&tenant()).await.unwrap().unwrap();
    assert_eq!(read.secrets().collect::<Vec<_>>(), ["whsec_newest", "whsec_new", "whsec_old"]);
    assert!(read.sources.is_empty() && read.tokens.is_empty());
    assert!(!format!("{:?}", table.items().await).contains("whsec_newest"));
}

/// While programs may run that know of no seals, all is written in clear. Afterwards, `seal_secrets` seals it.
pub async fn secrets_in_clear_are_read_and_sealed_when_it_is_time(engine: &Engine) {
    let (table, kms) = (engine.table().await, Kms::start());
    let store = sealing(&table, &kms);
    store.begin_format(StoredFormat::First).await.unwrap();
    fill(&store).await;
    // Settings from elsewhere say nothing of the tenant's format.
    let settings = || TenantSettings { device_limit: 9, format: StoredFormat::Second, ..pseudonyms() };
    changed(&store, &|one| one.settings = settings()).await.unwrap();
    assert_eq!((in_clear(&table).await.len(), kms.calls()), (SECRETS.len(), 0));
    reads_all(&table.store).await.unwrap();
    reads_all(&store).await.unwrap();
    assert!(matches!(store.seal_secrets(&tenant()).await, Err(StoreError::Older { .. })));
    store.move_to_format(StoredFormat::Second).await.unwrap();
    reads_all(&store).await.unwrap();
    assert!(matches!(table.store.seal_secrets(&tenant()).await, Err(StoreError::Sealed(_))));
    assert_eq!(in_clear(&table).await.len(), SECRETS.len());
    // Whoever changes something of the tenant need not be able to seal the key of its pseudonyms.
    changed(&store, &|one| one.tokens.clear()).await.unwrap();
    assert_eq!(in_clear(&table).await, SECRETS[3..]);
    assert_eq!(store.seal_secrets(&tenant()).await.unwrap(), 4);
    assert_eq!(in_clear(&table).await, [] as [&str; 0]);
    reads_all(&sealing(&table, &kms)).await.unwrap();
    // Once more is another key for each.
    let (before, calls) = (only(&table, "n#contoso", "channel#chat").await, kms.calls());
    assert_eq!(store.seal_secrets(&tenant()).await.unwrap(), 4);
    assert!(kms.calls() >= calls + 5);
    assert_ne!(only(&table, "n#contoso", "channel#chat").await["sl"], before["sl"]);
    reads_all(&sealing(&table, &kms)).await.unwrap();
    assert_eq!(store.seal_secrets(&TenantId::parse("nobody").unwrap()).await.unwrap(), 0);
}

/// Whoever has no key and needs a secret gets an error. Whoever needs none goes on, and what it writes loses nothing.
pub async fn without_the_key_nothing_is_opened_or_lost(engine: &Engine) {
    let (table, kms) = (engine.table().await, Kms::start());
    let store = sealing(&table, &kms);
    fill(&store).await;
    let without = &table.store;
    let is_sealed =
        |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::Sealed(_))), "{result:?}");
    is_sealed(without.tenant(&tenant()).await.map(drop));
    is_sealed(without.channel_keys(&tenant(), "chat").await.map(drop));
    is_sealed(without.mute_key(&tenant()).await.map(drop));
    is_sealed(without.pull_secret(&tenant()).await.map(drop));
    is_sealed(without.set_mute_key(&tenant(), &Secret::new("in clear")).await);
    let leaving = table.another_store().leaving_senders_sealed().leaving_people_sealed();
    let read = leaving.tenant(&tenant()).await.unwrap().unwrap();
    is_sealed(read.pseudonyms().map(drop));
    assert_eq!(
        (read.secrets().count(), read.sources.len(), read.settings),
        (0, 0, TenantSettings { format: StoredFormat::NEWEST, ..pseudonyms() })
    );
    changed(&leaving, &|one| one.tokens.clear()).await.unwrap();
    is_sealed(changed(&leaving, &|one| one.webhook_secrets.push(Secret::new("whsec_mine"))).await);
    // With the key it is known, but not by which to seal.
    let opens = table.another_store().with_vault(vault(&table, &kms, None, &Clock::system()));
    reads_all(&opens).await.unwrap();
    is_sealed(opens.set_channel_keys(&tenant(), "chat", &keys()).await);
    reads_all(&store).await.unwrap();
    assert!(store.tenant(&tenant()).await.unwrap().unwrap().tokens.is_empty());
    // Nobody needs a key that is gone to remove the tenant.
    without.begin_removal(&tenant(), T0).await.unwrap();
    without.remove_tenant(&tenant(), T0).await.unwrap();
    assert_eq!(without.tenant(&tenant()).await.unwrap(), None);
}

/// A sealed text opens for its own tenant and item alone, whoever copied it.
pub async fn what_is_moved_elsewhere_does_not_open(engine: &Engine) {
    let (table, kms) = (engine.table().await, Kms::start());
    let store = sealing(&table, &kms);
    fill(&store).await;
    store.create_tenant(&mut new("fabrikam")).await.unwrap();
    store.set_channel_keys(&tenant(), "other", &Keys::default()).await.unwrap();
    let put = async |item: Item| {
        table.client.put_item().table_name(&table.name).set_item(Some(item)).send().await.unwrap();
    };
    let mut item = only(&table, "n#contoso", "channel#other").await;
    item.insert("sl".to_owned(), only(&table, "n#contoso", "channel#chat").await["sl"].clone());
    put(item).await;
    let refused = store.channel_keys(&tenant(), "other").await;
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    let fabrikam = TenantId::parse("fabrikam").unwrap();
    let mut item = only(&table, "t#fabrikam", "t").await;
    item.insert("c".to_owned(), only(&table, "t#contoso", "t").await["c"].clone());
    put(item).await;
    for store in [&store, &sealing(&table, &kms)] {
        let refused = store.tenant(&fabrikam).await;
        assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    }
    reads_all(&store).await.unwrap();
    // A copy of the table under another name opens with the same key.
    let copy = engine.table().await;
    for item in table.items().await {
        copy.client.put_item().table_name(&copy.name).set_item(Some(item)).send().await.unwrap();
    }
    reads_all(&sealing(&copy, &kms)).await.unwrap();
}

/// A process asks for a key once in six hours. What it has opened goes on while KMS fails, but not if KMS refuses.
pub async fn a_key_is_held_for_hours_and_through_an_outage(engine: &Engine) {
    let (table, kms) = (engine.table().await, Kms::start());
    fill(&sealing(&table, &kms)).await;
    let now = Arc::new(AtomicI64::new(T0.millis()));
    let clock = Clock::driven({
        let now = Arc::clone(&now);
        move || now.load(Ordering::SeqCst)
    });
    let store = table.another_store().with_vault(vault(&table, &kms, Some(KEY), &clock));
    let before = kms.calls();
    let opened = async |later: i64| {
        now.fetch_add(later, Ordering::SeqCst);
        store.mute_key(&tenant()).await.map(|key| assert_eq!(key, Some(Secret::new("muting"))))
    };
    opened(0).await.unwrap();
    opened(HELD_FOR - 1).await.unwrap();
    assert_eq!(kms.calls() - before, 1);
    opened(1).await.unwrap();
    assert_eq!(kms.calls() - before, 2);
    kms.fail(Some((500, "KMSInternalException")));
    opened(HELD_FOR).await.unwrap();
    assert!(matches!(store.pull_secret(&tenant()).await, Err(StoreError::Unavailable(_))), "it was never opened");
    kms.fail(Some((400, "ThrottlingException")));
    opened(HELD_FOR).await.unwrap();
    kms.fail(Some((400, "DisabledException")));
    assert!(matches!(opened(0).await, Err(StoreError::Refused(_))));
    kms.fail(Some((500, "KMSInternalException")));
    assert!(matches!(opened(0).await, Err(StoreError::Unavailable(_))), "the refused key is forgotten");
    kms.fail(None);
    opened(0).await.unwrap();
}
