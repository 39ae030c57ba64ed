//! `sweep`: checks once which enrollments are due.

use crate::app::App;
use crate::cli::Common;
use crate::output::answer;
use vestibule_platform::BoxError;

pub async fn run(common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let swept = app.sweep.run().await?;
    app.close().await?;
    answer(common.json, &serde_json::to_value(swept)?, || {
        format!(
            "{} due: {} flagged, {} still moving, {} with nothing open, {} changed meanwhile, {} can't be read.",
            swept.due, swept.flagged, swept.rearmed, swept.cleared, swept.moved, swept.unreadable
        )
    });
    Ok(())
}
