//! The route table: each route states its operation and its permission, and what is not listed is
//! refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on, options};
use taskpilot_api::errors::ErrorCode;

use crate::context::RequestContext;
use crate::edge::Edge;
use crate::error::ApiError;
use crate::permission::Permission;
use crate::waiting::{MayWait, Waits};

/// What a route says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// The method.
    pub method: Method,
    /// The path, with `{name}` for its parameters.
    pub path: &'static str,
    /// The `operationId` of its description.
    pub operation: &'static str,
    /// What a principal needs to call it.
    pub permission: Permission,
    /// Whether it may wait, and so needs a seat in the waiting room to do so.
    pub waits: bool,
    /// Whether it takes query parameters; any other query is refused.
    pub query: bool,
}

/// One row of the table.
#[derive(Debug)]
pub struct Route<S> {
    info: RouteInfo,
    handler: MethodRouter<S>,
}

macro_rules! method {
    ($name:ident, $method:ident) => {
        #[doc = concat!("A row for `", stringify!($method), "`: path, operation id, permission, handler.")]
        pub fn $name<H, T>(
            path: &'static str,
            operation: &'static str,
            permission: Permission,
            handler: H,
        ) -> Self
        where
            H: Handler<T, S>,
            T: 'static,
        {
            let info = RouteInfo {
                method: Method::$method,
                path,
                operation,
                permission,
                waits: false,
                query: false,
            };
            let handler = on(MethodFilter::$method, handler);
            Self { info, handler }
        }
    };
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    method! { get, GET }
    method! { post, POST }
    method! { put, PUT }
    method! { patch, PATCH }
    method! { delete, DELETE }

    /// It may wait.
    #[must_use]
    pub fn waits(mut self) -> Self {
        self.info.waits = true;
        self
    }

    /// It takes query parameters.
    #[must_use]
    pub fn with_query(mut self) -> Self {
        self.info.query = true;
        self
    }
}

/// All routes of a service.
#[derive(Debug)]
pub struct Table<S> {
    routes: Vec<Route<S>>,
}

impl<S: Clone + Send + Sync + 'static> Table<S> {
    /// The table of these rows.
    pub fn new(routes: impl IntoIterator<Item = Route<S>>) -> Self {
        Self {
            routes: routes.into_iter().collect(),
        }
    }

    /// What the routes say of themselves.
    pub fn infos(&self) -> Vec<RouteInfo> {
        self.routes.iter().map(|route| route.info.clone()).collect()
    }

    /// The service behind its edge. Panics where two rows have the same method and path.
    pub fn into_router(self, state: S, edge: Edge) -> Router {
        let waits = edge.waits();
        let mut paths: BTreeMap<&'static str, (MethodRouter<S>, String)> = BTreeMap::new();
        for route in self.routes {
            let guard = Guard {
                waits: route.info.waits.then(|| waits.clone()),
                info: route.info,
            };
            let (path, method) = (guard.info.path, guard.info.method.clone());
            let layer = from_fn_with_state(Arc::new(guard), admit);
            let guarded = route.handler.route_layer(layer);
            let (methods, allow) = paths.remove(path).unwrap_or_default();
            paths.insert(path, (methods.merge(guarded), allowing(&allow, &method)));
        }
        let mut router = Router::new();
        for (path, (methods, allow)) in paths {
            router = router.route(path, methods.merge(answering_options(&allow)));
        }
        let router = router
            .fallback(no_route)
            .method_not_allowed_fallback(no_method)
            .with_state(state);
        edge.around(router)
    }
}

fn allowing(allow: &str, method: &Method) -> String {
    let with_head = if *method == Method::GET { ",HEAD" } else { "" };
    let before = if allow.is_empty() { "OPTIONS" } else { allow };
    format!("{before},{method}{with_head}")
}

/// `OPTIONS` tells the methods and grants nothing: there is no cross-origin access.
fn answering_options<S: Clone + Send + Sync + 'static>(allow: &str) -> MethodRouter<S> {
    let allow = HeaderValue::from_str(allow).expect("invariant: methods are header text");
    options(async move || (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]))
}

async fn no_route() -> ApiError {
    ApiError::new(ErrorCode::RouteNotFound, "there is no such path")
}

async fn no_method() -> ApiError {
    let detail = "the path exists, this method does not";
    ApiError::new(ErrorCode::MethodNotAllowed, detail)
}

struct Guard {
    info: RouteInfo,
    waits: Option<Waits>,
}

async fn admit(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    if let Err(refused) = guard.check(&request) {
        return refused.into_response();
    }
    if let Some(waits) = &guard.waits {
        request.extensions_mut().insert(MayWait(waits.clone()));
    }
    next.run(request).await
}

impl Guard {
    fn check(&self, request: &Request) -> Result<(), ApiError> {
        let context = request.extensions().get::<RequestContext>();
        let allowed = context.is_some_and(|one| one.permissions.allow(self.info.permission));
        if !allowed {
            let needed = self.info.permission;
            let detail = format!("the permission {needed:?} is needed");
            return Err(ApiError::new(ErrorCode::Forbidden, detail));
        }
        let query = request.uri().query().unwrap_or_default();
        if !self.info.query && !query.is_empty() {
            let detail = "this call takes no query parameters";
            return Err(ApiError::new(ErrorCode::InvalidQuery, detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::permission::Permissions;

    fn code(permissions: Option<Permissions>) -> Option<ErrorCode> {
        let route = Route::<()>::get("/", "root", Permission::TasksRead, async || {});
        let guard = Guard {
            info: route.info,
            waits: None,
        };
        let mut request = Request::new(Body::empty());
        if let Some(permissions) = permissions {
            request.extensions_mut().insert(RequestContext {
                permissions,
                ..RequestContext::local("id".into())
            });
        }
        guard.check(&request).err().map(|error| error.code())
    }

    #[test]
    fn a_route_admits_who_has_its_permission_only() {
        let only = |permission| Some(Permissions::of(&[permission]));
        assert_eq!(code(only(Permission::TasksRead)), None);
        assert_eq!(
            code(only(Permission::TasksWrite)),
            Some(ErrorCode::Forbidden)
        );
        assert_eq!(code(None), Some(ErrorCode::Forbidden));
    }
}
