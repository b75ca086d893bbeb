//! The newest records that hold some words, against a plain list of them: whatever way the engine is asked, what comes back is the
//! same. On both engines.

use std::collections::BTreeSet;

use store::search::{Words, put_all};
use store::{Cells, Engine, Newest, Sql, Uuid};
use testkit::on_both;

const COUNT: u128 = 6000;

/// The records from the oldest on, and the words of each.
fn notes() -> Vec<(Uuid, String)> {
    let words = |number: u128| {
        let newest = COUNT - number;
        let mut words = vec!["every".to_owned(), format!("n{number}")];
        for (word, holds) in [
            ("rare", number == 3),
            ("seldom", number % 900 == 5),
            ("often", number % 60 == 5),
            // Frequent of late, and once long ago.
            ("lately", (newest < 500 && newest % 27 == 1) || number == 1),
            ("even", number.is_multiple_of(2)),
            ("odd", number % 2 == 1),
            ("云帆科技", number % 700 == 9),
        ] {
            words.extend(holds.then(|| word.to_owned()));
        }
        words.join(" ")
    };
    (0..COUNT).map(|number| (Uuid::from_u128((0x0190 << 112) + number), words(number))).collect()
}

#[test]
fn the_newest_that_hold_the_words_are_found_whichever_way_is_taken() {
    on_both(async |app| {
        let notes = notes();
        let held: Vec<(Uuid, Words)> = notes
            .iter()
            .map(|(id, text)| {
                let mut words = Words::default();
                words.text(text);
                (*id, words)
            })
            .collect();
        let mut tx = app.db.write().await.expect("the database can be written");
        let records: Vec<(Uuid, &Words)> = held.iter().map(|(id, words)| (*id, words)).collect();
        put_all(&mut tx, "activity", &records).await.expect("words can be stored");
        tx.commit().await.expect("the database can be written");

        let everybody: Vec<Uuid> = notes.iter().map(|(id, _)| *id).collect();
        let some: Vec<Uuid> = everybody.iter().copied().step_by(7).collect();
        let few: Vec<Uuid> = everybody[..9].to_vec();
        let queries: [&[&str]; 14] = [
            &["every"],
            &["ev"],
            &["n"],
            &["n5"],
            &["n59", "even"],
            &["rare"],
            &["seldom"],
            &["often"],
            &["lately"],
            &["nobody"],
            &["every", "rare"],
            &["even", "odd"],
            &["often", "odd", "every", "n5"],
            &["云帆科"],
        ];
        let mut session = app.db.read().await.expect("the database can be read");
        let mut asked = BTreeSet::new();
        for (seen, whose) in [(&everybody, "all"), (&some, "a seventh"), (&few, "the oldest")] {
            for query in queries {
                let holds = |text: &str| {
                    query.iter().all(|asked| {
                        text.split(' ')
                            .any(|word| word.starts_with(asked) || (!asked.is_ascii() && word.contains(asked)))
                    })
                };
                // SQLite gives first who holds the very words.
                let exactly = |text: &str| {
                    query.iter().all(|asked| !asked.is_ascii() || text.split(' ').any(|word| word == *asked))
                };
                let later = |text: &str| app.db.engine() == Engine::Sqlite && !exactly(text);
                // A size of the table that is far from true costs time, but must not cost a record.
                for (rows, limit) in [(COUNT as i64, 20), (COUNT as i64, 5), (0, 20), (1 << 40, 20)] {
                    let mut expected: Vec<&(Uuid, String)> =
                        notes.iter().rev().filter(|(id, text)| seen.binary_search(id).is_ok() && holds(text)).collect();
                    expected.sort_by_key(|(_, text)| later(text));
                    let expected: Vec<Uuid> = expected.into_iter().map(|(id, _)| *id).take(limit as usize).collect();
                    let query = query.join(" ");
                    let newest = Newest {
                        kind: "activity",
                        table: "(SELECT subject_id AS id, kind FROM search_doc)",
                        rows,
                        query: &query,
                        with_private: false,
                        limit,
                    };
                    let restrict = |statement: &mut Sql| {
                        if seen.len() == notes.len() {
                            statement.push("TRUE");
                        } else {
                            statement.push("t.id IN (").bind_list(seen.iter().copied()).push(")");
                        }
                    };
                    let select = Sql::new("SELECT t.id, t.kind");
                    let before = app.db.statements();
                    let found = newest.read(&mut session, &select, restrict).await.expect("words can be looked for");
                    asked.insert(app.db.statements() - before);
                    let ids: Vec<Uuid> = found.iter().filter_map(|Cells(cells)| cells[0].id()).collect();
                    assert_eq!(ids, expected, "{query}, seen by {whose}, of {rows} rows, {limit} wanted");
                    assert!(found.iter().all(|Cells(cells)| cells.len() == 2 && cells[1].text() == Some("activity")));
                }
            }
        }
        // SQLite asks once; on PostgreSQL each of the ways was taken, after a look into a large table too, and none asks more.
        let ways: &[u64] = if app.db.engine() == Engine::Sqlite { &[1] } else { &[1, 2, 3, 4] };
        assert_eq!(Vec::from_iter(asked), ways);
    });
}
