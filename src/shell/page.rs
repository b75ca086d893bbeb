//! The frame around every page: navigation, top bar, language and theme, toasts; and the answer as page or as fragment.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use super::access::{Level, Role};
use super::error::{Error, Result};
use super::i18n::Locale;
use super::viewer::{Viewer, cookie};

include!(concat!(env!("OUT_DIR"), "/assets.rs")); // ASSETS, MANIFEST

static HASHED: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| MANIFEST.iter().copied().collect());

static ICONS: LazyLock<String> = LazyLock::new(|| asset("icons.svg"));

/// The URL of a bundled file; it carries the hash of its content and may be cached for ever.
pub fn asset(name: &str) -> String {
    format!("/assets/{}", HASHED.get(name).copied().unwrap_or(name))
}

/// Bytes, brotli and gzip of a bundled file.
pub fn asset_bytes(file: &str) -> Option<(&'static [u8], &'static [u8], &'static [u8])> {
    ASSETS.iter().find(|(name, ..)| *name == file).map(|(_, plain, brotli, gzip)| (*plain, *brotli, *gzip))
}

/// Markup that templates insert as it is. Made only from templates and from [`icon`].
#[derive(Debug, Clone, Default)]
pub struct Html(pub String);

impl fmt::Display for Html {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

pub fn icon(name: &str, class: &str) -> Html {
    debug_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    Html(format!("<svg class=\"icon {class}\" aria-hidden=\"true\"><use href=\"{}#i-{name}\"/></svg>", *ICONS))
}

/// One of eight avatar colours, the same for the same name everywhere.
pub fn avatar_colour(name: &str) -> u32 {
    name.chars().fold(7u32, |sum, c| sum.wrapping_mul(31).wrapping_add(c as u32)) % 8
}

/// What stands in an avatar: first letters of two Latin words, or the first Chinese character.
pub fn initials(name: &str) -> String {
    let first = name.chars().next().unwrap_or('?');
    if !first.is_ascii() {
        return first.to_string();
    }
    name.split_whitespace().take(2).filter_map(|word| word.chars().next()).flat_map(char::to_uppercase).collect()
}

/// Shown in place of a value that is not there.
pub fn dash() -> Html {
    Html("<span class=\"dim\">–</span>".into())
}

/// A person as a small avatar with the name beside it.
pub fn who(name: &str) -> Html {
    if name.is_empty() {
        return dash();
    }
    let (mark, name) = (mark(name), escape(name));
    Html(format!("<span class=\"who\">{mark}<span>{name}</span></span>"))
}

/// A person as a small avatar, where there is no room for the name: it is read out, not seen.
pub fn avatar(name: &str) -> Html {
    let (mark, name) = (mark(name), escape(name));
    Html(format!("{mark}<span class=\"visually-hidden\">{name}</span>"))
}

fn mark(name: &str) -> String {
    let (colour, initials) = (avatar_colour(&escape(name)), escape(&initials(name)));
    format!("<span class=\"av av-s av-{colour}\" aria-hidden=\"true\">{initials}</span>")
}

pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        escaped.push_str(&rest[..at]);
        escaped.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#x27;",
        });
        rest = &rest[at + 1..];
    }
    escaped.push_str(rest);
    escaped
}

/// A short message that appears after an action. The key is looked up when it is shown.
#[derive(Debug, Clone)]
pub struct Toast {
    pub text: String,
    pub kind: &'static str,
    pub undo: Option<String>,
}

impl Toast {
    pub fn success(text: impl Into<String>) -> Toast {
        Toast { text: text.into(), kind: "success", undo: None }
    }
    pub fn danger(text: impl Into<String>) -> Toast {
        Toast { text: text.into(), kind: "danger", undo: None }
    }
    pub fn with_undo(mut self, url: impl Into<String>) -> Toast {
        self.undo = Some(url.into());
        self
    }
    fn json(&self) -> serde_json::Value {
        json!({ "text": self.text, "kind": self.kind, "undo": self.undo })
    }
}

