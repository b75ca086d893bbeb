//! Line items are edited on the page and through the API; the deal's amount follows. On both engines.

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};

use crate::company::Company;

/// A deal of this person with one line of two lamps.
async fn deal_with_a_line(app: &TestApp, owner: &Person) -> (Uuid, Uuid) {
    let account = app.account(owner, "Harbour Optics").await;
    let deal = app.opportunity(owner, "Forty lamps", account).await;
    let chief = app.person("Chief").role(Role::Partner).create().await;
    let fields = [("name", "Lamp"), ("code", "L-1"), ("list_price", "900"), ("currency", "CNY")];
    let lamp = app.create("product", &chief, &fields).await.to_string();
    let line = [("version", "1"), ("product", lamp.as_str()), ("quantity", "2"), ("unit_price", "900")];
    let answer = app.post_form(owner, &format!("/opportunities/{deal}/items"), &line).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    (deal, line_of(app, deal).await)
}

async fn line_of(app: &TestApp, deal: Uuid) -> Uuid {
    app.value(sql!("SELECT id FROM line_item WHERE opportunity_id = $1", deal)).await.expect("a line")
}

async fn amount(app: &TestApp, deal: Uuid) -> Option<i64> {
    app.value(sql!("SELECT amount FROM opportunity WHERE id = $1", deal)).await
}

#[test]
fn a_line_gets_another_quantity_price_and_discount_and_the_amount_follows() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let (deal, line) = deal_with_a_line(app, &lin).await;
        assert_eq!(amount(app, deal).await, Some(180_000));
        let path = format!("/opportunities/{deal}/items/{line}");
        let page = app.get(&lin, &format!("/opportunities/{deal}?tab=related")).await;
        assert!(page.has(&format!("{path}/edit")), "{}", page.body);
        let form = app.get(&lin, &format!("{path}/edit")).await;
        assert!(form.has("Edit line item: Lamp") && form.has("value=\"900.00\""), "{}", form.body);
        let wish = |version: &'static str, quantity: &'static str, price: &'static str, discount: &'static str| {
            [("version", version), ("quantity", quantity), ("unit_price", price), ("discount", discount)]
        };
        let answer = app.post_form(&lin, &path, &wish("1", "2.5", "800", "10")).await;
        assert_eq!((answer.status.as_u16(), amount(app, deal).await), (303, Some(180_000)), "{}", answer.body);
        // The sum is what it was, and the change is told all the same.
        let events = sql!("SELECT COUNT(*) FROM event WHERE kind = 'items' AND subject_id = $1", deal);
        assert_eq!(app.value::<i64>(events.clone()).await, Some(2));
        let answer = app.post_form(&lin, &path, &wish("2", "3", "800", "10")).await;
        assert_eq!((answer.status.as_u16(), amount(app, deal).await), (303, Some(216_000)), "{}", answer.body);
        assert_eq!(app.value::<i64>(events.clone()).await, Some(3));
        // Who looked at the line before is told what it says now, and keeps what they typed.
        let answer = app.post_form(&lin, &path, &wish("2", "7", "700", "")).await;
        assert_eq!((answer.status.as_u16(), amount(app, deal).await), (409, Some(216_000)));
        assert!(answer.has("quantity 3, unit price 800.00, discount 10%"), "{}", answer.body);
        assert!(answer.has("value=\"7\"") && answer.has("name=\"version\" value=\"3\""), "{}", answer.body);
        // What cannot be is said at its field, under the name of the line.
        for (quantity, price, discount) in [
            ("0", "800", "10"),
            ("3", "cheap", "10"),
            ("3", "800", "101"),
            ("1,5", "800", "10"),
            ("3", "800,5", "10"),
            ("3", "€800", "10"),
            ("3", "800", "1,5"),
        ] {
            let answer = app.post_form(&lin, &path, &wish("3", quantity, price, discount)).await;
            assert_eq!((answer.status.as_u16(), amount(app, deal).await), (422, Some(216_000)));
            assert!(answer.has("Edit line item: Lamp") && answer.has("aria-invalid"), "{}", answer.body);
        }
        // Without a price the list price counts; the same again changes nothing.
        let answer = app.post_form(&lin, &path, &wish("3", "1", "", "")).await;
        assert_eq!((answer.status.as_u16(), amount(app, deal).await), (303, Some(90_000)), "{}", answer.body);
        let answer = app.post_form(&lin, &path, &wish("4", "1", "900", "0")).await;
        let version: Option<i64> = app.value(sql!("SELECT version FROM line_item WHERE id = $1", line)).await;
        assert_eq!((answer.status.as_u16(), version), (303, Some(4)));
        assert_eq!(app.post_form(&lin, &path, &[("quantity", "1")]).await.status, 400);
    });
}

