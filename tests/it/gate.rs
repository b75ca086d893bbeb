//! What a deal must not do unnoticed: go around what its stages ask for, or change its amount with its currency.

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::{Uuid, new_id, sql};
use testkit::{Role, on_both};
use trivet::shell::error::Error;
use trivet::tools::crm::stage::{self, Move};

use crate::hidden::hide;

#[test]
fn losing_a_deal_first_is_no_way_around_what_the_stages_ask_for() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        let go = async |name: &str, reason: Option<&str>, lost: bool| {
            let wish = Move {
                stage: app.stage(name).await,
                reason: reason.map(str::to_owned),
                inputs: lost.then(|| ("lost_reason".to_owned(), "price".to_owned())).into_iter().collect(),
                ..Move::default()
            };
            let actor = app.actor(&lin).await;
            let mut tx = app.db.write().await.expect("a transaction");
            let moved = stage::move_to(&mut tx, &actor, deal, None, wish).await;
            if moved.is_ok() {
                tx.commit().await.expect("it is stored");
            }
            moved
        };
        assert!(matches!(go("Won", None, false).await, Err(Error::Invalid(_))), "the stages ask for something");
        go("Lost", None, true).await.expect("a deal can be lost");
        assert!(matches!(go("Won", None, false).await, Err(Error::Invalid(_))), "they still do");
        go("Won", Some("They called back and signed."), false).await.expect("a reason is enough");
    });
}

#[test]
fn a_deal_that_begins_further_on_is_asked_as_one_that_comes_from_the_front() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await.to_string();
        let asked = async |stage: &str, more: &[(&str, &str)]| -> Vec<String> {
            let stage = app.stage(stage).await.to_string();
            let deal = [("name", "Rollout"), ("close_date", "2026-12-24"), ("stage", stage.as_str())];
            match app.try_create("opportunity", &lin, &[&deal[..], more].concat()).await {
                Ok(_) => Vec::new(),
                Err(Error::Invalid(errors)) => {
                    assert!(errors.iter().all(|error| error.key == "refused-evidence-missing"), "{errors:?}");
                    errors.into_iter().map(|error| error.field).collect()
                }
                Err(error) => panic!("{error:?}"),
            }
        };
        let with_account = [("account", account.as_str())];
        assert_eq!(asked("Prospecting", &[]).await, [""; 0], "the front asks for nothing");
        assert_eq!(asked("Engaging", &[]).await, ["account"]);
        assert_eq!(asked("Engaging", &with_account).await, [""; 0], "a field that is filled speaks for itself");
        assert_eq!(asked("Proposal", &with_account).await.len(), 1);
        assert_eq!(asked("Won", &[]).await.len(), 5, "one for each criterion");
        assert_eq!(asked("Won", &[("next_step_date", "2026-12-01"), ("account", &account)]).await.len(), 3);
        assert_eq!(asked("Won", &[("reason", "  ")]).await.len(), 5, "blanks are no reason");
        assert_eq!(asked("Lost", &[("lost_reason", "price")]).await, [""; 0], "what is lost needs no evidence");
        let before: i64 = app.value("SELECT COUNT(*) FROM opportunity").await.expect("a count");
        assert_eq!((before, asked("Won", &[("reason", "They signed at the fair.")]).await.len()), (3, 0));
        let won = app.stage("Won").await;
        let reasons: (Option<String>, Option<String>) = {
            let mut session = app.db.read().await.expect("readable");
            session
                .one(sql!(
                    "SELECT m.reason, e.reason FROM stage_change m JOIN event e ON e.subject_id = m.opportunity_id
                      WHERE m.to_stage_id = $1 AND e.kind = 'created'",
                    won
                ))
                .await
                .expect("a move and an event")
        };
        let reason = Some("They signed at the fair.".to_owned());
        assert_eq!(reasons, (reason.clone(), reason));
    });
}

