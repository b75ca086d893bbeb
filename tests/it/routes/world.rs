//! What a call is about: ids for the names in its path, of something of its own that it may change.

use std::collections::BTreeMap;

use serde_json::json;
use store::{Uuid, new_id, sql};
use trivet::shell::record::{Object, command};
use trivet::shell::routes::{Policy, RouteInfo};
use trivet::shell::viewer::{hash_token, new_token};
use trivet::system::people::session_key;

use super::{Caller, Trial};

impl Trial<'_> {
    /// What stands for the names in the path: something of its own for every call that may change it.
    pub async fn ids(&mut self, caller: Caller, route: &RouteInfo) -> BTreeMap<&'static str, String> {
        self.number += 1;
        let (app, path) = (self.app, route.path.as_str());
        let me = match caller {
            Caller::Of(role) => self.people[&role].id,
            _ => self.maker.id,
        };
        let stage = app.stage("Proposal").await.to_string();
        let mut ids = BTreeMap::from([("field", "name".to_owned()), ("chapter", "start".into()), ("stage", stage)]);
        ids.insert("person", self.owner.id.to_string());
        ids.insert("file", "accounts.csv".into());
        let id = match path {
            _ if path.starts_with("/people/{id}") || path.starts_with("/api/people/{id}") => {
                app.person(&format!("Spare {}", self.number)).create().await.id
            }
            _ if path.trim_start_matches("/api").starts_with("/settings/") => {
                self.setting(path.trim_start_matches("/api"), &mut ids).await
            }
            _ if path.starts_with("/imports/mappings") || path.starts_with("/api/import-mappings/{id}") => {
                let id = new_id(&app.clock);
                app.execute(sql!("INSERT INTO import_mapping (id, version, name, object, mapping, owner_id, created_at) VALUES ($1, 1, 'Mine', 'account', '', $2, 0)", id, me)).await;
                id
            }
            _ if path.starts_with("/imports/{id}") || path.starts_with("/api/imports/{id}") => {
                self.import(caller).await
            }
            _ if path.contains("/bulk-jobs/{id}") => {
                let order =
                    json!({ "object": "account", "via": "page", "dry_run": true, "from": "", "what": { "Undo": me } });
                let mut tx = app.db.write().await.expect("the database can be written");
                let id = store::job::enqueue(&mut tx, &app.clock, "bulk", &order.to_string(), Some(me)).await;
                tx.commit().await.expect("the database can be written");
                id.expect("the job is queued")
            }
            "/me/tokens/{id}/revocation" | "/api/me/tokens/{id}" => {
                let id = new_id(&app.clock);
                app.execute(sql!("INSERT INTO api_token (id, person_id, name, token_hash, scopes, created_at) VALUES ($1, $2, 'mine', $3, 'read', 0)", id, me, new_token())).await;
                id
            }
            "/api/me/sessions/{id}" => {
                let hash = hash_token(&new_token());
                app.execute(sql!(
                    "INSERT INTO session (token_hash, person_id, created_at, expires_at) VALUES ($1, $2, 0, $3)",
                    &hash,
                    me,
                    app.clock.now().plus_seconds(86_400)
                ))
                .await;
                session_key(&hash)
            }
            _ if path.contains("/views/{id}") => {
                let id = new_id(&app.clock);
                let object = self.object_of(path).map_or("account", |object| object.name);
                app.execute(sql!("INSERT INTO saved_view (id, version, object, name, owner_id, audience, query, columns, is_default, created_at) VALUES ($1, 1, $4, 'Mine', $2, 'private', '', '', $3, 0)", id, me, false, object)).await;
                if let (Caller::Of(role), true) = (caller, path.ends_with("/restoration")) {
                    let gone =
                        app.post_form(&self.people[&role], &format!("/views/{id}/removal"), &[("version", "1")]).await;
                    assert!(matches!(gone.status.as_u16(), 303 | 404), "{}", gone.body);
                }
                id
            }
            _ => match self.object_of(path).filter(|_| path.contains("{id}")) {
                Some(object) => self.record(object, path, &mut ids).await,
                None => Uuid::from_u128(7),
            },
        };
        if path.contains("{token}") {
            let token = new_token();
            let person = app.person(&format!("Invited {}", self.number)).create().await.id;
            app.execute(sql!("UPDATE person SET state = 'invited' WHERE id = $1", person)).await;
            app.execute(sql!(
                "INSERT INTO invitation (token_hash, person_id, created_at, expires_at) VALUES ($1, $2, 0, $3)",
                hash_token(&token),
                person,
                i64::MAX
            ))
            .await;
            ids.insert("token", token);
        }
        ids.insert("id", id.to_string());
        ids.insert("object", "opportunity".into());
        ids
    }

    /// A record of somebody else, in the trash when it is to come out of it, with the parts that the path names.
    async fn record(&self, object: &'static Object, path: &str, ids: &mut BTreeMap<&'static str, String>) -> Uuid {
        let (app, owner) = (self.app, self.owner.id.to_string());
        let code = format!("N-{}", self.number);
        let all = [("name", "Target"), ("subject", "Target"), ("kind", "note"), ("code", code.as_str())];
        let more = [("list_price", "1"), ("close_date", "2026-12-01"), ("owner", owner.as_str())];
        let fields: Vec<_> = all.into_iter().chain(more).filter(|(key, _)| object.field(key).is_some()).collect();
        let id = app.create(object.name, &self.maker, &fields).await;
        ids.insert("field", object.title.to_owned());
        let of_file = path.contains("/files/{file}");
        if of_file {
            let file = crate::files::added(app, &self.maker, object, id, "offer.txt", b"An offer").await;
            ids.insert("file", file.to_string());
            if path.contains("restoration") {
                app.execute(sql!("UPDATE attachment SET deleted_at = 1 WHERE subject_id = $1", id)).await;
            }
        }
        if path.contains("restoration") && !of_file {
            let actor = app.actor(&self.maker).await;
            let mut tx = app.db.write().await.expect("the database can be written");
            command::set_deleted(&mut tx, &actor, object, id, true).await.expect("to the trash");
            tx.commit().await.expect("the database can be written");
        }
        if path.contains("/items") {
            let product =
                app.create("product", &self.maker, &[("name", "Lamp"), ("code", &code), ("list_price", "9")]).await;
            ids.insert("product", product.to_string());
            let item = new_id(&app.clock);
            app.execute(sql!("INSERT INTO line_item (id, version, opportunity_id, product_id, quantity, unit_price, discount, amount, position) VALUES ($1, 1, $2, $3, 1000, 900, 0, 900, 0)", item, id, product)).await;
            ids.insert("item", item.to_string());
        }
        if path.contains("/committee") {
            let contact = app.create("contact", &self.maker, &[("name", "Target"), ("owner", &owner)]).await;
            ids.insert("contact", contact.to_string());
            if path.contains("/{contact}") {
                app.execute(sql!(
                    "INSERT INTO opportunity_contact (opportunity_id, contact_id) VALUES ($1, $2)",
                    id,
                    contact
                ))
                .await;
            }
        }
        if path.contains("/team/{person}") {
            app.execute(sql!("INSERT INTO account_team (account_id, person_id) VALUES ($1, $2)", id, self.owner.id))
                .await;
        }
        if path.contains("/shares/{person}") {
            app.execute(sql!("INSERT INTO record_share (object, record_id, person_id, may_write, created_at) VALUES ($1, $2, $3, $4, 0)", object.name, id, self.owner.id, true)).await;
        }
        let criterion = app.criterion().await;
        ids.insert("criterion", criterion.to_string());
        if path.contains("/evidence/{criterion}") {
            let given = "INSERT INTO evidence (opportunity_id, criterion_id, note, at) VALUES ($1, $2, 'So far', 0)";
            app.execute(sql!(given, id, criterion)).await;
        }
        id
    }

    /// A pipeline, stage or price list of its own.
    async fn setting(&self, path: &str, ids: &mut BTreeMap<&'static str, String>) -> Uuid {
        let (app, id) = (self.app, new_id(&self.app.clock));
        if path.starts_with("/settings/price") {
            app.execute(sql!("INSERT INTO price_list (id, version, name, currency) VALUES ($1, 1, 'List', 'CNY')", id))
                .await;
            return id;
        }
        app.execute(sql!("INSERT INTO pipeline (id, version, name, position) VALUES ($1, 1, 'Other', 9)", id)).await;
        let stages = [("Open", "open", 10), ("Further", "open", 50), ("Won", "won", 100), ("Lost", "lost", 0)];
        let mut made = Vec::new();
        for (position, (name, kind, probability)) in stages.into_iter().enumerate() {
            let stage = new_id(&app.clock);
            app.execute(sql!("INSERT INTO stage (id, version, pipeline_id, name, position, kind, probability) VALUES ($1, 1, $2, $3, $4, $5, $6)", stage, id, name, position as i64, kind, probability)).await;
            made.push(stage.to_string());
        }
        app.settings_changed().await;
        ids.insert("first_stage", made[0].clone());
        ids.insert("all_stages", made.join(" "));
        if path.starts_with("/settings/stages") { made[0].parse().expect("an id") } else { id }
    }

    /// A checked file of the caller's own, if they may bring one in; else somebody else's.
    async fn import(&self, caller: Caller) -> Uuid {
        let mine = match caller {
            Caller::Of(role) if self.allowed(caller, Policy::Create("account")) => &self.people[&role],
            _ => &self.maker,
        };
        let answer =
            crate::import::upload(self.app, mine, "account", "file.csv", b"Name,Employees\nAcme,3\nBeta,many\n").await;
        answer.location().rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{}", answer.body))
    }
}
