//! Browsers without scripts: where a script fills a list, the name of the record is typed instead. On both engines.

use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};

async fn reference(app: &TestApp, table: &str, column: &str, id: Uuid) -> Option<Uuid> {
    app.value::<Option<Uuid>>(sql!(format!("SELECT {column} FROM {table} WHERE id = $1"), id)).await.flatten()
}

/// What a form makes; its id.
async fn make(app: &TestApp, by: &Person, path: &str, fields: &[(&str, &str)]) -> Uuid {
    let answer = app.post_form(by, path, fields).await;
    assert_eq!(answer.status, 303, "{path}: {}", answer.body);
    answer.location().rsplit('/').next().and_then(|id| id.parse().ok()).expect("it leads to what was made")
}

#[test]
fn a_record_is_named_in_a_form_that_no_script_fills() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").create().await;
        let wu = app.person("Wu Di").create().await;
        let (acme, bolt) = (app.account(&lin, "Acme").await, app.account(&lin, "Bolt").await);
        let (one, _) = (app.contact(&lin, "Gao Lei", acme).await, app.contact(&lin, "Gao Lei", bolt).await);
        app.account(&wu, "Secret").await;

        let typed = "<noscript><input class=\"form-control\" name=\"account.name\"";
        for path in ["/activities/new", "/contacts/new", &format!("/contacts/{one}/edit")] {
            assert!(app.get(&lin, path).await.has(typed), "{path}");
            assert!(!app.get_fragment(&lin, path).await.has("<noscript>"), "{path}: a dialog is opened by script");
        }

        // Of two people of one name the account tells which is meant.
        let call = [("kind", "call"), ("subject", "Hello"), ("account", "")];
        let named = [&call[..], &[("account.name", " Acme "), ("contact.name", "Gao Lei")]].concat();
        let made = make(app, &lin, "/activities", &named).await;
        assert_eq!(reference(app, "activity", "account_id", made).await, Some(acme));
        assert_eq!(reference(app, "activity", "contact_id", made).await, Some(one));

        // What is not there, what is not theirs to see and what is called like another is said at its field, and stays typed.
        for (key, name, said) in [
            ("account", "Nobody", "“Nobody” is not there, or not yours to see."),
            ("account", "Secret", "“Secret” is not there, or not yours to see."),
            ("contact", "Gao Lei", "Several records are called “Gao Lei”"),
        ] {
            let input = format!("{key}.name");
            let refused = app.post_form(&lin, "/activities", &[&call[..], &[(&input, name)]].concat()).await;
            assert_eq!(refused.status, 422, "{name}");
            let kept = format!("name=\"{input}\" value=\"{name}\"");
            assert!(refused.has(said) && refused.has(&kept) && refused.has("value=\"Hello\""), "{}", refused.body);
        }

        // A form that changes a record, and one of a single field. Nothing typed leaves the list's word.
        let edit = format!("/activities/{made}");
        let fields = [("version", "1"), ("account", &acme.to_string()), ("contact", ""), ("owner.name", "Wu Di")];
        assert_eq!(app.post_form(&lin, &edit, &fields).await.status, 303);
        assert_eq!(reference(app, "activity", "account_id", made).await, Some(acme));
        assert_eq!(reference(app, "activity", "contact_id", made).await, None);
        assert_eq!(reference(app, "activity", "owner_id", made).await, Some(wu.id));
        let task = app.task(&lin, "Call", "2026-12-01").await;
        let field = format!("/tasks/{task}/field/account");
        assert!(app.get(&lin, &field).await.has(typed));
        let refused =
            app.post_form(&lin, &field, &[("version", "1"), ("account", ""), ("account.name", "Nobody")]).await;
        assert!(refused.status == 422 && refused.has("value=\"Nobody\""), "{}", refused.body);
        let answer = app.post_form(&lin, &field, &[("version", "1"), ("account", ""), ("account.name", "Bolt")]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert_eq!(reference(app, "task", "account_id", task).await, Some(bolt));
    });
}

