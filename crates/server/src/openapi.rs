//! The `openapi.json` of a service: completed, compared with the route table, written out.

use std::collections::BTreeSet;

use axum::http::Method;
use taskpilot_api::headers::PROBLEM_JSON;
use taskpilot_api::problem::Problem;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use crate::routes::RouteInfo;

/// Adds to every operation that any other answer is a problem document, and says of a body that may
/// be absent that it is an object where it is there.
#[must_use]
pub fn completed(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_default();
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for item in document.paths.paths.values_mut() {
        for operation in operations_mut(item) {
            let responses = &mut operation.responses.responses;
            responses
                .entry("default".to_owned())
                .or_insert_with(problem);
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content.values_mut().for_each(never_null);
            }
        }
    }
    document
}

/// A body of `Option<T>` is described as `T` or null, and null is no object.
fn never_null(content: &mut RefOr<Content>) {
    let RefOr::T(content) = content else { return };
    let Some(RefOr::T(Schema::OneOf(either))) = &mut content.schema else {
        return;
    };
    either.items.retain(|item| !is_null(item));
    if let [only] = &either.items[..] {
        content.schema = Some(only.clone());
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    let null = SchemaType::Type(Type::Null);
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == null)
}

fn problem() -> RefOr<Response> {
    let schema = Ref::from_schema_name(Problem::name());
    ResponseBuilder::new()
        .description("A problem document; `code` says which.")
        .content(PROBLEM_JSON, Content::new(Some(schema)))
        .build()
        .into()
}

/// Where the document and the table differ, one line each; empty where they say the same.
///
/// Compared are method, path, operation id, and whether there are query parameters.
pub fn differences(routes: &[RouteInfo], document: &OpenApi) -> Vec<String> {
    let listed: BTreeSet<String> = routes.iter().map(line_of_route).collect();
    let described: BTreeSet<String> = document
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| lines_of_path(path, item))
        .collect();
    let missing = listed.difference(&described);
    let missing = missing.map(|line| format!("not described: {line}"));
    let extra = described.difference(&listed);
    let extra = extra.map(|line| format!("not in the table: {line}"));
    missing.chain(extra).collect()
}

fn line_of_route(route: &RouteInfo) -> String {
    let query = if route.query { " ?" } else { "" };
    format!("{} {}{query} {}", route.method, route.path, route.operation)
}

fn lines_of_path(path: &str, item: &PathItem) -> Vec<String> {
    let described = operations(item).into_iter().map(|(method, operation)| {
        let query = if has_query(operation) { " ?" } else { "" };
        let id = operation.operation_id.as_deref().unwrap_or("(no id)");
        format!("{method} {path}{query} {id}")
    });
    described.collect()
}

fn has_query(operation: &Operation) -> bool {
    operation.parameters.iter().flatten().any(
        |parameter| matches!(parameter, RefOr::T(one) if one.parameter_in == ParameterIn::Query),
    )
}

fn operations(item: &PathItem) -> Vec<(Method, &Operation)> {
    [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
        (Method::HEAD, &item.head),
        (Method::OPTIONS, &item.options),
        (Method::TRACE, &item.trace),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
    .collect()
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

/// The document as it is committed and served: indented, with a line feed at its end.
pub fn to_json(document: &OpenApi) -> String {
    let text = document.to_pretty_json();
    text.expect("invariant: a document is plain JSON") + "\n"
}
