//! The user guide inside the program: the Markdown of `docs/guide`, compiled in, shown in the viewer's language with a table
//! of contents, and searched by plain words. The text is ours, yet it is treated like any other: HTML in it is shown, not run.

use std::sync::LazyLock;

use axum::extract::{Path, Query};
use axum::response::Response;
use pulldown_cmark::{Alignment, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use serde::Deserialize;

use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Html, Page, escape, respond};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

include!(concat!(env!("OUT_DIR"), "/guide.rs")); // const GUIDE: &[(locale, file, text)]

pub fn routes() -> Routes {
    Routes::new().get("/help", Policy::SignedIn, start).get("/help/{chapter}", Policy::SignedIn, show)
}

/// A file of the guide. `03-lists.md` is the chapter `lists`; its first line is its title.
struct Chapter {
    slug: &'static str,
    title: String,
    html: Html,
    sections: Vec<Section>,
}

/// What stands below a heading; the first one has no heading and no anchor.
#[derive(Default)]
struct Section {
    anchor: String,
    title: String,
    /// Without markup, for the search.
    text: String,
}

static CHAPTERS: LazyLock<[Vec<Chapter>; 2]> = LazyLock::new(|| Locale::ALL.map(read));

fn chapters(locale: Locale) -> &'static [Chapter] {
    &CHAPTERS[locale as usize]
}

fn read(locale: Locale) -> Vec<Chapter> {
    let files = GUIDE.iter().filter(|(of, ..)| *of == locale.tag());
    files.map(|(_, file, text)| chapter(slug(file), text)).collect()
}

/// `03-lists.md` → `lists`
fn slug(file: &str) -> &str {
    file.trim_end_matches(".md").trim_start_matches(|c: char| c.is_ascii_digit() || c == '-')
}

#[derive(askama::Template)]
#[template(path = "system/help.html")]
struct HelpBody<'a> {
    page: &'a Page,
    chapters: &'a [Chapter],
    here: Option<&'a str>,
    words: String,
    chapter: Option<&'a Chapter>,
    previous: Option<&'a Chapter>,
    next: Option<&'a Chapter>,
    found: Vec<Hit>,
}

struct Hit {
    href: String,
    title: String,
    excerpt: String,
}

#[derive(Deserialize)]
struct Asking {
    #[serde(default)]
    q: String,
}

/// GET /help: the first chapter, or with `?q=` the places that hold all the words.
async fn start(viewer: Viewer, asked: Asked, Query(asking): Query<Asking>) -> Result<Response> {
    let all = chapters(viewer.locale);
    if asking.q.trim().is_empty() {
        return respond_chapter(&viewer, &asked, all, 0);
    }
    let page = Page::new(&viewer, &asked, viewer.locale.text("help-title"));
    let words: String = asking.q.trim().chars().take(100).collect();
    let found = search(all, &words);
    respond(
        &page,
        &HelpBody { page: &page, chapters: all, here: None, words, chapter: None, previous: None, next: None, found },
    )
}

/// GET /help/{chapter}
async fn show(viewer: Viewer, asked: Asked, Path(name): Path<String>) -> Result<Response> {
    let all = chapters(viewer.locale);
    let index = all.iter().position(|chapter| chapter.slug == name).ok_or(Error::NotFound)?;
    respond_chapter(&viewer, &asked, all, index)
}

fn respond_chapter(viewer: &Viewer, asked: &Asked, all: &'static [Chapter], index: usize) -> Result<Response> {
    let chapter = all.get(index).ok_or(Error::NotFound)?;
    let page = Page::new(viewer, asked, chapter.title.clone());
    let body = HelpBody {
        page: &page,
        chapters: all,
        here: Some(chapter.slug),
        words: String::new(),
        chapter: Some(chapter),
        previous: index.checked_sub(1).and_then(|before| all.get(before)),
        next: all.get(index + 1),
        found: Vec::new(),
    };
    respond(&page, &body)
}

