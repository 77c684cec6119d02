//! What a scheduler offers beyond the plain contract, as it announces it in a response header.

use crate::open::{Open, Vocabulary, vocabulary};

/// One extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extension {
    /// `Idempotency-Key` on create, and `reference`.
    IdempotencyKey,
    /// Options of an execution beside `type` and `payload`, and a payload of any JSON value.
    Options,
    /// `POST /tasks/batch`.
    Batch,
    /// `GET /tasks`.
    List,
    /// `PUT /tasks/by-key/{key}/cancel`, and the expected reference in a cancel.
    CancelByKey,
    /// `Prefer: wait` on cancel.
    Wait,
    /// `Prefer: wait` on the read of an execution, and its `ETag`.
    WaitForChange,
    /// `/queues`.
    Queues,
    /// `/latency`.
    Latency,
    /// `parentId` and `cancelChildren` in a create, `cascade` in a cancel.
    Families,
    /// `PUT /tasks/{id}/release-stuck`.
    ReleaseStuck,
    /// `POST /tasks/cancel-batch`.
    CancelBatch,
}

vocabulary! { ExtensionWord, Extension, "Extension", "What a scheduler offers beyond the plain contract", {
    IdempotencyKey => "idempotency-key", Options => "options", Batch => "batch", List => "list",
    CancelByKey => "cancel-by-key", Wait => "wait",
    WaitForChange => "wait-for-change", Queues => "queues", Latency => "latency",
    Families => "families", ReleaseStuck => "release-stuck", CancelBatch => "cancel-batch",
} }

/// A set of extensions; the empty set is the plain contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions(Vec<Extension>);

impl Extensions {
    /// Everything that our own scheduler has.
    pub fn all() -> Self {
        Self(Extension::VALUES.to_vec())
    }

    /// Reads the value of the header; words that are not known are skipped.
    pub fn from_header(value: &str) -> Self {
        let words = value
            .split(',')
            .map(|word| Open::from_word(word.trim()).known());
        Self(words.flatten().collect())
    }

    /// The value of the header.
    pub fn to_header(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(|extension| extension.word()).collect();
        words.join(", ")
    }

    /// Whether it is the plain contract and nothing more.
    pub fn is_plain(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `extension` is among them.
    pub fn has(&self, extension: Extension) -> bool {
        self.0.contains(&extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_is_read_back_and_the_unknown_is_skipped() {
        let all = Extensions::all();
        assert_eq!(Extensions::from_header(&all.to_header()), all);
        let some = Extensions::from_header("list, teleport ,wait");
        assert_eq!(some, Extensions(vec![Extension::List, Extension::Wait]));
    }
}
