//! How the secrets of a tenant's senders are written into its item, and that a change of anything else leaves them as they
//! were written: each sealing is a call of KMS.

use super::{Secret, SourceSecret, TENANT, Tenant, stored};
use crate::sealing::{Bound, SecretKind};
use crate::{Consistency, Store, StoreError};
use vestibule_domain::TenantId;

/// How the secrets of a tenant's senders are written: in clear, or sealed. It is a note for writers.
#[derive(Clone, Debug, Default)]
pub struct Sealing(Option<Sealed>);

#[derive(Clone, Debug)]
struct Sealed {
    text: String,
    /// What is in it, if it was opened.
    opened: Option<(Vec<Secret>, Vec<SourceSecret>)>,
}

/// What was read equals what was written, however it was.
impl PartialEq for Sealing {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Sealing {
    pub(super) const fn closed(text: String) -> Self {
        Self(Some(Sealed { text, opened: None }))
    }

    /// The sealed text.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_ref().map(|sealed| sealed.text.as_str())
    }

    pub(crate) const fn is_sealed(&self) -> bool {
        self.0.is_some()
    }
}

fn bound(tenant: &TenantId) -> Bound<'_> {
    Bound { tenant, kind: SecretKind::Senders, item: TENANT }
}

impl Store {
    /// The tenant with the secrets of its senders, unless this store has no use for them.
    pub(crate) async fn opened_tenant(
        &self,
        id: &TenantId,
        consistency: Consistency,
    ) -> Result<Option<Tenant>, StoreError> {
        let Some(mut tenant) = self.read_tenant(id, consistency).await? else { return Ok(None) };
        if self.sealer.leaves_senders() {
            return Ok(Some(tenant));
        }
        let Some(sealed) = tenant.sealing.0.take() else { return Ok(Some(tenant)) };
        let clear = self.sealer.open(bound(id), &sealed.text).await?;
        // Serde's message could repeat the content.
        let (webhook_secrets, sources) = stored::read_senders(&clear)
            .map_err(|_| StoreError::corrupt(id.as_str(), "no secrets in what was sealed"))?;
        let opened = Some((webhook_secrets.clone(), sources.clone()));
        (tenant.webhook_secrets, tenant.sources) = (webhook_secrets, sources);
        tenant.sealing = Sealing(Some(Sealed { opened, ..sealed }));
        Ok(Some(tenant))
    }

    /// Prepares a tenant to be written: seals the secrets of its senders if they must be and are not, or not these.
    pub(crate) async fn seal_senders(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let now = (&tenant.webhook_secrets, &tenant.sources);
        let has_none = now.0.is_empty() && now.1.is_empty();
        let is_sealed = match &tenant.sealing.0 {
            // There is nothing to seal.
            None if has_none => return Ok(()),
            None => false,
            Some(Sealed { opened: Some((webhook_secrets, sources)), .. }) if now == (webhook_secrets, sources) => {
                return Ok(());
            }
            // It was read without secrets, and has none now.
            Some(Sealed { opened: None, .. }) if has_none => return Ok(()),
            Some(_) => true,
        };
        let Some(vault) = self.sealer.seals(&tenant.id, is_sealed, tenant.settings.format)? else { return Ok(()) };
        let clear = stored::senders(now.0, now.1).map_err(|error| StoreError::corrupt(tenant.id.as_str(), error))?;
        let text = vault.seal(bound(&tenant.id), &clear).await?;
        tenant.sealing =
            Sealing(Some(Sealed { text, opened: Some((tenant.webhook_secrets.clone(), tenant.sources.clone())) }));
        Ok(())
    }
}
