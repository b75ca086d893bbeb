//! What is counted and summed: board, calendar, analysis and home page, each figure with the rows behind it.

use std::collections::{BTreeMap, BTreeSet};

use trivet::shell::access::Level as RealLevel;
use trivet::shell::format;
use trivet::shell::i18n::Locale;

use super::eyes::Eyes;
use super::model::Level;
use super::reading::{after, ids_after, told};

impl Eyes<'_> {
    /// Cards, counts and sums of the board; the sum below the list.
    pub async fn board(&mut self) {
        let reads = self.reads_kind("opportunity");
        let world = self.world();
        let sees = |field: &str| world.sees(self.person, "opportunity", field);
        let (sums, weighted) = (sees("amount_base"), sees("probability"));
        let read = world.read_of(self.person, "opportunity");
        let open: BTreeSet<usize> = read.iter().copied().filter(|deal| world.records[*deal].state == "open").collect();
        let amount = |deals: &BTreeSet<usize>| deals.iter().map(|deal| world.records[*deal].amount).sum::<i64>();
        let (total, whole) = (amount(&open), amount(&read));
        if let Some(page) = self.get("/board", reads).await {
            self.expect("/board", self.records(&ids_after(&page.body, "data-card=\"")), open.clone());
            let head = after(&page.body, "class=\"count\">");
            let counts = head.iter().filter_map(|rest| rest.split('<').next()?.parse::<usize>().ok());
            self.expect("/board: counts", counts.sum(), open.len());
            let total = format::money_compact(Locale::En, total, "CNY");
            let summary =
                page.body.split("class=\"page-sub\">").nth(1).unwrap_or("").split("</p>").next().unwrap_or("");
            self.expect(
                &format!("/board: the total {total} in {summary:?}"),
                summary.contains(&total),
                sums && weighted,
            );
            if !sums {
                self.expect("/board: no amount", page.has("class=\"board-sum\"><b>¥"), false);
            }
        }
        if let Some(answer) = self.api("/api/board", reads).await {
            self.expect("/api/board: count", answer["count"].as_u64(), Some(open.len() as u64));
            let total = sums.then(|| format::plain_amount(total, "CNY"));
            self.expect("/api/board: total", answer["total"].as_str(), total.as_deref());
            self.expect("/api/board: weighted", answer["weighted"].is_string(), sums && weighted);
            let columns = answer["data"].as_array().into_iter().flatten();
            let counts = columns.clone().filter_map(|column| column["count"].as_u64()).sum();
            self.expect("/api/board: counts", Some(counts), answer["count"].as_u64());
            self.expect("/api/board: sums", columns.filter(|column| column.get("total").is_some()).count() > 0, sums);
        }
        if let Some(page) = self.get("/opportunities/sums?view=none", reads).await {
            let whole = format::money(whole, "CNY");
            let expected = if sums { told(read.len(), &format!(" · {whole}")) } else { String::new() };
            self.expect("/opportunities/sums", page.body, expected);
        }
    }

    /// Tasks, expected closings and activities of the month, mine and the team's.
    pub async fn calendar(&mut self) {
        let reads = self.reads_kind("task");
        let world = self.world();
        let has_team = world.rule(self.person, "task").read >= Level::Team;
        for team in [false, true] {
            let people = if team && has_team { world.team(self.person) } else { BTreeSet::from([self.person]) };
            let mut expected = BTreeSet::new();
            for object in ["task", "activity", "opportunity"] {
                let of = self.world().read_of(self.person, object).into_iter().filter(|record| {
                    let one = &self.world().records[*record];
                    people.contains(&one.owner) && !matches!(one.state, "won" | "lost")
                });
                expected.extend(of);
            }
            let path = format!("/calendar?month=2026-11&who={}", if team { "team" } else { "me" });
            if let Some(page) = self.get(&path, reads).await {
                let table = page.body.split("</table>").next().unwrap_or("");
                let shown: BTreeSet<usize> = ["tasks", "activities", "opportunities"]
                    .iter()
                    .flat_map(|plural| self.records(&ids_after(table, &format!("href=\"/{plural}/"))))
                    .collect();
                self.expect(&path, shown, expected);
            }
        }
    }

    /// Every figure of the analysis and the home page has just the rows behind it that its reader may see.
    pub async fn figures(&mut self) {
        let reads = self.reads_kind("opportunity");
        let world = self.world();
        let open = world.read_of(self.person, "opportunity");
        let open = open.iter().filter(|deal| world.records[**deal].state == "open").count() as i64;
        for (path, allowed) in [("/analysis?period=all", reads), ("/", true)] {
            let Some(page) = self.get(path, allowed).await else { continue };
            let mut links = crate::analysis::counted(&page.body);
            links.dedup();
            for (href, count) in links {
                if href.starts_with("/people") {
                    continue;
                }
                let rows = crate::analysis::rows_behind(self.app, self.me(), &href).await;
                self.expect(&format!("{path}: {href}"), count, rows);
                if path != "/" && href == "/opportunities?view=none&f=state%3Ais%3Aopen" {
                    self.expect(&format!("{path}: open deals"), count, open);
                }
            }
        }
        let viewer = self.app.viewer(self.me()).await;
        for object in ["account", "person"] {
            let real = viewer.scope.access(object).read > RealLevel::None;
            self.get(&format!("/{}", self.app.object(object).plural), real).await;
        }
    }

    /// Every figure of the API's analysis has just the deals behind it that its reader may see.
    pub async fn api_figures(&mut self) {
        let Some(answer) = self.api("/api/analysis?period=all", self.reads_kind("opportunity")).await else { return };
        let mut figures = BTreeMap::new();
        crate::api_analysis::figures(&answer, &mut figures);
        for (path, count) in figures {
            let path = format!("{path}&count=true&limit=1&fields=name");
            if let Some(listed) = self.api(&path, true).await {
                self.expect(&path, listed["count"].as_i64(), Some(count));
            }
        }
    }
}
