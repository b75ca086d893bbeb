//! Money and time. Q34: an amount is converted once, exactly, at the rate of its day, and every surface adds the same amounts
//! up to the same cent. Q33: every instant is in exactly one day, every day in exactly one month, quarter and year, in every
//! zone and calendar; what falls on the last day of a quarter is in that quarter on every page, until midnight there.

use std::collections::BTreeMap;

use axum::http::Method;
use rust_decimal::Decimal;
use store::{Day, Instant, Uuid, sql};
use testkit::{Engine, Person, Role, TestApp, on, on_both};
use trivet::shell::calendar::{Calendar, YEARS, periods, store_periods};
use trivet::shell::config::{Config, convert};
use trivet::shell::format;
use trivet::shell::i18n::Locale;
use trivet::shell::list::{Asks, settle};
use trivet::shell::record::query::{ListQuery, Question};

use crate::permission::world::Dice;

// -- Q34 ----------------------------------------------------------------------------------------------------------------

/// Numbers are whole: the rate as `mantissa / 10^scale`. Rounded half away from zero, once.
fn exactly(minor: i64, from: u32, to: u32, mantissa: i64, scale: u32) -> i128 {
    let (mut above, mut below) = (i128::from(minor) * i128::from(mantissa), 10i128.pow(scale));
    above *= 10i128.pow(to);
    below *= 10i128.pow(from);
    let (sign, above) = (above.signum(), above.abs());
    sign * ((2 * above + below) / (2 * below))
}

