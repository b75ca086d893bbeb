//! Who asks for which pages, and what they write.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use store::{Clock, Db, Session, Uuid, sql};
use trivet::shell::viewer::{SESSION_COOKIE, hash_token, new_token};

use super::browser::Ask;

/// What a client asks for, in turn.
pub enum Asks {
    /// Addresses that take turns.
    Pages(Vec<Ask>),
    /// A form: client and turn → what is sent, and what to do once it was taken.
    Form(Form, Taken),
}

pub type Form = Arc<dyn Fn(usize, usize) -> Ask + Send + Sync>;
pub type Taken = Arc<dyn Fn(usize) + Send + Sync>;

/// What a page is, as far as the goals tell pages apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    List,
    Record,
    Search,
    Other,
}

/// A page, or a form, of one person.
pub struct Page {
    pub who: &'static str,
    pub name: &'static str,
    pub kind: Kind,
    pub cookie: String,
    pub asks: Asks,
}

/// Signs people in and finds records to open: those of one seller, who is in the manager's team.
pub async fn pages(db: &Db) -> Result<Vec<Page>, String> {
    let people = [("partner", "admin@trivet.test"), ("manager", "manager0@load.test"), ("seller", "seller0@load.test")];
    let mut cookies = Vec::new();
    for (_, email) in people {
        cookies.push(sign_in(db, email).await.map_err(|error| error.to_string())?);
    }
    let mut session = db.read().await.map_err(|error| error.to_string())?;
    let records = Records::find(&mut session).await.map_err(|error| error.to_string())?;
    let mut pages = Vec::new();
    for ((who, _), cookie) in people.into_iter().zip(&cookies) {
        for (name, kind, paths) in records.paths() {
            let asks = Asks::Pages(paths.into_iter().map(Ask::Get).collect());
            pages.push(Page { who, name, kind, cookie: cookie.clone(), asks });
        }
    }
    let seller = cookies.pop().unwrap_or_default();
    pages.extend(records.forms().into_iter().map(|(name, asks)| Page {
        who: "seller",
        name,
        kind: Kind::Other,
        cookie: seller.clone(),
        asks,
    }));
    Ok(pages)
}

/// A session as after signing in; the cookie.
async fn sign_in(db: &Db, email: &str) -> store::Result<String> {
    let (token, now) = (new_token(), Clock::system().now());
    let mut tx = db.write().await?;
    tx.execute(sql!(
        "INSERT INTO session (token_hash, person_id, created_at, expires_at) SELECT $1, id, $2, $3 FROM person WHERE email = $4",
        hash_token(&token),
        now,
        now.plus_seconds(86_400),
        email
    ))
    .await?;
    tx.execute(sql!("UPDATE person SET state = 'active' WHERE email = $1", email)).await?;
    tx.commit().await?;
    Ok(format!("{SESSION_COOKIE}={token}"))
}

struct Records {
    deals: Vec<Uuid>,
    /// Open ones, to be changed, with their versions.
    open: Vec<(Uuid, i64)>,
    accounts: Vec<Uuid>,
    stages: Vec<Uuid>,
}

impl Records {
    async fn find(session: &mut Session) -> store::Result<Records> {
        let of = "owner_id = (SELECT id FROM person WHERE email = 'seller0@load.test') ORDER BY name_key";
        let deals = format!("SELECT id FROM opportunity WHERE {of} LIMIT 200");
        let open = format!("SELECT id, version FROM opportunity WHERE stage_kind = 'open' AND {of} LIMIT 200");
        let accounts = format!("SELECT id FROM account WHERE {of} LIMIT 200");
        let stages = "SELECT id FROM stage WHERE kind = 'open' ORDER BY pipeline_id, position LIMIT 3";
        let ids = |rows: Vec<(Uuid,)>| rows.into_iter().map(|(id,)| id).collect::<Vec<Uuid>>();
        Ok(Records {
            deals: ids(session.all(deals.as_str()).await?),
            open: session.all(open.as_str()).await?,
            accounts: ids(session.all(accounts.as_str()).await?),
            stages: ids(session.all(stages).await?),
        })
    }

    fn paths(&self) -> Vec<(&'static str, Kind, Vec<String>)> {
        let one = |path: &str| vec![path.to_owned()];
        let all = |plural: &str, ids: &[Uuid]| ids.iter().map(|id| format!("/{plural}/{id}")).collect();
        let words = ["north", "optics", "harbour glass", "renewal 77", "summit marine 4"];
        vec![
            ("guide", Kind::Other, one("/help")),
            ("deals", Kind::List, one("/opportunities")),
            ("deals by amount, open", Kind::List, one("/opportunities?f=state%3Ais%3Aopen&sort=-amount")),
            ("accounts", Kind::List, one("/accounts")),
            ("activities", Kind::List, one("/activities")),
            ("board", Kind::Other, one("/board")),
            ("a deal", Kind::Record, all("opportunities", &self.deals)),
            ("an account", Kind::Record, all("accounts", &self.accounts)),
            (
                "search",
                Kind::Search,
                words.iter().map(|word| format!("/search?q={}", word.replace(' ', "+"))).collect(),
            ),
            ("home", Kind::Other, one("/")),
            ("analysis", Kind::Other, one("/analysis")),
        ]
    }

    fn forms(&self) -> Vec<(&'static str, Asks)> {
        let nothing: Taken = Arc::new(|_| ());
        let deals = self.deals.clone();
        let log = move |client: usize, turn: usize| {
            let deal = deals[(client + turn) % deals.len()];
            let form = format!("kind=call&subject=Call+number+{turn}&opportunity={deal}");
            Ask::Post("/activities".into(), form)
        };
        // Half of the open deals are moved, the other half edited, so that nobody's version is outdated by the other form.
        let (moved, edited) = self.open.split_at(self.open.len() / 2);
        let (moved, stages) = (moved.to_vec(), self.stages.clone());
        let go = move |client: usize, turn: usize| {
            let (deal, _) = moved[client % moved.len()];
            let form = format!("stage={}&reason=measured", stages[turn % stages.len()]);
            Ask::Post(format!("/opportunities/{deal}/stage"), form)
        };
        let edited: Arc<Vec<(Uuid, AtomicI64)>> =
            Arc::new(edited.iter().map(|(id, version)| (*id, AtomicI64::new(*version))).collect());
        let saved = edited.clone();
        let edit = move |client: usize, turn: usize| {
            let (deal, version) = &edited[client % edited.len()];
            let version = version.load(Ordering::SeqCst);
            let form = format!("version={version}&next_step=Step+{turn}+of+version+{version}");
            Ask::Post(format!("/opportunities/{deal}/field/next_step"), form)
        };
        let count = move |client: usize| {
            saved[client % saved.len()].1.fetch_add(1, Ordering::SeqCst);
        };
        vec![
            ("log an activity", Asks::Form(Arc::new(log), nothing.clone())),
            ("move a deal", Asks::Form(Arc::new(go), nothing)),
            ("edit a field", Asks::Form(Arc::new(edit), Arc::new(count))),
        ]
    }
}