#[test]
fn the_form_asks_why_a_deal_begins_further_on_and_loses_nothing() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let form = app.get(&lin, "/opportunities/new").await;
        let (first, proposal) = (app.stage("Prospecting").await, app.stage("Proposal").await);
        assert!(form.has(&format!("<option value=\"{proposal}\" class=\"asks\">")), "{}", form.body);
        assert!(form.has(&format!("<option value=\"{first}\">")), "{}", form.body);
        assert!(form.has("class=\"field wide when-asked\""), "it waits: {}", form.body);
        let stage = proposal.to_string();
        let fields =
            [("name", "Kept words"), ("stage", stage.as_str()), ("close_date", "2026-12-24"), ("amount", "77")];
        let refused = app.post_form(&lin, "/opportunities", &fields).await;
        assert_eq!(refused.status, 422);
        assert!(refused.has("name=\"reason\"") && !refused.has("when-asked"), "now it shows: {}", refused.body);
        assert!(refused.has("Kept words") && refused.has("value=\"77\""), "{}", refused.body);
        assert!(refused.has(&format!("value=\"{proposal}\" selected")), "{}", refused.body);
        assert!(refused.has("Customer is named") && refused.has("Buyer has confirmed"), "{}", refused.body);
        let fields = [&fields[..], &[("reason", "They came with a specification.")]].concat();
        let made = app.post_form(&lin, "/opportunities", &fields).await;
        assert_eq!(made.status, 303, "{}", made.body);
        assert!(app.get(&lin, made.location()).await.has("They came with a specification."));
    });
}

#[test]
fn programs_are_asked_too_and_many_at_once_is_no_way_around() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        let won = app.stage("Won").await;
        let call = async |body: Json| app.api(&token, Method::POST, "/api/opportunities", &[], Some(&body)).await;
        let deal = json!({ "name": "Rollout", "close_date": "2026-12-24", "stage": won });
        let refused = call(deal.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.json()["errors"].as_array().map(Vec::len)), (422, Some(5)));
        let mut told = deal.clone();
        told["reason"] = json!("They signed.");
        let made = call(told).await;
        assert_eq!(made.status, 201, "{}", made.body);
        assert!(made.json().get("reason").is_none(), "it stands in the history: {}", made.body);
        let document = app.api(&token, Method::GET, "/api/openapi.json", &[], None).await.json();
        let schema = |name: &str| document["components"]["schemas"][name]["properties"]["reason"].clone();
        assert!(schema("OpportunityCreate")["description"].is_string(), "{}", schema("OpportunityCreate"));
        assert_eq!((schema("OpportunityPatch"), schema("Opportunity")), (Json::Null, Json::Null));
        // A stage is set neither in a list nor for many deals.
        let account = app.account(&lin, "Harbour Optics").await;
        let open = app.opportunity(&lin, "Open", account).await;
        let (id, stage) = (open.to_string(), won.to_string());
        let bulk = [("action", "edit"), ("field", "stage"), ("ids", id.as_str()), ("value", stage.as_str())];
        assert_eq!(app.post_form(&lin, "/opportunities/bulk/apply", &bulk).await.status, 404);
        let cell = format!("/opportunities/{open}/field/stage");
        assert_eq!(app.get(&lin, &cell).await.status, 404);
        assert_eq!(app.post_form(&lin, &cell, &[("version", "1"), ("stage", &stage)]).await.status, 404);
        // Nor in the form that changes everything else, nor by a program, without showing what is asked for.
        let form = [("version", "1"), ("name", "Open"), ("close_date", "2026-12-24"), ("stage", &stage)];
        assert_eq!(app.post_form(&lin, &format!("/opportunities/{open}"), &form).await.status, 422);
        let path = format!("/api/opportunities/{open}");
        let change = app.api(&token, Method::PATCH, &path, &[("if-match", "*")], Some(&json!({ "stage": won }))).await;
        assert_eq!(change.status, 422, "{}", change.body);
        let kind: String =
            app.value(sql!("SELECT stage_kind FROM opportunity WHERE id = $1", open)).await.expect("one");
        assert_eq!(kind, "open");
    });
}