const CURRENCIES: [(&str, u32); 5] = [("CNY", 2), ("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3)];

#[test]
fn an_amount_is_converted_exactly_and_rounded_once() {
    let mut dice = Dice::new(34);
    for _ in 0..200_000 {
        let (from, from_decimals) = dice.pick(&CURRENCIES);
        let (to, to_decimals) = dice.pick(&CURRENCIES);
        let digits = 1 + dice.roll(12) as u32;
        let minor = dice.roll(10usize.pow(digits)) as i64 * if dice.chance(10) { -1 } else { 1 };
        let (scale, mantissa) = (dice.roll(9) as u32, 1 + dice.roll(10_000_000) as i64);
        let converted = convert(minor, from, to, Decimal::new(mantissa, scale));
        let expected = i64::try_from(exactly(minor, from_decimals, to_decimals, mantissa, scale)).ok();
        assert_eq!(converted, expected, "{minor} {from} at {mantissa}e-{scale} in {to}");
        // There and back on the rate one: nothing is lost where the target has as many decimals.
        if to_decimals >= from_decimals {
            let there = convert(minor, from, to, Decimal::ONE).expect("it fits");
            assert_eq!(convert(there, to, from, Decimal::ONE), Some(minor));
        }
    }
    assert_eq!(convert(i64::MAX, "JPY", "KWD", Decimal::new(9, 0)), None, "what does not fit is refused");
}

/// Currency, day, mantissa and scale of a rate.
type Rate = (&'static str, i64, i64, u32);

struct Deal {
    minor: i64,
    currency: &'static str,
    decimals: u32,
    closed: Option<Day>,
    state: &'static str,
    probability: i64,
}

/// The rate in force on a day is the last one that has begun.
fn in_base(deal: &Deal, rates: &[Rate], today: Day) -> Option<i64> {
    if deal.currency == "CNY" {
        return Some(deal.minor);
    }
    let day = deal.closed.unwrap_or(today);
    let begun = rates.iter().filter(|(currency, from, ..)| *currency == deal.currency && *from <= day.0);
    let (_, _, mantissa, scale) = begun.max_by_key(|(_, from, ..)| *from)?;
    i64::try_from(exactly(deal.minor, deal.decimals, 2, *mantissa, *scale)).ok()
}

#[test]
fn every_surface_adds_the_same_deals_up_to_the_same_cent() {
    for (engine, runs) in [(Engine::Sqlite, 4), (Engine::Postgres, 2)] {
        for run in 0..runs {
            on(engine, async |app| add_up(app, &mut Dice::new(run)).await);
        }
    }
}

async fn add_up(app: &TestApp, dice: &mut Dice) {
    let partner = app.person("Pia Partner").role(Role::Partner).create().await;
    let token = app.api_token(&partner).await;
    let today = app.config(0).await.expect("settings").today(app.clock.now());
    let rates = dated_rates(app, dice, today).await;
    let (won, lost) = (app.stage("Won").await, app.stage("Lost").await);
    let mut deals: BTreeMap<Uuid, Deal> = BTreeMap::new();
    for number in 0..60 {
        let (currency, decimals) = dice.pick(&CURRENCIES);
        let state = dice.pick(&["open", "open", "open", "won", "lost"]);
        let closed = (state != "open").then(|| today.plus(-(dice.roll(300) as i64)));
        let probability = dice.roll(101) as i64;
        let deal = Deal { minor: dice.roll(10_000_000) as i64, currency, decimals, closed, state, probability };
        let id = make(app, &partner, &deal, number, today, won, lost).await;
        match in_base(&deal, &rates, today) {
            Some(_) => drop(deals.insert(id.expect("a deal with a rate is taken"), deal)),
            None => assert!(id.is_none(), "a deal without a rate on its day was taken: {currency} {closed:?}"),
        }
    }
    assert!(deals.len() > 30);
    let base = |deal: &Deal| in_base(deal, &rates, today).expect("there is a rate");
    for (id, deal) in &deals {
        let kept: Option<i64> = app.value(sql!("SELECT amount_base FROM opportunity WHERE id = $1", *id)).await;
        assert_eq!(kept, Some(base(deal)), "{} {} on {:?}", deal.minor, deal.currency, deal.closed);
    }
    let open = deals.values().filter(|deal| deal.state == "open");
    // Exact in hundredths of a cent, then rounded half up.
    let weighted: i128 = open.clone().map(|deal| i128::from(base(deal)) * i128::from(deal.probability)).sum();
    let weighted = ((weighted + 50) / 100) as i64;
    let (all, open) = (deals.values().map(base).sum::<i64>(), open.map(base).sum::<i64>());
    let exact = |minor: i64| format::money(minor, "CNY");

    let below_list = app.get(&partner, "/opportunities/sums?view=none").await;
    assert_eq!(below_list.body, format!("{} records · {}", deals.len(), exact(all)));
    let below_list = app.get(&partner, "/opportunities/sums?view=none&f=state:is:open").await;
    assert!(below_list.body.ends_with(&format!("· {}", exact(open))), "{}", below_list.body);

    let board = app.get(&partner, "/board").await;
    for minor in [open, weighted] {
        let shown = format::money_compact(Locale::En, minor, "CNY");
        assert!(board.has(&shown), "the board shows no {shown}");
    }
    let of_api = app.api(&token, Method::GET, "/api/board", &[], None).await.json();
    let to_the_cent = |minor: i64| serde_json::json!(format::plain_amount(minor, "CNY"));
    assert_eq!(
        (&of_api["total"], &of_api["weighted"]),
        (&to_the_cent(open), &to_the_cent(weighted)),
        "the API's board"
    );
    let mut of_columns = 0;
    for column in of_api["data"].as_array().expect("columns") {
        let total = column["total"].as_str().and_then(|text| format::parse_amount(text, "CNY").ok()).expect("a total");
        let shown = format!("class=\"board-sum\"><b>{}</b>", format::money_compact(Locale::En, total, "CNY"));
        assert!(board.has(&shown), "the board shows no {shown}");
        of_columns += total;
    }
    assert_eq!(of_columns, open, "the columns of the board");
    for path in ["/analysis?period=all", "/"] {
        let page = app.get(&partner, path).await;
        assert!(page.has(&format!("title=\"{}\"", exact(open))), "{path} shows no {}", exact(open));
        let shown = format::money_compact(Locale::En, weighted, "CNY");
        assert!(page.has(&shown), "{path} shows no weighted {shown}");
    }
    let analysis = app.get(&partner, "/analysis?period=all").await;
    // Amount by amount it is the same in cents; the mean of the won ones is rounded once.
    let won: Vec<i64> = deals.values().filter(|deal| deal.state == "won").map(base).collect();
    let (sum, count) = (i128::from(won.iter().sum::<i64>()), won.len() as i128);
    let mean = ((2 * sum + count) / (2 * count)) as i64;
    for (what, minor) in [("weighted", weighted), ("average won", mean)] {
        let shown = format!("title=\"{}\"", exact(minor));
        assert!(analysis.has(&shown), "the analysis shows no {what} {}", exact(minor));
    }

    let answer = app.api(&token, Method::GET, "/api/opportunities?limit=200", &[], None).await.json();
    let rows = answer["data"].as_array().expect("deals");
    let plain = |text: &str| format::parse_amount(text, "CNY").unwrap_or_else(|why| panic!("{text}: {why:?}"));
    let by_api: i64 = rows.iter().map(|row| plain(row["amount_base"].as_str().expect("an amount"))).sum();
    assert_eq!(by_api, all, "the API");
    let file = app.get(&partner, "/opportunities.csv?view=none&cols=amount_base").await;
    let in_file: i64 = file.body.lines().skip(1).filter_map(|line| line.split(',').nth(1)).map(plain).sum();
    assert_eq!(in_file, all, "the file");
}

/// Rates that begin on several days, some for the future; none of KWD before this month.
async fn dated_rates(app: &TestApp, dice: &mut Dice, today: Day) -> Vec<Rate> {
    let mut rates: Vec<Rate> = Vec::new();
    for (currency, _) in &CURRENCIES[1..] {
        let mut days = vec![today.0 + 5];
        days.extend((0..6).map(|_| today.0 - dice.roll(400) as i64));
        days.push(today.0 - 20);
        days.push(today.0 - 400);
        days.retain(|day| *currency != "KWD" || *day > today.0 - 30);
        days.sort_unstable();
        days.dedup();
        for day in days {
            let rate = (*currency, day, 1 + dice.roll(90_000) as i64, 4);
            let text = Decimal::new(rate.2, rate.3).to_string();
            app.execute(sql!("INSERT INTO fx_rate (currency, on_day, rate) VALUES ($1, $2, $3)", rate.0, rate.1, text))
                .await;
            rates.push(rate);
        }
    }
    app.settings_changed().await;
    rates
}

/// `None`: refused because there is no rate.
async fn make(
    app: &TestApp,
    by: &Person,
    deal: &Deal,
    number: usize,
    today: Day,
    won: Uuid,
    lost: Uuid,
) -> Option<Uuid> {
    let (name, amount) = (format!("Deal {number}"), format::plain_amount(deal.minor, deal.currency));
    let (close, created) = (today.plus(number as i64).to_string(), today.plus(-350).to_string());
    let closed = deal.closed.map(|day| day.to_string());
    let (stage, probability) = (if deal.state == "won" { won } else { lost }.to_string(), deal.probability.to_string());
    let mut fields = vec![("name", name.as_str()), ("amount", &amount), ("currency", deal.currency)];
    fields.extend([("close_date", close.as_str()), ("created_on", &created), ("probability", &probability)]);
    if let Some(closed) = &closed {
        fields.extend([("stage", stage.as_str()), ("closed_on", closed)]);
        if deal.state == "lost" {
            fields.push(("lost_reason", "price"));
        }
        fields.push(("reason", "Closed long ago."));
    }
    match app.try_create("opportunity", by, &fields).await {
        Ok(id) => Some(id),
        Err(error) => {
            assert!(format!("{error:?}").contains("invalid-no-rate"), "{error:?}");
            None
        }
    }
}

/// The lines of a deal add up to its amount, whatever the quantities, prices and discounts.
#[test]
fn lines_add_up_to_the_amount_of_their_deal() {
    on_both(async |app| {
        let partner = app.person("Pia Partner").role(Role::Partner).create().await;
        let product = app.create("product", &partner, &[("name", "Lamp"), ("code", "L"), ("list_price", "1")]).await;
        let product = product.to_string();
        let mut dice = Dice::new(7);
        for number in 0..6 {
            let name = format!("Deal {number}");
            let deal = app
                .create("opportunity", &partner, &[("name", &name), ("close_date", "2026-12-01"), ("amount", "0")])
                .await;
            let mut expected = 0i128;
            for _ in 0..1 + dice.roll(8) {
                let (thousandths, price, hundredths) = (1 + dice.roll(20_000), dice.roll(1_000_000), dice.roll(10_001));
                let quantity = Decimal::new(thousandths as i64, 3).to_string();
                let unit_price = format::plain_amount(price as i64, "CNY");
                let discount = Decimal::new(hundredths as i64, 2).to_string();
                let fields = [
                    ("product", product.as_str()),
                    ("quantity", &quantity),
                    ("unit_price", &unit_price),
                    ("discount", &discount),
                ];
                let answer = app.post_form(&partner, &format!("/opportunities/{deal}/items"), &fields).await;
                assert_eq!(answer.status, 303, "{fields:?}: {}", answer.body);
                let gross = thousandths as i128 * price as i128 * (10_000 - hundredths as i128);
                expected += (2 * gross + 10_000_000) / 20_000_000;
            }
            let amount: Option<i64> = app.value(sql!("SELECT amount FROM opportunity WHERE id = $1", deal)).await;
            let lines: Option<i64> = app
                .value(sql!("SELECT CAST(SUM(amount) AS BIGINT) FROM line_item WHERE opportunity_id = $1", deal))
                .await;
            assert_eq!((amount.map(i128::from), lines), (Some(expected), amount), "{name}");
        }
    });
}

// -- Q33 ----------------------------------------------------------------------------------------------------------------

const ZONES: [&str; 12] = [
    "UTC",
    "Asia/Shanghai",
    "America/Los_Angeles",
    "Pacific/Kiritimati",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Europe/London",
    "America/St_Johns",
    "Pacific/Apia",
    "Africa/Cairo",
    "Asia/Kolkata",
];

const SKIPPED: [(&str, &str); 2] = [("Pacific/Apia", "2011-12-30"), ("Pacific/Kiritimati", "1994-12-31")];

#[test]
fn months_quarters_and_years_lie_without_gap_or_overlap() {
    for calendar in [Calendar::Months, Calendar::FourFourFive] {
        for start in 1..=12 {
            let all = periods(calendar, start);
            for kind in ["month", "quarter", "year"] {
                let of_kind: Vec<_> = all.iter().filter(|period| period.kind == kind).collect();
                let what = format!("{} from month {start}: {kind}", calendar.key());
                assert!(of_kind[0].first <= Day::of(jiff::civil::date(*YEARS.start(), 1, 1)), "{what}");
                let last = of_kind.last().expect("there are some").last;
                assert!(last >= Day::of(jiff::civil::date(*YEARS.end(), 12, 31)), "{what}");
                for pair in of_kind.windows(2) {
                    assert_eq!(pair[0].last.plus(1), pair[1].first, "{what}");
                    let (was, is) = ((pair[0].fiscal_year, pair[0].number), (pair[1].fiscal_year, pair[1].number));
                    let numbers = match kind {
                        "month" => 12,
                        "quarter" => 4,
                        _ => 1,
                    };
                    let next = if was.1 == numbers { (was.0 + 1, 1) } else { (was.0, was.1 + 1) };
                    assert_eq!(is, next, "{what}");
                }
                for period in &of_kind {
                    let days = period.last.0 - period.first.0 + 1;
                    // Each lies within the one above it, and they share ends.
                    let above = if kind == "month" { "quarter" } else { "year" };
                    let holding = all.iter().filter(|other| {
                        other.kind == above && other.first <= period.first && period.last <= other.last
                    });
                    let holding: Vec<_> = holding.collect();
                    assert_eq!((holding.len(), holding[0].fiscal_year), (1, period.fiscal_year), "{what} {period:?}");
                    let lengths: &[i64] = match (calendar, kind, period.number) {
                        (Calendar::Months, "month", _) => &[28, 29, 30, 31],
                        (Calendar::Months, "quarter", _) => &[89, 90, 91, 92],
                        (Calendar::Months, _, _) => &[365, 366],
                        (_, "month", 12) => &[35, 42],
                        (_, "month", number) if number % 3 == 0 => &[35],
                        (_, "month", _) => &[28],
                        (_, "quarter", 4) => &[91, 98],
                        (_, "quarter", _) => &[91],
                        _ => &[364, 371],
                    };
                    assert!(lengths.contains(&days), "{what} {period:?}: {days} days");
                }
            }
        }
    }
}

#[test]
fn every_instant_is_in_exactly_one_day() {
    for name in ZONES {
        let zone = jiff::tz::TimeZone::get(name).expect("a known zone");
        let (first, last) = (Day::of(jiff::civil::date(1990, 1, 1)), Day::of(jiff::civil::date(2060, 12, 31)));
        let mut begins = Instant::start_of(first, &zone);
        for day in first.0..last.0 {
            let ends = Instant::start_of(Day(day + 1), &zone);
            // Samoa went to bed on 29 December 2011 and woke up on the 31st; Kiritimati did the like in 1994. Such a day has no instant.
            if SKIPPED.contains(&(name, Day(day).to_string().as_str())) {
                assert_eq!((ends, begins.day_in(&zone)), (begins, Day(day + 1)), "{name} {}", Day(day));
            } else {
                assert_eq!(begins.day_in(&zone), Day(day), "{name}: the beginning of {}", Day(day));
                assert_eq!(Instant(ends.0 - 1).day_in(&zone), Day(day), "{name}: the end of {}", Day(day));
                assert!((22..=26).contains(&((ends.0 - begins.0) / 3_600_000_000)), "{name} {}", Day(day));
            }
            begins = ends;
        }
    }
}

/// In each zone and calendar the clock stands a minute before the quarter ends there, and then a minute after.
#[test]
fn what_falls_on_the_last_day_of_a_quarter_is_in_it_on_every_page() {
    on_both(async |app| {
        let partner = app.person("Pia Partner").role(Role::Partner).create().await;
        for (index, name) in ZONES.into_iter().enumerate() {
            let calendar = if index % 3 == 2 { Calendar::FourFourFive } else { Calendar::Months };
            let start = 1 + (index * 5 % 12) as i8;
            let zone = jiff::tz::TimeZone::get(name).expect("a known zone");
            set_calendar(app, name, calendar, start).await;
            let today = app.clock.now().day_in(&zone);
            let quarters = periods(calendar, start);
            let quarter = quarters
                .iter()
                .find(|period| period.kind == "quarter" && period.last > today.plus(1))
                .expect("a quarter that is not over");
            let midnight = Instant::start_of(quarter.last.plus(1), &zone);
            app.clock.advance((midnight.0 - app.clock.now().0) / 1_000_000 - 60);
            let me = app.sign_in(&partner.email).await;
            let what = format!("{name}, {} from {start}, {} to {}", calendar.key(), quarter.first, quarter.last);
            let (open, won) = (format!("Open in {index}"), format!("Won in {index}"));
            let last = quarter.last.to_string();
            app.create("opportunity", &me, &[("name", &open), ("close_date", &last), ("amount", "10")]).await;
            let stage = app.stage("Won").await.to_string();
            let fields = [
                ("name", won.as_str()),
                ("close_date", &last),
                ("amount", "20"),
                ("stage", &stage),
                ("reason", "Signed."),
            ];
            let id = app.create("opportunity", &me, &fields).await;
            let closed: Option<i64> = app.value(sql!("SELECT closed_day FROM opportunity WHERE id = $1", id)).await;
            assert_eq!(closed, Some(quarter.last.0), "{what}: won today");
            let places = [
                ("/opportunities?view=none&f=close_date:within:this-quarter", open.as_str(), true),
                ("/opportunities?view=none&f=close_date:within:next-quarter", &open, false),
                ("/opportunities?view=none&f=closed_on:within:this-quarter", &won, true),
                ("/opportunities?view=quarter", &open, true),
            ];
            for (path, name, within) in places {
                let page = app.get(&me, path).await;
                assert_eq!(page.has(name), within, "{what}: {path} before midnight");
            }
            assert_eq!(won_behind(app, &me, "/analysis?period=quarter", &won).await, 1, "{what}: analysis");
            assert_eq!(won_behind(app, &me, "/", &won).await, 1, "{what}: home");
            app.clock.advance(120);
            for (path, name, within) in places {
                let after = path.contains("view=quarter") || path.contains("this-quarter");
                let page = app.get(&me, path).await;
                let expected = if after { !within } else { within };
                assert_eq!(page.has(name), expected, "{what}: {path} after midnight");
            }
            assert_eq!(won_behind(app, &me, "/analysis?period=quarter", &won).await, 0, "{what}: analysis after");
            assert_eq!(won_behind(app, &me, "/analysis?period=last-quarter", &won).await, 1, "{what}: last quarter");
            assert_eq!(won_behind(app, &me, "/", &won).await, 0, "{what}: home after");
            // The next zone's deals are counted alone.
            app.execute("UPDATE opportunity SET deleted_at = 1").await;
        }
    });
}

async fn set_calendar(app: &TestApp, zone: &str, calendar: Calendar, start: i8) {
    let mut tx = app.db.write().await.expect("the database can be written");
    let text = "UPDATE organization SET zone = $1, fiscal_calendar = $2, fiscal_start_month = $3, config_version = config_version + 1";
    tx.execute(sql!(text, zone, calendar.key(), i64::from(start))).await.expect("settings");
    store_periods(&mut tx, calendar, start).await.expect("periods");
    tx.commit().await.expect("the database can be written");
}

/// How many deals of the name lie behind the figure of won deals on a page; the figure and its rows agree.
async fn won_behind(app: &TestApp, me: &Person, path: &str, name: &str) -> usize {
    let page = app.get(me, path).await;
    let mut behind = 0;
    for (href, count) in crate::analysis::counted(&page.body) {
        let is_won = href.contains("state%3Ais%3Awon&") && href.contains("closed_on") && !href.contains("owner");
        if !is_won {
            continue;
        }
        assert_eq!(crate::analysis::rows_behind(app, me, &href).await, count, "{path}: {href}");
        let viewer = app.viewer(me).await;
        let object = app.object("opportunity");
        let query = href.split_once('?').expect("a list has filters").1;
        let settled = settle(&viewer, object, Asks::parse(query), &[]).expect("a list");
        let today = viewer.config.today(app.clock.now());
        let query = ListQuery { limit: 50, ..settled.query };
        let question = Question { viewer: &viewer, object, query: &query, today };
        let mut session = app.db.read().await.expect("the database can be read");
        let found = question.page(&mut session).await.expect("a list");
        let has = found.rows.iter().any(|row| row.cells[0].text() == Some(name));
        behind = behind.max(usize::from(has));
    }
    behind
}

/// The rate in force is the last that has begun; before the first there is none.
#[test]
fn the_rate_of_a_day_is_the_last_that_has_begun() {
    on(Engine::Sqlite, async |app| {
        let mut dice = Dice::new(3);
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        let rates = dated_rates(app, &mut dice, today).await;
        let mut session = app.db.read().await.expect("the database can be read");
        let config = Config::load(&mut session).await.expect("settings").expect("an organisation");
        for day in today.0 - 500..today.0 + 20 {
            for (currency, _) in CURRENCIES {
                let begun = rates.iter().filter(|(of, from, ..)| *of == currency && *from <= day);
                let expected =
                    begun.max_by_key(|(_, from, ..)| *from).map(|rate| (Day(rate.1), Decimal::new(rate.2, rate.3)));
                assert_eq!(config.rate(currency, Day(day)), expected, "{currency} on {}", Day(day));
                let converted = config.to_base(1234, currency, Day(day));
                assert_eq!(converted.is_some(), currency == "CNY" || expected.is_some(), "{currency}");
            }
        }
    });
}

// -- what amounts are compared by ---------------------------------------------------------------------------------------

#[test]
fn amounts_in_several_currencies_are_filtered_and_sorted_by_what_they_are_worth() {
    on_both(async |app| {
        let pia = app.person("Pia Partner").role(Role::Partner).role(Role::Marketing).create().await;
        let token = app.api_token(&pia).await;
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        for (currency, rate, from) in
            [("USD", "7.1", -9), ("USD", "1", -400), ("USD", "20", 3), ("EUR", "7.8", 0), ("JPY", "0.0478", -1)]
        {
            let from = today.plus(from);
            app.execute(sql!("INSERT INTO fx_rate (currency, on_day, rate) VALUES ($1, $2, $3)", currency, from, rate))
                .await;
        }
        app.settings_changed().await;
        // Worth 5,736.00, 7,020.00, 7,050.00 and 7,100.00 in the base currency.
        let amounts = [("JPY", "120000"), ("EUR", "900"), ("CNY", "7050"), ("USD", "1000")];
        for (object, field) in [
            ("account", "annual_revenue"),
            ("lead", "estimated_amount"),
            ("product", "list_price"),
            ("opportunity", "amount"),
        ] {
            let is_deal = object == "opportunity";
            for (currency, amount) in amounts.into_iter().chain((!is_deal).then_some(("KWD", "9000"))) {
                let mut fields = vec![("name", currency), (field, amount), ("currency", currency)];
                if object == "product" {
                    fields.push(("code", currency));
                }
                if is_deal {
                    fields.push(("close_date", "2026-12-24"));
                }
                app.create(object, &pia, &fields).await;
            }
            let list = app.object(object).plural;
            let found = async |conditions: &str| {
                let (mut names, mut after) = (Vec::new(), String::new());
                loop {
                    let path = format!("/api/{list}?limit=2&fields=name{conditions}{after}");
                    let page = app.api(&token, Method::GET, &path, &[], None).await;
                    assert_eq!(page.status, 200, "{path}: {}", page.body);
                    let page = page.json();
                    let rows = page["data"].as_array().expect("records");
                    names.extend(rows.iter().map(|row| row["name"].as_str().expect("a name").to_owned()));
                    match page["next"].as_str() {
                        Some(next) => after = format!("&after={next}"),
                        None => return names.join(" "),
                    }
                }
            };
            // What has no rate has no known worth: it stands with what is empty.
            let (low, high) = if is_deal { ("", "") } else { ("KWD ", " KWD") };
            assert_eq!(found(&format!("&sort={field}")).await, format!("{low}JPY EUR CNY USD"), "{object}");
            assert_eq!(found(&format!("&sort=-{field}")).await, format!("USD CNY EUR JPY{high}"), "{object}");
            for (filter, expected) in [
                ("min:7020", "CNY EUR USD"),
                ("min:7020.01", "CNY USD"),
                ("max:7050", "CNY EUR JPY"),
                ("is:5736", "JPY"),
                ("is:7020|7100", "EUR USD"),
                ("is:900", ""),
                ("empty:", ""),
            ] {
                assert_eq!(found(&format!("&sort=name&f={field}:{filter}")).await, expected, "{object} {filter}");
            }
            assert_eq!(found(&format!("&f={field}:filled:")).await.len(), if is_deal { 15 } else { 19 }, "{object}");
            // The list says in which currency it compares; so does the form of the filter.
            let page = app.get(&pia, &format!("/{list}?view=none&f={field}:min:7020")).await;
            assert!(page.has("at least 7,020 CNY") && page.has(">EUR<") && !page.has(">JPY<"), "{}", page.body);
            let form = app.get(&pia, &format!("/{list}/filter?field={field}")).await;
            assert!(form.has("Value in CNY"), "{}", form.body);
        }
    });
}

#[test]
fn an_amount_that_is_worth_more_than_fits_is_found_and_sorted_all_the_same() {
    on_both(async |app| {
        let pia = app.person("Pia Partner").role(Role::Partner).create().await;
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        let rate = sql!("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('KWD', $1, '999999999')", today);
        app.execute(rate).await;
        app.settings_changed().await;
        for (name, amount) in [("Small", "1"), ("Enormous", "999999999999")] {
            let fields = [("name", name), ("annual_revenue", amount), ("currency", "KWD")];
            app.create("account", &pia, &fields).await;
        }
        let page = app.get(&pia, "/accounts?view=none&sort=-annual_revenue&f=annual_revenue:min:7000").await;
        let at = |name: &str| page.body.find(name).unwrap_or_else(|| panic!("{name}: {}", page.body));
        assert!(at("Enormous") < at("Small"), "{}", page.body);
    });
}
