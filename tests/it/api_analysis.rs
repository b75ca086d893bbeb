//! The analysis through the API: every figure has exactly its deals behind its path, and nobody is told what they may not see.
//! On both engines.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Value as Json, json};
use testkit::{Engine, Role, TestApp, on, on_both};

use crate::analysis::{history, world};

async fn get(app: &TestApp, token: &str, path: &str) -> (u16, Json) {
    let answer = app.api(token, Method::GET, path, &[], None).await;
    (answer.status.as_u16(), serde_json::from_str(&answer.body).unwrap_or(Json::Null))
}

/// Every figure of an answer: its path, and how many deals it says.
pub fn figures(value: &Json, into: &mut BTreeMap<String, i64>) {
    match value {
        Json::Object(members) => {
            if let Some(path) = members.get("path").and_then(Json::as_str) {
                let count = members.get("count").or(members.get("n")).and_then(Json::as_i64).expect("a figure counts");
                let before = into.insert(path.to_owned(), count);
                assert!(before.is_none_or(|before| before == count), "{path}: {before:?} and {count}");
            }
            members.values().for_each(|member| figures(member, into));
        }
        Json::Array(items) => items.iter().for_each(|item| figures(item, into)),
        _ => {}
    }
}

#[test]
fn every_figure_of_the_api_has_exactly_its_deals_behind_it() {
    on_both(async |app| {
        app.limits.set_api_per_minute(1_000_000);
        let world = world(app).await;
        let partner = app.person("Pia Partner").role(Role::Partner).create().await;
        for person in [&world.manager, &world.lin, &partner] {
            let token = app.api_token(person).await;
            for query in [
                "",
                "?period=all",
                "?period=last-quarter",
                "?period=days&from=2026-03-10&to=2026-09-20",
                "?period=year&source=referral",
                "?period=all&segment=none&owner=me",
            ] {
                let (status, body) = get(app, &token, &format!("/api/analysis{query}")).await;
                assert_eq!(status, 200, "{query}: {body}");
                let mut found = BTreeMap::new();
                figures(&body, &mut found);
                assert!(found.len() >= 15, "{query} for {}: only {} figures", person.name, found.len());
                for (path, count) in &found {
                    let (status, listed) = get(app, &token, &format!("{path}&count=true&limit=1&fields=name")).await;
                    assert_eq!((status, &listed["count"]), (200, &json!(count)), "{query} for {}: {path}", person.name);
                }
            }
        }
    });
}

#[test]
fn the_figures_of_the_api_are_those_of_the_page_and_its_sums_those_of_its_deals() {
    on_both(async |app| {
        let world = world(app).await;
        let token = app.api_token(&world.manager).await;
        let (_, body) = get(app, &token, "/api/analysis?period=all").await;
        let page = app.get(&world.manager, "/analysis?period=all").await;
        let all = &body["all"];
        let open = app.value::<i64>("SELECT COUNT(*) FROM opportunity o JOIN person p ON p.id = o.owner_id WHERE o.stage_kind = 'open' AND p.name IN ('Lin Yan', 'Tom Becker')").await;
        assert_eq!(all["open"]["count"].as_i64(), open);
        let (k, n) = (&all["win_rate"]["k"], &all["win_rate"]["n"]);
        assert!(page.has(&format!("{k} of {n}")) || page.has(&format!("{k}/{n}")), "{k} of {n} is not on the page");
        // Sums of the parts are the whole.
        let minor = |figure: &Json| {
            figure["amount"].as_str().and_then(|text| text.replace('.', "").parse::<i64>().ok()).unwrap_or(i64::MIN)
        };
        let months = body["open_by_month"].as_array().expect("months");
        assert_eq!(months.iter().map(|month| minor(&month["all"])).sum::<i64>(), minor(&all["open"]));
        for month in months {
            let stages = month["stages"].as_array().expect("stages");
            assert_eq!(stages.iter().map(minor).sum::<i64>(), minor(&month["all"]), "{month}");
        }
        // Each month is rounded by itself.
        let cents = |text: &Json| text.as_str().and_then(|text| text.replace('.', "").parse::<i64>().ok());
        let weighted: Vec<i64> = months.iter().map(|month| cents(&month["weighted"]).expect("an amount")).collect();
        let whole = cents(&all["weighted"]).expect("an amount");
        assert!((weighted.iter().sum::<i64>() - whole).abs() <= months.len() as i64, "{weighted:?} are not {whole}");
        for (month, weighted) in months.iter().zip(&weighted) {
            assert!(*weighted <= minor(&month["all"]), "{month}");
            let shown = format!("title=\"{}\"", trivet::shell::format::money(*weighted, "CNY"));
            assert!(page.has(&shown), "{shown} is not on the page");
        }
        let (worth, lost) = (minor(&all["won"]) as f64, minor(&all["lost"]) as f64);
        let by_amount = all["win_rate_by_amount"].as_f64().expect("a rate");
        assert!((by_amount - worth / (worth + lost)).abs() < 1e-9, "{by_amount} is not {worth} of {lost} more");
        assert!(page.has(&format!("{:.0}% by amount", by_amount * 100.0)), "{by_amount} is not on the page");
        let won = body["won_by_month"].as_array().expect("months");
        assert_eq!(won.iter().map(|month| minor(&month["won"])).sum::<i64>(), minor(&all["won"]));
        for dimension in ["owner", "segment", "source"] {
            let groups = body["compared"][dimension].as_array().unwrap_or_else(|| panic!("{dimension}"));
            assert_eq!(groups.iter().map(|group| minor(&group["won"])).sum::<i64>(), minor(&all["won"]), "{dimension}");
        }
        let steps = body["funnel"]["steps"].as_array().expect("steps");
        assert_eq!((steps.len(), &steps[4]["onward"]), (5, &Json::Null));
        assert!(
            steps.windows(2).all(|pair| pair[0]["reached"]["count"].as_i64() >= pair[1]["reached"]["count"].as_i64())
        );
    });
}