#[test]
fn a_hidden_amount_tells_nothing_when_its_currency_is_to_change() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deals = [app.opportunity(&lin, "Whole", account).await, app.opportunity(&lin, "Cents", account).await];
        app.try_update("opportunity", &lin, deals[1], None, &[("amount", "10.50")]).await.expect("seen, so changed");
        for deal in deals {
            app.execute(sql!("UPDATE opportunity SET currency = 'USD' WHERE id = $1", deal)).await;
        }
        hide(app, "opportunity", &["amount"], "seller").await;
        for currency in ["JPY", "CNY", "USD"] {
            let mut answers = Vec::new();
            for deal in deals {
                answers.push(format!(
                    "{:?}",
                    app.try_update("opportunity", &lin, deal, None, &[("currency", currency)]).await
                ));
            }
            assert_eq!(answers[0].replace("Ok(1)", "Ok"), answers[1].replace("Ok(2)", "Ok"), "{currency}");
            assert_eq!(answers[0].contains("refused-currency-hidden"), currency != "USD", "{answers:?}");
        }
    });
}

#[test]
fn undo_only_goes_back_to_where_the_deal_came_from() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        let go = async |name: &str, more: (&str, &str)| {
            app.clock.advance(1);
            let stage = app.stage(name).await.to_string();
            app.post_form(&lin, &format!("/opportunities/{deal}/stage"), &[("stage", &stage), more]).await.status
        };
        assert_eq!(go("Won", ("undo", "1")).await, 422, "nothing was done that could be undone");
        assert_eq!(go("Won", ("reason", "They signed.")).await, 303);
        assert_eq!(go("Negotiation", ("undo", "1")).await, 422, "it did not come from there");
        assert_eq!(go("Prospecting", ("undo", "1")).await, 303);
        assert_eq!(go("Won", ("undo", "1")).await, 303, "an undone move can be undone too");
    });
}

#[test]
fn an_amount_is_still_the_same_amount_in_another_currency() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let amount = async |object: &str, id: Uuid, column: &str| -> i64 {
            app.value(sql!(format!("SELECT {column} FROM {object} WHERE id = $1"), id)).await.expect("an amount")
        };
        app.try_update("account", &lin, account, None, &[("annual_revenue", "1000"), ("currency", "USD")])
            .await
            .expect("saved");
        app.try_update("account", &lin, account, None, &[("currency", "JPY")]).await.expect("whole amounts go along");
        assert_eq!(amount("account", account, "annual_revenue").await, 1_000);
        app.try_update("account", &lin, account, None, &[("currency", "USD")]).await.expect("and back");
        assert_eq!(amount("account", account, "annual_revenue").await, 100_000);
        app.try_update("account", &lin, account, None, &[("annual_revenue", "10.50")]).await.expect("saved");
        let refused = app.try_update("account", &lin, account, None, &[("currency", "JPY")]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "yen have no cents: {refused:?}");
        app.try_update("account", &lin, account, None, &[("currency", "JPY"), ("annual_revenue", "1050")])
            .await
            .expect("given");
        assert_eq!(amount("account", account, "annual_revenue").await, 1_050);
    });
}

