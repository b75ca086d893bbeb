//! The buying committee of a deal: contacts with their role in it, for those who see both. On both engines.

use axum::http::Method;
use serde_json::{Value as Json, json};
use testkit::{Role, on_both};

use crate::hidden::hide;

#[test]
fn contacts_decide_on_a_deal_each_in_a_role_of_its_own() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Forty seats", account).await;
        let wang = app.contact(&lin, "Wang Fang", account).await;
        let zhao = app.contact(&lin, "Zhao Min", account).await;
        let path = format!("/opportunities/{deal}");
        let page = app.get(&lin, &path).await;
        assert!(page.has("Buying committee") && page.has(&format!("{path}/committee/new")), "{}", page.body);
        let form = app.get(&lin, &format!("{path}/committee/new")).await;
        assert!(form.has("Wang Fang") && form.has("Zhao Min") && form.has("value=\"champion\""), "{}", form.body);
        let put = async |contact: store::Uuid, role: &str| {
            let contact = contact.to_string();
            let form = app.get(&lin, &format!("{path}/committee/new?contact={contact}")).await;
            let version = form.version();
            let fields = [("contact", contact.as_str()), ("buying_role", role), ("version", &version)];
            app.post_form(&lin, &format!("{path}/committee"), &fields).await
        };
        let answer = put(wang, "champion").await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, path.as_str()), "{}", answer.body);
        assert_eq!(put(zhao, "").await.status, 303);
        assert_eq!(put(wang, "blocker").await.status, 303);
        assert_eq!(put(wang, "blocker").await.status, 303, "once more says nothing new");
        let events = "SELECT COUNT(*) FROM event WHERE kind LIKE 'committee%'";
        assert_eq!(app.value::<i64>(events).await, Some(3));
        let page = app.get(&lin, &path).await;
        assert!(page.has("put on the buying committee: Wang Fang") && page.has(">Blocker<"), "{}", page.body);
        for tab in ["timeline", "details", "related", "files"] {
            let page = app.get(&lin, &format!("{path}?tab={tab}")).await;
            assert!(page.statements <= 12, "{tab}: {} statements", page.statements);
        }
        // The form of somebody who is on it shows their role.
        let form = app.get(&lin, &format!("{path}/committee/new?contact={wang}")).await;
        assert!(form.has("value=\"blocker\" selected"), "{}", form.body);
        // The contact's page says on what they decide; their own role stays.
        let page = app.get(&lin, &format!("/contacts/{wang}")).await;
        assert!(page.has("Decides on") && page.has("Forty seats") && page.has(">Blocker<"), "{}", page.body);
        let role = store::sql!("SELECT COUNT(*) FROM contact WHERE id = $1 AND buying_role IS NULL", wang);
        assert_eq!(app.value::<i64>(role).await, Some(1));
        // What is wrong is said at its place.
        let answer = app.post_form(&lin, &format!("{path}/committee"), &[("contact", "")]).await;
        assert!(answer.status == 422 && answer.has("committee-contact-error"), "{}", answer.body);
        let answer = put(wang, "emperor").await;
        assert!(answer.status == 422 && answer.has("committee-buying-role-error"), "{}", answer.body);

        let gone = app.post_form(&lin, &format!("{path}/committee/{wang}/removal"), &[]).await;
        assert_eq!(gone.status, 303);
        assert!(app.get(&lin, &path).await.has("took off the buying committee: Wang Fang"));
        assert!(!app.get(&lin, &format!("/contacts/{wang}")).await.has("Decides on"));
        assert_eq!(app.post_form(&lin, &format!("{path}/committee/{wang}/removal"), &[]).await.status, 404);
    });
}

#[test]
fn only_who_sees_deal_and_contact_knows_that_they_belong_together() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let (harbour, lighthouse) = (app.account(&lin, "Harbour").await, app.account(&lin, "Lighthouse").await);
        let deal = app.opportunity(&lin, "Forty seats", harbour).await;
        let here = app.contact(&lin, "Wang Fang", harbour).await;
        let elsewhere = app.contact(&lin, "Zhao Min", lighthouse).await;
        let (mine, theirs) = (app.api_token(&lin).await, app.api_token(&wu).await);
        let all = format!("/api/opportunities/{deal}/committee");
        let call = async |token: &str, method: Method, path: &str, body: Option<Json>| {
            app.api(token, method, path, &[], body.as_ref()).await
        };
        for contact in [here, elsewhere] {
            let role = Some(json!({ "buying_role": "influencer" }));
            let answer = call(&mine, Method::PUT, &format!("{all}/{contact}"), role).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        let count = async |token: &str| {
            let answer = call(token, Method::GET, &all, None).await;
            answer.json()["data"].as_array().map(Vec::len)
        };
        assert_eq!((count(&mine).await, count(&theirs).await), (Some(2), None));
        // The deal is shared to be changed: with it comes its account and that one's contacts, no other.
        let share = Some(json!({ "may_write": true }));
        let answer = call(&mine, Method::PUT, &format!("/api/opportunities/{deal}/shares/{}", wu.id), share).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(count(&theirs).await, Some(1));
        let page = app.get(&wu, &format!("/opportunities/{deal}")).await;
        assert!(page.has("Wang Fang") && !page.has("Zhao Min") && !page.has(&elsewhere.to_string()), "{}", page.body);
        let unseen = format!("{all}/{elsewhere}");
        assert_eq!(call(&theirs, Method::DELETE, &unseen, None).await.status, 404);
        assert_eq!(call(&theirs, Method::PUT, &unseen, Some(json!({}))).await.status, 422);
        let unknown = Some(json!({ "buying_role": "emperor" }));
        assert_eq!(call(&mine, Method::PUT, &format!("{all}/{here}"), unknown).await.status, 400);
        // A role that is hidden shows nowhere and is not lost; who belongs to a deal can be hidden as a whole.
        hide(app, "contact", &["buying_role"], "seller").await;
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        assert!(page.has("Wang Fang") && !page.has("Influencer"), "{}", page.body);
        assert_eq!(call(&mine, Method::PUT, &format!("{all}/{here}"), Some(json!({}))).await.status, 200);
        let kept = "SELECT COUNT(*) FROM opportunity_contact WHERE buying_role = 'influencer'";
        assert_eq!(app.value::<i64>(kept).await, Some(2));
        hide(app, "opportunity", &["contact"], "seller").await;
        assert!(!app.get(&lin, &format!("/opportunities/{deal}")).await.has("Wang Fang"));
        assert_eq!(count(&mine).await, Some(0));
        assert_eq!(call(&mine, Method::DELETE, &format!("{all}/{here}"), None).await.status, 403);
    });
}