/// The deal's version, and of what versions its history tells that the lines changed.
async fn told_of_lines(app: &TestApp, deal: Uuid) -> (i64, Vec<i64>) {
    let version = app.value(sql!("SELECT version FROM opportunity WHERE id = $1", deal)).await.expect("a version");
    let mut session = app.db.read().await.expect("the database can be read");
    let told = "SELECT version FROM event WHERE kind = 'items' AND subject_id = $1 ORDER BY version";
    let told: Vec<(i64,)> = session.all(sql!(told, deal)).await.expect("events");
    (version, told.into_iter().map(|(version,)| version).collect())
}

#[test]
fn lines_that_several_people_add_and_remove_at_the_same_time_all_come_and_go() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let (deal, first) = deal_with_a_line(app, &lin).await;
        let lamp: Uuid = app.value("SELECT product_id FROM line_item").await.expect("a lamp");
        let (lamp, lines) = (lamp.to_string(), format!("/opportunities/{deal}/items"));
        let add = async |version: &str, price: &str| {
            let line = [("version", version), ("product", lamp.as_str()), ("quantity", "1"), ("unit_price", price)];
            app.post_form(&lin, &lines, &line).await
        };
        let how_many = sql!("SELECT COUNT(*) FROM line_item WHERE opportunity_id = $1", deal);
        // All of them opened the form when the deal had one line. The second brings the amount back to what it was then.
        for (price, sum) in [("100", 190_000), ("-100", 180_000), ("50", 185_000)] {
            let added = add("2", price).await;
            assert_eq!((added.status.as_u16(), amount(app, deal).await), (303, Some(sum)), "{price}: {}", added.body);
        }
        let removed = app.post_form(&lin, &format!("{lines}/{first}/removal"), &[("version", "2")]).await;
        assert_eq!((removed.status.as_u16(), amount(app, deal).await), (303, Some(5_000)), "{}", removed.body);
        let token = app.api_token(&lin).await;
        let line = json!({ "product": lamp, "quantity": "1", "unit_price": "1.00" });
        let seen = [("if-match", "\"2\"")];
        let added = app.api(&token, Method::POST, &format!("/api{lines}"), &seen, Some(&line)).await;
        assert_eq!((added.status.as_u16(), amount(app, deal).await), (201, Some(5_100)), "{}", added.body);
        assert_eq!(app.value::<i64>(how_many.clone()).await, Some(4));

        // An amount that somebody typed meanwhile is not replaced unseen; what was typed of the line stays.
        let typed = app.try_update("opportunity", &lin, deal, None, &[("amount", "7000")]).await;
        assert!(typed.is_ok(), "{typed:?}");
        let told = add("2", "33").await;
        assert_eq!((told.status.as_u16(), amount(app, deal).await), (409, Some(700_000)), "{}", told.body);
        assert!(told.has("typed another amount") && told.has("7,000") && told.has("value=\"33\""), "{}", told.body);
        assert_eq!(app.value::<i64>(how_many.clone()).await, Some(4));
        let again = add(&told.version(), "33").await;
        assert_eq!((again.status.as_u16(), amount(app, deal).await), (303, Some(8_400)), "{}", again.body);
        assert_eq!(app.value::<i64>(how_many).await, Some(5));
    });
}