/// The sections that hold every word, those with a word in their title first.
fn search(all: &[Chapter], query: &str) -> Vec<Hit> {
    let words: Vec<String> = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let mut hits: Vec<(bool, Hit)> = Vec::new();
    for chapter in all {
        for section in &chapter.sections {
            let title = if section.title.is_empty() {
                chapter.title.clone()
            } else {
                format!("{} · {}", chapter.title, section.title)
            };
            let (in_title, in_text) = (title.to_lowercase(), section.text.to_lowercase());
            if !words.iter().all(|word| in_title.contains(word) || in_text.contains(word)) {
                continue;
            }
            let anchor = if section.anchor.is_empty() { String::new() } else { format!("#{}", section.anchor) };
            let hit = Hit {
                href: format!("/help/{}{anchor}", chapter.slug),
                title,
                excerpt: excerpt(&section.text, &in_text, &words),
            };
            hits.push((words.iter().any(|word| in_title.contains(word)), hit));
        }
    }
    hits.sort_by_key(|(in_title, _)| !in_title);
    hits.into_iter().map(|(_, hit)| hit).collect()
}

/// A piece of the text around the first word found in it.
fn excerpt(text: &str, lower: &str, words: &[String]) -> String {
    const BEFORE: usize = 40;
    const LENGTH: usize = 160;
    let at = words.iter().filter_map(|word| lower.find(word.as_str())).min().unwrap_or(0);
    let from = lower[..at].chars().count().saturating_sub(BEFORE);
    let piece: String = text.chars().skip(from).take(LENGTH).collect();
    let more = text.chars().count() > from + LENGTH;
    // Begins with a whole word where words are parted by spaces.
    let piece = match piece.split_once(' ') {
        Some((broken, rest)) if from > 0 && broken.is_ascii() => rest,
        _ => piece.as_str(),
    };
    format!("{}{}{}", if from > 0 { "…" } else { "" }, piece.trim(), if more { "…" } else { "" })
}

/// Markdown to markup and to searchable sections. What could do harm or break the policy of the page does not get through:
/// HTML is shown as text, links lead only to the guide, to pages of ours and to https, pictures become their description.
fn chapter(slug: &'static str, text: &str) -> Chapter {
    let mut chapter = Chapter { slug, title: String::new(), html: Html::default(), sections: vec![Section::default()] };
    let mut events: Vec<Event> = Vec::new();
    let mut heading: Option<(HeadingLevel, usize, String)> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        if let Event::Text(text) | Event::Code(text) = &event {
            match &mut heading {
                Some((_, _, title)) => title.push_str(text),
                None => chapter.sections.last_mut().expect("there is always one").text.push_str(text),
            }
        }
        let parts_words = match &event {
            Event::SoftBreak | Event::HardBreak => true,
            Event::End(end) => !matches!(end, TagEnd::Strong | TagEnd::Emphasis | TagEnd::Strikethrough | TagEnd::Link),
            _ => false,
        };
        if parts_words && heading.is_none() {
            chapter.sections.last_mut().expect("there is always one").text.push(' ');
        }
        match event {
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level, events.len(), String::new())),
            Event::End(TagEnd::Heading(_)) => {
                let (level, begins, title) = heading.take().expect("a heading that ends has begun");
                let inner: Vec<Event> = events.drain(begins..).collect();
                if level == HeadingLevel::H1 {
                    chapter.title = title;
                    continue;
                }
                let (tag, anchor) = (if level == HeadingLevel::H2 { "h2" } else { "h3" }, anchor(&title));
                events.push(markup(format!("<{tag} id=\"{}\">", escape(&anchor))));
                events.extend(inner);
                events.push(markup(format!("</{tag}>\n")));
                if level == HeadingLevel::H2 {
                    chapter.sections.push(Section { anchor, title, text: String::new() });
                }
            }
            // Raw HTML is text.
            Event::Html(text) | Event::InlineHtml(text) => events.push(Event::Text(text)),
            Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                events.push(Event::Start(Tag::Link { link_type, dest_url: target(&dest_url), title, id }))
            }
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            // Alignment would be written as inline style, which the policy of our pages forbids; wide tables scroll by themselves.
            Event::Start(Tag::Table(columns)) => {
                events.push(markup("<div class=\"scroll-x\" tabindex=\"0\">".into()));
                events.push(Event::Start(Tag::Table(vec![Alignment::None; columns.len()])));
            }
            Event::End(TagEnd::Table) => {
                events.push(Event::End(TagEnd::Table));
                events.push(markup("</div>\n".into()));
            }
            other => events.push(other),
        }
    }
    html::push_html(&mut chapter.html.0, events.into_iter());
    // What scrolls by itself must be within reach of the keyboard.
    chapter.html.0 =
        chapter.html.0.replace("<table>", "<table class=\"plain-table\">").replace("<pre>", "<pre tabindex=\"0\">");
    chapter
}

