//! How what is secret of a tenant is written into its item, and that a change of anything else leaves it as it was written:
//! each sealing is a call of KMS.
//!
//! Two texts are sealed, since other functions need each: the secrets of its senders, and the key of its pseudonyms. The
//! latter is sealed when the tenant is made, or when all its secrets are; nobody else changes it, so nobody else needs to be
//! able to seal it.

use super::{Secret, SourceSecret, TENANT, Tenant, stored};
use crate::sealing::{Bound, SecretKind};
use crate::{Consistency, Store, StoreError};
use vestibule_domain::TenantId;

/// How what is secret of a tenant is written: in clear, or sealed. It is a note for writers.
#[derive(Clone, Debug, Default)]
pub struct Sealing {
    senders: Option<Sealed<Senders>>,
    people: Option<Sealed<Secret>>,
    /// Whether the next write also seals what was in clear before.
    seals_people: bool,
}

type Senders = (Vec<Secret>, Vec<SourceSecret>);

#[derive(Clone, Debug)]
struct Sealed<T> {
    text: String,
    /// What is in it, if it was opened.
    opened: Option<T>,
}

impl<T> Sealed<T> {
    const fn closed(text: String) -> Self {
        Self { text, opened: None }
    }
}

/// What was read equals what was written, however it was.
impl PartialEq for Sealing {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Sealing {
    pub(super) fn closed(senders: Option<String>, people: Option<String>) -> Self {
        Self { senders: senders.map(Sealed::closed), people: people.map(Sealed::closed), seals_people: false }
    }

    /// Of a tenant of which everything is to be sealed anew.
    pub(crate) const fn anew() -> Self {
        Self { senders: None, people: None, seals_people: true }
    }

    /// The sealed text of its senders' secrets.
    pub(super) fn senders(&self) -> Option<&str> {
        self.senders.as_ref().map(|sealed| sealed.text.as_str())
    }

    /// The sealed text of the key of its pseudonyms.
    pub(super) fn people(&self) -> Option<&str> {
        self.people.as_ref().map(|sealed| sealed.text.as_str())
    }

    pub(crate) const fn is_sealed(&self) -> bool {
        self.senders.is_some()
    }

    /// A new tenant's key is sealed, if there is a key for that.
    pub(super) const fn seal_people_too(&mut self) {
        self.seals_people = self.people.is_none();
    }

    pub(crate) fn leave_senders_out(&mut self) {
        self.senders = None;
    }
}

const fn bound(tenant: &TenantId, kind: SecretKind) -> Bound<'_> {
    Bound { tenant, kind, item: TENANT }
}

impl Store {
    /// The tenant with what is secret of it, but for what this store has no use for, and the key of pseudonyms of a tenant
    /// that has none.
    pub(crate) async fn opened_tenant(
        &self,
        id: &TenantId,
        consistency: Consistency,
    ) -> Result<Option<Tenant>, StoreError> {
        let Some(mut tenant) = self.read_tenant(id, consistency).await? else { return Ok(None) };
        if !self.sealer.leaves_senders() {
            self.open_senders(id, &mut tenant).await?;
        }
        if tenant.settings.pseudonymise && !self.sealer.leaves_people() {
            self.open_people(id, &mut tenant).await?;
        }
        Ok(Some(tenant))
    }

    /// `id` is where the item lies: the item itself could be a copy of another tenant's.
    async fn open_senders(&self, id: &TenantId, tenant: &mut Tenant) -> Result<(), StoreError> {
        let Some(sealed) = &mut tenant.sealing.senders else { return Ok(()) };
        let clear = self.sealer.open(bound(id, SecretKind::Senders), &sealed.text).await?;
        // Serde's message could repeat the content.
        let (webhook_secrets, sources) = stored::read_senders(&clear)
            .map_err(|_| StoreError::corrupt(id.as_str(), "no secrets in what was sealed"))?;
        sealed.opened = Some((webhook_secrets.clone(), sources.clone()));
        (tenant.webhook_secrets, tenant.sources) = (webhook_secrets, sources);
        Ok(())
    }

    /// Opens the key of the pseudonyms of the tenant that lies at `id`, if it is sealed.
    pub(crate) async fn open_people(&self, id: &TenantId, tenant: &mut Tenant) -> Result<(), StoreError> {
        let Some(sealed) = &mut tenant.sealing.people else { return Ok(()) };
        let key = Secret::new(self.sealer.open(bound(id, SecretKind::People), &sealed.text).await?);
        sealed.opened = Some(key.clone());
        tenant.pseudonym_key = key.into();
        Ok(())
    }

    /// The key by which a tenant's people have pseudonyms; `None` if there is no such tenant.
    pub(crate) async fn people_key(&self, id: &TenantId) -> Result<Option<Secret>, StoreError> {
        let Some(mut tenant) = self.read_tenant(id, Consistency::Strong).await? else { return Ok(None) };
        self.open_people(id, &mut tenant).await?;
        tenant.pseudonym_key().cloned().map(Some)
    }

    /// Prepares a tenant to be written: seals the secrets of its senders if they must be and are not, or not these, and the
    /// key of its pseudonyms.
    pub(crate) async fn seal_tenant(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        self.seal_people(tenant).await?;
        self.seal_senders(tenant).await
    }

    async fn seal_people(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let is_sealed = match (&tenant.sealing.people, &tenant.pseudonym_key.0) {
            (None, _) if !tenant.sealing.seals_people => return Ok(()),
            (None, _) => false,
            (Some(Sealed { opened: Some(opened), .. }), Some(key)) if opened == key => return Ok(()),
            // It was read without the key.
            (Some(_), None) => return Ok(()),
            (Some(_), Some(_)) => true,
        };
        let Some(vault) = self.sealer.seals(&tenant.id, is_sealed, tenant.settings.format)? else { return Ok(()) };
        let key = tenant.pseudonym_key()?.clone();
        let text = vault.seal(bound(&tenant.id, SecretKind::People), key.expose()).await?;
        tenant.sealing.people = Some(Sealed { text, opened: Some(key) });
        tenant.sealing.seals_people = false;
        Ok(())
    }

    async fn seal_senders(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let now = (&tenant.webhook_secrets, &tenant.sources);
        let has_none = now.0.is_empty() && now.1.is_empty();
        let is_sealed = match &tenant.sealing.senders {
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
        let text = vault.seal(bound(&tenant.id, SecretKind::Senders), &clear).await?;
        let opened = Some((tenant.webhook_secrets.clone(), tenant.sources.clone()));
        tenant.sealing.senders = Some(Sealed { text, opened });
        Ok(())
    }
}
