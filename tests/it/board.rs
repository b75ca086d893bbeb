//! From the list to the board and back: filters and pipeline come along, and what a board can't follow is said. On both engines.

use store::{Uuid, new_id, sql};
use testkit::{Answer, Role, TestApp, on_both};

/// A second pipeline with one open stage and the two ends.
async fn pipeline(app: &TestApp) -> Uuid {
    let id = new_id(&app.clock);
    app.execute(sql!("INSERT INTO pipeline (id, version, name, position) VALUES ($1, 1, 'Renewals', 9)", id)).await;
    for (position, (name, kind, chance)) in
        [("Talks", "open", 40), ("Kept", "won", 100), ("Gone", "lost", 0)].into_iter().enumerate()
    {
        let stage = new_id(&app.clock);
        app.execute(sql!("INSERT INTO stage (id, version, pipeline_id, name, position, kind, probability) VALUES ($1, 1, $2, $3, $4, $5, $6)", stage, id, name, position as i64, kind, chance)).await;
    }
    app.settings_changed().await;
    id
}

/// The address under which the other of list and board is linked.
fn link<'a>(page: &'a Answer, start: &str) -> String {
    let at = page.body.find(&format!("href=\"{start}")).unwrap_or_else(|| panic!("a link to {start}: {}", page.body));
    let rest: &'a str = &page.body[at + 6..];
    rest[..rest.find('"').expect("its end")].replace("&#38;", "&").replace("&amp;", "&")
}

#[test]
fn filters_and_pipeline_come_along_from_the_list_to_the_board_and_back() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let renewals = pipeline(app).await;
        let first = app.config(0).await.expect("settings").pipelines[0].id;
        for (name, amount, pipeline) in
            [("Forty seats", "40", first), ("Fifty seats", "50000", first), ("Sixty seats", "60000", renewals)]
        {
            let (account, pipeline) = (account.to_string(), pipeline.to_string());
            let fields = [
                ("name", name),
                ("account", &account),
                ("amount", amount),
                ("close_date", "2027-03-31"),
                ("pipeline", &pipeline),
            ];
            app.create("opportunity", &lin, &fields).await;
        }
        // From the list: the large deals of the second pipeline.
        let list = app
            .get(
                &lin,
                &format!("/opportunities?view=none&f=amount:min:1000&f=pipeline:is:{renewals}&sort=-amount&q=seats"),
            )
            .await;
        let board = app.get(&lin, &link(&list, "/board?")).await;
        assert!(board.has("Sixty seats") && !board.has("Fifty seats") && board.has("Talks"), "{}", board.body);
        assert!(board.has("at least 1,000 ") && board.has("<b>seats</b>"), "{}", board.body);
        // The other pipeline's tab keeps the filter; whose deals, too.
        let other = app.get(&lin, &format!("/board{}", link(&board, &format!("?pipeline={first}")))).await;
        assert!(other.has("Fifty seats") && !other.has("Forty seats") && !other.has("Sixty seats"), "{}", other.body);
        // And back: the same deals, in the same order.
        let back = link(&board, "/opportunities?");
        let list = app.get(&lin, &back).await;
        assert_eq!(list.status, 200, "{back}");
        assert!(list.has("Sixty seats") && !list.has("Fifty seats") && !list.has("Forty seats"), "{}", list.body);
        assert!(back.contains("sort=-amount") && back.contains("f=state%3Ais%3Aopen"), "{back}");
        assert!(back.contains(&format!("f=pipeline%3Ais%3A{renewals}")), "{back}");
        // A filter that is set on the board stays on the board.
        let filter = [
            ("query", "f=amount:min:1000"),
            ("board", &first.to_string()),
            ("field", "name"),
            ("op", "has"),
            ("value", "fifty"),
        ];
        let answer = app.post_form(&lin, "/opportunities/filter", &filter).await;
        assert!(answer.location().starts_with(&format!("/board?pipeline={first}&")), "{}", answer.location());
        let board = app.get(&lin, answer.location()).await;
        assert!(board.has("Fifty seats") && !board.has("Forty seats") && board.has("contains fifty"), "{}", board.body);
    });
}

#[test]
fn filters_that_a_board_cannot_follow_are_named_there_and_count_again_in_the_list() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        app.opportunity(&lin, "Forty seats", account).await;
        let won = app.stage("Won").await;
        let said = "These filters don’t count here";
        for ignored in ["f=state:is:won".to_owned(), format!("f=stage:is:{won}"), "trash=1".to_owned()] {
            let list = app.get(&lin, &format!("/opportunities?view=none&{ignored}")).await;
            assert!(!list.has("Forty seats"), "{ignored}");
            let board = app.get(&lin, &link(&list, "/board?")).await;
            assert!(board.has("Forty seats") && board.has(said), "{ignored}: {}", board.body);
            // Its figures lead to what they count.
            let figures = link(&board, "/opportunities?");
            let counted = app.get(&lin, &figures).await;
            assert!(counted.status == 200 && counted.has("Forty seats"), "{figures}");
            let switch = board.body.split("class=\"page-actions\"").nth(1).expect("there is a switch");
            let back = switch.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("to the list");
            let back = back.replace("&amp;", "&").replace("&#38;", "&");
            let list = app.get(&lin, &back).await;
            assert!(list.status == 200 && !list.has("Forty seats"), "{back}");
        }
        let board = app.get(&lin, "/board?f=state:is:open&f=owner:is:me").await;
        assert!(board.has("Forty seats") && !board.has(said), "{}", board.body);
        // What is no filter is refused, as in the list.
        assert_eq!(
            app.get(&lin, "/board?f=colour:is:red").await.status,
            app.get(&lin, "/opportunities?f=colour:is:red").await.status
        );
    });
}

#[test]
fn an_empty_board_says_what_to_do_unless_a_filter_made_it_empty() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let says = async |path: &str| app.get(&lin, path).await.has("No open deals in this pipeline");
        assert!(says("/board").await);
        // Open deals are all that a board shows: that filter is not why it is empty.
        assert!(says("/board?f=state:is:open").await);
        for narrow in ["q=nothing", "f=owner:is:me&f=state:is:open"] {
            let board = app.get(&lin, &format!("/board?{narrow}")).await;
            assert!(!board.has("No open deals in this pipeline") && !board.has("Drag a card"), "{}", board.body);
            assert!(board.has("Nothing matches your search or filters."), "{narrow}: {}", board.body);
        }
        let account = app.account(&lin, "Harbour Optics").await;
        app.opportunity(&lin, "Forty seats", account).await;
        assert!(!says("/board").await);
    });
}

#[test]
fn what_a_board_asks_for_after_a_move_brings_the_line_under_the_title_for_the_same_filter() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        app.opportunity(&lin, "Forty seats", account).await;
        app.opportunity(&lin, "Fifty seats", account).await;
        app.opportunity(&lin, "Sixty desks", account).await;
        for (query, open) in [("", "3 open"), ("q=seats", "2 open"), ("f=name:has:sixty", "1 open")] {
            let board = app.get_fragment(&lin, &format!("/board?{query}")).await;
            let line = board.body.split("<p id=\"board-figures\"").nth(1).and_then(|rest| rest.split("</p>").next());
            assert!(line.is_some_and(|line| line.contains(open)), "{query}: {}", board.body);
        }
    });
}
