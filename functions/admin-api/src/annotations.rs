//! Writing annotations: what the organisation did, by date (docs/DOMAIN.md, R14). Reading them is a question of the file.

use crate::body::Body;
use crate::query::invalid;
use crate::{Api, Call, store_problem};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use vestibule_domain::annotation::{Annotation, AnnotationError, Annotations, Note};
use vestibule_platform::credentials::random;
use vestibule_platform::problem::{empty, json as answer};
use vestibule_platform::{HttpResponse, Problem};
use vestibule_store::{Credential, StoreError};

/// Who wrote it, of somebody who signed in with the organisation's account. Whose account it was is not kept, since the
/// file goes to people who do not know the directory.
const ACCOUNT: &str = "account";

/// A change that was not made.
enum Refused {
    Rules(AnnotationError),
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Rules(AnnotationError::Unknown) => Self::not_found(),
            Refused::Rules(error @ AnnotationError::Full) => {
                Self::new(StatusCode::CONFLICT, "There is no room for another annotation").detail(format!("{error}."))
            }
            Refused::Store(error) => store_problem(error),
        }
    }
}

/// A new id.
///
/// # Errors
/// If the machine gives no random numbers.
pub fn new_annotation_id() -> Result<String, vestibule_platform::BoxError> {
    Ok(random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// An annotation with the API's names.
pub fn annotation_json(annotation: &Annotation) -> Value {
    let Annotation { id, note: Note { from, to, text }, by, at } = annotation;
    json!({
        "id": id,
        "from": from.to_string(),
        "to": to.to_string(),
        "text": text,
        "writtenBy": by,
        "writtenAt": at.to_string(),
    })
}

/// What a body says.
fn note(call: &Call) -> Result<Note, Problem> {
    let body = Body::read(call, &["from", "to", "text"])?;
    let required = |name| body.text(name)?.ok_or_else(|| invalid(name, "is missing"));
    let note = Note::read(required("from")?, body.text("to")?, required("text")?);
    note.map_err(|error| invalid(error.field, error.problem))
}

/// The id of the token that a caller has.
fn writer(call: &Call) -> String {
    match &call.credential {
        Credential::Person { .. } => ACCOUNT.to_owned(),
        Credential::Token { sha256 } => {
            call.tenant.token(sha256).map_or_else(|| ACCOUNT.to_owned(), |token| token.id.clone())
        }
    }
}

impl Api {
    pub(crate) async fn add_annotation(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let note = note(call)?;
        let id = new_annotation_id().map_err(|error| {
            tracing::error!(%error, "no id for an annotation");
            Problem::internal()
        })?;
        let annotation = Annotation { id, note, by: writer(call), at: call.now };
        self.annotate(call, |all| all.add(annotation.clone())).await?;
        let mut response = written(call, StatusCode::CREATED, &annotation);
        if let Ok(location) = HeaderValue::try_from(format!("/api/annotations/{}", annotation.id)) {
            response.headers_mut().insert(LOCATION, location);
        }
        Ok(response)
    }

    pub(crate) async fn replace_annotation(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        let annotation = Annotation { id: id.to_owned(), note: note(call)?, by: writer(call), at: call.now };
        self.annotate(call, |all| all.replace(annotation.clone())).await?;
        Ok(written(call, StatusCode::OK, &annotation))
    }

    pub(crate) async fn remove_annotation(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        self.annotate(call, |all| all.remove(id)).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    async fn annotate(
        &self,
        call: &Call,
        change: impl Fn(&mut Annotations) -> Result<(), AnnotationError>,
    ) -> Result<(), Problem> {
        let changed =
            self.archive.store().change_annotations(&call.tenant.id, |all| change(all).map_err(Refused::Rules));
        Ok(changed.await?)
    }
}

fn written(call: &Call, status: StatusCode, annotation: &Annotation) -> HttpResponse {
    answer(status, &json!({"asOf": call.now.to_string(), "annotation": annotation_json(annotation)}))
}