/// How the request wants its answer.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// By script, as a fragment.
    pub fragment: bool,
    /// To look at something, not to change it.
    pub is_read: bool,
    pub path: String,
    pub query: String,
    /// The page of ours on which a script asked.
    pub came_from: Option<String>,
    flash: Option<String>,
    nav_mini: bool,
    theme: Option<String>,
}

impl Asked {
    pub fn of(method: &axum::http::Method, headers: &HeaderMap, uri: &axum::http::Uri) -> Asked {
        Asked {
            fragment: headers.contains_key("hx-request") && !headers.contains_key("hx-boosted"),
            is_read: method.is_safe(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or("").to_owned(),
            came_from: headers
                .get("hx-current-url")
                .and_then(|url| path_in(url.to_str().ok()?))
                .and_then(own_path)
                .map(str::to_owned),
            flash: cookie(headers, "flash").map(str::to_owned),
            nav_mini: cookie(headers, "nav") == Some("mini"),
            theme: cookie(headers, "theme").map(str::to_owned),
        }
    }
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Asked, Self::Rejection> {
        Ok(Asked::of(&parts.method, &parts.headers, &parts.uri))
    }
}

pub struct NavLink {
    pub icon: &'static str,
    pub href: &'static str,
    pub key: &'static str,
    pub go: &'static str,
}

pub struct NavGroup {
    pub key: &'static str,
    pub links: Vec<NavLink>,
}

/// Everything the frame needs to know. Templates reach languages and icons through it.
pub struct Page {
    pub viewer: Option<Viewer>,
    pub locale: Locale,
    pub asked: Asked,
    pub title: String,
    pub charts: bool,
}

impl Page {
    pub fn new(viewer: &Viewer, asked: &Asked, title: impl Into<String>) -> Page {
        Page {
            viewer: Some(viewer.clone()),
            locale: viewer.locale,
            asked: asked.clone(),
            title: title.into(),
            charts: false,
        }
    }

    /// A page for somebody who is not signed in.
    pub fn public(locale: Locale, asked: &Asked, title: impl Into<String>) -> Page {
        Page { viewer: None, locale, asked: asked.clone(), title: title.into(), charts: false }
    }

    pub fn with_charts(mut self) -> Page {
        self.charts = true;
        self
    }

    pub fn t(&self, key: &str) -> String {
        self.locale.text(key)
    }
    /// The message with one argument.
    pub fn t1(&self, key: &str, name: &str, value: impl fmt::Display) -> String {
        self.locale.text_with(key, &[(name, &value.to_string())])
    }
    /// A value behind what it is.
    pub fn labelled(&self, label: &str, text: &str) -> String {
        self.locale.labelled(label, text)
    }
    /// The message for so many, with the number as its argument.
    pub fn counted(&self, key: &str, count: usize) -> String {
        self.locale.counted(key, count as i64, &[("count", &super::format::grouped(count as i64))])
    }
    pub fn icon(&self, name: &str) -> Html {
        icon(name, "")
    }
    pub fn icon_small(&self, name: &str) -> Html {
        icon(name, "icon-s")
    }
    pub fn asset(&self, name: &str) -> String {
        asset(name)
    }
    pub fn who(&self, name: &str) -> Html {
        who(name)
    }

    fn theme(&self) -> &str {
        // Signed in, the person's own choice counts; `auto` is decided by the style sheet from the system's setting.
        match (&self.viewer, &self.asked.theme) {
            (_, Some(theme)) if theme == "dark" || theme == "light" => theme,
            (Some(viewer), _) => &viewer.theme,
            _ => "auto",
        }
    }

    fn density(&self) -> &str {
        if self.viewer.as_ref().is_some_and(|viewer| viewer.density == "compact") { "compact" } else { "comfortable" }
    }

    fn shortcuts(&self) -> &str {
        if self.viewer.as_ref().is_none_or(|viewer| viewer.shortcuts) { "on" } else { "off" }
    }

    pub fn other_locale(&self) -> Locale {
        self.locale.other()
    }

