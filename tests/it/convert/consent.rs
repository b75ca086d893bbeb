//! What lead and contact say of consent goes along, and the stricter counts.

use axum::http::Method;
use serde_json::json;
use store::{Day, Uuid, sql};
use testkit::{Role, TestApp, on_both};

use super::{World, counts, submit, with, world};
use crate::sharing::share;

/// What a contact says of consent and since when, and its version.
pub async fn consent_of(app: &TestApp, contact: Uuid) -> (String, Option<i64>, i64) {
    let mut session = app.db.read().await.expect("readable");
    let select = "SELECT consent, consent_day, version FROM contact WHERE id = $1";
    session.one(sql!(select, contact)).await.expect("the contact is there")
}

fn day(text: &str) -> Option<i64> {
    Day::parse(text).map(|day| day.0)
}

const WITHDRAWN: [(&str, &str); 2] = [("consent", "withdrawn"), ("consent_on", "2026-11-01")];

#[test]
fn whoever_withdrew_their_consent_has_not_given_it_by_becoming_a_contact() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        let warning = "This person has withdrawn their consent";
        assert!(!app.get(&lin, &format!("/leads/{lead}/convert")).await.has(warning));
        app.try_update("lead", &lin, lead, None, &WITHDRAWN).await.expect("theirs");
        let form = app.get(&lin, &format!("/leads/{lead}/convert")).await;
        assert!(form.has(warning), "{}", form.body);
        let answer = submit(app, &lin, lead, &with(&[("version", "2")])).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let contact: Uuid = app.value("SELECT id FROM contact").await.expect("a contact");
        assert_eq!(consent_of(app, contact).await, ("withdrawn".into(), day("2026-11-01"), 1));
        let page = app.get(&lin, &format!("/contacts/{contact}")).await;
        assert!(page.has(warning) && page.has("pill-bad\">Withdrawn"), "{}", page.body);
        assert!(page.statements <= 12, "{}", page.statements);

        let list = async |value: &str| {
            let path = format!("/contacts?view=none&cols=name,consent,consent_on&f=consent:is:{value}");
            app.get(&lin, &path).await.has(&contact.to_string())
        };
        assert!(list("withdrawn").await && !list("given").await && !list("unknown").await);
        let token = app.api_token(&lin).await;
        let told = app.api(&token, Method::GET, &format!("/api/contacts/{contact}"), &[], None).await.json();
        assert_eq!((&told["consent"], &told["consent_on"]), (&json!("withdrawn"), &json!("2026-11-01")));
        let file = app.get(&boss, "/contacts.csv?view=none&cols=name,consent,consent_on").await;
        assert!(file.has("Zhao Min,Withdrawn,2026-11-01"), "{}", file.body);
        // A contact of whom nobody said anything.
        let account = app.account(&lin, "Harbour").await;
        let other = app.contact(&lin, "Wang Fang", account).await;
        assert_eq!(consent_of(app, other).await, ("unknown".into(), None, 1));
        assert!(!app.get(&lin, &format!("/contacts/{other}")).await.has(warning));
    });
}

#[test]
fn of_what_lead_and_contact_say_of_consent_the_stricter_counts_and_then_the_newer() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let (early, late) = ("2026-01-01", "2026-11-01");
        let cases = [
            (("withdrawn", early), ("given", late), ("withdrawn", early)),
            (("withdrawn", ""), ("given", late), ("withdrawn", "")),
            (("withdrawn", late), ("unknown", ""), ("withdrawn", late)),
            (("given", late), ("withdrawn", early), ("withdrawn", early)),
            (("unknown", ""), ("withdrawn", ""), ("withdrawn", "")),
            (("given", late), ("unknown", ""), ("given", late)),
            (("unknown", ""), ("given", early), ("given", early)),
            (("given", late), ("given", early), ("given", late)),
            (("given", early), ("given", late), ("given", late)),
        ];
        for (of_lead, of_contact, expected) in cases {
            let what = format!("{of_lead:?} and {of_contact:?}");
            let account = app.account(&lin, "Harbour").await.to_string();
            let make = async |object: &str, (consent, on): (&str, &str), more: &[(&str, &str)]| {
                let mut fields = vec![("name", "Zhao Min"), ("consent", consent)];
                fields.extend(Some(("consent_on", on)).filter(|_| !on.is_empty()));
                fields.extend_from_slice(more);
                app.create(object, &lin, &fields).await
            };
            let contact = make("contact", of_contact, &[("account", &account)]).await;
            let lead = make("lead", of_lead, &[]).await;
            let answer =
                submit(app, &lin, lead, &with(&[("account", &account), ("contact", &contact.to_string())])).await;
            assert_eq!(answer.status, 303, "{what}: {}", answer.body);
            let changed = i64::from(expected != of_contact);
            let stands = (expected.0.to_owned(), day(expected.1), 1 + changed);
            assert_eq!(consent_of(app, contact).await, stands, "{what}");
            let events: Option<i64> =
                app.value(sql!("SELECT COUNT(*) FROM event WHERE kind = 'updated' AND subject_id = $1", contact)).await;
            assert_eq!(events, Some(changed), "{what}");
        }
    });
}