#[test]
fn the_newest_price_in_force_counts_and_lines_hold_the_currency_of_their_deal() {
    on_both(async |app| {
        let partner = app.person("Mei Qiao").role(Role::Partner).create().await;
        let account = app.account(&partner, "Harbour Optics").await;
        let deal = app.opportunity(&partner, "Rollout", account).await;
        let product = app.create("product", &partner, &[("name", "Suite"), ("code", "S"), ("list_price", "100")]).await;
        let currency: String =
            app.value(sql!("SELECT currency FROM opportunity WHERE id = $1", deal)).await.expect("one");
        // One list without a first day, one that came into force later: whichever engine sorts, the later one counts.
        for (from, amount) in [(None, 9_000_i64), (Some(1_i64), 8_000)] {
            let list = new_id(&app.clock);
            app.execute(sql!(
                "INSERT INTO price_list (id, version, name, currency, from_day) VALUES ($1, 1, 'List', $2, $3)",
                list,
                &currency,
                from
            ))
            .await;
            app.execute(sql!(
                "INSERT INTO price (price_list_id, product_id, amount) VALUES ($1, $2, $3)",
                list,
                product,
                amount
            ))
            .await;
        }
        let fields = [("product", product.to_string()), ("quantity", "2".to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let answer = app.post_form(&partner, &format!("/opportunities/{deal}/items"), &fields).await;
        assert!(answer.status.is_redirection() || answer.status.is_success(), "{}", answer.body);
        let amount: i64 = app.value(sql!("SELECT amount FROM opportunity WHERE id = $1", deal)).await.expect("one");
        assert_eq!(amount, 16_000);
        let other = if currency == "USD" { "CNY" } else { "USD" };
        let refused = app.try_update("opportunity", &partner, deal, None, &[("currency", other)]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    });
}

#[test]
fn the_form_of_a_move_keeps_what_was_given_while_something_else_is_missing() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        let (path, won) = (format!("/opportunities/{deal}/stage"), app.stage("Won").await.to_string());
        let send = async |given: &[(&str, &str)]| {
            app.post_form(&lin, &path, &[&[("stage", won.as_str()), ("asked", "1")][..], given].concat()).await
        };
        let empty = send(&[]).await;
        let mark = "name=\"evidence.";
        let key = |at: usize| format!("evidence.{}", &empty.body[at + mark.len()..][..36]);
        let keys: Vec<String> = empty.body.match_indices(mark).map(|(at, _)| key(at)).collect();
        assert_eq!((empty.status.as_u16(), keys.len()), (422, 3), "{}", empty.body);
        let some = send(&[(&keys[1], "They wrote so"), ("next_step_date", "2026-12-01")]).await;
        assert_eq!(some.status, 422);
        assert!(some.has(">They wrote so</textarea>") && some.has("value=\"2026-12-01\""), "{}", some.body);
        assert!(keys.iter().all(|key| some.has(&format!("name=\"{key}\""))), "{}", some.body);
        assert_eq!(some.body.matches("Still missing").count(), 2, "{}", some.body);
        let given: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "They wrote so")).collect();
        let all = send(&[&given[..], &[("next_step_date", "2026-12-01")]].concat()).await;
        assert_eq!(all.status, 303, "{}", all.body);
        let kept: Option<i64> = app.value(sql!("SELECT COUNT(*) FROM evidence WHERE opportunity_id = $1", deal)).await;
        assert_eq!(kept, Some(3));
        // What the buyer gave stays to be read once the deal is closed, and when it was given.
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        let given = &page.body[page.body.find("Evidence given").expect("evidence is shown")..];
        assert_eq!(given.matches("They wrote so</div>").count(), 3, "{given}");
        assert!(page.has("Buyer has accepted the proposal as a basis: They wrote so"), "{}", page.body);
        assert!(!page.has("Reason: Buyer has accepted"), "{}", page.body);
    });
}

