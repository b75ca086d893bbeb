//! What a product costs in a currency: what the deal's price list says, else the newest list in force in that currency, else the
//! product itself, if it is priced in that currency. New deals, their lines and the choice of a product all ask here.

use store::{Day, Session, Sql, Uuid, sql};

use super::error::{Error, Result};

/// Appends the price of the product `t`; NULL: it has none in this currency.
pub fn push_price(statement: &mut Sql, currency: &str, list: Option<Uuid>, today: Day) {
    let today = today.0;
    statement.push(
        "COALESCE((SELECT pp.amount FROM price pp JOIN price_list pl ON pl.id = pp.price_list_id
                    WHERE pp.product_id = t.id AND pl.deleted_at IS NULL AND pl.currency = ",
    );
    statement.bind(currency).push(" AND (pl.id = ").bind(list).push(&format!(
        " OR ((pl.from_day IS NULL OR pl.from_day <= {today}) AND (pl.to_day IS NULL OR pl.to_day >= {today})))
           ORDER BY CASE WHEN pl.id = "
    ));
    statement.bind(list).push(" THEN 0 ELSE 1 END, pl.from_day DESC NULLS LAST, pl.id DESC LIMIT 1)");
    statement.push(", CASE WHEN t.currency = ").bind(currency).push(" THEN t.list_price END)");
}

/// The price of one product.
///
/// Errors: when it is not there.
pub async fn price_of(
    session: &mut Session,
    product: Uuid,
    currency: &str,
    list: Option<Uuid>,
    today: Day,
) -> Result<Option<i64>> {
    let mut statement = Sql::new("SELECT ");
    push_price(&mut statement, currency, list, today);
    statement.push(" FROM product t WHERE t.deleted_at IS NULL AND t.id = ").bind(product);
    session.value(statement).await?.ok_or_else(|| Error::field("product", "invalid-reference"))
}

/// What a price list says of a product.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Listed {
    pub list: Uuid,
    pub name: String,
    pub currency: String,
    pub from_day: Option<Day>,
    pub to_day: Option<Day>,
    pub price: i64,
}

const OF_PRODUCT: &str = "
    SELECT l.id AS list, l.name, l.currency, l.from_day, l.to_day, p.amount AS price
      FROM price p JOIN price_list l ON l.id = p.price_list_id
     WHERE p.product_id = $1 AND l.deleted_at IS NULL ORDER BY l.currency, l.from_day DESC NULLS LAST, l.id";

/// What a product, which the caller has shown to be visible, costs by list.
pub async fn of_product(session: &mut Session, product: Uuid) -> Result<Vec<Listed>> {
    Ok(session.all(sql!(OF_PRODUCT, product)).await?)
}
