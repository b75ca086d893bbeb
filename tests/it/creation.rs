//! Forms that make records: who is about to make one that is there already is told, and what a form knows it says. Lists that
//! are worked off where they stand. On both engines.

use axum::http::Method;
use store::sql;
use testkit::{Role, on_both};

use crate::hidden::hide;

#[test]
fn who_is_about_to_make_a_record_again_is_told_and_decides() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let first = app.create("account", &lin, &[("name", "Harbour Optics"), ("city", "Bergen")]).await;
        let count = async || app.value::<i64>("SELECT COUNT(*) FROM account").await;
        let told = app.post_form(&lin, "/accounts", &[("name", " harbour OPTICS "), ("city", "Oslo")]).await;
        assert_eq!((told.status.as_u16(), count().await), (409, Some(1)), "{}", told.body);
        // The first is named, with where it is; what was typed stands as it was.
        for shown in [
            format!("href=\"/accounts/{first}\""),
            "Bergen".into(),
            "value=\"Oslo\"".into(),
            "Create all the same".into(),
        ] {
            assert!(told.has(&shown), "{shown}: {}", told.body);
        }
        let known = format!("/accounts/{first}");
        assert!(told.has(&format!("name=\"again\" value=\"{known}\"")), "{}", told.body);
        // Another name after that is another question.
        app.account(&lin, "Harbour Lenses").await;
        let again = app.post_form(&lin, "/accounts", &[("name", "Harbour lenses"), ("again", &known)]).await;
        assert_eq!((again.status.as_u16(), count().await), (409, Some(2)), "{}", again.body);
        let made = app.post_form(&lin, "/accounts", &[("name", "Harbour OPTICS"), ("again", &known)]).await;
        assert_eq!((made.status.as_u16(), count().await), (303, Some(3)), "{}", made.body);
        // What is wrong is said before that.
        let wrong = app.post_form(&lin, "/accounts", &[("name", "Harbour Optics"), ("phone", "?")]).await;
        assert_eq!(wrong.status, 422);
        // Written alike counts, sounding alike does not.
        app.account(&lin, "华为").await;
        assert_eq!(app.post_form(&lin, "/accounts", &[("name", "花卫")]).await.status, 303);
        assert_eq!(app.post_form(&lin, "/accounts", &[("name", "华为")]).await.status, 409);
    });
}

#[test]
fn contacts_and_leads_are_alike_by_address_or_by_name_and_company() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let (one, other) = (app.account(&lin, "One").await.to_string(), app.account(&lin, "Other").await.to_string());
        app.create("contact", &lin, &[("name", "Ann Moe"), ("account", &one), ("email", "ann@one.example")]).await;
        app.create("lead", &lin, &[("name", "Ann Moe"), ("company", "One"), ("email", "ann@one.example")]).await;
        let status =
            async |path: &str, fields: &[(&str, &str)]| app.post_form(&lin, path, fields).await.status.as_u16();
        assert_eq!(status("/contacts", &[("name", "A. Moe"), ("email", "Ann@One.example")]).await, 409);
        assert_eq!(status("/contacts", &[("name", "ann moe"), ("account", &one)]).await, 409);
        assert_eq!(status("/contacts", &[("name", "Ann Moe"), ("account", &other)]).await, 303);
        assert_eq!(status("/leads", &[("name", "A. Moe"), ("email", "ann@one.example")]).await, 409);
        assert_eq!(status("/leads", &[("name", "Ann Moe"), ("company", "One")]).await, 409);
        assert_eq!(status("/leads", &[("name", "Ann Moe"), ("company", "Other")]).await, 303);
        // A warning must not tell whose address it is to somebody who sees no addresses.
        hide(app, "contact", &["email"], "seller").await;
        assert_eq!(status("/contacts", &[("name", "B. Moe"), ("email", "ann@one.example")]).await, 303);
    });
}

#[test]
fn an_address_is_the_same_in_capitals_or_not() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "One").await.to_string();
        for (list, more) in [("contact", ("account", account.as_str())), ("lead", ("company", "One"))] {
            let new = async |name: &str, address: &str| {
                let fields = [("name", name), ("email", address), more];
                app.post_form(&lin, &format!("/{list}s"), &fields).await.status.as_u16()
            };
            assert_eq!(new("Ann Moe", "Ann.Moe@One.Example").await, 303, "{list}");
            let kept: Option<String> = app.value(format!("SELECT email FROM {list}").as_str()).await;
            assert_eq!(kept.as_deref(), Some("ann.moe@one.example"), "{list}");
            assert_eq!(new("A. Moe", "ann.moe@one.example").await, 409, "{list}");
            assert_eq!(new("A. Moe", "ANN.MOE@ONE.EXAMPLE").await, 409, "{list}");
        }
    });
}

