//! Line items: what a deal is made of. Whenever one changes, the deal's amount becomes their sum, in the same
//! transaction; an amount typed after that stands until then; the last cent is where it belongs because each line is rounded once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use store::event::{self, Recorded};
use store::{Cell, Session, Tx, Uuid, new_id, sql};

use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format::{self, LARGEST_AMOUNT, Unread};
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

impl Item {
    /// `1.5`
    pub fn quantity_text(&self) -> String {
        Decimal::new(self.quantity, 3).normalize().to_string()
    }

    /// In percent: `12.5`.
    pub fn discount_text(&self) -> String {
        Decimal::new(self.discount, 2).normalize().to_string()
    }

    /// What the line says of its product, in the texts that [`Ask::read`] reads.
    pub fn texts(&self, currency: &str) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("quantity".to_owned(), self.quantity_text()),
            ("unit_price".to_owned(), format::plain_amount(self.unit_price, currency)),
            ("discount".to_owned(), self.discount_text()),
        ])
    }
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
    product: Uuid,
    quantity: i64,
    unit_price: Option<i64>,
    discount: i64,
}

/// In thousandths, as a line keeps it.
const QUANTITY: RangeInclusive<i64> = 1..=999_999_999_999;

/// In hundredths of a percent.
const DISCOUNT: RangeInclusive<i64> = 0..=10_000;

impl Ask {
    /// Reads a line from the texts of a form or a call; its price is in the deal's currency. Nobody asks for a line in another way,
    /// so that people and programs are held to the same.
    pub fn read(given: &BTreeMap<String, String>, currency: &str) -> Result<Ask> {
        let text = |key: &str| given.get(key).map_or("", |text| text.trim());
        let mut errors = Vec::new();
        let product = text("product").parse::<Uuid>().ok();
        if product.is_none() {
            errors.push(FieldError::new("product", "invalid-required"));
        }
        let mut number = |key: &str, digits: &str, places: u32, bounds: RangeInclusive<i64>, otherwise: FieldError| {
            errors.push(match scaled(digits, places) {
                Ok(number) if bounds.contains(&number) => return Some(number),
                Err(Unread::Separators) => FieldError::separators(key, text(key)),
                _ => otherwise,
            });
            None
        };
        let quantity = number("quantity", text("quantity"), 3, QUANTITY, no_quantity());
        let discount = match text("discount") {
            "" => Some(0),
            percent => number("discount", percent.strip_suffix('%').unwrap_or(percent), 2, DISCOUNT, no_discount()),
        };
        let unit_price = match text("unit_price") {
            "" => Some(None),
            price => match format::parse_amount(price, currency) {
                Ok(price) => Some(Some(price)),
                Err(unread) => {
                    errors.push(FieldError::no_amount("unit_price", price, currency, unread));
                    None
                }
            },
        };
        match (product, quantity, unit_price, discount) {
            (Some(product), Some(quantity), Some(unit_price), Some(discount)) => {
                Ok(Ask { product, quantity, unit_price, discount })
            }
            _ => Err(Error::Invalid(errors)),
        }
    }
}

/// A quantity that is none, or too large.
pub fn no_quantity() -> FieldError {
    FieldError::new("quantity", "invalid-quantity")
}

/// A discount that is none.
pub fn no_discount() -> FieldError {
    FieldError::new("discount", "invalid-range").with("min", 0).with("max", 100)
}

/// A number with up to `places` decimals as a whole number of its smallest part: `1.5` with 3 places → 1500.
fn scaled(text: &str, places: u32) -> Result<i64, Unread> {
    let number = format::parse_number(text)?;
    let scaled = number.checked_mul(Decimal::from(10u64.pow(places))).filter(|scaled| scaled.fract().is_zero());
    scaled.and_then(|scaled| scaled.to_i64()).ok_or(Unread::Number)
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
    let lines = of_deal(tx, deal).await?;
    let version = held_against(tx, deal_object, &loaded, &lines, version).await?;
    let (unit_price, amount) = priced(tx, actor, &loaded, &ask, true).await?;
    let position = lines.len() as i64;
    insert(tx, actor, deal, ask.product, ask.quantity, unit_price, ask.discount, amount, position).await?;
    settle(tx, actor, deal_object, &loaded, version).await
}