#[test]
fn an_old_or_long_period_is_told_by_month_from_its_first_day_on() {
    on_both(async |app| {
        let token = app.api_token(&history(app).await).await;
        let (_, year) = get(app, &token, "/api/analysis?period=days&from=2021-01-01&to=2021-12-31").await;
        let months = year["won_by_month"].as_array().expect("months");
        assert_eq!(
            (months.len(), &months[0]["from"], &months[0]["won"]["count"]),
            (12, &json!("2021-01-01"), &json!(1))
        );
        let won: i64 = months.iter().filter_map(|month| month["won"]["count"].as_i64()).sum();
        assert_eq!((Some(won), won), (year["all"]["won"]["count"].as_i64(), 2));
        let (_, long) = get(app, &token, "/api/analysis?period=days&from=2020-06-01&to=2026-11-24").await;
        let months = long["won_by_month"].as_array().expect("months");
        let earlier = &months[0];
        assert_eq!((months.len(), &earlier["from"], &earlier["to"]), (25, &json!("2020-06-01"), &json!("2024-11-30")));
        let path = earlier["won"]["path"].as_str().expect("a path");
        let (_, listed) = get(app, &token, &format!("{path}&count=true&limit=1&fields=name")).await;
        assert_eq!((&earlier["won"]["count"], &listed["count"]), (&json!(4), &json!(4)), "{path}");
    });
}

#[test]
fn what_is_hidden_or_asked_wrongly_leaves_the_api_too() {
    on(Engine::Sqlite, async |app| {
        let world = world(app).await;
        let token = app.api_token(&world.lin).await;
        let at = |query: &str| format!("/api/analysis?{query}");
        let (_, own) = get(app, &token, &at("period=all")).await;
        let owners = own["compared"]["owner"].as_array().expect("owners");
        assert_eq!((owners.len(), &owners[0]["label"]), (1, &json!("Lin Yan")), "other owners are named");
        app.execute("INSERT INTO hidden_field (object, field, role) VALUES ('account', 'industry', 'seller'), ('opportunity', 'amount', 'seller'), ('opportunity', 'lost_reason', 'seller')").await;
        app.settings_changed().await;
        let (status, body) = get(app, &token, &at("period=all")).await;
        assert_eq!(status, 200, "{body}");
        let text = body.to_string();
        for hidden in ["amount", "weighted", "average_won", "velocity_per_day", "lost_reasons", "segment"] {
            assert!(!text.contains(hidden), "{hidden} is hidden but told: {text}");
        }
        for (query, status, field) in [
            ("segment=retail", 422, "f"),
            ("period=yesterday", 400, "period"),
            ("period=days", 422, "from"),
            ("period=days&from=0807-06-18&to=2026-03-01", 422, "from"),
            ("period=days&from=2026-02-30&to=2026-03-01", 400, "from"),
            ("period=days&from=2026-03-02&to=2026-03-01", 422, "to"),
            ("owner=nobody", 400, "owner"),
            ("pipeline=00000000-0000-7000-8000-000000000007", 422, "pipeline"),
            ("source=website&source=referral", 400, "source"),
            ("by=owner", 400, "by"),
        ] {
            let (found, body) = get(app, &token, &at(query)).await;
            assert_eq!((found, &body["errors"][0]["field"]), (status, &json!(field)), "{query}: {body}");
        }
        let hr = app.person("Hana").role(Role::Hr).create().await;
        assert_eq!(get(app, &app.api_token(&hr).await, &at("period=all")).await.0, 404);
    });
}
