//! What a product costs by price list, in the API.

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use store::{Day, Uuid};

use super::objects::PRODUCT;
use crate::shell::api::{Answer, Api, Ids, Operation, schema_of};
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::prices::{self, Listed};
use crate::shell::record::query;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

/// In force from the first day to the last; open ends are null.
#[derive(Serialize, schemars::JsonSchema)]
struct ListPrice {
    price_list: Uuid,
    price_list_label: String,
    currency: String,
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    #[schemars(extend("format" = "date"))]
    to: Option<String>,
    price: String,
}

#[derive(Serialize, schemars::JsonSchema)]
struct ListPrices {
    data: Vec<ListPrice>,
}

pub fn operations() -> Api {
    const OF: &str = "product";
    Api::new().operation(
        Operation::get("/api/products/{id}/prices", "listProductPrices", OF, "api-product-prices")
            .policy(Policy::Read(OF))
            .gives(200, schema_of::<ListPrices>()),
        list,
    )
}

fn shown(listed: Listed) -> ListPrice {
    let text = |day: Option<Day>| day.map(|day| day.to_string());
    ListPrice {
        price_list: listed.list,
        price_list_label: listed.name,
        from: text(listed.from_day),
        to: text(listed.to_day),
        price: format::plain_amount(listed.price, &listed.currency),
        currency: listed.currency,
    }
}

/// GET /api/products/{id}/prices · who reads products
async fn list(State(app): State<App>, viewer: Viewer, Ids([product]): Ids<1>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    query::find(&mut session, &viewer, &PRODUCT, product).await?;
    let listed = prices::of_product(&mut session, product).await?;
    Ok(Answer::ok(json!(ListPrices { data: listed.into_iter().map(shown).collect() })))
}
