//! A deal says which lead it came from.

use axum::http::Method;
use serde_json::json;
use store::{Uuid, sql};
use testkit::{TestApp, on_both};

use super::consent::consent_of;
use super::{World, counts, submit, with, world};
use crate::sharing::share;

/// The lead, the source and the version of a deal, and how often it was changed.
async fn origin_of(app: &TestApp, deal: Uuid) -> (Option<Uuid>, Option<String>, i64, i64) {
    let mut session = app.db.read().await.expect("readable");
    let select = "SELECT o.lead_id, o.source, o.version,
                         (SELECT COUNT(*) FROM event e WHERE e.subject_id = o.id AND e.kind = 'updated')
                    FROM opportunity o WHERE o.id = $1";
    session.one(sql!(select, deal)).await.expect("the deal is there")
}

#[test]
fn a_deal_that_exists_says_which_lead_it_came_from_unless_it_says_so_already() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        let account = app.account(&lin, "Yunfan").await;
        let deal = app.opportunity(&lin, "Robots", account).await;
        let (account_id, deal_id) = (account.to_string(), deal.to_string());
        let fields = with(&[("account", &account_id), ("opportunity", "other"), ("opportunity_other", &deal_id)]);
        assert_eq!(submit(app, &lin, lead, &fields).await.status, 303);
        assert_eq!(origin_of(app, deal).await, (Some(lead), Some("event".into()), 2, 1));
        // The links lead both ways, and its history says so.
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        let link = format!("<a href=\"/leads/{lead}\">Zhao Min</a>");
        assert!(page.body.matches(&link).count() >= 2, "{}", page.body);
        assert!(page.statements <= 12, "{}", page.statements);
        assert!(app.get(&lin, &format!("/leads/{lead}")).await.has(&format!("href=\"/opportunities/{deal}\"")));
        let second = app.create("lead", &lin, &[("name", "Qian Wu"), ("source", "referral")]).await;
        assert_eq!(submit(app, &lin, second, &fields).await.status, 303);
        assert_eq!(origin_of(app, deal).await, (Some(lead), Some("event".into()), 2, 1));
        // What somebody typed as the source stays.
        let typed = app.opportunity(&lin, "Arms", account).await;
        app.try_update("opportunity", &lin, typed, None, &[("source", "partner")]).await.expect("theirs");
        let third = app.create("lead", &lin, &[("name", "Sun Li"), ("source", "referral")]).await;
        let typed_id = typed.to_string();
        let of_typed = with(&[("account", &account_id), ("opportunity", "other"), ("opportunity_other", &typed_id)]);
        assert_eq!(submit(app, &lin, third, &of_typed).await.status, 303);
        assert_eq!(origin_of(app, typed).await, (Some(third), Some("partner".into()), 3, 2));

        // A deal that one may only look at is not given a lead.
        let theirs = app.account(&boss, "Harbour").await;
        let seen = app.opportunity(&boss, "Lamps", theirs).await;
        share(app, &boss, &format!("/accounts/{theirs}"), &lin, false).await;
        share(app, &boss, &format!("/opportunities/{seen}"), &lin, false).await;
        let fourth = app.lead(&lin, "Zhou Bo").await;
        let (theirs, seen_id) = (theirs.to_string(), seen.to_string());
        let fields = with(&[("account", &theirs), ("opportunity", "other"), ("opportunity_other", &seen_id)]);
        let before = counts(app).await;
        let answer = submit(app, &lin, fourth, &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.has("You may look at this opportunity, but not change it"), "{}", answer.body);
        assert_eq!((counts(app).await, origin_of(app, seen).await), (before, (None, None, 1, 0)), "all or nothing");
    });
}

#[test]
fn of_leads_that_become_one_deal_at_the_same_time_it_came_from_one() {
    on_both(async |app| {
        let World { boss, lin, .. } = world(app).await;
        let account = app.account(&lin, "Yunfan").await;
        let contact = app.contact(&lin, "Zhao Min", account).await;
        let deal = app.opportunity(&lin, "Robots", account).await;
        let tokens = [app.api_token(&boss).await, app.api_token(&lin).await];
        let mut leads = Vec::new();
        for number in 0..10 {
            let name = format!("Lead {number}");
            // One of them withdrew: whenever its turn comes, the contact says so afterwards.
            let consent = if number == 4 { "withdrawn" } else { "given" };
            let fields = [("name", name.as_str()), ("source", "referral"), ("consent", consent)];
            leads.push(app.create("lead", &lin, &fields).await);
        }
        let body = json!({ "account": account, "contact": contact, "opportunity": deal });
        let calls = leads.iter().zip(tokens.iter().cycle()).map(|(lead, token)| {
            let body = &body;
            async move {
                let path = format!("/api/leads/{lead}/convert");
                app.api(token, Method::POST, &path, &[("if-match", "*")], Some(body)).await
            }
        });
        let answers = futures_util::future::join_all(calls).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        let (lead, source, version, changes) = origin_of(app, deal).await;
        assert!(lead.is_some_and(|lead| leads.contains(&lead)));
        assert_eq!((source.as_deref(), version, changes), (Some("referral"), 2, 1));
        assert_eq!(consent_of(app, contact).await.0, "withdrawn");
        let converted: Option<i64> = app
            .value(sql!("SELECT COUNT(*) FROM lead WHERE status = 'converted' AND converted_opportunity_id = $1", deal))
            .await;
        assert_eq!(converted, Some(10));
    });
}
