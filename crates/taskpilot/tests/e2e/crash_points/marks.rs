//! What the marks of the handlers say by themselves.

use std::collections::BTreeSet;

use taskpilot_e2e::ledger::Mark;

/// How often a word was written for an execution.
pub(crate) fn count(word: &str, execution: i64, marks: &[Mark]) -> usize {
    let about = |mark: &&Mark| mark.word == word && mark.execution == execution;
    marks.iter().filter(about).count()
}

/// Marks that tell of work that ran twice: one attempt that began twice, or began beside another.
pub(crate) fn doubled(marks: &[Mark]) -> Vec<&Mark> {
    let mut begun = BTreeSet::new();
    let mut is_doubled = |mark: &&Mark| match mark.word.as_str() {
        "beside" => true,
        "start" => !begun.insert((mark.execution, mark.attempt)),
        _ => false,
    };
    marks.iter().filter(|mark| is_doubled(mark)).collect()
}

#[test]
fn an_attempt_that_began_twice_or_beside_another_is_found() {
    let marks = [
        Mark::of("start", 1, 1),
        Mark::of("start", 1, 2),
        Mark::of("end", 1, 2),
        Mark::of("start", 2, 1),
    ];
    assert_eq!(doubled(&marks), Vec::<&Mark>::new());
    let (again, beside) = (Mark::of("start", 1, 1), Mark::of("beside", 2, 2));
    let more = [&marks[..], &[beside.clone(), again.clone()]].concat();
    assert_eq!(doubled(&more), [&beside, &again]);
    assert_eq!(count("start", 1, &more), 3);
}
