//! `task list`.

use super::arguments::ListArgs;
use crate::commands::{Session, describe};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

pub(super) async fn run(filter: ListArgs, session: &Session) -> Result<Code, Failure> {
    let mut query = Vec::new();
    query.extend(
        filter
            .status
            .map(|status| ("status", status.to_uppercase())),
    );
    query.extend(filter.kind.map(|kind| ("type", kind)));
    query.extend(
        filter
            .labels
            .into_iter()
            .map(|(key, value)| ("label", format!("{key}={value}"))),
    );
    query.extend(
        filter
            .parent
            .map(|parent| ("parentTaskId", parent.to_string())),
    );
    query.extend(filter.title.map(|title| ("title", title)));
    query.extend(filter.limit.map(|limit| ("limit", limit.to_string())));
    query.extend(filter.after.map(|after| ("after", after)));
    let page = session.client.list(&query).await?;
    if session.format == Format::Json {
        output::json(&page)?;
        return Ok(Code::Ok);
    }
    let rows: Vec<Vec<String>> = page.items.iter().map(describe::task_row).collect();
    output::table(
        &["ID", "TYPE", "STATUS", "EXECUTION", "CREATED", "TITLE"],
        &rows,
    );
    if let Some(next) = page.next {
        output::hint(&format!("more: --after {next}"));
    }
    Ok(Code::Ok)
}
