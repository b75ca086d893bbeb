//! Converting a lead in the API.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Deserialize;
use store::Uuid;

use super::convert::{self, Deal, Party, Wish};
use super::objects::LEAD;
use crate::shell::api::operation::reference;
use crate::shell::api::records::change;
use crate::shell::api::{Answer, Api, Body, Ids, IfMatch, Operation, schema_of, shape};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

pub fn operations() -> Api {
    Api::new().operation(
        Operation::post("/api/leads/{id}/convert", "convertLead", "lead", "api-convert")
            .policy(Policy::Change("lead"))
            .conditional()
            .takes(schema_of::<Conversion>())
            .gives(200, reference("Lead"))
            .with_header("ETag"),
        convert_lead,
    )
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Conversion {
    #[serde(default)]
    account: Option<Uuid>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), extend("pattern" = shape::Lexis::Line.pattern()))]
    account_name: Option<String>,
    #[serde(default)]
    contact: Option<Uuid>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), extend("pattern" = shape::Lexis::Line.pattern()))]
    contact_name: Option<String>,
    #[serde(default)]
    opportunity: Option<Uuid>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), extend("pattern" = shape::Lexis::Line.pattern()))]
    opportunity_name: Option<String>,
    #[serde(default)]
    #[schemars(extend("pattern" = shape::Lexis::Amount.pattern(), "maxLength" = 20, "examples" = ["950.00"]))]
    opportunity_amount: Option<String>,
    #[serde(default)]
    #[schemars(extend("format" = "date"))]
    opportunity_close_date: Option<String>,
    #[serde(default)]
    opportunity_pipeline: Option<Uuid>,
}

/// POST /api/leads/{id}/convert · who may change the lead
async fn convert_lead(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let wish = read_conversion(body.read()?)?;
    change(&app, &viewer, &LEAD, id, &body.post, async |tx, actor, lead| {
        // What was converted already is said before the version, which that has changed.
        convert::check_open(lead.text("status"))?;
        let version = seen.within(lead.version)?;
        Ok(convert::convert(tx, actor, id, version, wish).await?.version)
    })
    .await
}

fn read_conversion(given: Conversion) -> Result<Wish> {
    let line = |key: &str, text: Option<String>| match text {
        Some(text) if !(1..=200).contains(&text.chars().count()) || !shape::Lexis::Line.matches(&text) => {
            Err(Error::malformed(key, "invalid-text"))
        }
        text => Ok(text),
    };
    let (account_name, contact_name) =
        (line("account_name", given.account_name)?, line("contact_name", given.contact_name)?);
    let deal_name = line("opportunity_name", given.opportunity_name)?;
    if given.opportunity_amount.as_deref().is_some_and(|text| !shape::Lexis::Amount.matches(text)) {
        return Err(Error::malformed("opportunity_amount", "invalid-amount-text"));
    }
    let of_deal = [
        ("name", deal_name),
        ("amount", given.opportunity_amount),
        ("close_date", given.opportunity_close_date),
        ("pipeline", given.opportunity_pipeline.map(|id| id.to_string())),
    ];
    let of_deal: BTreeMap<String, String> =
        of_deal.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?))).collect();
    // One that exists is not given another name here.
    let twice = [
        ("account_name", given.account.is_some() && account_name.is_some()),
        ("contact_name", given.contact.is_some() && contact_name.is_some()),
        ("opportunity_name", given.opportunity.is_some() && !of_deal.is_empty()),
    ];
    if let Some((key, _)) = twice.into_iter().find(|(_, twice)| *twice) {
        return Err(Error::field(key, "invalid-new-or-existing"));
    }
    Ok(Wish {
        account: given.account.map_or(Party::New(account_name), Party::Existing),
        contact: given.contact.map_or(Party::New(contact_name), Party::Existing),
        deal: match given.opportunity {
            Some(id) => Deal::Existing(id),
            None if of_deal.is_empty() => Deal::None,
            None => Deal::New(of_deal),
        },
    })
}
