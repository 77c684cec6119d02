//! How far a cancellation is: a bar that moves until nothing is left to do, and what became of how
//! many.

use taskpilot_api::cancellations::{Cancellation, CancellationCounts, CancellationOutcomeWord};
use taskpilot_api::open::Open;
use taskpilot_domain::cancellation::{CancellationOutcome, CancellationStatus};

use crate::commands::Session;
use crate::commands::wait::Patience;
use crate::exit::{Code, Failure};
use crate::output;

/// Looks at it until nothing is left to do or the time is over, through outages of ours, and gives the
/// last look.
pub(in crate::commands) async fn completed(
    begun: Cancellation,
    mut patience: Patience,
    session: &Session,
) -> Result<Cancellation, Failure> {
    let (id, mut last) = (begun.id.get(), begun);
    let look = || async { Ok(session.client.cancellation(id).await?) };
    while last.completed_at.is_none() {
        output::progress(&bar(&last));
        let next = async {
            patience.pause().await?;
            patience.answer(look).await
        };
        match next.await {
            Ok(now) => last = now,
            Err(Failure::Coded(Code::TimedOut, _)) => break,
            Err(failure) => return Err(failure),
        }
        patience.nothing_is_in_the_way();
    }
    output::progress("");
    Ok(last)
}

/// A bar of twenty places, and the numbers.
pub(super) fn bar(now: &Cancellation) -> String {
    let (decided, total) = (now.counts.decided(), now.total);
    if now.status.known() == Some(CancellationStatus::Matching) {
        return format!("matching: {total} so far");
    }
    let full = usize::try_from(decided * 20 / total.max(1)).unwrap_or(20);
    let bar = "#".repeat(full);
    format!("[{bar:20}] {decided} of {total}")
}

/// What became of how many.
pub(in crate::commands) fn outcomes(counts: CancellationCounts) {
    let rows: Vec<Vec<String>> = CancellationOutcome::ALL
        .into_iter()
        .map(|outcome| (outcome, counts.of(outcome)))
        .filter(|(_, count)| *count > 0)
        .map(|(outcome, count)| {
            let word: CancellationOutcomeWord = Open::Known(outcome);
            vec![word.to_string(), count.to_string()]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["OUTCOME", "TASKS"], &rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_bar() {
        let text = r#"{"id":1,"status":"RUNNING","requestedAt":"2026-01-31T12:00:00.000Z",
            "requestedBy":"a","reason":null,"total":8,"counts":{"canceled":2},"completedAt":null}"#;
        let now: Cancellation = serde_json::from_str(text).unwrap();
        assert_eq!(bar(&now), "[#####               ] 2 of 8");
    }
}
