//! Enrollment Status Page profiles: one order, with concurrent writers, and versions that stay.

use crate::Engine;
use crate::fixtures::{T0, minute, scramble, tenant};
use std::collections::BTreeSet;
use vestibule_domain::TenantId;
use vestibule_domain::esp::profile::{DEFAULT_PROFILE, DEFAULT_PROFILE_ID, Settings};
use vestibule_domain::esp::profiles::{Profiles, ProfilesError};
use vestibule_store::{Store, StoreError};

#[derive(Debug)]
enum Refused {
    Store(StoreError),
    Rules(ProfilesError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ProfilesError> for Refused {
    fn from(error: ProfilesError) -> Self {
        Self::Rules(error)
    }
}

async fn change<T>(
    store: &Store,
    mut change: impl FnMut(&mut Profiles) -> Result<T, ProfilesError>,
) -> Result<(T, Profiles), Refused> {
    store.change_profiles(&tenant(), |profiles| change(profiles).map_err(Refused::from)).await
}

async fn add(store: &Store, name: &str, priority: Option<u32>) -> Result<(String, Profiles), Refused> {
    change(store, |profiles| profiles.add(&tenant(), Settings::named(name), Vec::new(), priority, T0)).await
}

fn priorities(profiles: &Profiles) -> Vec<u32> {
    profiles.iter().map(|(priority, _)| priority).collect()
}

/// A tenant that never changed anything has the default, and so does every other tenant.
pub async fn the_default_profile_is_there_from_the_first_day(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let profiles = store.profiles(&tenant()).await.unwrap();
    assert_eq!((profiles.count(), profiles.fallback().settings.display_name.as_str()), (1, DEFAULT_PROFILE));
    let first = store.profile_version(&tenant(), DEFAULT_PROFILE_ID, 1).await.unwrap();
    assert_eq!(first.as_ref(), Some(profiles.fallback()));
    add(store, "Executive ESP", None).await.unwrap();
    let other = TenantId::parse("fabrikam").unwrap();
    assert_eq!(store.profiles(&other).await.unwrap().count(), 1);
}

/// Sixteen writers add, move, change and remove concurrently: nothing is lost, and priorities are 1 to n.
pub async fn priorities_have_no_gaps_whoever_writes_at_once(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let mut first = Vec::new();
    for number in 0..8 {
        first.push(add(store, &format!("first {number}"), None).await.unwrap().0);
    }
    let writers = (0..16_usize).map(|writer| {
        let (store, first) = (store.clone(), first.clone());
        tokio::spawn(async move {
            let mut added = None;
            if writer % 2 == 0 {
                let priority = u32::try_from(writer % 5).unwrap();
                added =
                    Some(add(&store, &format!("added {writer}"), (priority > 0).then_some(priority)).await.unwrap().0);
            }
            let moved = &first[writer % 7];
            let to = u32::try_from(writer * 7 % 11 + 1).unwrap();
            let (_, after) = change(&store, |profiles| profiles.set_priority(moved, to)).await.unwrap();
            assert_eq!(seen(&after), Ok(()));
            if writer == 3 {
                let gone = &first[7];
                let (_, after) = change(&store, |profiles| profiles.remove(gone)).await.unwrap();
                assert_eq!(seen(&after), Ok(()));
            }
            added
        })
    });
    let mut added = BTreeSet::new();
    for writer in writers.collect::<Vec<_>>() {
        added.extend(writer.await.unwrap());
    }
    let profiles = store.profiles(&tenant()).await.unwrap();
    assert_eq!(seen(&profiles), Ok(()));
    // Eight added first, one removed, eight more added, and the default.
    assert_eq!((profiles.count(), added.len()), (16, 8));
    assert!(added.iter().all(|id| profiles.get(id).is_some()));
    let moves = 8 + 16 + 8 + 1;
    assert!(profiles.version <= moves, "each change makes one version");
}

/// Priorities are 1 to n, the default 0 and last.
fn seen(profiles: &Profiles) -> Result<(), Vec<u32>> {
    let seen = priorities(profiles);
    let n = u32::try_from(profiles.count() - 1).unwrap();
    if seen == (1..=n).chain([0]).collect::<Vec<_>>() { Ok(()) } else { Err(seen) }
}

/// A session's version stays readable after the profile is changed and removed.
pub async fn a_version_stays_when_its_profile_changes(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let (id, profiles) = add(store, "Kiosk ESP", None).await.unwrap();
    let first = profiles.get(&id).unwrap().1.clone();
    let mut settings = Settings::named("Kiosk ESP");
    settings.custom_error_message = Some("Ask the front desk.".to_owned());
    change(store, |profiles| profiles.replace(&id, settings.clone(), None, minute(1))).await.unwrap();
    let (_, after) = change(store, |profiles| profiles.remove(&id)).await.unwrap();
    assert_eq!(after.count(), 1);
    assert_eq!(store.profile_version(&tenant(), &id, 1).await.unwrap(), Some(first));
    let second = store.profile_version(&tenant(), &id, 2).await.unwrap().unwrap();
    assert_eq!(second.settings, settings);
    assert_eq!(store.profile_version(&tenant(), &id, 3).await.unwrap(), None);
}

/// If a change is refused it is not tried again, and if nothing changes nothing is written.
pub async fn a_refusal_changes_nothing(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let refusal = change(store, |profiles| profiles.remove("nobody")).await;
    assert!(matches!(refusal, Err(Refused::Rules(ProfilesError::Unknown))));
    let ((), unchanged) = change(store, |_| Ok(())).await.unwrap();
    assert_eq!(unchanged.version, 0);
    let noise = (0..300_000).map(|seed| char::from_u32(0x4e00 + u32::from(scramble(seed) as u16) % 20_000));
    let noise: String = noise.map(|letter| letter.unwrap_or('x')).collect();
    let mut settings = Settings::named("too large");
    settings.custom_error_message = Some(noise);
    let outgrown = change(store, |profiles| profiles.add(&tenant(), settings.clone(), Vec::new(), None, T0)).await;
    assert!(matches!(outgrown, Err(Refused::Store(StoreError::TooLarge))));
}