    fn is_here(&self, href: &str) -> bool {
        let path = self.asked.path.as_str();
        path == href || (href != "/" && path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/')))
    }

    fn initials(&self) -> String {
        self.viewer.as_ref().map(|viewer| initials(&viewer.name)).unwrap_or_default()
    }

    fn colour(&self) -> u32 {
        self.viewer.as_ref().map_or(0, |viewer| avatar_colour(&viewer.name))
    }

    fn navigation(&self) -> Vec<NavGroup> {
        self.viewer.as_ref().map(navigation).unwrap_or_default()
    }

    /// The bottom bar of a phone: what is looked at most, of what the viewer may open.
    fn at_hand(&self) -> Vec<NavLink> {
        const MOST_USED: [&str; 8] =
            ["/accounts", "/board", "/tasks", "/leads", "/people", "/analysis", "/imports", "/audit"];
        let mut links: Vec<NavLink> = self.navigation().into_iter().flat_map(|group| group.links).collect();
        let place = |link: &NavLink| MOST_USED.iter().position(|href| *href == link.href);
        links.retain(|link| place(link).is_some());
        links.sort_by_key(place);
        links.truncate(3);
        links
    }

    /// What "+ New" offers: icon, URL, message key, letter.
    fn creations(&self) -> Vec<(&'static str, String, String)> {
        let Some(viewer) = &self.viewer else { return Vec::new() };
        ["opportunity", "account", "contact", "lead", "activity", "task"]
            .into_iter()
            .filter(|name| viewer.may_create(name))
            .filter_map(|name| viewer.registry.get(name))
            .map(|object| (object.icon, format!("/{}/new", object.plural), object.name.to_owned()))
            .collect()
    }

    fn may_configure(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.has(Role::Admin))
    }

    fn flash(&self) -> Option<Toast> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(self.asked.flash.as_deref()?).ok()?;
        let parts: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        let undo =
            parts["undo"].as_str().filter(|url| url.starts_with('/') && !url.starts_with("//")).map(str::to_owned);
        Some(Toast {
            text: parts["text"].as_str()?.chars().take(300).collect(),
            kind: if parts["kind"] == "danger" { "danger" } else { "success" },
            undo,
        })
    }
}

/// Only what the viewer may use is in the menu.
pub fn navigation(viewer: &Viewer) -> Vec<NavGroup> {
    let reads = |object: &str| viewer.scope.access(object).read > Level::None;
    let link = |icon, href, key, go, shown: bool| shown.then_some(NavLink { icon, href, key, go });
    let sees_audit = viewer.has(Role::Auditor) || viewer.has(Role::Admin);
    let groups = [
        (
            "",
            vec![link("home", "/", "nav-home", "h", true), link("checkbox", "/tasks", "nav-tasks", "t", reads("task"))],
        ),
        (
            "nav-sell",
            vec![
                link("user-search", "/leads", "nav-leads", "l", reads("lead")),
                link("building", "/accounts", "nav-accounts", "a", reads("account")),
                link("address-book", "/contacts", "nav-contacts", "n", reads("contact")),
                link("layout-kanban", "/board", "nav-board", "b", reads("opportunity")),
                link("list", "/opportunities", "nav-opportunities", "o", reads("opportunity")),
                link("activity", "/activities", "nav-activities", "v", reads("activity")),
                link("calendar", "/calendar", "nav-calendar", "c", reads("task")),
                link("package", "/products", "nav-products", "p", reads("product")),
            ],
        ),
        ("nav-analysis-group", vec![link("chart-bar", "/analysis", "nav-analysis", "r", reads("opportunity"))]),
        (
            "nav-manage",
            vec![
                link("users-group", "/people", "nav-people", "e", reads("person")),
                link(
                    "upload",
                    "/imports",
                    "nav-imports",
                    "i",
                    viewer.registry.objects.iter().any(|object| viewer.may_create(object.name)),
                ),
                link("history", "/audit", "nav-audit", "", sees_audit),
            ],
        ),
    ];
    groups
        .into_iter()
        .map(|(key, links)| NavGroup { key, links: links.into_iter().flatten().collect() })
        .filter(|group| !group.links.is_empty())
        .collect()
}

