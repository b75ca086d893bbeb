//! Which column is probably which field: by the field's key, its label in either language, and the names that other
//! programs and people give it.

use std::collections::{BTreeMap, BTreeSet};

use paper::sheet::Row;

use super::model::{Column, DecimalSign, Mapping, is_number};
use crate::shell::format::currency_named;
use crate::shell::i18n::Locale;
use crate::shell::record::{Field, Kind, Object, Write};

/// Field key → names in use elsewhere, already folded.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("name", &["名称", "fullname", "displayname"]),
    ("subject", &["title", "topic", "task", "summary", "主题", "标题", "任务", "内容"]),
    (
        "company",
        &[
            "companyname",
            "account",
            "accountname",
            "customer",
            "customername",
            "organization",
            "organisation",
            "公司",
            "公司名称",
            "单位",
            "企业",
            "企业名称",
            "客户",
            "客户名称",
        ],
    ),
    (
        "account",
        &[
            "accountname",
            "company",
            "companyname",
            "customer",
            "customername",
            "associatedcompany",
            "organization",
            "organizationname",
            "organisation",
            "organisationname",
            "客户",
            "客户名称",
            "公司",
            "公司名称",
            "企业",
            "企业名称",
            "所属客户",
        ],
    ),
    (
        "contact",
        &[
            "contactname",
            "primarycontact",
            "associatedcontact",
            "maincontact",
            "联系人",
            "联系人姓名",
            "客户联系人",
            "主要联系人",
        ],
    ),
    ("industry", &["sector", "branch", "vertical", "行业", "所属行业", "行业类别"]),
    (
        "employees",
        &[
            "numberofemployees",
            "headcount",
            "employeecount",
            "staff",
            "noofemployees",
            "员工数",
            "员工人数",
            "人数",
            "人员规模",
            "公司规模",
        ],
    ),
    ("annual_revenue", &["revenue", "turnover", "sales", "annualsales", "年收入", "年营业额", "营业收入", "年销售额"]),
    ("founded_year", &["yearestablished", "founded", "yearfounded", "成立年份", "成立时间"]),
    ("country", &["officelocation", "billingcountry", "mailingcountry", "国家", "国家地区"]),
    ("province", &["state", "region", "billingstate", "省", "省份"]),
    ("city", &["town", "billingcity", "mailingcity", "城市", "市"]),
    ("address", &["street", "billingstreet", "mailingstreet", "streetaddress", "地址", "详细地址"]),
    ("website", &["url", "web", "homepage", "domain", "companydomainname", "官网", "网址", "网站"]),
    ("credit_code", &["unifiedsocialcreditcode", "taxid", "taxnumber", "统一社会信用代码", "信用代码", "税号"]),
    ("parent", &["parentaccount", "subsidiaryof", "parentcompany", "上级客户", "上级公司", "母公司"]),
    (
        "owner",
        &[
            "accountowner",
            "opportunityowner",
            "dealowner",
            "leadowner",
            "contactowner",
            "salesagent",
            "salesrep",
            "assignedto",
            "owneremail",
            "rep",
            "seller",
            "salesperson",
            "accountmanager",
            "负责人",
            "所有人",
            "销售人员",
            "销售负责人",
            "客户经理",
            "销售",
            "业务员",
            "跟进人",
        ],
    ),
    (
        "external_id",
        &[
            "id",
            "externalid",
            "recordid",
            "opportunityid",
            "accountid",
            "contactid",
            "leadid",
            "编号",
            "外部编号",
            "客户编号",
        ],
    ),
    ("email", &["mail", "emailaddress", "邮箱", "电子邮箱", "电子邮件"]),
    (
        "mobile",
        &["mobilephone", "cell", "cellphone", "mobileno", "mobilenumber", "手机", "手机号", "手机号码", "移动电话"],
    ),
    (
        "phone",
        &[
            "telephone",
            "phonenumber",
            "tel",
            "businessphone",
            "phoneno",
            "telno",
            "电话",
            "联系电话",
            "座机",
            "固定电话",
        ],
    ),
    ("wechat", &["wechatid", "weixin", "微信", "微信号"]),
    ("job_title", &["title", "position", "role", "jobrole", "职位", "职务", "岗位"]),
    ("department", &["dept", "部门"]),
    ("buying_role", &["contactrole", "决策角色", "角色"]),
    (
        "stage",
        &["dealstage", "opportunitystage", "salesstage", "phase", "pipelinestage", "阶段", "销售阶段", "商机阶段"],
    ),
    (
        "amount",
        &[
            "value",
            "dealvalue",
            "dealamount",
            "closevalue",
            "amt",
            "price",
            "dealsize",
            "opportunityamount",
            "tcv",
            "金额",
            "商机金额",
            "预计金额",
            "合同金额",
            "预计成交金额",
            "预计销售金额",
            "销售金额",
            "成交金额",
            "合同额",
        ],
    ),
    ("estimated_amount", &["amount", "value", "budget", "amt", "estimatedvalue", "金额", "预计金额", "预算"]),
    ("currency", &["currencycode", "currencyisocode", "ccy", "curr", "币种", "货币", "币别"]),
    (
        "close_date",
        &[
            "expectedclosedate",
            "closingdate",
            "expectedclose",
            "close",
            "closing",
            "estclose",
            "estclosedate",
            "estimatedclosedate",
            "targetclosedate",
            "预计成交日期",
            "预计成交日",
            "预计成交时间",
            "预计签约日期",
            "预计签单日期",
            "预计签单时间",
            "预计签约时间",
            "预计结单日期",
        ],
    ),
    (
        "closed_on",
        &[
            "dateclosed",
            "actualclosedate",
            "closeddate",
            "closedwondate",
            "成交日期",
            "赢单日期",
            "签约日期",
            "签单日期",
            "结束日期",
        ],
    ),
    (
        "created_on",
        &["cameinon", "createdate", "createddate", "createdat", "engagedate", "datecreated", "创建日期", "创建时间"],
    ),
    // Other programs let people write why; what is no choice here would be refused.
    (
        "lost_note",
        &["lossreason", "closedlostreason", "reasonlost", "lossnote", "丢单原因", "失败原因", "输单说明", "丢单说明"],
    ),
    ("probability", &["winprobability", "likelihood", "prob", "赢率", "成功率", "成交概率", "概率"]),
    ("source", &["leadsource", "origin", "channel", "来源", "线索来源", "客户来源", "渠道"]),
    ("status", &["leadstatus", "state", "状态"]),
    ("description", &["notes", "note", "comments", "comment", "remark", "remarks", "desc", "备注", "描述", "说明"]),
    ("body", &["notes", "note", "description", "content", "text", "内容", "备注", "跟进内容"]),
    ("price_list", &["pricebook", "pricelist", "价目表", "价格手册"]),
    ("next_step", &["nextaction", "nextactivity", "下一步"]),
    ("code", &["sku", "productcode", "itemcode", "product", "产品编码", "产品编号", "编码"]),
    ("family", &["series", "productfamily", "category", "产品系列", "系列", "分类"]),
    ("list_price", &["price", "salesprice", "unitprice", "标准价", "标价", "单价", "价格"]),
    ("unit", &["uom", "单位"]),
    ("due_date", &["due", "deadline", "duedate", "截止日期", "到期日"]),
    ("happened_at", &["date", "time", "datetime", "activitydate", "日期", "时间", "跟进时间"]),
    ("kind", &["type", "activitytype", "类型", "跟进方式"]),
    ("duration_minutes", &["duration", "minutes", "时长"]),
    ("product", &["item", "productname", "产品", "产品名称"]),
    // As the field was called before: files of that time come back.
    ("office", &["办公室"]),
    ("manager", &["reportsto", "supervisor", "上级", "直属上级", "经理"]),
];