fn markup(text: String) -> Event<'static> {
    Event::Html(CowStr::from(text))
}

/// Where a link of the guide leads inside the program.
fn target<'a>(link: &str) -> CowStr<'a> {
    let (path, fragment) = link.split_once('#').map_or((link, None), |(path, fragment)| (path, Some(fragment)));
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    let allowed = match path {
        "" => fragment,
        _ if path.ends_with(".md") && !path.contains('/') => format!("/help/{}{fragment}", slug(path)),
        _ if path.starts_with('/') && !path.starts_with("//") => link.to_owned(),
        _ if path.starts_with("https://") => link.to_owned(),
        _ => String::new(),
    };
    CowStr::from(allowed)
}

/// The anchor of a heading, the same that code-hosting sites make: lower case, words joined by hyphens, Chinese as it is.
fn anchor(title: &str) -> String {
    let kept = title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.trim().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_chapters_and_sections() {
        let outline = |locale| -> Vec<(&str, usize)> {
            chapters(locale).iter().map(|chapter| (chapter.slug, chapter.sections.len())).collect()
        };
        assert_eq!(outline(Locale::En), outline(Locale::Zh));
        assert!(chapters(Locale::En).len() > 5);
    }

    #[test]
    fn every_link_inside_the_guide_leads_somewhere() {
        for locale in Locale::ALL {
            for chapter in chapters(locale) {
                assert!(!chapter.title.is_empty(), "{} has no title", chapter.slug);
                for link in chapter.html.0.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                    assert!(!link.is_empty(), "{}: a link leads nowhere", chapter.slug);
                    let Some(inside) = link.strip_prefix("/help/").or_else(|| link.starts_with('#').then_some(link))
                    else {
                        continue;
                    };
                    let (to, anchor) = inside.split_once('#').map_or((inside, None), |(to, anchor)| (to, Some(anchor)));
                    let to = if to.is_empty() { chapter.slug } else { to };
                    let found = chapters(locale).iter().find(|other| other.slug == to);
                    let found = found.unwrap_or_else(|| panic!("{}: no chapter {to}", chapter.slug));
                    let anchored = anchor
                        .is_none_or(|anchor| found.html.0.contains(&format!("id=\"{}\"", percent_decoded(anchor))));
                    assert!(anchored, "{}: no heading {link}", chapter.slug);
                }
            }
        }
    }

    fn percent_decoded(text: &str) -> String {
        form_urlencoded::parse(format!("x={text}").as_bytes()).map(|(_, value)| value.into_owned()).collect()
    }

    #[test]
    fn markup_in_the_text_is_shown_and_never_run() {
        let made = chapter(
            "x",
            "# T\n\n<script>alert(1)</script>\n\na <b onclick=x>b</b> [j](javascript:alert(1)) [o](//evil.example) ![p](https://a.example/p.png)\n\n|a|b|\n|:-|-:|\n|1|<i>2</i>|\n",
        );
        let html = &made.html.0;
        for never in ["<script", "<b", "onclick=x>b</b>", "javascript:", "evil.example", "<img", "style=", "<i>"] {
            assert!(!html.contains(never), "{never} in {html}");
        }
        assert!(html.contains("&lt;script&gt;") && html.contains("class=\"plain-table\""), "{html}");
    }

    #[test]
    fn the_search_finds_all_words_in_both_languages() {
        let found = search(chapters(Locale::En), "Import UNDO");
        assert!(found.iter().any(|hit| hit.href.starts_with("/help/import")), "no place about undoing an import");
        assert!(!search(chapters(Locale::Zh), "撤销").is_empty());
        assert!(search(chapters(Locale::En), "xyzzy").is_empty());
    }
}