/// The sections of the settings, for administrators.
pub const SETTINGS: [NavLink; 5] = [
    NavLink { key: "settings-organization", href: "/settings/organization", icon: "building", go: "" },
    NavLink { key: "settings-access", href: "/settings/access", icon: "shield", go: "" },
    NavLink { key: "settings-pipelines", href: "/settings/pipelines", icon: "layout-kanban", go: "" },
    NavLink { key: "settings-rates", href: "/settings/rates", icon: "coins", go: "" },
    NavLink { key: "settings-prices", href: "/settings/prices", icon: "tag", go: "" },
];

#[derive(Template)]
#[template(path = "shell/frame.html")]
struct Frame<'a> {
    page: &'a Page,
    body: Html,
}

/// A template as markup.
pub fn render(template: &impl Template) -> Result<Html> {
    template.render().map(Html).map_err(|error| Error::Internal(error.to_string()))
}

/// The body inside the frame; or alone, when a script asked for a fragment.
pub fn respond(page: &Page, body: &impl Template) -> Result<Response> {
    respond_with(StatusCode::OK, page, render(body)?)
}

pub fn respond_with(status: StatusCode, page: &Page, body: Html) -> Result<Response> {
    let (markup, had_flash) = if page.asked.fragment {
        (body.0, false)
    } else {
        (render(&Frame { page, body })?.0, page.asked.flash.is_some())
    };
    let mut response = (status, axum::response::Html(markup)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("HX-Request"));
    if had_flash {
        response
            .headers_mut()
            .append(header::SET_COOKIE, HeaderValue::from_static("flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
    }
    Ok(response)
}

/// A fragment without a frame, whoever asks.
pub fn fragment(body: &impl Template) -> Result<Response> {
    Ok(axum::response::Html(render(body)?.0).into_response())
}

/// A place to go back to, as a form or an address named it: only a path of our own, or a link could lead out of the house.
pub fn own_path(asked: &str) -> Option<&str> {
    let own = asked.starts_with('/') && !asked.starts_with("//") && !asked.contains('\\');
    // Anything else cannot stand in a header.
    Some(asked).filter(|asked| own && asked.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// What stands behind the host in a whole address, but for the place on the page.
fn path_in(url: &str) -> Option<&str> {
    let (_, behind) = url.split_once("://")?;
    behind[behind.find('/')?..].split('#').next()
}

/// After an action: a redirect with the toast on the next page; for scripts a redirect by header.
pub fn done(asked: &Asked, location: &str, toast: Option<Toast>) -> Response {
    let mut response = if asked.fragment {
        let mut response = StatusCode::NO_CONTENT.into_response();
        insert(&mut response, "hx-redirect", location);
        response
    } else {
        Redirect::to(location).into_response()
    };
    if let Some(toast) = toast {
        let flash = BASE64_URL_SAFE_NO_PAD.encode(toast.json().to_string());
        insert(&mut response, "set-cookie", &format!("flash={flash}; Path=/; Max-Age=30; HttpOnly; SameSite=Lax"));
    }
    response
}

/// Tells the scripts something along with an answer: a toast, `close-dialog`, an announcement.
pub fn trigger(response: &mut Response, events: serde_json::Value) {
    // Header values are ASCII: everything else goes as JSON escapes.
    let text: String =
        events.to_string().chars().flat_map(|c| if c.is_ascii() { vec![c] } else { json_escape(c) }).collect();
    insert(response, "hx-trigger", &text);
}

pub fn toast_event(toast: &Toast) -> serde_json::Value {
    json!({ "toast": toast.json() })
}

fn json_escape(c: char) -> Vec<char> {
    let mut units = [0u16; 2];
    c.encode_utf16(&mut units).iter().flat_map(|unit| format!("\\u{unit:04x}").chars().collect::<Vec<_>>()).collect()
}

fn insert(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}