#[test]
fn who_adds_a_line_is_told_that_the_currency_was_changed_meanwhile() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        deal_with_a_line(app, &lin).await;
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        app.execute(sql!("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', $1, '7')", today)).await;
        app.settings_changed().await;
        let deal = app.opportunity(&lin, "Bulbs", app.account(&lin, "Pier").await).await;
        let lamp: Uuid = app.value("SELECT product_id FROM line_item").await.expect("a lamp");
        let (lamp, lines) = (lamp.to_string(), format!("/opportunities/{deal}/items"));
        let turned = app.try_update("opportunity", &lin, deal, None, &[("currency", "USD")]).await;
        assert!(turned.is_ok(), "{turned:?}");
        let add = async |version: &str| {
            let line = [("version", version), ("product", lamp.as_str()), ("quantity", "1"), ("unit_price", "33")];
            app.post_form(&lin, &lines, &line).await
        };
        // A line of somebody else makes no yuan of what are dollars now.
        let version = turned.expect("a version").to_string();
        assert_eq!(add(&version).await.status, 303);
        let told = add("1").await;
        assert_eq!((told.status.as_u16(), amount(app, deal).await), (409, Some(3_300)), "{}", told.body);
        assert!(told.has("the currency of this deal to USD") && told.has("value=\"33\""), "{}", told.body);
        let again = add(&told.version()).await;
        assert_eq!((again.status.as_u16(), amount(app, deal).await), (303, Some(6_600)), "{}", again.body);
    });
}

#[test]
fn a_line_that_costs_nothing_does_not_come_or_go_without_a_trace() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let (deal, _) = deal_with_a_line(app, &lin).await;
        let token = app.api_token(&lin).await;
        let path = format!("/opportunities/{deal}/items");
        let lamp: Uuid = app.value("SELECT product_id FROM line_item").await.expect("a lamp");
        let lamp = lamp.to_string();
        assert_eq!(told_of_lines(app, deal).await, (2, vec![2]));

        // By the form: a free line comes, costs as little in another number, and goes.
        let gift = [("version", "2"), ("product", lamp.as_str()), ("quantity", "1"), ("discount", "100")];
        let added = app.post_form(&lin, &path, &gift).await;
        assert_eq!((added.status.as_u16(), amount(app, deal).await), (303, Some(180_000)), "{}", added.body);
        assert_eq!(told_of_lines(app, deal).await, (3, vec![2, 3]));
        let free = sql!("SELECT id FROM line_item WHERE opportunity_id = $1 AND amount = 0", deal);
        let gift: Uuid = app.value(free.clone()).await.expect("a free line");
        let two = [("version", "1"), ("quantity", "2"), ("unit_price", "900"), ("discount", "100")];
        assert_eq!(app.post_form(&lin, &format!("{path}/{gift}"), &two).await.status, 303);
        assert_eq!(told_of_lines(app, deal).await, (4, vec![2, 3, 4]));
        assert_eq!(app.post_form(&lin, &format!("{path}/{gift}/removal"), &[("version", "4")]).await.status, 303);
        assert_eq!(told_of_lines(app, deal).await, (5, vec![2, 3, 4, 5]));
        assert_eq!((app.value::<Uuid>(free).await, amount(app, deal).await), (None, Some(180_000)));

        // And by a program.
        let gift = json!({ "product": lamp, "quantity": "1", "unit_price": "0" });
        let added = app.api(&token, Method::POST, &format!("/api{path}"), &[], Some(&gift)).await;
        assert_eq!((added.status.as_u16(), told_of_lines(app, deal).await.0), (201, 6), "{}", added.body);
        let removed = app.api(&token, Method::DELETE, added.location(), &[], None).await;
        assert_eq!(removed.status.as_u16(), 204, "{}", removed.body);
        assert_eq!(told_of_lines(app, deal).await, (7, vec![2, 3, 4, 5, 6, 7]));

        // A first line over what was typed is told, too.
        let account = app.account(&lin, "Pier").await;
        let typed = app.opportunity(&lin, "Typed", account).await;
        let line = [("version", "1"), ("product", lamp.as_str()), ("quantity", "1"), ("unit_price", "10000")];
        let added = app.post_form(&lin, &format!("/opportunities/{typed}/items"), &line).await;
        assert_eq!((added.status.as_u16(), amount(app, typed).await), (303, Some(1_000_000)), "{}", added.body);
        assert_eq!(told_of_lines(app, typed).await, (2, vec![2]));
        let page = app.get(&lin, &format!("/opportunities/{typed}")).await;
        assert!(page.has("changed the line items"), "{}", page.body);
    });
}

