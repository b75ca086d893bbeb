//! Files that go out while somebody takes their time over them: they hold up nobody else, and are exact nevertheless.

use std::sync::atomic::Ordering;

use axum::body::BodyDataStream;
use axum::http::StatusCode;
use futures_util::StreamExt;
use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::shell::export::PORTION;

/// A download that is taken piece by piece.
struct Taking(BodyDataStream);

impl Taking {
    async fn begin(app: &TestApp, person: &Person, path: &str) -> Taking {
        let response = app.begin(person, path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        Taking(response.into_body().into_data_stream())
    }

    /// The next piece; an error when the download breaks off.
    async fn next(&mut self) -> Option<Result<String, axum::Error>> {
        let piece = self.0.next().await?;
        Some(piece.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn lines(&mut self) -> Vec<String> {
        let piece = self.next().await.expect("it goes on").expect("it does not break off");
        piece.lines().map(str::to_owned).collect()
    }

    async fn rest(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(piece) = self.next().await {
            lines.extend(piece.expect("it does not break off").lines().map(str::to_owned));
        }
        lines
    }
}

async fn harbours(app: &TestApp, owner: &Person, count: usize) -> Vec<Uuid> {
    let mut made = Vec::new();
    for number in 0..count {
        made.push(app.account(owner, &format!("Harbour {number}")).await);
    }
    made
}

const BY_NAME: &str = "/accounts.csv?view=none&cols=name&sort=name";

#[test]
fn downloads_that_stand_still_hold_nobody_up() {
    on_both(async |app| {
        PORTION.store(2, Ordering::Relaxed);
        let mut downloads = Vec::new();
        // More than either engine has connections for readers.
        for number in 0..5 {
            let pat = app.person(&format!("Pat {number}")).role(Role::Partner).create().await;
            if number == 0 {
                harbours(app, &pat, 9).await;
            }
            for _ in 0..4 {
                let mut download = Taking::begin(app, &pat, BY_NAME).await;
                assert_eq!(download.lines().await.len(), 1, "the heading");
                assert_eq!(download.lines().await, ["Harbour 0", "Harbour 1"]);
                downloads.push(download);
            }
        }
        assert_eq!(app.get_public("/health").await.status, StatusCode::OK);
        let page = app.get(&app.administrator, "/me").await;
        assert_eq!(page.status, StatusCode::OK);
        // Everybody gets the rest, in whatever order they go on.
        for download in downloads.into_iter().rev() {
            assert_eq!(download.rest().await.len(), 7);
        }
    });
}

#[test]
fn what_changes_while_a_file_goes_out_is_in_it_once() {
    on_both(async |app| {
        PORTION.store(3, Ordering::Relaxed);
        let pat = app.person("Pat").role(Role::Partner).create().await;
        let made = harbours(app, &pat, 9).await;
        let mut download = Taking::begin(app, &pat, BY_NAME).await;
        download.lines().await;
        assert_eq!(download.lines().await, ["Harbour 0", "Harbour 1", "Harbour 2"]);
        // One that is out already goes to the end of the list, one that is still to come to its beginning.
        app.try_update("account", &pat, made[0], None, &[("name", "Zenith")]).await.expect("a change");
        app.try_update("account", &pat, made[8], None, &[("name", "Anchor")]).await.expect("a change");
        app.execute(sql!("UPDATE account SET deleted_at = 1 WHERE id = $1", made[5])).await;
        app.account(&pat, "Harbour 77").await;
        let rest = download.rest().await;
        assert_eq!(rest, ["Harbour 3", "Harbour 4", "Harbour 6", "Harbour 7", "Anchor"]);
        // How many there were at the beginning is in the audit log.
        let noted: Option<String> = app.value("SELECT changes FROM event WHERE kind = 'exported'").await;
        assert!(noted.as_deref().is_some_and(|changes| changes.contains("\"n\":9")), "{noted:?}");
    });
}

#[test]
fn an_export_breaks_off_when_the_right_to_it_is_taken_away() {
    on_both(async |app| {
        PORTION.store(3, Ordering::Relaxed);
        let pat = app.person("Pat").role(Role::Partner).create().await;
        harbours(app, &pat, 9).await;
        let mut download = Taking::begin(app, &pat, BY_NAME).await;
        download.lines().await;
        assert_eq!(download.lines().await.len(), 3);
        app.execute("UPDATE access_rule SET may_export = (1 = 0) WHERE role = 'partner'").await;
        app.settings_changed().await;
        assert!(download.next().await.expect("an end that is seen").is_err());
        assert!(download.next().await.is_none());
    });
}

#[test]
fn one_person_takes_a_few_files_at_once() {
    on_both(async |app| {
        let pat = app.person("Pat").role(Role::Partner).create().await;
        harbours(app, &pat, 2).await;
        let mut downloads = Vec::new();
        for format in ["csv", "xlsx", "csv", "xlsx"] {
            downloads.push(Taking::begin(app, &pat, &format!("/accounts.{format}?view=none")).await);
        }
        assert_eq!(app.get(&pat, BY_NAME).await.status, StatusCode::TOO_MANY_REQUESTS);
        let other = app.person("Other").role(Role::Partner).create().await;
        assert_eq!(app.get(&other, BY_NAME).await.status, StatusCode::OK);
        drop(downloads.pop());
        assert_eq!(app.get(&pat, BY_NAME).await.status, StatusCode::OK);
        assert_eq!(app.get(&pat, BY_NAME).await.status, StatusCode::OK, "one that is over makes room as well");
    });
}

#[test]
fn the_log_as_a_file_holds_no_formula_and_leaves_telephone_numbers_alone() {
    on_both(async |app| {
        let pat = app.person("Pat").role(Role::Partner).create().await;
        let auditor = app.person("Qin Wei").role(Role::Auditor).create().await;
        let account = app.account(&pat, "Harbour").await;
        let changed = [("name", "=1+1"), ("phone", "+86 10 5555 0100")];
        app.try_update("account", &pat, account, None, &changed).await.expect("a change");
        let file = app.get(&auditor, "/audit.csv?type=account").await;
        assert!(file.body.starts_with('\u{feff}'), "{}", file.body);
        assert!(file.has(",'=1+1") && !file.has(",=1+1"), "{}", file.body);
        assert!(file.has(",+86") && !file.has("'+86"), "{}", file.body);
    });
}