#[test]
fn many_records_a_filter_a_line_and_a_conversion_take_names_too() {
    on_both(async |app| {
        let chief = app.person("Pia").role(Role::Partner).create().await;
        let lin = app.person("Lin Yan").create().await;
        let wu = app.person("Wu Di").create().await;
        let acme = app.account(&lin, "Acme").await;
        let task = app.task(&lin, "Call", "2026-12-01").await;

        let filter =
            [("field", "account"), ("op", "is"), ("value", ""), ("value.name", "Acme"), ("query", "view=none")];
        assert!(app.get(&lin, "/tasks/filter?field=account").await.has("name=\"value.name\""));
        let answer = app.post_form(&lin, "/tasks/filter", &filter).await;
        assert!(answer.location().contains(&format!("f=account%3Ais%3A{acme}")), "{}", answer.location());

        let deal = app.opportunity(&lin, "Rollout", acme).await;
        let fields = [("name", "Lamp"), ("code", "L-1"), ("list_price", "900"), ("currency", "CNY")];
        let lamp = app.create("product", &chief, &fields).await;
        let lines = format!("/opportunities/{deal}/items");
        assert!(app.get(&lin, &format!("{lines}/new")).await.has("name=\"product.name\""));
        let line = [("version", "1"), ("product", ""), ("quantity", "2")];
        let refused = app.post_form(&lin, &lines, &[&line[..], &[("product.name", "Torch")]].concat()).await;
        assert!(refused.status == 422 && refused.has("value=\"Torch\""), "{}", refused.body);
        let answer = app.post_form(&lin, &lines, &[&line[..], &[("product.name", "Lamp")]].concat()).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert_eq!(app.value::<Uuid>("SELECT product_id FROM line_item").await, Some(lamp));

        let lead = app.lead(&lin, "Zhao Min").await;
        let convert = format!("/leads/{lead}/convert");
        let answers = [("version", "1"), ("account", "other"), ("account_other", ""), ("opportunity", "none")];
        let contact = [("contact", "new"), ("contact_name", "Zhao Min")];
        let answers = [&answers[..], &contact[..]].concat();
        let refused =
            app.post_form(&lin, &convert, &[&answers[..], &[("account_other.name", "Nobody")]].concat()).await;
        assert!(refused.status == 422 && refused.has("value=\"Nobody\""), "{}", refused.body);
        let answer = app.post_form(&lin, &convert, &[&answers[..], &[("account_other.name", "Acme")]].concat()).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, format!("/accounts/{acme}").as_str()));

        let ids = task.to_string();
        let assign = [("action", "assign"), ("ids", ids.as_str()), ("value", ""), ("query", "view=none")];
        let refused =
            app.post_form(&lin, "/tasks/bulk/apply", &[&assign[..], &[("value.name", "Nobody")]].concat()).await;
        assert!(refused.status == 422 && refused.has("“Nobody” is not there"), "{}", refused.body);
        let answer =
            app.post_form(&lin, "/tasks/bulk/apply", &[&assign[..], &[("value.name", "Wu Di")]].concat()).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert_eq!(reference(app, "task", "owner_id", task).await, Some(wu.id));
    });
}

#[test]
fn an_administrator_names_superiors_and_successors() {
    on_both(async |app| {
        let admin = app.administrator.clone();
        let mei = app.person("Mei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").create().await;
        app.account(&lin, "Acme").await;
        let (line, end) = (format!("/people/{}/manager", lin.id), format!("/people/{}/disable", lin.id));
        assert!(app.get(&admin, &format!("/people/{}", lin.id)).await.has("name=\"manager.name\""));
        assert!(app.get(&admin, &end).await.has("name=\"successor.name\""));
        let fields = [("version", "1"), ("from", "2026-11-24"), ("manager", "")];
        let refused = app.post_form(&admin, &line, &[&fields[..], &[("manager.name", "Nobody")]].concat()).await;
        assert!(refused.status == 422 && refused.has("“Nobody” is not there"), "{}", refused.body);
        let answer = app.post_form(&admin, &line, &[&fields[..], &[("manager.name", "mei")]].concat()).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let now = "SELECT manager_id FROM reporting_line WHERE person_id = $1";
        assert_eq!(app.value::<Option<Uuid>>(sql!(now, lin.id)).await.flatten(), Some(mei.id));
        let named = |name: &'static str| [("successor", ""), ("successor.name", name)];
        assert_eq!(app.post_form(&admin, &end, &named("Nobody")).await.status, 422);
        assert_eq!(app.post_form(&admin, &end, &named("Mei")).await.status, 303);
        while trivet::system::jobs::next(&app.app).await.expect("the job loop goes round") {}
        assert_eq!(app.value::<Uuid>("SELECT owner_id FROM account").await, Some(mei.id));
    });
}
