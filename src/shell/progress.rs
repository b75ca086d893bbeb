//! How far a piece of long work is, as its page shows it.

use axum::response::Response;
use store::job::Job;

use super::app::App;
use super::error::Result;
use super::format;
use super::i18n::Locale;
use super::page::{Page, fragment};

pub struct ProgressView {
    /// The page of the work; its progress and its cancellation are below.
    pub address: String,
    pub headline: String,
    pub percent: i64,
    pub line: String,
    pub stopping: bool,
}

impl ProgressView {
    pub fn of(app: &App, locale: Locale, job: &Job, total: i64, headline: String, address: String) -> ProgressView {
        let total = job.total.unwrap_or(total).max(1);
        let percent = (job.done * 100 / total).min(100);
        let counts = [("done", format::grouped(job.done)), ("total", format::grouped(total))];
        let mut line = locale.text_with("progress-line", &counts.each_ref().map(|(name, text)| (*name, text.as_str())));
        let seconds = job.started_at.map(|began| (app.clock.now().0 - began.0) / 1_000_000);
        if job.put_off > 0 {
            // While it waits it has no speed. One that was asked to stop does not go on.
            if !job.is_given_up() {
                line = format!("{line} · {}", locale.text("progress-waiting"));
            }
        } else if let Some(speed) = seconds.filter(|seconds| *seconds >= 2).map(|seconds| job.done / seconds)
            && speed > 0
        {
            let left = ((total - job.done) / speed).max(0);
            let args = [("speed", format::grouped(speed)), ("left", left.to_string())];
            let args = args.each_ref().map(|(name, text)| (*name, text.as_str()));
            line = format!("{line} · {}", locale.text_with("progress-speed", &args));
        }
        ProgressView { address, headline, percent, line, stopping: job.cancel_requested }
    }

    /// The part of the page that asks for itself again. Each answer asks for the next one: a clock that goes on would, at the end,
    /// send the browser to the result once a second, and a slow page would never arrive. Every ten seconds is for an answer that
    /// was lost.
    pub fn respond(self, page: &Page) -> Result<Response> {
        fragment(&ProgressBody { page, progress: self })
    }
}

#[derive(askama::Template)]
#[template(path = "shell/progress.html")]
struct ProgressBody<'a> {
    page: &'a Page,
    progress: ProgressView,
}