#[test]
fn a_deal_says_why_it_was_lost_as_long_as_it_is_lost() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        let account = app.account(&lin, "Harbour Optics").await;
        let [lost, open] =
            [app.opportunity(&lin, "Gone", account).await, app.opportunity(&lin, "Alive", account).await];
        let said = async |deal: Uuid| -> [Option<String>; 2] {
            let mut session = app.db.read().await.expect("the database can be read");
            let select = "SELECT lost_reason, lost_note FROM opportunity WHERE id = $1";
            let (reason, note): (Option<String>, Option<String>) =
                session.one(sql!(select, deal)).await.expect("the deal is there");
            [reason, note]
        };
        let go = async |stage: &str, more: &[(&str, &str)]| {
            app.clock.advance(60);
            let stage = app.stage(stage).await.to_string();
            let wish = [&[("stage", stage.as_str())][..], more].concat();
            app.post_form(&lin, &format!("/opportunities/{lost}/stage"), &wish).await.status.as_u16()
        };
        let price = [Some("price".to_owned()), Some("Too dear".to_owned())];
        assert_eq!(go("Lost", &[]).await, 422);
        // The form says that it wants a reason, and chooses none beforehand.
        let stage = app.stage("Lost").await.to_string();
        let form = app.post_form(&lin, &format!("/opportunities/{lost}/stage"), &[("stage", stage.as_str())]).await;
        assert!(form.has("name=\"lost_reason\" required><option value=\"\"></option>"), "{}", form.body);
        assert_eq!(go("Lost", &[("lost_reason", "price"), ("lost_note", "Too dear")]).await, 303);
        assert_eq!(said(lost).await, price);

        // By whichever door: a lost deal keeps a reason, and one that is open gets none.
        for (deal, value, key) in [(lost, "", "refused-lost-reason"), (open, "price", "refused-loss-not-lost")] {
            let (before, path) = (said(deal).await, format!("/opportunities/{deal}"));
            let version: i64 =
                app.value(sql!("SELECT version FROM opportunity WHERE id = $1", deal)).await.expect("a version");
            let version = version.to_string();
            let form = [("version", version.as_str()), ("lost_reason", value)];
            for path in [path.clone(), format!("{path}/field/lost_reason")] {
                assert_eq!(app.post_form(&lin, &path, &form).await.status, 422, "{path}");
            }
            let ids = deal.to_string();
            let many = [("action", "edit"), ("field", "lost_reason"), ("value", value), ("ids", ids.as_str())];
            app.post_form(&lin, "/opportunities/bulk/apply", &many).await;
            let value = if value.is_empty() { Json::Null } else { json!(value) };
            let body = json!({ "lost_reason": value });
            let answer =
                app.api(&token, Method::PATCH, &format!("/api{path}"), &[("if-match", "*")], Some(&body)).await;
            let error = &answer.json()["errors"][0];
            assert_eq!(
                (answer.status.as_u16(), &error["field"], &error["code"]),
                (422, &json!("lost_reason"), &json!(key))
            );
            assert_eq!(said(deal).await, before, "{path}");
            assert_eq!(app.get(&lin, &format!("{path}/edit")).await.has("name=\"lost_reason\""), deal == lost);
            assert_eq!(app.get(&lin, &format!("{path}?tab=details")).await.has("/field/lost_reason"), deal == lost);
        }
        // Among many, the one that breaks the rule is left as it is.
        let ids = format!("{lost},{open}");
        let many = [("action", "edit"), ("field", "lost_reason"), ("value", "timing"), ("ids", ids.as_str())];
        app.post_form(&lin, "/opportunities/bulk/apply", &many).await;
        assert_eq!(said(open).await, [None, None]);
        let answer = app.try_update("opportunity", &lin, lost, None, &[("lost_reason", "price")]).await;
        answer.expect("another reason is a reason");

        // Opened again it says so no longer; undone, it does; and a deal that is won was not lost.
        assert_eq!(go("Proposal", &[("reason", "They called back.")]).await, 303);
        assert_eq!(said(lost).await, [None, None]);
        let page = app.get(&lin, &format!("/opportunities/{lost}")).await;
        assert!(page.has("Too dear"), "the history keeps it: {}", page.body);
        assert_eq!(go("Lost", &[("undo", "1")]).await, 303);
        assert_eq!(said(lost).await, price);
        assert_eq!(go("Won", &[("reason", "They signed.")]).await, 303);
        assert_eq!(said(lost).await, [None, None]);
    });
}