/// What the records of a kind are called is what they are named by.
const TITLES: &[(&str, &[&str])] = &[
    (
        "account",
        &[
            "accountname",
            "company",
            "companyname",
            "customer",
            "customername",
            "organization",
            "organizationname",
            "organisation",
            "organisationname",
            "公司",
            "公司名称",
            "公司全称",
            "企业",
            "企业名称",
            "客户名称",
            "客户全称",
        ],
    ),
    ("contact", &["contactname", "fullname", "姓名", "联系人", "联系人姓名", "客户联系人"]),
    ("lead", &["leadname", "fullname", "contactname", "姓名", "联系人", "联系人姓名", "线索名称"]),
    (
        "opportunity",
        &["opportunityname", "deal", "dealname", "title", "project", "projectname", "商机名称", "项目", "项目名称"],
    ),
    ("product", &["productname", "item", "itemname", "title", "产品名称"]),
    ("person", &["fullname", "employee", "employeename", "姓名", "员工姓名"]),
];

/// Names in two columns, and how they are put together.
const FIRST_NAMES: &[&str] = &["firstname", "givenname", "forename", "名"];
const LAST_NAMES: &[&str] = &["lastname", "surname", "familyname", "姓", "姓氏"];

/// Lower case without spaces and signs: "E-Mail Address" and "email_address" are the same.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// The heading without a unit or remark in brackets behind it. One that multiplies stays: whoever maps "金额（万元）" has to say so.
fn without_remark(heading: &str) -> &str {
    let heading = heading.trim();
    let Some((name, remark)) = with_remark(heading) else { return heading };
    let is_currency = currency_named(remark, "").is_some();
    let remark = remark.to_lowercase();
    let multiplies = ["万", "千", "百", "亿", "k", "m", "thousand", "1000", "'000", ",000", "bn"];
    if name.trim().is_empty() || (!is_currency && multiplies.iter().any(|sign| remark.contains(sign))) {
        return heading;
    }
    name
}

