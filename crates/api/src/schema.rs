//! Schemas of values that `domain` owns; their limits are written from its constants.

use std::borrow::Cow;

use taskpilot_domain::binding;
use taskpilot_domain::ids::MAX_ID;
use taskpilot_domain::limits::{
    LABELS_MAX, NAME_CHARS_MAX, PRIORITY_MAX, PRIORITY_MIN, REASON_CHARS_MAX, TITLE_CHARS_MAX,
    TYPE_CHARS_MAX,
};
use taskpilot_domain::stop::{Containment, How};
use utoipa::openapi::schema::{KnownFormat, Schema, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

macro_rules! schema {
    ($name:ident, $description:literal, $object:expr) => {
        #[doc = $description]
        #[derive(Debug)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object: ObjectBuilder = $object;
                object.description(Some($description)).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    };
}

schema! { Id, "A whole number from 1 to 2^53 − 1, never used twice.",
integer().minimum(Some(1)).maximum(Some(MAX_ID)) }
schema! { AttemptNumber, "Number of an attempt within its execution; the first is 1.",
integer().minimum(Some(1)) }
schema! { Instant, "RFC 3339, UTC, milliseconds.",
string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))) }
schema! { Token, "128 random bits as 32 hexadecimal digits; proves who holds a lease or a session.",
string().pattern(Some("^[0-9a-fA-F]{32}$")) }
schema! { TaskType, "What kind of work: the name of its handler. Letters, digits and `._-:/`.",
string().min_length(Some(1)).max_length(Some(TYPE_CHARS_MAX)).pattern(Some("^[A-Za-z0-9._:/-]+$")) }
schema! { Name, "Letters, digits and `._-`.",
string().min_length(Some(1)).max_length(Some(NAME_CHARS_MAX)).pattern(Some("^[A-Za-z0-9._-]+$")) }
schema! { WorkerName, "A label for people. Letters, digits and `._-:`.",
string().min_length(Some(1)).max_length(Some(NAME_CHARS_MAX)).pattern(Some("^[A-Za-z0-9._:-]+$")) }
schema! { Title, "One line for people.", string().max_length(Some(TITLE_CHARS_MAX)) }
schema! { Reason, "Why, for people.", string().max_length(Some(REASON_CHARS_MAX)) }
schema! { Labels, "Keys and values for people and filters; keys have at most 63 characters, values 255.",
ObjectBuilder::new().schema_type(Type::Object).max_properties(Some(LABELS_MAX))
    .additional_properties(Some(string())) }
schema! { Priority, "Rank within queue and type; higher is claimed first.",
integer().minimum(Some(PRIORITY_MIN)).maximum(Some(PRIORITY_MAX)) }

schema! { TaskStatus, "Status of a task, never of its execution.",
string().enum_values(Some(binding::TaskStatus::ALL.map(binding::TaskStatus::as_str))) }
schema! { StoppedHow, "How the work of a stopped attempt ended.",
string().enum_values(Some(How::ALL.map(How::as_str))) }
schema! { WorkerContainment, "What encloses the processes of attempts.",
string().enum_values(Some(Containment::ALL.map(Containment::as_str))) }

fn integer() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