#[test]
fn what_hangs_on_a_deal_says_its_account_from_the_start() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Lenses", account).await;
        for form in ["/activities/new?kind=call&", "/tasks/new?"] {
            let page = app.get(&lin, &format!("{form}opportunity={deal}&subject=About+lenses")).await;
            for shown in [format!("<option value=\"{account}\" selected>Harbour Optics"), "About lenses".to_owned()] {
                assert!(page.has(&shown), "{form}: {shown}: {}", page.body);
            }
        }
        let page = app.get(&lin, &format!("/activities/new?kind=call&opportunity={deal}")).await;
        for asked in ["name=\"outcome\"", "name=\"duration_minutes\"", "<option value=\"call\" selected>"] {
            assert!(page.has(asked), "{asked}: {}", page.body);
        }
        // Who sees no accounts of activities is not handed one that could not be saved.
        hide(app, "activity", &["account"], "seller").await;
        let page = app.get(&lin, &format!("/activities/new?kind=call&opportunity={deal}")).await;
        assert!(!page.has(&account.to_string()), "{}", page.body);
        let deal = deal.to_string();
        let notes = [("kind", "call"), ("opportunity", &deal), ("subject", ""), ("body", "Longer warranty\nby May")];
        let made = app.post_form(&lin, "/activities", &notes).await;
        assert_eq!(made.status, 303, "{}", made.body);
        let called = app.value::<String>("SELECT subject FROM activity").await;
        assert_eq!(called.as_deref(), Some("Longer warranty"));
    });
}

#[test]
fn a_call_is_logged_by_opening_its_form_and_creating_it() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let deal = app.opportunity(&lin, "Lenses", app.account(&lin, "Harbour Optics").await).await.to_string();
        let form = app.get_fragment(&lin, &format!("/activities/new?kind=call&opportunity={deal}")).await;
        let subject = form.body.split("id=\"new-subject\"").nth(1).and_then(|rest| rest.split('>').next());
        let subject = subject.expect("the form asks for a subject");
        assert!(subject.contains(" autofocus") && !subject.contains(" required"), "{subject}");
        let log = async |kind: &str, words: &str| {
            let fields = [("kind", kind), ("opportunity", deal.as_str()), ("subject", words), ("body", " ")];
            app.post_form(&lin, "/activities", &fields).await.status.as_u16()
        };
        let newest = async || app.value::<String>("SELECT subject FROM activity ORDER BY id DESC LIMIT 1").await;
        assert_eq!((log("call", "").await, newest().await.as_deref()), (303, Some("Call")));
        assert_eq!((log("visit", " ").await, newest().await.as_deref()), (303, Some("Visit")));
        assert_eq!((log("call", "About May").await, newest().await.as_deref()), (303, Some("About May")));
        // A note says something, and what is no kind is refused at its field.
        assert_eq!((log("note", "").await, log("rumour", "").await), (422, 422));
        app.execute(sql!("UPDATE person SET locale = 'zh-CN' WHERE id = $1", lin.id)).await;
        assert_eq!((log("call", "").await, newest().await.as_deref()), (303, Some("电话")));
        // Elsewhere a subject is asked for.
        let token = app.api_token(&lin).await;
        let call = serde_json::json!({ "kind": "call", "opportunity": deal });
        let refused = app.api(&token, Method::POST, "/api/activities", &[], Some(&call)).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
    });
}

#[test]
fn a_form_makes_the_account_that_it_asks_for() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let page = app.get(&lin, "/opportunities/new").await;
        assert!(page.has("data-create-label=\"Create “%s”\""), "{}", page.body);
        let made = app.post_form(&lin, "/pick/account", &[("name", " Harbour Optics "), ("account", "")]).await;
        assert_eq!(
            (made.status.as_u16(), made.json()["text"].as_str()),
            (201, Some("Harbour Optics")),
            "{}",
            made.body
        );
        let account = made.json()["value"].as_str().unwrap_or("").to_owned();
        let contact = app.post_form(&lin, "/pick/contact", &[("name", "Ann Moe"), ("account", &account)]).await;
        assert_eq!(contact.status, 201, "{}", contact.body);
        let owned =
            "SELECT COUNT(*) FROM contact c JOIN account a ON a.id = c.account_id WHERE a.owner_id = c.owner_id";
        assert_eq!(app.value::<i64>(owned).await, Some(1));
        let nameless = app.post_form(&lin, "/pick/account", &[("name", "")]).await;
        assert_eq!(nameless.status, 422);
        // Who may not make accounts is not offered it, and can't.
        let boss = app.person("Boss").role(Role::Auditor).create().await;
        assert_eq!(app.post_form(&boss, "/pick/account", &[("name", "Other")]).await.status, 404);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM account").await, Some(1));
    });
}

