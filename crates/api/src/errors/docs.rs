//! `docs/errors.md`, rendered from the registry.

use std::fmt::Write;

use super::ErrorCode;

/// The registry as Markdown.
pub fn render_markdown() -> String {
    let mut text = String::from(HEAD);
    for code in ErrorCode::ALL {
        let retryable = if code.is_retryable() { "yes" } else { "no" };
        let row = (code.as_str(), code.status(), code.title(), code.meaning());
        writeln!(
            text,
            "| `{}` | {} | {retryable} | {} | {} |",
            row.0, row.1, row.2, row.3
        )
        .expect("invariant: writing to a string does not fail");
    }
    text
}

const HEAD: &str = "# Errors

<!-- Generated from `crates/api/src/errors/codes.rs`; do not edit. -->

Every answer that is not a success is `application/problem+json` (RFC 9457) with `type`, `title`,
`status`, `detail`, `instance`, `code`, `retryable` and `requestId`. `type` is
`urn:taskpilot:error:` and the code. Where the scheduler or the store was involved, `outcome` says
whether the command may have been applied (`not_applied`, `unknown`); where one field, header or
parameter is at fault, `field` names it. `retryable` is the default below unless a problem knows
better; `503` answers carry `Retry-After`.

Bytes that are no HTTP request at all, or whose head is too large to be read, get a bare `400`, `414`
or `431` and the end of the connection: there is no request that a problem could speak of.

| Code | Status | Retryable | Title | Meaning |
|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_row() {
        let text = render_markdown();
        for code in ErrorCode::ALL {
            let row = format!("| `{}` | {} |", code.as_str(), code.status());
            assert_eq!(text.matches(&row).count(), 1, "{code:?}");
        }
    }
}