/// A heading, and the remark in brackets behind it.
fn with_remark(heading: &str) -> Option<(&str, &str)> {
    let (name, remark) = heading.split_once(['(', '（', '['])?;
    Some((name, remark.trim_end_matches([')', '）', ']']).trim()))
}

/// The fields a file may fill.
pub fn fields(object: &'static Object) -> impl Iterator<Item = &'static Field> {
    object.fields.iter().filter(|field| field.write != Write::Never)
}

/// How well a heading names a field; 0: not at all.
fn fit(object: &Object, field: &Field, heading: &str) -> u8 {
    if heading == folded(field.key) {
        return 4;
    }
    if Locale::ALL.iter().any(|locale| folded(&locale.text(&object.label_key(field))) == heading) {
        return 3;
    }
    if field.key == object.title {
        let called = Locale::ALL.iter().any(|locale| folded(&locale.text(object.name)) == heading);
        let titles = TITLES.iter().find(|(name, _)| *name == object.name).map_or(&[][..], |(_, titles)| titles);
        if called || titles.contains(&heading) {
            return 2;
        }
    }
    let known = |of: &str| SYNONYMS.iter().find(|(key, _)| *key == of).map_or(&[][..], |(_, names)| names);
    match known(field.key).iter().position(|name| *name == heading) {
        Some(0..=2) => 2,
        Some(_) => 1,
        // A kind that knows one number only.
        None if field.key == "mobile" && object.field("phone").is_none() => {
            u8::from(heading == "phone" || known("phone").contains(&heading))
        }
        None => 0,
    }
}

/// Fills the columns that say nothing yet.
pub fn columns(object: &'static Object, headers: &[String], columns: &mut BTreeMap<String, Column>) {
    let mut taken: Vec<String> = columns.values().map(|column| column.field.clone()).collect();
    let mut fits: Vec<(u8, usize, &'static Field)> = Vec::new();
    for (at, header) in headers.iter().enumerate().filter(|(_, header)| !columns.contains_key(*header)) {
        let heading = folded(without_remark(header));
        for field in fields(object) {
            match fit(object, field, &heading) {
                0 => {}
                fit => fits.push((fit, at, field)),
            }
        }
    }
    // The best fit first, so that "Company" goes to the field of that name before it goes to a synonym.
    fits.sort_by_key(|(fit, at, _)| (std::cmp::Reverse(*fit), *at));
    for (_, at, field) in fits {
        if !columns.contains_key(&headers[at]) && !taken.iter().any(|key| key == field.key) {
            taken.push(field.key.to_owned());
            columns.insert(headers[at].clone(), Column { field: field.key.into(), ..Column::default() });
        }
    }
    for header in headers {
        columns.entry(header.clone()).or_default();
    }
}

/// Names that stand in two columns are put together, where none holds the whole.
pub fn whole_name(object: &'static Object, headers: &[String], mapping: &mut Mapping) {
    let is_filled = mapping.columns.values().any(|column| column.field == object.title);
    if object.title != "name" || is_filled || mapping.defaults.contains_key(object.title) {
        return;
    }
    let says = |header: &&String, names: &[&str]| names.contains(&folded(without_remark(header)).as_str());
    let column = |names: &[&str]| headers.iter().find(|header| says(header, names) && !header.contains(['{', '}']));
    if let (Some(first), Some(last)) = (column(FIRST_NAMES), column(LAST_NAMES)) {
        let whole = if last.is_ascii() { format!("{{{first}}} {{{last}}}") } else { format!("{{{last}}}{{{first}}}") };
        mapping.defaults.insert(object.title.to_owned(), whole);
    }
}

/// "Amount (USD)": what the headings of the amounts say of their currency holds for all rows that do not say it themselves. `own`:
/// the company's currency.
pub fn currency(object: &'static Object, own: &str, mapping: &mut Mapping) {
    let is_amount = |column: &Column| object.field(&column.field).is_some_and(|field| field.kind == Kind::Money);
    let headings = mapping.columns.iter().filter(|(_, column)| is_amount(column)).map(|(heading, _)| heading);
    let named = headings.filter_map(|heading| currency_named(with_remark(heading)?.1, own));
    let mut named: BTreeSet<String> = named.collect();
    if let (1, Some(only)) = (named.len(), named.pop_first()) {
        mapping.defaults.entry("currency".into()).or_insert(only);
    }
}

/// What stands before the decimals in a file, told by the cells that leave no doubt: `1234,50` and `1.234,50` do, `1,234` does not.
pub fn decimal_sign(object: &'static Object, headers: &[String], rows: &[Row], mapping: &Mapping) -> DecimalSign {
    let fills_number = |header: &String| {
        let column = mapping.columns.get(header);
        column.and_then(|column| object.field(&column.field)).is_some_and(is_number)
    };
    let numbers = headers.iter().enumerate().filter(|(_, header)| fills_number(header)).map(|(at, _)| at);
    let mut told = numbers.flat_map(|at| rows.iter().filter_map(move |row| sign_in(row.cells.get(at)?))).peekable();
    if told.peek().is_some() && told.all(|sign| sign == DecimalSign::Comma) {
        DecimalSign::Comma
    } else {
        DecimalSign::Point
    }
}

fn sign_in(cell: &str) -> Option<DecimalSign> {
    let (sign, other) = match (cell.rfind(','), cell.rfind('.')) {
        (Some(comma), Some(point)) if comma < point => return Some(DecimalSign::Point),
        (Some(_), Some(_)) => return Some(DecimalSign::Comma),
        (Some(_), None) => (DecimalSign::Comma, DecimalSign::Point),
        (None, Some(_)) => (DecimalSign::Point, DecimalSign::Comma),
        (None, None) => return None,
    };
    let parts: Vec<&str> = cell.split([',', '.']).collect();
    let [before, after] = parts.as_slice() else { return Some(other) };
    let whole: String = before.chars().skip_while(|c| !c.is_ascii_digit()).collect();
    let decimals = after.chars().take_while(char::is_ascii_digit).count();
    let may_be_thousands = decimals == 3 && whole.len() <= 3 && !whole.starts_with('0');
    (!whole.is_empty() && decimals > 0 && !may_be_thousands).then_some(sign)
}

/// The fields that can tell which record a row belongs to.
pub fn may_be_key(field: &Field) -> bool {
    !field.is_virtual()
        && matches!(
            field.key,
            "name" | "external_id" | "email" | "code" | "credit_code" | "mobile" | "phone" | "subject"
        )
        && !matches!(field.kind, Kind::Ref(_))
}

/// What probably tells records apart: an id of the other program, an address, a code, at last the name.
pub fn key(object: &Object, mapping: &Mapping) -> Option<String> {
    let mapped = |key: &str| mapping.columns.values().any(|column| column.field == key);
    let by_name = matches!(object.name, "account" | "product");
    ["external_id", "credit_code", "code", "email"]
        .into_iter()
        .chain(by_name.then_some("name"))
        .find(|key| object.field(key).is_some() && mapped(key))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::crm::REGISTRY;

    #[test]
    fn headings_of_other_programs_in_both_languages_are_recognised() {
        let guess = |object: &str, headers: &[&str]| {
            let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
            let mut found = BTreeMap::new();
            columns(REGISTRY.get(object).unwrap(), &headers, &mut found);
            headers.iter().map(|header| found[header].field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            guess("account", &["Company Name", "Sector", "Number of employees", "Parent Account", "Favourite colour"]),
            ["name", "industry", "employees", "parent", ""]
        );
        assert_eq!(guess("contact", &["姓名", "公司名称", "手机号", "E-Mail"]), ["name", "account", "mobile", "email"]);
        assert_eq!(
            guess("opportunity", &["Deal", "Amt", "Close", "Rep", "Prob"]),
            ["name", "amount", "close_date", "owner", "probability"]
        );
        assert_eq!(
            guess("opportunity", &["商机名称", "金额（元）", "预计成交日期", "客户经理", "Close Date (expected)"]),
            ["name", "amount", "", "owner", "close_date"]
        );
        assert_eq!(guess("opportunity", &["金额（万元）", "Amount (CNY)", "Amount (k)"]), ["", "amount", ""]);
        assert_eq!(guess("opportunity", &["Amount (RMB)", "金额（万美元）"]), ["amount", ""]);
        assert_eq!(guess("account", &["公司名称", "员工人数", "Close"]), ["name", "employees", ""]);
        assert_eq!(guess("account", &["Company", "Name"]), ["", "name"]);
        assert_eq!(guess("account", &["Customer", "Staff"]), ["name", "employees"]);
        assert_eq!(guess("contact", &["Company", "Contact"]), ["account", "name"]);
        assert_eq!(guess("lead", &["Name", "Company", "Title"]), ["name", "company", "job_title"]);
        // As the programs most in use export them.
        assert_eq!(
            guess("opportunity", &["Opportunity Name", "Account Name", "Close Date", "Created Date", "Loss Reason"]),
            ["name", "account", "close_date", "created_on", "lost_note"]
        );
        assert_eq!(
            guess("opportunity", &["Record ID", "Deal Name", "Company name", "Deal Stage", "Closed Lost Reason"]),
            ["external_id", "name", "account", "stage", "lost_note"]
        );
        assert_eq!(
            guess("opportunity", &["商机名称", "客户名称", "客户联系人", "预计销售金额", "预计签单日期"]),
            ["name", "account", "contact", "amount", "close_date"]
        );
        assert_eq!(
            guess("contact", &["First Name", "Last Name", "Account Name", "Associated Company", "Title"]),
            ["", "", "account", "", "job_title"]
        );
        assert_eq!(guess("contact", &["姓名", "联系电话", "手机号"]), ["name", "phone", "mobile"]);
        assert_eq!(guess("lead", &["客户名称", "联系人", "电话"]), ["company", "name", "mobile"]);
        assert_eq!(guess("contact", &["Title", "Name", "Job Title"]), ["", "name", "job_title"]);
        // As Trivet itself called them before, and calls them now.
        assert_eq!(guess("lead", &["Name", "Came in on"]), ["name", "created_on"]);
        assert_eq!(guess("lead", &["Name", "Received on"]), ["name", "created_on"]);
        assert_eq!(guess("activity", &["Kind", "Minutes"]), ["kind", "duration_minutes"]);
        assert_eq!(guess("activity", &["Type", "Duration (minutes)"]), ["kind", "duration_minutes"]);
        assert_eq!(guess("product", &["产品名称", "标价"]), ["name", "list_price"]);
        assert_eq!(guess("product", &["产品名称", "标准价"]), ["name", "list_price"]);
        assert_eq!(guess("person", &["姓名", "办公室"]), ["name", "office"]);
        assert_eq!(guess("person", &["姓名", "办公地点"]), ["name", "office"]);
    }

    #[test]
    fn a_currency_in_the_heading_of_an_amount_holds_for_its_rows() {
        let currency_of = |object: &str, own: &str, headers: &[&str]| {
            let object = REGISTRY.get(object).unwrap();
            let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
            let mut mapping = Mapping::new(object);
            columns(object, &headers, &mut mapping.columns);
            currency(object, own, &mut mapping);
            mapping.defaults.get("currency").cloned()
        };
        assert_eq!(currency_of("opportunity", "CNY", &["Deal", "Amount (USD)"]).as_deref(), Some("USD"));
        assert_eq!(currency_of("opportunity", "CNY", &["商机名称", "金额（美元）"]).as_deref(), Some("USD"));
        assert_eq!(currency_of("opportunity", "CNY", &["商机名称", "金额（元）"]).as_deref(), Some("CNY"));
        assert_eq!(currency_of("product", "HKD", &["Product", "Price ($)"]).as_deref(), Some("HKD"));
        assert_eq!(currency_of("lead", "CNY", &["Name", "Budget [€]"]).as_deref(), Some("EUR"));
        assert_eq!(currency_of("opportunity", "CNY", &["Deal", "Amount (expected)"]), None);
        assert_eq!(currency_of("opportunity", "CNY", &["Deal (USD)", "Amount"]), None);
    }

    #[test]
    fn cells_that_leave_no_doubt_tell_the_sign_before_decimals() {
        let object = REGISTRY.get("opportunity").unwrap();
        let sign_of = |cells: &[&str]| {
            let headers = ["Deal".to_owned(), "Amount".to_owned()];
            let mut mapping = Mapping::new(object);
            columns(object, &headers, &mut mapping.columns);
            let row = |(at, cell): (usize, &&str)| Row {
                number: at as u64 + 2,
                cells: vec!["Rollout 1,5".to_owned(), (*cell).to_owned()],
            };
            let rows: Vec<Row> = cells.iter().enumerate().map(row).collect();
            decimal_sign(object, &headers, &rows, &mapping)
        };
        for comma in [&["1234,50"][..], &["1.234,50 €", "1.000"], &["1.234.567"], &["", "0,5"], &["12,5 €", "7"]] {
            assert_eq!(sign_of(comma), DecimalSign::Comma, "{comma:?}");
        }
        for point in [&["1234.50"][..], &["1,234"], &["1.234"], &["1,234,567"], &["1234,50", "12.5"], &["a, b"], &[]] {
            assert_eq!(sign_of(point), DecimalSign::Point, "{point:?}");
        }
    }

    #[test]
    fn a_name_in_two_columns_is_put_together_unless_one_holds_it() {
        let whole = |object: &str, headers: &[&str]| {
            let object = REGISTRY.get(object).unwrap();
            let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
            let mut mapping = Mapping::new(object);
            columns(object, &headers, &mut mapping.columns);
            whole_name(object, &headers, &mut mapping);
            mapping.defaults.get("name").cloned()
        };
        assert_eq!(whole("contact", &["First Name", "Last Name"]).as_deref(), Some("{First Name} {Last Name}"));
        assert_eq!(whole("lead", &["名", "姓（必填）", "公司"]).as_deref(), Some("{姓（必填）}{名}"));
        let outlook = ["Title", "First Name", "Last Name", "Company", "Job Title"];
        assert_eq!(whole("contact", &outlook).as_deref(), Some("{First Name} {Last Name}"));
        assert_eq!(whole("contact", &["{First Name}", "Last Name"]), None);
        assert_eq!(whole("contact", &["First Name", "Last Name", "Full Name"]), None);
        assert_eq!(whole("contact", &["First Name", "Account Name"]), None);
        assert_eq!(whole("account", &["First Name", "Last Name", "Company"]), None);
    }

    #[test]
    fn no_field_is_given_to_two_columns() {
        let headers = ["Name".to_owned(), "Account name".to_owned()];
        let mut found = BTreeMap::new();
        columns(REGISTRY.get("account").unwrap(), &headers, &mut found);
        assert_eq!(found["Name"].field, "name");
        assert_eq!(found["Account name"].field, "");
    }
}