#[test]
fn tasks_are_ticked_off_in_their_list_and_the_list_stays() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let task = app.task(&lin, "Call Ann", "2026-12-01").await;
        let button = format!("formaction=\"/tasks/{task}/done\"");
        let list = app.get(&lin, "/tasks?view=open").await;
        assert!(list.has(&button) && list.has("name=\"back\" value=\"/tasks?view=open&#38;"), "{}", list.body);
        let fields = [("back", "/tasks?view=open"), ("query", "view=open"), ("all", "")];
        let done = app.post_form(&lin, &format!("/tasks/{task}/done"), &fields).await;
        assert_eq!((done.status.as_u16(), done.location()), (303, "/tasks?view=open"));
        let list = app.get(&lin, "/tasks?view=done").await;
        assert!(list.has("Call Ann") && !list.has(&button), "{}", list.body);
        // Who may not change it has no button.
        let boss = app.person("Boss").role(Role::Auditor).create().await;
        app.task(&lin, "Call Bo", "2026-12-01").await;
        let list = app.get(&boss, "/tasks?view=open").await;
        assert!(list.has("Call Bo") && !list.has("/done\""), "{}", list.body);
    });
}

#[test]
fn work_on_many_records_names_them_and_says_which_stay() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let mut ids = Vec::new();
        for number in 0..14 {
            ids.push(app.account(&lin, &format!("Harbour {number:02}")).await.to_string());
        }
        let chosen = ids.join(",");
        let page = app.post_form(&lin, "/accounts/bulk", &[("action", "assign"), ("ids", &chosen)]).await;
        assert!(page.has("Harbour 00") && page.has("Harbour 11") && page.has("and 2 more"), "{}", page.body);
        assert!(!page.has("Harbour 12") && !page.has("stays as it is"), "{}", page.body);
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let page = app.post_form(&wu, "/accounts/bulk", &[("action", "trash"), ("ids", &ids[0])]).await;
        assert_eq!(page.has("stays as it is"), page.has("Harbour 00"), "{}", page.body);
        let boss = app.person("Boss").role(Role::Partner).create().await;
        let page = app.post_form(&boss, "/accounts/bulk", &[("action", "export"), ("ids", &chosen)]).await;
        assert!(page.has("/accounts.csv") && page.has("/accounts.xlsx"), "{}", page.body);
    });
}

#[test]
fn people_of_the_deal_s_account_are_offered_first_and_told_apart() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let [harbour, summit] = [app.account(&lin, "Harbour Optics").await, app.account(&lin, "Summit Marine").await];
        let contact = async |name: &str, account: store::Uuid| {
            let fields = [("name", name), ("account", &account.to_string()), ("job_title", "Buyer")];
            app.try_create("contact", &lin, &fields).await.expect("it is made")
        };
        contact("Ada Hollis", harbour).await;
        let mellow = contact("Zoe Hollis", summit).await;
        let rows = async |query: &str| -> Vec<String> {
            let answer = app.get(&lin, &format!("/pick/contact?{query}")).await;
            let rows: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
            let row = |row: &serde_json::Value| {
                format!("{} of {}", row["text"].as_str().unwrap(), row["hint"].as_str().unwrap_or("nobody"))
            };
            rows.as_array().unwrap().iter().map(row).collect()
        };
        let [ada, zoe] = ["Ada Hollis of Harbour Optics", "Zoe Hollis of Summit Marine"];
        assert_eq!(rows("q=holl").await, [ada, zoe]);
        assert_eq!(rows(&format!("q=holl&account={summit}")).await, [zoe, ada]);
        assert_eq!(rows(&format!("account={summit}")).await, [zoe, ada]);
        // An account in the trash is not named.
        app.execute(store::sql!("UPDATE account SET deleted_at = 1 WHERE id = $1", harbour)).await;
        assert_eq!(rows("q=Ada").await, ["Ada Hollis of nobody"]);
        // Who logs a call on a deal talks to its contact, unless they say otherwise.
        let fields = [("name", "Rollout"), ("close_date", "2026-12-24"), ("contact", &mellow.to_string())];
        let deal = app.try_create("opportunity", &lin, &fields).await.expect("it is made");
        let form = app.get(&lin, &format!("/activities/new?kind=call&opportunity={deal}")).await;
        assert!(form.has(">Zoe Hollis</option>") && form.has(">Summit Marine</option>"), "{}", form.body);
    });
}

#[test]
fn what_no_two_records_may_share_is_refused_at_its_field() {
    on_both(async |app| {
        let ada = app.person("Ada").role(Role::Admin).create().await;
        let fields = [("name", "Lin Yan"), ("email", "lin@house.example"), ("roles", "seller")];
        assert_eq!(app.post_form(&ada, "/people", &fields).await.status, 303);
        let again = app.post_form(&ada, "/people", &fields).await;
        assert_eq!(again.status, 422);
        assert!(again.has(">E-mail: Another record has this already.<"), "{}", again.body);
    });
}
