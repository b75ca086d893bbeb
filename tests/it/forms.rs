//! Forms as they are read and worked through: a hint is tied to its field, and the way out stands before the deed, on every
//! page. On both engines.

use testkit::{Role, on_both};

/// What the page names by this attribute, one entry for each time.
fn named<'a>(body: &'a str, attribute: &str) -> Vec<&'a str> {
    let begins = format!(" {attribute}=\"");
    body.split(begins.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn a_hint_is_tied_to_its_field() {
    on_both(async |app| {
        let ada = app.person("Ada").role(Role::Admin).role(Role::Partner).create().await;
        let colleague = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&ada, "Harbour Optics").await;
        let lead = app.create("lead", &ada, &[("name", "Xu Wei"), ("company", "Acme")]).await;
        let hints = [
            (format!("/accounts/{account}/edit"), "credit_code-hint"),
            (format!("/leads/{lead}/edit"), "consent-hint"),
            ("/settings/organization".to_owned(), "-hint"),
            ("/imports/new".to_owned(), "file-hint"),
            ("/me".to_owned(), "password-hint"),
            (format!("/people/{}", colleague.id), "manager-hint"),
        ];
        for (path, hint) in hints {
            let page = app.get(&ada, &path).await;
            assert_eq!(page.status, 200, "{path}");
            let (ids, described) = (named(&page.body, "id"), named(&page.body, "aria-describedby"));
            let described: Vec<&str> = described.iter().flat_map(|names| names.split(' ')).collect();
            assert!(described.iter().any(|name| name.ends_with(hint)), "{path}: {described:?}");
            for name in described {
                assert_eq!(ids.iter().filter(|id| **id == name).count(), 1, "{path}: {name}");
            }
        }
        // What is wrong is read out before the hint.
        let refused = [("version", "1"), ("name", "Harbour Optics"), ("credit_code", "1")];
        let refused = app.post_form(&ada, &format!("/accounts/{account}"), &refused).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        let described = named(&refused.body, "aria-describedby");
        let of_code = described.iter().find(|names| names.contains("credit_code")).expect("the field is described");
        let (error, hint) = of_code.split_once(' ').expect("by two texts");
        assert!(error.ends_with("-error") && hint.ends_with("-hint"), "{of_code}");
    });
}

#[test]
fn the_way_out_stands_before_the_deed_on_every_page() {
    on_both(async |app| {
        let ada = app.person("Ada").role(Role::Admin).role(Role::Partner).create().await;
        let account = app.account(&ada, "Harbour Optics").await;
        let lead = app.create("lead", &ada, &[("name", "Xu Wei"), ("company", "Acme")]).await;
        let pages = [
            "/accounts/new".to_owned(),
            format!("/accounts/{account}/edit"),
            format!("/accounts/{account}/field/city"),
            format!("/leads/{lead}/convert"),
            "/accounts/columns".to_owned(),
            "/accounts/filter".to_owned(),
            "/accounts/view".to_owned(),
            "/settings/organization".to_owned(),
            "/imports/new".to_owned(),
        ];
        for path in pages {
            let page = app.get(&ada, &path).await;
            assert_eq!(page.status, 200, "{path}");
            let main = page.body.split("<main").nth(1).expect("there is a page");
            let main = main.split("</main>").next().expect("it ends");
            let foot = main.rsplit_once("class=\"form-actions").or_else(|| main.rsplit_once("class=\"dialog-foot"));
            let foot = foot.unwrap_or_else(|| panic!("{path}: a form has buttons")).1;
            let places = (foot.find(">Cancel</a>"), foot.find("btn-primary"));
            assert!(matches!(places, (Some(out), Some(deed)) if out < deed), "{path}: {foot}");
        }
    });
}

#[test]
fn a_form_that_stands_alone_says_of_which_list_it_is() {
    on_both(async |app| {
        let ada = app.person("Ada").role(Role::Admin).role(Role::Partner).create().await;
        let account = app.account(&ada, "Harbour Optics").await;
        let back = "<ol class=\"crumbs\"><li><a href=\"/accounts\">Accounts</a></li></ol>";
        for (path, said) in [
            ("/accounts/new".to_owned(), back),
            (format!("/accounts/{account}/edit"), back),
            (format!("/accounts/{account}/shares/new"), back),
            ("/accounts/filter".to_owned(), "<h1>Accounts · Filter</h1>"),
            ("/accounts/columns".to_owned(), "<h1>Accounts · Columns</h1>"),
            ("/accounts/views".to_owned(), "<h1>Accounts · Views</h1>"),
        ] {
            let page = app.get(&ada, &path).await;
            assert!(page.has(said), "{path}: {}", page.body);
        }
    });
}

#[test]
fn a_page_that_is_not_there_says_in_words_what_to_do() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wei = app.person("Wei Chen").role(Role::Seller).locale("zh-CN").create().await;
        for (person, words) in [
            (&lin, ["This could not be found", "Check the address, or search for it by name.", ">Error code 404<"]),
            (&wei, ["这里没有您要的内容", "请检查网址，或按名称搜索。", ">错误代码：404<"]),
        ] {
            let page = app.get(person, "/accounts/nothing").await;
            assert_eq!(page.status, 404);
            assert!(words.iter().all(|words| page.has(words)), "{}", page.body);
        }
    });
}

#[test]
fn the_list_of_activities_shows_by_an_icon_of_what_kind_each_is() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        app.activity(&lin, "First talk", account).await;
        let list = app.get(&lin, "/activities?view=none").await;
        let row = list.body.split("data-row=").nth(1).expect("there is a row");
        let name = row.split("First talk</a>").next().expect("it has a name");
        assert!(name.contains("#i-phone\"") && !name.contains(">F<"), "{name}");
    });
}

#[test]
fn a_long_name_in_a_list_may_take_two_lines_so_that_the_owner_is_in_sight() {
    on_both(async |app| {
        let lin = app.person("Bartholomew Winterbottom").role(Role::Seller).create().await;
        let long = app.account(&lin, "Genco Pura Olive Oil Company").await;
        let short = app.account(&lin, "Harbour Optics").await;
        app.activity(&lin, "Site visit: the network operation desk", long).await;
        app.activity(&lin, "First talk", short).await;
        let list = app.get(&lin, "/activities?view=none").await;
        let class = |end: &str| {
            let before = list.body.split(end).next().expect("there is a row");
            before.rsplit("<td class=\"").next().and_then(|tag| tag.split('"').next()).map(str::trim)
        };
        assert_eq!(class("Site visit: the network operation desk</a>"), Some("stick long"), "{}", list.body);
        assert_eq!(class("Genco Pura Olive Oil Company</a>"), Some("long"));
        // A short one stays on its line, and so does a person.
        assert_eq!(class("First talk</a>"), Some("stick"));
        assert_eq!(class("Harbour Optics</a>"), Some(""));
        assert_eq!(class("Bartholomew Winterbottom</span></span></td>"), Some(""));
    });
}

#[test]
fn a_field_on_a_page_of_its_own_says_of_which_record_it_is() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let page = app.get(&lin, &format!("/accounts/{account}/field/city")).await;
        assert!(page.has("<h1>Edit: Harbour Optics</h1>") && page.has(">City</label>"), "{}", page.body);
    });
}