#[test]
fn a_line_is_changed_by_who_may_change_the_deal_and_see_its_amount() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let eve = app.person("Eve").role(Role::Auditor).create().await;
        let (deal, line) = deal_with_a_line(app, &lin).await;
        let (other, _) = (app.opportunity(&wu, "Another", app.account(&wu, "Pier").await).await, ());
        let path = format!("/opportunities/{deal}/items/{line}");
        let wish = [("version", "1"), ("quantity", "9"), ("unit_price", "1"), ("discount", "")];
        for (who, status) in [(&wu, 404), (&eve, 404)] {
            assert_eq!(app.post_form(who, &path, &wish).await.status, status);
            assert_eq!(app.get(who, &format!("{path}/edit")).await.status, status);
        }
        // Nor by the way of a deal of one's own.
        assert_eq!(app.post_form(&wu, &format!("/opportunities/{other}/items/{line}"), &wish).await.status, 404);
        app.execute("INSERT INTO hidden_field (object, field, role) VALUES ('opportunity', 'amount', 'seller')").await;
        app.settings_changed().await;
        assert_eq!(app.post_form(&lin, &path, &wish).await.status, 403);
        assert_eq!(app.get(&lin, &format!("{path}/edit")).await.status, 403);
        // A line more or less would set the amount, too.
        assert_eq!(app.get(&lin, &format!("/opportunities/{deal}/items/new")).await.status, 403);
        let lamp: Option<Uuid> = app.value("SELECT product_id FROM line_item").await;
        let more = [("product", lamp.expect("a lamp").to_string()), ("quantity", "5".into())];
        let more: Vec<(&str, &str)> = more.iter().map(|(key, text)| (*key, text.as_str())).collect();
        assert_eq!(app.post_form(&lin, &format!("/opportunities/{deal}/items"), &more).await.status, 403);
        assert_eq!(app.post_form(&lin, &format!("{path}/removal"), &[("version", "2")]).await.status, 403);
        assert_eq!(amount(app, deal).await, Some(180_000));
    });
}

#[test]
fn programs_change_a_line_with_its_version() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let product = json!({ "name": "Lamp", "code": "L-1", "list_price": "900.00", "currency": "CNY" });
        let product = company.post("partner", "/api/products", product).await.id();
        let deal = json!({ "name": "Forty lamps", "close_date": "2027-03-31", "currency": "CNY" });
        let deal = company.post("seller", "/api/opportunities", deal).await;
        let lines = format!("{}/items", deal.header("location"));
        let line = company.post("seller", &lines, json!({ "product": product, "quantity": "2" })).await;
        assert_eq!(line.status, 201, "{}", line.body);
        let path = line.header("location").to_owned();
        let read = company.get("seller", &path).await;
        assert_eq!((read.header("etag"), &read.body["version"]), (line.header("etag"), &json!(1)));
        let patch = async |who: &str, tag: &str, body: Json| {
            company.call(who, "PATCH", &path, body, &[("if-match", tag)]).await
        };
        let changed = patch("seller", line.header("etag"), json!({ "discount": "50" })).await;
        assert_eq!(
            (changed.status, &changed.body["amount"], &changed.body["quantity"], &changed.body["version"]),
            (200, &json!("900.00"), &json!("2"), &json!(2)),
            "{}",
            changed.body
        );
        assert_eq!(company.get("seller", deal.header("location")).await.body["amount"], "900.00");
        assert_eq!(patch("seller", line.header("etag"), json!({ "discount": "10" })).await.status, 412);
        assert_eq!(company.call("seller", "PATCH", &path, json!({ "discount": "10" }), &[]).await.status, 428);
        assert_eq!(patch("manager", "*", json!({ "unit_price": "1000.00" })).await.body["amount"], "1000.00");
        assert_eq!(patch("auditor", "*", json!({ "discount": "10" })).await.status, 404);
        for (body, status) in [
            (json!({ "quantity": "0" }), 422),
            (json!({ "quantity": "many" }), 400),
            (json!({ "quantity": null }), 400),
            (json!({ "discount": "101" }), 400),
            (json!({ "unit_price": "1.2345" }), 400),
            (json!({ "product": product }), 400),
            (json!({ "quantity": "999999999", "unit_price": "9999999999999.00" }), 422),
            (json!({ "quantity": "1", "unit_price": "10000000000000.01" }), 422),
        ] {
            assert_eq!(patch("seller", "*", body.clone()).await.status, status, "{body}");
        }
        assert_eq!(company.get("seller", deal.header("location")).await.body["amount"], "1000.00");
    });
}

