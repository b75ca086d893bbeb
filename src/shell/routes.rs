//! Every route says who may call it. [`Routes`] is the only way to add one, so a route without a policy cannot be written;
//! the same list feeds the permission tests (Q17, Q18), `trivet routes` and with it the browser tests (Q37).

use std::fmt;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use super::access::{Level, Role, Scope};
use super::app::App;
use super::error::Error;
use super::viewer::Viewer;

/// Who may call a route at all. What they then find or change is decided by their scope, inside the transaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Policy {
    /// Nobody needs to be signed in.
    Public,
    /// Any active person.
    SignedIn,
    /// Some right to read this kind of record.
    Read(&'static str),
    /// Some right to change this kind of record.
    Change(&'static str),
    Create(&'static str),
    /// The right to make any kind of record.
    CreateAny,
    Export(&'static str),
    /// One of these roles.
    Roles(&'static [Role]),
}

impl Policy {
    pub fn allows(self, viewer: Option<&Viewer>) -> bool {
        match viewer {
            Some(viewer) => self.allows_with(&viewer.roles, &viewer.scope),
            None => self == Policy::Public,
        }
    }

    /// Whether somebody with these roles, and what they may do by them, may call.
    pub fn allows_with(self, roles: &[Role], scope: &Scope) -> bool {
        match self {
            Policy::Public | Policy::SignedIn => true,
            Policy::Read(object) => scope.access(object).read > Level::None,
            Policy::Change(object) => scope.access(object).write > Level::None,
            Policy::Create(object) => scope.access(object).create,
            Policy::CreateAny => scope.creates_any(),
            Policy::Export(object) => scope.access(object).export,
            Policy::Roles(named) => named.iter().any(|role| roles.contains(role)),
        }
    }
}

/// As `trivet routes` prints it.
impl fmt::Display for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Policy::Public => out.write_str("public"),
            Policy::SignedIn => out.write_str("signed-in"),
            Policy::Read(object) => write!(out, "read {object}"),
            Policy::Change(object) => write!(out, "change {object}"),
            Policy::Create(object) => write!(out, "create {object}"),
            Policy::CreateAny => out.write_str("create any"),
            Policy::Export(object) => write!(out, "export {object}"),
            Policy::Roles(roles) => {
                let keys: Vec<&str> = roles.iter().map(|role| role.key()).collect();
                write!(out, "role {}", keys.join(" "))
            }
        }
    }
}

#[derive(Debug, Clone)]
pub struct RouteInfo {
    pub method: Method,
    pub path: String,
    pub policy: Policy,
}

/// The routes of a slice, or of the whole house.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    pub infos: Vec<RouteInfo>,
}

impl Routes {
    pub fn new() -> Routes {
        Routes::default()
    }

    pub fn get<T: 'static>(self, path: &str, policy: Policy, handler: impl Handler<T, App>) -> Routes {
        self.add(Method::GET, path, policy, handler)
    }

    pub fn post<T: 'static>(self, path: &str, policy: Policy, handler: impl Handler<T, App>) -> Routes {
        self.add(Method::POST, path, policy, handler)
    }

    pub fn add<T: 'static>(self, method: Method, path: &str, policy: Policy, handler: impl Handler<T, App>) -> Routes {
        let filter = MethodFilter::try_from(method.clone()).expect("only ordinary methods are routed");
        self.guarded(method, path, policy, on(filter, handler))
    }

    /// Apart from [`Routes::add`], and so compiled once for all kinds of handlers.
    fn guarded(mut self, method: Method, path: &str, policy: Policy, route: MethodRouter<App>) -> Routes {
        let guarded = route.route_layer(from_fn(move |request, next| guard(policy, request, next)));
        self.router = self.router.route(path, guarded);
        self.infos.push(RouteInfo { method, path: path.to_owned(), policy });
        self
    }

    /// A POST that takes more than the house's usual size of a request.
    pub fn post_large<T: 'static>(
        self,
        path: &str,
        policy: Policy,
        most: usize,
        handler: impl Handler<T, App>,
    ) -> Routes {
        let route = on(MethodFilter::POST, handler).layer(DefaultBodyLimit::max(most));
        self.guarded(Method::POST, path, policy, route)
    }

    pub fn merge(mut self, other: Routes) -> Routes {
        self.router = self.router.merge(other.router);
        self.infos.extend(other.infos);
        self
    }

    pub fn into_router(self) -> Router<App> {
        self.router
    }
}

/// Refuses before the handler runs. To somebody without any right the route looks like one that does not exist.
async fn guard(policy: Policy, request: Request, next: Next) -> Response {
    let viewer = request.extensions().get::<Viewer>();
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    match viewer {
        None if policy != Policy::Public => Error::SignIn.into_response(),
        Some(viewer) if changes && viewer.read_only => Error::Forbidden.into_response(),
        _ if policy.allows(viewer) => next.run(request).await,
        _ => Error::NotFound.into_response(),
    }
}
