//! Bad input of every kind: it is named in a problem document, and changes nothing.

mod addresses;
mod bodies;
mod cases;
mod options;
mod secrets;