#[test]
fn a_line_that_cannot_be_is_refused_by_page_and_program_with_the_same_words() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let (deal, line) = deal_with_a_line(app, &lin).await;
        let token = app.api_token(&lin).await;
        let lamp: Uuid = app.value("SELECT product_id FROM line_item").await.expect("a lamp");
        let (lamp, lines) = (lamp.to_string(), format!("/opportunities/{deal}/items"));
        let one = format!("{lines}/{line}");
        for (field, quantity, price, discount) in [
            ("quantity", "0", "800", "10"),
            ("quantity", "many", "800", "10"),
            ("quantity", "1.2345", "800", "10"),
            ("quantity", "1000000000", "0", "10"),
            ("quantity", "999999999", "9999999999999", "0"),
            ("unit_price", "1", "10000000000000.01", "0"),
            ("unit_price", "3", "8.001", "10"),
            ("unit_price", "3", "8888.001", "10"),
            ("discount", "3", "800", "100.01"),
            ("discount", "3", "800", "0.125"),
            ("discount", "3", "800", "-1"),
        ] {
            let texts = [("quantity", quantity), ("unit_price", price), ("discount", discount)];
            let members = json!({ "quantity": quantity, "unit_price": price, "discount": discount });
            let mut whole = members.clone();
            whole["product"] = json!(lamp);
            let new = [&[("product", lamp.as_str())][..], &texts].concat();
            let changed = [&[("version", "1")][..], &texts].concat();
            for (path, form, method, body) in
                [(&lines, new, Method::POST, whole), (&one, changed, Method::PATCH, members)]
            {
                let page = app.post_form(&lin, path, &form).await;
                let any = [("if-match", "*")];
                let program = app.api(&token, method, &format!("/api{path}"), &any, Some(&body)).await;
                let what = format!("{path}: {texts:?}: {} {}", program.status, program.body);
                assert!(matches!(program.status.as_u16(), 400 | 422), "{what}");
                let error = &program.json()["errors"][0];
                assert_eq!(error["field"], json!(field), "{what}");
                assert_eq!(page.status, 422, "{what}: {}", page.body);
                assert!(page.has(&format!("id=\"item-{field}-error\"")), "{what}: {}", page.body);
                assert!(page.has(error["detail"].as_str().expect("words")), "{what}: {}", page.body);
            }
        }
        let version: Option<i64> =
            app.value(sql!("SELECT version FROM line_item WHERE opportunity_id = $1", deal)).await;
        assert_eq!((amount(app, deal).await, version), (Some(180_000), Some(1)));
        // The largest quantity there is.
        let most = [("version", "1"), ("quantity", "999999999.999"), ("unit_price", "0"), ("discount", "100%")];
        assert_eq!(app.post_form(&lin, &one, &most).await.status, 303);
        let read = app.api(&token, Method::GET, &format!("/api{one}"), &[], None).await;
        assert_eq!(read.json()["quantity"], json!("999999999.999"), "{}", read.body);
    });
}

