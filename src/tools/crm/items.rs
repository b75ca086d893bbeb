//! Line items: what a deal is made of. Whenever one changes, the deal's amount becomes their sum, in the same
//! transaction; an amount typed after that stands until then; the last cent is where it belongs because each line is rounded once.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use store::{Cell, Session, Tx, Uuid, new_id, sql};

use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format::LARGEST_AMOUNT;
use crate::shell::prices;
use crate::shell::record::command::{self, Known};
use crate::shell::record::{Actor, Draft, Loaded, Object};

/// A line as shown.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Item {
    pub id: Uuid,
    pub version: i64,
    pub product_id: Uuid,
    pub product: String,
    /// Thousandths: 1500 is 1.5.
    pub quantity: i64,
    pub unit_price: i64,
    /// Hundredths of a percent.
    pub discount: i64,
    pub amount: i64,
}

/// quantity × unit price × (1 − discount), rounded half away from zero to the minor unit.
///
/// Errors: `None` when it does not fit into an amount.
pub fn line_amount(quantity: i64, unit_price: i64, discount: i64) -> Option<i64> {
    let gross = Decimal::from(quantity).checked_mul(Decimal::from(unit_price))?;
    let net = gross.checked_mul(Decimal::from(10_000 - discount))? / Decimal::from(10_000_000);
    net.round_dp_with_strategy(0, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
        .to_i64()
        .filter(|amount| amount.abs() <= LARGEST_AMOUNT)
}

const OF_DEAL: &str = "
    SELECT i.id, i.version, i.product_id, p.name AS product, i.quantity, i.unit_price, i.discount, i.amount
      FROM line_item i JOIN product p ON p.id = i.product_id
     WHERE i.opportunity_id = $1 ORDER BY i.position, i.id";

/// The lines of a deal that the caller has shown to be visible.
pub async fn of_deal(session: &mut Session, deal: Uuid) -> Result<Vec<Item>> {
    Ok(session.all(sql!(OF_DEAL, deal)).await?)
}

/// The single line of an imported deal that names its product.
pub(super) async fn insert_one(tx: &mut Tx, actor: &Actor, deal: Uuid, product: Uuid, amount: i64) -> Result<()> {
    insert(tx, actor, deal, product, 1000, amount, 0, amount, 0).await
}

#[expect(clippy::too_many_arguments, reason = "one row: each part is its own column")]
async fn insert(
    tx: &mut Tx,
    actor: &Actor,
    deal: Uuid,
    product: Uuid,
    quantity: i64,
    unit_price: i64,
    discount: i64,
    amount: i64,
    position: i64,
) -> Result<()> {
    tx.execute(sql!(
        "INSERT INTO line_item (id, version, opportunity_id, product_id, quantity, unit_price, discount, amount, position) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8)",
        new_id(&actor.clock),
        deal,
        product,
        quantity,
        unit_price,
        discount,
        amount,
        position
    ))
    .await?;
    Ok(())
}

/// What somebody asks for in a line. Quantity in thousandths, discount in hundredths of a percent; without a price that of the deal's price list counts.
#[derive(Debug, Clone)]
pub struct Ask {
    pub product: Uuid,
    pub quantity: i64,
    pub unit_price: Option<i64>,
    pub discount: i64,
}

/// The deal, if the actor may say what it is made of: who does not see its amount knows of no lines.
async fn load(tx: &mut Tx, actor: &Actor, deal_object: &'static Object, deal: Uuid) -> Result<Loaded> {
    let loaded = command::load_for_write(tx, actor, deal_object, deal).await?;
    if actor.viewer.sees(deal_object, "amount") { Ok(loaded) } else { Err(Error::Forbidden) }
}

/// Adds a line and sets the deal's amount to the sum of its lines. Returns the deal's new version.
pub async fn add(
    tx: &mut Tx,
    actor: &Actor,
    deal_object: &'static Object,
    deal: Uuid,
    version: Option<i64>,
    ask: Ask,
) -> Result<i64> {
    let loaded = load(tx, actor, deal_object, deal).await?;
    let (unit_price, amount) = priced(tx, actor, &loaded, &ask, true).await?;
    let position: i64 =
        tx.value(sql!("SELECT COUNT(*) FROM line_item WHERE opportunity_id = $1", deal)).await?.unwrap_or(0);
    insert(tx, actor, deal, ask.product, ask.quantity, unit_price, ask.discount, amount, position).await?;
    settle(tx, actor, deal_object, &loaded, version).await
}

/// The unit price that counts, and what the line comes to. The product of a new line must be there; that of a line that stands may
/// lie in the trash, as long as nobody asks for its price.
async fn priced(tx: &mut Tx, actor: &Actor, deal: &Loaded, ask: &Ask, is_new: bool) -> Result<(i64, i64)> {
    if ask.quantity <= 0 {
        return Err(Error::field("quantity", "invalid-quantity"));
    }
    if !(0..=10_000).contains(&ask.discount) {
        return Err(Error::Invalid(vec![FieldError::new("discount", "invalid-range").with("min", 0).with("max", 100)]));
    }
    let found = match is_new || ask.unit_price.is_none() {
        true => {
            let (currency, list) = (deal.text("currency"), deal.id_of("price_list"));
            Some(prices::price_of(tx, ask.product, currency, list, actor.today).await?)
        }
        false => None,
    };
    let unit_price = match ask.unit_price {
        Some(price) => price,
        None => found.flatten().ok_or_else(|| Error::field("unit_price", "invalid-no-price"))?,
    };
    let amount = line_amount(ask.quantity, unit_price, ask.discount)
        .ok_or_else(|| Error::field("quantity", "invalid-amount-range"))?;
    Ok((unit_price, amount))
}

/// One line of a deal that the caller has shown to be visible.
pub async fn find(session: &mut Session, deal: Uuid, item: Uuid) -> Result<Item> {
    of_deal(session, deal).await?.into_iter().find(|line| line.id == item).ok_or(Error::NotFound)
}

/// Gives a line another quantity, price or discount; its product stays. The deal's amount follows. The line must be
/// as `seen`: whoever looked at another one is told (409).
pub async fn change(
    tx: &mut Tx,
    actor: &Actor,
    deal_object: &'static Object,
    deal: Uuid,
    seen: &Item,
    ask: Ask,
) -> Result<()> {
    let loaded = load(tx, actor, deal_object, deal).await?;
    let (unit_price, amount) = priced(tx, actor, &loaded, &ask, false).await?;
    if (ask.quantity, unit_price, ask.discount) == (seen.quantity, seen.unit_price, seen.discount) {
        return Ok(());
    }
    let touched = tx
        .execute(sql!(
            "UPDATE line_item SET version = version + 1, quantity = $4, unit_price = $5, discount = $6, amount = $7 WHERE id = $1 AND opportunity_id = $2 AND version = $3",
            seen.id,
            deal,
            seen.version,
            ask.quantity,
            unit_price,
            ask.discount,
            amount
        ))
        .await?;
    if touched == 0 {
        return Err(Error::Refused { status: 409, key: "error-conflict" });
    }
    settle(tx, actor, deal_object, &loaded, None).await?;
    Ok(())
}

pub async fn remove(
    tx: &mut Tx,
    actor: &Actor,
    deal_object: &'static Object,
    deal: Uuid,
    version: Option<i64>,
    item: Uuid,
) -> Result<i64> {
    let loaded = load(tx, actor, deal_object, deal).await?;
    if tx.execute(sql!("DELETE FROM line_item WHERE id = $1 AND opportunity_id = $2", item, deal)).await? == 0 {
        return Err(Error::NotFound);
    }
    settle(tx, actor, deal_object, &loaded, version).await
}

/// The deal's amount becomes the sum of its lines. Returns the deal's new version.
async fn settle(
    tx: &mut Tx,
    actor: &Actor,
    deal_object: &'static Object,
    deal: &Loaded,
    version: Option<i64>,
) -> Result<i64> {
    // Added up here: the engines' own SUM fails beyond 64 bits instead of saying so.
    let amounts: Vec<(i64,)> = tx.all(sql!("SELECT amount FROM line_item WHERE opportunity_id = $1", deal.id)).await?;
    let sum: i128 = amounts.iter().map(|(amount,)| i128::from(*amount)).sum();
    let sum = i64::try_from(sum).ok().filter(|sum| sum.abs() <= LARGEST_AMOUNT);
    let sum = sum.ok_or_else(|| Error::field("quantity", "invalid-amount-range"))?;
    let mut told = Draft::default();
    told.event_kind = Some("items");
    let mut draft = told.clone();
    draft.set("amount", Cell::Int(sum));
    let prepared = command::prepare_change(tx, actor, deal_object, deal, version, draft, &mut Known::default()).await?;
    // Where the sum is what it was, the deal is made of something else all the same.
    command::write_change(tx, actor, deal_object, deal, &prepared.unwrap_or(told)).await
}

#[cfg(test)]
mod tests {
    use super::line_amount;

    #[test]
    fn a_line_is_rounded_once_to_the_cent() {
        assert_eq!(line_amount(1500, 3333, 0), Some(5000)); // 1.5 × 33.33 = 49.995
        assert_eq!(line_amount(3000, 1000, 3333), Some(2000)); // 3 × 10.00 − 33.33 %
        assert_eq!(line_amount(i64::MAX, i64::MAX, 0), None);
    }
}
