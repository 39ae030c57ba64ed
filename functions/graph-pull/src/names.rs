//! Graph's list of apps: their names, for those that a sender reports by their id alone.

use crate::lists::List;
use crate::problem::Problem;
use crate::puller::Run;
use serde_json::Value;
use vestibule_domain::esp::AppNames;
use vestibule_graph::Transport;
use vestibule_store::StoreError;

/// Apps of all kinds. A directory has hundreds, and some have thousands.
const MOST: u64 = 100_000;
/// Kinds of apps that no Windows device ever waits for, by the beginnings of their names.
const ELSEWHERE: [&str; 5] = ["ios", "android", "macos", "managedios", "managedandroid"];

impl<T: Transport> Run<'_, T> {
    /// Reads the whole list and replaces the names that were stored. Returns the number of apps, and a message if not
    /// all names are kept.
    pub(crate) async fn read_app_names(
        &self,
        list: &List,
    ) -> Result<Result<(u64, Option<String>), Problem>, StoreError> {
        let (mut names, mut rows, mut is_full) = (AppNames::default(), 0, false);
        let take = |page: Vec<Value>| {
            rows += page.len() as u64;
            for app in &page {
                is_full |= !add(&mut names, app);
            }
            rows <= MOST
        };
        if let Err(problem) = self.each_page(list, take).await {
            return Ok(Err(problem));
        }
        let kept = self.puller.store.put_app_names(&self.tenant.id, &names).await?;
        let note = (is_full || kept < names.len())
            .then(|| format!("only {kept} names of apps are kept; the others go by their ids"));
        Ok(Ok((rows, note)))
    }
}

/// Adds an app's name. Returns whether there was room for it.
fn add(names: &mut AppNames, app: &Value) -> bool {
    let kind = app["@odata.type"].as_str().unwrap_or_default();
    let kind = kind.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    if ELSEWHERE.iter().any(|other| kind.starts_with(other)) {
        return true;
    }
    match (app["id"].as_str(), app["displayName"].as_str()) {
        (Some(id), Some(name)) => names.insert(id, name),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn apps_that_a_windows_device_may_wait_for_have_names() {
        let mut names = AppNames::default();
        for app in [
            json!({"@odata.type": "#microsoft.graph.win32LobApp", "id": "A-1", "displayName": "Contoso VPN"}),
            json!({"@odata.type": "#microsoft.graph.iosStoreApp", "id": "a-2", "displayName": "Contoso for iPhones"}),
            json!({"@odata.type": "#microsoft.graph.macOSPkgApp", "id": "a-3", "displayName": "Contoso for Macs"}),
            json!({"id": "a-4", "displayName": "Of an unknown kind"}),
            json!({"id": "a-5", "displayName": null}),
            json!("nothing"),
        ] {
            assert!(add(&mut names, &app));
        }
        let all: Vec<_> = names.iter().collect();
        assert_eq!(all, [("a-1", "Contoso VPN"), ("a-4", "Of an unknown kind")]);
    }
}
