//! All that an error code or message can mean, and what to do about it, from the catalogue.

use crate::Call;
use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use vestibule_advice::{Advice, Catalogue};
use vestibule_platform::problem::json as answer;
use vestibule_platform::{HttpResponse, Problem};

/// `GET /api/advice/{code}`: a code in any spelling, words of a message, or the name of an error or a category.
pub(crate) fn show(catalogue: &Catalogue, call: &Call, text: &str) -> Result<HttpResponse, Problem> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| Problem::not_found())?;
    let found = catalogue.look_up(&text);
    if found.is_empty() {
        return Err(Problem::not_found());
    }
    let meanings: Vec<Value> = found.into_iter().map(written).collect();
    let body = json!({"asOf": call.now.to_string(), "catalogue": catalogue.version(), "meanings": meanings});
    Ok(answer(StatusCode::OK, &body))
}

/// An entry without the phrases and categories by which it is found.
fn written(advice: &Advice) -> Value {
    json!({
        "id": advice.id,
        "codes": advice.codes,
        "problem": advice.problem,
        "cause": advice.cause,
        "steps": advice.steps,
        "who": advice.who,
        "platforms": advice.platforms,
        "sources": advice.sources,
    })
}
