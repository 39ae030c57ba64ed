//! Annotations: what a tenant did, by date. The newest file gets them when it is refreshed or the next is made.

use crate::app::App;
use crate::cli::AnnotationCommand;
use crate::output::{Lines, answer};
use admin_api::{annotation_json, new_annotation_id};
use serde_json::{Value, json};
use vestibule_domain::annotation::{Annotation, Note};
use vestibule_platform::BoxError;

/// Who wrote it.
const OPERATOR: &str = "operator";

fn line(annotation: &Annotation) -> String {
    let Note { from, to, text } = &annotation.note;
    let days = if *to == from.plus(1) { from.to_string() } else { format!("{from} to {}", to.plus(-1)) };
    format!("{}  {days}  {text}", annotation.id)
}

pub async fn annotation(command: AnnotationCommand) -> Result<(), BoxError> {
    match command {
        AnnotationCommand::Add { name, from, text, to, common } => {
            let note = Note::read(&from, to.as_deref(), &text)?;
            let app = App::open(&common.place).await?;
            let tenant = app.tenant(&name).await?.id;
            let (id, by) = (new_annotation_id()?, OPERATOR.to_owned());
            let annotation = Annotation { id, note, by, at: app.now() };
            let added = app.store.change_annotations(&tenant, |all| {
                all.add(annotation.clone())?;
                Ok::<_, BoxError>(())
            });
            added.await?;
            app.close().await?;
            let value = json!({"tenant": tenant, "annotation": annotation_json(&annotation)});
            answer(common.json, &value, || line(&annotation));
        }
        AnnotationCommand::List { name, common } => {
            let app = App::look(&common.place).await?;
            let tenant = app.tenant(&name).await?.id;
            let all = app.store.annotations(&tenant).await?;
            app.close().await?;
            let listed: Vec<Value> = all.iter().map(annotation_json).collect();
            answer(common.json, &json!({"tenant": tenant, "annotations": listed}), || {
                all.iter().map(line).collect::<Lines>()
            });
        }
        AnnotationCommand::Remove { name, id, common } => {
            let app = App::open(&common.place).await?;
            let tenant = app.tenant(&name).await?.id;
            let removed = app.store.change_annotations(&tenant, |all| {
                all.remove(&id)?;
                Ok::<_, BoxError>(())
            });
            removed.await.map_err(|error| format!("{name}: {error}"))?;
            app.close().await?;
            answer(common.json, &json!({"tenant": tenant, "removed": id}), || "Removed.".to_owned());
        }
    }
    Ok(())
}