#[test]
fn a_withdrawal_does_not_end_at_a_contact_that_one_may_not_change() {
    on_both(async |app| {
        let World { boss, lin, .. } = world(app).await;
        let account = app.account(&boss, "Harbour").await;
        let contact = app.contact(&boss, "Zhao Min", account).await;
        share(app, &boss, &format!("/accounts/{account}"), &lin, false).await;
        let convert = async |consent: &str| {
            let lead = app.create("lead", &lin, &[("name", "Zhao Min"), ("consent", consent)]).await;
            let fields = [("account", account.to_string()), ("contact", contact.to_string())];
            let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let before = counts(app).await;
            let answer = submit(app, &lin, lead, &with(&fields)).await;
            if answer.status == 422 {
                assert!(answer.has("You may not change this contact"), "{}", answer.body);
                assert_eq!(counts(app).await, before, "all or nothing");
            }
            answer.status.as_u16()
        };
        assert_eq!(convert("unknown").await, 303);
        assert_eq!(convert("given").await, 303);
        assert_eq!(consent_of(app, contact).await, ("unknown".into(), None, 1), "it is not theirs to change");
        assert_eq!(convert("withdrawn").await, 422);
        app.try_update("contact", &boss, contact, None, &WITHDRAWN).await.expect("theirs");
        assert_eq!(convert("withdrawn").await, 303, "it says so already");
        assert_eq!(consent_of(app, contact).await, ("withdrawn".into(), day("2026-11-01"), 2));
        // Who may not know what is said of consent cannot tell it from what is refused.
        crate::hidden::hide(app, "lead", &["consent"], "seller").await;
        let lead = app.create("lead", &boss, &[("name", "Zhao Min"), ("owner", &lin.id.to_string())]).await;
        let (account, contact) = (account.to_string(), contact.to_string());
        let convert = async |version: &str| {
            let fields = with(&[("version", version), ("account", &account), ("contact", &contact)]);
            submit(app, &lin, lead, &fields).await.status.as_u16()
        };
        assert_eq!(convert("1").await, 422);
        app.try_update("lead", &boss, lead, None, &[("consent", "withdrawn")]).await.expect("theirs");
        assert_eq!(convert("2").await, 422);
    });
}

#[test]
fn consent_that_is_hidden_goes_along_unseen() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        app.try_update("lead", &lin, lead, None, &WITHDRAWN).await.expect("theirs");
        crate::hidden::hide(app, "lead", &["consent", "consent_on"], "seller").await;
        let form = app.get(&lin, &format!("/leads/{lead}/convert")).await;
        assert!(!form.has("withdrawn"), "{}", form.body);
        assert_eq!(submit(app, &lin, lead, &with(&[("version", "2")])).await.status, 303);
        let contact: Uuid = app.value("SELECT id FROM contact").await.expect("a contact");
        assert_eq!(consent_of(app, contact).await, ("withdrawn".into(), day("2026-11-01"), 1));
        for path in ["", "?tab=details", "/edit"] {
            let page = app.get(&lin, &format!("/contacts/{contact}{path}")).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(!page.has("ithdrawn") && !page.has("onsent"), "{path}: {}", page.body);
        }
        assert_eq!(app.get(&lin, "/contacts?view=none&f=consent:is:withdrawn").await.status, 422);
        assert!(app.get(&boss, &format!("/contacts/{contact}")).await.has("This person has withdrawn their consent"));
    });
}
