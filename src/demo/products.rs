//! The seven products of the set.

use super::Edition;
use super::maven;
use super::sheet::Sheet;
use super::words::Words;

/// Yuan per dollar in the Chinese edition; the mappings say the same with `scale = "7"`.
const YUAN: i64 = 7;

pub struct Product {
    pub code: String,
    pub name: String,
    pub family: String,
    /// In the currency of the edition.
    pub list_price: i64,
    /// Worth a business case and a contract review.
    pub sizeable: bool,
    unit: String,
}

pub fn products(edition: Edition, words: &Words) -> Vec<Product> {
    let product = |row: maven::Product| Product {
        name: words.products[&row.product].name.clone(),
        unit: words.products[&row.product].unit.clone(),
        family: row.series,
        list_price: local(row.sales_price, edition),
        sizeable: row.sales_price > 3000,
        code: row.product,
    };
    maven::rows(maven::PRODUCTS).into_iter().map(product).collect()
}

/// Dollars of the set in whole units of the edition's currency.
pub fn local(dollars: i64, edition: Edition) -> i64 {
    match edition {
        Edition::English => dollars,
        Edition::Chinese => dollars * YUAN,
    }
}

pub fn supplement(products: &[Product]) -> Sheet {
    let mut sheet = Sheet::new(&["code", "name", "unit"]);
    for product in products {
        sheet.row([&product.code, &product.name, &product.unit]);
    }
    sheet
}