/// The version that a line more or less is held against. None where the deal's amount is what its lines come to: what others did to
/// them meanwhile stays, and the sum counts anew. An amount that somebody typed meanwhile is not replaced unseen, and a price that was
/// typed in one currency is none in another.
async fn held_against(
    tx: &mut Tx,
    deal_object: &'static Object,
    deal: &Loaded,
    lines: &[Item],
    version: Option<i64>,
) -> Result<Option<i64>> {
    let Some(seen) = version.filter(|version| *version != deal.version) else { return Ok(version) };
    let sum: i128 = lines.iter().map(|line| i128::from(line.amount)).sum();
    if i128::from(deal.int("amount").unwrap_or(0)) != sum {
        return Ok(version);
    }
    // Oldest first: the first change tells what the person saw.
    let since = event::of_subject(tx, deal_object.name, deal.id, seen, 500).await?;
    let turned = since.iter().rev().flat_map(Recorded::changes).find(|change| change.field == "currency");
    let has_turned = turned.is_some_and(|change| change.old.as_str() != deal.get("currency").text());
    Ok(version.filter(|_| has_turned))
}

/// The unit price that counts, and what the line comes to. The product of a new line must be there; that of a line that stands may
/// lie in the trash, as long as nobody asks for its price.
async fn priced(tx: &mut Tx, actor: &Actor, deal: &Loaded, ask: &Ask, is_new: bool) -> Result<(i64, i64)> {
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
    let lines = of_deal(tx, deal).await?;
    let version = held_against(tx, deal_object, &loaded, &lines, version).await?;
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
    use std::collections::BTreeMap;

    use store::Uuid;

    use super::{Ask, Item, line_amount};
    use crate::shell::error::Error;

    fn read(quantity: &str, unit_price: &str, discount: &str) -> Result<(i64, Option<i64>, i64), Vec<String>> {
        let texts = [("quantity", quantity), ("unit_price", unit_price), ("discount", discount)];
        let mut given: BTreeMap<String, String> =
            texts.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
        given.insert("product".into(), Uuid::from_u128(7).to_string());
        match Ask::read(&given, "CNY") {
            Ok(ask) => Ok((ask.quantity, ask.unit_price, ask.discount)),
            Err(Error::Invalid(errors)) => Err(errors.into_iter().map(|error| error.field).collect()),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn a_line_is_read_within_its_bounds() {
        assert_eq!(read("2", "", ""), Ok((2000, None, 0)));
        assert_eq!(read(" 1,234.5 ", "¥1.2万", "12.5 %"), Ok((1_234_500, Some(1_200_000), 1250)));
        assert_eq!(read("999999999.999", "0", "100"), Ok((999_999_999_999, Some(0), 10_000)));
        for quantity in ["", "0", "-1", "0.0001", "1000000000", "1,5", "3%", "many"] {
            assert_eq!(read(quantity, "1", "0"), Err(vec!["quantity".into()]), "{quantity}");
        }
        for discount in ["-1", "100.01", "101", "0.125", "1,5", "10%%"] {
            assert_eq!(read("1", "1", discount), Err(vec!["discount".into()]), "{discount}");
        }
        // Everything that is wrong is said at once.
        let all = ["quantity", "discount", "unit_price"].map(str::to_owned);
        assert_eq!(read("0", "cheap", "101"), Err(all.into()));
    }

    #[test]
    fn a_line_is_read_back_from_what_it_says() {
        let (id, product_id) = (Uuid::from_u128(1), Uuid::from_u128(7));
        let line = Item {
            id,
            version: 1,
            product_id,
            product: String::new(),
            quantity: 1_234_567,
            unit_price: -98_765_432_100,
            discount: 1234,
            amount: 0,
        };
        let texts = line.texts("CNY");
        let said = read(&texts["quantity"], &texts["unit_price"], &texts["discount"]);
        assert_eq!(said, Ok((line.quantity, Some(line.unit_price), line.discount)));
    }

    #[test]
    fn a_line_is_rounded_once_to_the_cent() {
        assert_eq!(line_amount(1500, 3333, 0), Some(5000)); // 1.5 × 33.33 = 49.995
        assert_eq!(line_amount(3000, 1000, 3333), Some(2000)); // 3 × 10.00 − 33.33 %
        assert_eq!(line_amount(i64::MAX, i64::MAX, 0), None);
    }
}
