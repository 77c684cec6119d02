//! The one registry of error codes: it makes the enum, the documents and the tests.

mod codes;
mod docs;

pub use codes::ErrorCode;
pub use docs::render_markdown;
