//! The document of the API: every route is in it, in both languages, the same every time.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use trivet::shell::api::document::Description;
use trivet::shell::i18n::Locale;

pub fn document() -> Json {
    Description::of(&trivet::app::api()).document(Locale::En)
}

/// What lies below /api and is no operation.
const OF_THE_REFERENCE: [&str; 2] = ["/api", "/api/openapi.json"];

#[test]
fn every_route_of_the_api_is_in_the_document_and_the_other_way_round() {
    let routed: BTreeSet<(String, String)> = trivet::app::routes()
        .infos
        .iter()
        .filter(|info| info.path.starts_with("/api") && !OF_THE_REFERENCE.contains(&info.path.as_str()))
        .map(|info| (info.method.as_str().to_lowercase(), info.path.clone()))
        .collect();
    let document = document();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().expect("methods").keys().map(move |method| (method.clone(), path.clone()))
        })
        .collect();
    assert!(routed.len() > 60, "only {} routes", routed.len());
    assert_eq!(routed, described);
}

#[test]
fn the_document_is_the_same_every_time_and_its_pointers_lead_somewhere() {
    let document = document();
    assert_eq!(document.to_string(), self::document().to_string());
    let mut pointers = Vec::new();
    gather_pointers(&document, &mut pointers);
    assert!(pointers.len() > 100);
    for pointer in pointers {
        assert!(document.pointer(pointer.trim_start_matches('#')).is_some(), "{pointer} leads nowhere");
    }
}

fn gather_pointers(value: &Json, into: &mut Vec<String>) {
    match value {
        Json::Object(members) => {
            into.extend(members.get("$ref").and_then(Json::as_str).map(str::to_owned));
            members.values().for_each(|member| gather_pointers(member, into));
        }
        Json::Array(items) => items.iter().for_each(|item| gather_pointers(item, into)),
        _ => {}
    }
}

#[test]
fn the_document_speaks_both_languages_and_leaves_no_key_untranslated() {
    let description = Description::of(&trivet::app::api());
    for locale in Locale::ALL {
        let mut left = Vec::new();
        gather_keys(&description.document(locale), &mut left);
        assert_eq!(left, Vec::<String>::new(), "{locale:?}");
    }
}

/// Texts for people that are still message keys.
fn gather_keys(value: &Json, into: &mut Vec<String>) {
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                if matches!(name.as_str(), "summary" | "description")
                    && member.as_str().is_some_and(|text| text.starts_with("api-") || text.is_empty())
                {
                    into.push(member.to_string());
                }
                gather_keys(member, into);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| gather_keys(item, into)),
        _ => {}
    }
}
