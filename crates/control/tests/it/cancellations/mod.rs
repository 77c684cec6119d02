//! `/api/cancellations`.

mod create;
mod give_up;
mod lost;
mod matching;
mod plain;
mod rate;
mod retention;
mod scene;