/// A price list with what these products cost in it, in minor units.
async fn price_list(app: &TestApp, name: &str, currency: &str, days: [Option<i64>; 2], prices: &[(Uuid, i64)]) -> Uuid {
    let today = app.config(0).await.expect("settings").today(app.clock.now());
    let [from, to] = days.map(|day| day.map(|day| today.plus(day)));
    let id = store::new_id(&app.clock);
    app.execute(sql!(
        "INSERT INTO price_list (id, version, name, currency, from_day, to_day) VALUES ($1, 1, $2, $3, $4, $5)",
        id,
        name,
        currency,
        from,
        to
    ))
    .await;
    for (product, amount) in prices {
        app.execute(sql!(
            "INSERT INTO price (price_list_id, product_id, amount) VALUES ($1, $2, $3)",
            id,
            *product,
            *amount
        ))
        .await;
    }
    app.settings_changed().await;
    id
}

#[test]
fn a_deal_goes_by_its_price_list_else_by_the_newest_in_force_else_by_the_product() {
    on_both(async |app| {
        let chief = app.person("Chief").role(Role::Partner).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        app.execute(sql!("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', $1, '7')", today)).await;
        let mut products = Vec::new();
        for (name, price) in [("Lamp", "900"), ("Shade", "90"), ("Bulb", "9")] {
            let fields = [("name", name), ("code", name), ("list_price", price), ("currency", "CNY")];
            products.push(app.create("product", &chief, &fields).await);
        }
        let [lamp, shade, bulb] = products[..] else { panic!("three products") };
        assert!(!app.get(&lin, "/opportunities/new").await.has("name=\"price_list\""), "there is none to choose");
        let partner = price_list(app, "Partner", "CNY", [Some(-20), None], &[(lamp, 70_000)]).await;
        let retail = price_list(app, "Retail", "CNY", [Some(-10), None], &[(lamp, 85_000), (shade, 8_000)]).await;
        let over = price_list(app, "Over", "CNY", [None, Some(-1)], &[(lamp, 1)]).await;
        let dollars = price_list(app, "Partner", "USD", [None, None], &[(lamp, 12_000)]).await;

        // The form offers what is in force.
        let form = app.get(&lin, "/opportunities/new").await;
        for (list, offered) in [(partner, true), (retail, true), (dollars, true), (over, false)] {
            assert_eq!(form.has(&format!("value=\"{list}\"")), offered, "{}", form.body);
        }
        let deal = async |more: &[(&str, &str)]| {
            let fields = [&[("name", "Lamps"), ("close_date", "2026-12-24")][..], more].concat();
            app.try_create("opportunity", &lin, &fields).await
        };
        let (lamp_text, partner_text) = (lamp.to_string(), partner.to_string());
        let (over_text, dollar_text) = (over.to_string(), dollars.to_string());
        let over_a_lamp = ("product", lamp_text.as_str());
        let by_partner = ("price_list", partner_text.as_str());
        for (fields, expected) in [
            (&[over_a_lamp][..], 85_000),
            (&[over_a_lamp, by_partner][..], 70_000),
            (&[over_a_lamp, ("currency", "USD")][..], 12_000),
            (&[over_a_lamp, by_partner, ("amount", "5")][..], 500),
        ] {
            let id = deal(fields).await.expect("a deal");
            assert_eq!(amount(app, id).await, Some(expected), "{fields:?}");
        }
        for (list, key) in [(&dollar_text, "refused-price-list-currency"), (&over_text, "refused-price-list-days")] {
            let refused = deal(&[("price_list", list)]).await.expect_err("not for this deal");
            assert!(format!("{refused:?}").contains(key), "{refused:?}");
        }

        // Lines: by the deal's list, else by the newest, else by the product.
        let id = deal(&[by_partner]).await.expect("a deal");
        for (product, sum) in [(lamp, 70_000), (shade, 78_000), (bulb, 78_900)] {
            let product = product.to_string();
            let line = [("product", product.as_str()), ("quantity", "1")];
            let answer = app.post_form(&lin, &format!("/opportunities/{id}/items"), &line).await;
            assert_eq!((answer.status.as_u16(), amount(app, id).await), (303, Some(sum)), "{}", answer.body);
        }
        // Products are offered with what they cost there.
        let form = app.get(&lin, &format!("/opportunities/{id}/items/new")).await;
        let at = form.body.find("/pick/product?").expect("a picker");
        let pick = form.body[at..].split('"').next().expect("its address").replace("&amp;", "&").replace("&#38;", "&");
        let hints = async |path: &str| {
            let rows: Vec<Json> = serde_json::from_str(&app.get(&lin, path).await.body).expect("rows");
            rows.iter().map(|row| row["hint"].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(hints(&pick).await, "¥9, ¥700, ¥80");
        assert_eq!(hints("/pick/product?currency=CNY").await, "¥9, ¥850, ¥80");
        assert_eq!(hints("/pick/product?currency=USD&q=lamp").await, "$120");
        assert_eq!(hints("/pick/product?q=lamp&currency=nothing").await, "-");

        // Another currency leaves the list behind; one that has run out since stays.
        let id = deal(&[by_partner, ("amount", "100")]).await.expect("a deal");
        let list_of = async |id: Uuid| {
            app.value::<Option<Uuid>>(sql!("SELECT price_list_id FROM opportunity WHERE id = $1", id)).await.flatten()
        };
        app.execute(sql!("UPDATE price_list SET to_day = $2 WHERE id = $1", partner, today.plus(-1))).await;
        app.settings_changed().await;
        app.try_update("opportunity", &lin, id, None, &[by_partner, ("next_step", "Call")]).await.expect("it stands");
        assert_eq!(list_of(id).await, Some(partner));
        let form = app.get(&lin, &format!("/opportunities/{id}/edit")).await;
        assert!(form.has(&format!("value=\"{partner}\" selected")), "{}", form.body);
        let list =
            app.get(&lin, &format!("/opportunities?view=none&f=price_list:is:{partner}&cols=name,price_list")).await;
        assert!(list.has(&format!("/opportunities/{id}")) && list.has("Partner"), "{}", list.body);
        app.try_update("opportunity", &lin, id, None, &[("currency", "USD")]).await.expect("it is theirs");
        assert_eq!(list_of(id).await, None);

        // Whoever reads products reads what they cost by list.
        let page = app.get(&chief, &format!("/products/{lamp}?tab=related")).await;
        assert!(page.has("Prices by list") && page.has("¥850") && page.has("$120"), "{}", page.body);
        let company = Company::new(app).await;
        let told = company.get("seller", &format!("/api/products/{lamp}/prices")).await;
        let told: Vec<&Json> = told.body["data"].as_array().expect("prices").iter().map(|row| &row["price"]).collect();
        assert_eq!(told, ["850.00", "700.00", "0.01", "120.00"]);
    });
}

#[test]
fn a_file_names_the_price_list_of_a_deal_in_its_currency() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        app.execute(sql!("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', $1, '7')", today)).await;
        let yuan = price_list(app, "Partner", "CNY", [None, None], &[]).await;
        let dollars = price_list(app, "Partner", "USD", [None, None], &[]).await;
        let file = "name,close_date,currency,price_list\nOne,2026-12-24,USD,partner\nTwo,2026-12-24,CNY,Partner\n\
                    Three,2026-12-24,,Partner\nFour,2026-12-24,USD,Retail\nFive,2026-12-24,USD,\n";
        let import = crate::import::uploaded(app, &lin, "opportunity", file).await;
        crate::import::run(app, &lin, &import).await;
        let refused = crate::import::refusals(app, &lin, &import).await;
        assert!(refused.contains("Four") && refused.contains("Partner") && !refused.contains("Three"), "{refused}");
        for (name, list) in [("One", Some(dollars)), ("Two", Some(yuan)), ("Three", Some(yuan)), ("Five", None)] {
            let found = sql!("SELECT price_list_id FROM opportunity WHERE name = $1", name);
            assert_eq!(app.value::<Option<Uuid>>(found).await, Some(list), "{name}");
        }
    });
}
