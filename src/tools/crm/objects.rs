//! The kinds of record of the CRM, field by field. `lifecycle`, stages and statuses have fixed meanings; everything a user
//! reads about a field (label, hint, choices) is in `locales/*/crm.ftl` under `{object}-{field}`.

use crate::shell::record::{Field, Found, Kind, Object, Registry, nothing_after};
use crate::system::people;

use super::{account, activity, lead, opportunity, standing, visibility};

pub static REGISTRY: Registry =
    Registry { objects: &[&LEAD, &ACCOUNT, &CONTACT, &OPPORTUNITY, &ACTIVITY, &TASK, &PRODUCT, &PERSON] };

pub const INDUSTRIES: &[&str] = &[
    "technology",
    "medical",
    "retail",
    "software",
    "entertainment",
    "marketing",
    "telecommunications",
    "finance",
    "employment",
    "services",
    "manufacturing",
    "energy",
    "education",
    "government",
    "logistics",
    "other",
];
pub const SOURCES: &[&str] =
    &["website", "referral", "event", "advertising", "partner", "outbound", "content", "other"];
pub const BUYING_ROLES: &[&str] =
    &["decision_maker", "economic_buyer", "champion", "influencer", "user", "gatekeeper", "blocker"];
pub const LIFECYCLES: &[&str] = &["prospect", "customer", "loyal", "former"];
pub const LOST_REASONS: &[&str] =
    &["price", "product", "timing", "competitor", "no_budget", "no_decision", "relationship", "other"];
pub const LEAD_STATUSES: &[&str] = &["new", "working", "qualified", "unqualified", "converted"];
pub const CONSENTS: &[&str] = &["unknown", "given", "withdrawn"];
pub const ACTIVITY_KINDS: &[&str] = &["call", "meeting", "visit", "mail", "note"];

const TEXT: Kind = Kind::Text { max: 200 };
const SHORT: Kind = Kind::Text { max: 80 };

const fn name_field() -> Field {
    Field::new("name", TEXT).required().listed().sorted_by("name_key").found(Found::ByName)
}
const fn owner_field() -> Field {
    Field::new("owner", Kind::Ref("person")).column("owner_id").listed().quick().always_shown()
}
const fn external_id() -> Field {
    Field::new("external_id", SHORT).found(Found::ByText)
}
const fn created_at() -> Field {
    Field::new("created_at", Kind::Instant).computed().sorted()
}
const fn updated_at() -> Field {
    Field::new("updated_at", Kind::Instant).computed().sorted()
}
/// The import that made the record.
const fn import() -> Field {
    Field::new("import", Kind::Ref("import")).column("import_id").computed()
}
const fn currency() -> Field {
    Field::new("currency", Kind::Currency).always_shown()
}

pub static ACCOUNT: Object = Object {
    name: "account",
    plural: "accounts",
    table: "account",
    title: "name",
    icon: "building",
    hint: "city",
    account: "id",
    default_sort: "name",
    fields: &[
        name_field(),
        Field::new("industry", Kind::Choice(INDUSTRIES)).listed().quick(),
        Field::new("lifecycle", Kind::Choice(LIFECYCLES)).listed().hinted(),
        Field::new("country", SHORT),
        Field::new("province", SHORT),
        Field::new("city", SHORT).listed().quick(),
        Field::new("address", TEXT),
        Field::new("employees", Kind::Integer { min: 0, max: 10_000_000 }).listed().sorted(),
        Field::new("annual_revenue", Kind::Money).sorted(),
        currency(),
        Field::new("website", Kind::Url),
        Field::new("phone", Kind::Phone).quick().found(Found::ByPrivateNumber),
        Field::new("credit_code", Kind::CreditCode).hinted().found(Found::ByText),
        Field::new("founded_year", Kind::Integer { min: 1000, max: 2100 }),
        Field::new("parent", Kind::Ref("account")).column("parent_id"),
        Field::new("source", Kind::Choice(SOURCES)),
        external_id(),
        owner_field(),
        Field::new("description", Kind::LongText).found(Found::ByText),
        created_at(),
        updated_at(),
        import(),
    ],
    visible: visibility::account,
    beforehand: None,
    prepare: account::prepare,
    after_save: nothing_after,
    alike: &[&["name"]],
    hung: &["account_team x WHERE x.account_id"],
    is_ticked: false,
    views: &[
        ("all", ""),
        ("mine", "f=owner:is:me"),
        ("customers", "f=lifecycle:is:customer|loyal"),
        ("prospects", "f=lifecycle:is:prospect"),
        ("recent", "sort=-updated_at"),
    ],
};

pub static CONTACT: Object = Object {
    name: "contact",
    plural: "contacts",
    table: "contact",
    title: "name",
    icon: "address-book",
    hint: "account",
    account: "account",
    default_sort: "name",
    fields: &[
        name_field(),
        Field::new("account", Kind::Ref("account")).column("account_id").listed().quick(),
        Field::new("job_title", SHORT).listed().quick().found(Found::ByText),
        Field::new("department", SHORT),
        Field::new("buying_role", Kind::Choice(BUYING_ROLES)).listed().quick(),
        Field::new("email", Kind::Email).listed().quick().found(Found::ByPrivateText),
        Field::new("mobile", Kind::Phone).listed().quick().found(Found::ByPrivateNumber),
        Field::new("phone", Kind::Phone).quick().found(Found::ByPrivateNumber),
        Field::new("wechat", SHORT).quick().found(Found::ByPrivateText),
        // What the person said as a lead goes along: who may not know the one does not see the other.
        Field::new("consent", Kind::Choice(CONSENTS)).hinted().reads(&[("lead", "consent")]),
        Field::new("consent_on", Kind::Date).column("consent_day").reads(&[("lead", "consent_on")]),
        external_id(),
        owner_field(),
        Field::new("description", Kind::LongText).found(Found::ByText),
        created_at(),
        updated_at(),
        import(),
    ],
    visible: visibility::contact,
    beforehand: None,
    prepare: account::prepare_contact,
    after_save: activity::after_contact,
    alike: &[&["email"], &["name", "account"]],
    hung: &[
        "opportunity_contact x JOIN opportunity o ON o.id = x.opportunity_id AND o.deleted_at IS NULL WHERE x.contact_id",
    ],
    is_ticked: false,
    views: &[("all", ""), ("mine", "f=owner:is:me"), ("deciders", "f=buying_role:is:decision_maker|economic_buyer")],
};

pub static LEAD: Object = Object {
    name: "lead",
    plural: "leads",
    table: "lead",
    title: "name",
    icon: "user-search",
    hint: "company",
    account: "converted_account",
    default_sort: "-created_on",
    fields: &[
        name_field(),
        Field::new("company", TEXT).listed().quick().found(Found::ByName),
        Field::new("status", Kind::Choice(LEAD_STATUSES)).listed().always_shown(),
        Field::new("source", Kind::Choice(SOURCES)).listed().quick(),
        Field::new("interest", TEXT).listed().quick().found(Found::ByText),
        Field::new("estimated_amount", Kind::Money).listed().sorted(),
        currency(),
        Field::new("job_title", SHORT),
        Field::new("email", Kind::Email).quick().found(Found::ByPrivateText),
        Field::new("mobile", Kind::Phone).quick().found(Found::ByPrivateNumber),
        Field::new("industry", Kind::Choice(INDUSTRIES)),
        Field::new("country", SHORT),
        Field::new("city", SHORT),
        Field::new("consent", Kind::Choice(CONSENTS)).hinted(),
        Field::new("consent_on", Kind::Date).column("consent_day"),
        Field::new("disqualify_reason", TEXT).only_while("status", &["unqualified"]),
        Field::new("created_on", Kind::Date).column("created_day").on_create().listed().sorted().always_shown(),
        external_id(),
        owner_field(),
        Field::new("description", Kind::LongText).found(Found::ByText),
        Field::new("converted_account", Kind::Ref("account")).column("converted_account_id").computed(),
        Field::new("converted_contact", Kind::Ref("contact")).column("converted_contact_id").computed(),
        Field::new("converted_opportunity", Kind::Ref("opportunity")).column("converted_opportunity_id").computed(),
        created_at(),
        updated_at(),
        import(),
    ],
    visible: visibility::lead,
    beforehand: None,
    prepare: lead::prepare,
    after_save: nothing_after,
    alike: &[&["email"], &["name", "company"]],
    hung: &[],
    is_ticked: false,
    views: &[
        ("open", "f=status:is:new|working|qualified"),
        ("mine", "f=owner:is:me&f=status:is:new|working|qualified"),
        ("new", "f=status:is:new"),
        ("all", ""),
    ],
};

pub static OPPORTUNITY: Object = Object {
    name: "opportunity",
    plural: "opportunities",
    table: "opportunity",
    title: "name",
    icon: "target-arrow",
    hint: "stage owner",
    account: "account",
    default_sort: "close_date",
    fields: &[
        name_field(),
        Field::new("account", Kind::Ref("account")).column("account_id").listed().quick(),
        Field::new("stage", Kind::Ref("stage")).column("stage_id").listed().quick().always_shown(),
        // Why a deal begins further on although nothing speaks for it yet.
        Field::new("reason", Kind::Text { max: 500 }).virtual_input().on_create().when_asked().always_shown(),
        Field::new("state", Kind::Choice(&["open", "won", "lost"])).column("stage_kind").computed().always_shown(),
        Field::new("pipeline", Kind::Ref("pipeline")).column("pipeline_id").on_create().always_shown(),
        Field::new("amount", Kind::Money).listed().quick().sorted_by("amount_base"),
        currency().quick(),
        // The same amount again: who may not know the one does not see the other.
        Field::new("amount_base", Kind::BaseMoney).computed().sorted().reads(&[("opportunity", "amount")]),
        Field::new("price_list", Kind::Ref("price_list")).column("price_list_id").quick().hinted(),
        Field::new("probability", Kind::Percent).hinted(),
        Field::new("close_date", Kind::Date).column("close_day").required().listed().sorted(),
        Field::new("next_step", TEXT).listed().quick().found(Found::ByText),
        Field::new("next_step_date", Kind::Date).column("next_step_day").sorted(),
        Field::new("contact", Kind::Ref("contact")).column("contact_id"),
        Field::new("source", Kind::Choice(SOURCES)),
        Field::new("competitors", TEXT).found(Found::ByText),
        Field::new("lost_reason", Kind::Choice(LOST_REASONS)).only_while("state", &["lost"]),
        Field::new("lost_note", TEXT).only_while("state", &["lost"]),
        Field::new("created_on", Kind::Date).column("created_day").on_create().sorted().always_shown(),
        Field::new("closed_on", Kind::Date)
            .column("closed_day")
            .only_while("state", &["won", "lost"])
            .sorted()
            .always_shown(),
        Field::new("product", Kind::Ref("product")).virtual_input().on_create(),
        // For deals taken over: the day on which the stage was entered, and the open stage they were closed from.
        Field::new("moved_on", Kind::Date).virtual_input(),
        Field::new("reached_stage", Kind::Ref("stage")).virtual_input().on_create(),
        Field::filter_only(
            "segment",
            Kind::Choice(INDUSTRIES),
            standing::segment,
            &[("account", "industry"), ("opportunity", "account")],
        ),
        Field::filter_only("furthest_stage", Kind::Ref("stage"), standing::furthest_stage, &[("opportunity", "stage")]),
        Field::filter_only("waiting_stage", Kind::Ref("stage"), standing::waiting_stage, &[("opportunity", "stage")]),
        Field::filter_only("at_risk", Kind::Bool, standing::at_risk, standing::RISK_READS),
        external_id(),
        owner_field(),
        Field::new("description", Kind::LongText).found(Found::ByText),
        Field::new("lead", Kind::Ref("lead")).column("lead_id").computed(),
        Field::new("stage_since", Kind::Instant).computed().sorted(),
        created_at(),
        updated_at(),
        import(),
    ],
    visible: visibility::opportunity,
    beforehand: None,
    prepare: opportunity::prepare,
    after_save: opportunity::after_save,
    alike: &[],
    hung: &["opportunity_contact x WHERE x.opportunity_id", "evidence x WHERE x.opportunity_id"],
    is_ticked: false,
    views: &[
        ("open", "f=state:is:open"),
        ("mine", "f=owner:is:me&f=state:is:open"),
        ("team", "f=owner:is:team&f=state:is:open"),
        ("quarter", "f=state:is:open&f=close_date:within:this-quarter"),
        ("overdue", "f=state:is:open&f=close_date:within:overdue"),
        ("won", "f=state:is:won&sort=-closed_on"),
        ("lost", "f=state:is:lost&sort=-closed_on"),
        ("all", "sort=-updated_at"),
    ],
};

pub static ACTIVITY: Object = Object {
    name: "activity",
    plural: "activities",
    table: "activity",
    title: "subject",
    icon: "activity",
    hint: "account",
    account: "account",
    default_sort: "-happened_at",
    fields: &[
        Field::new("kind", Kind::Choice(ACTIVITY_KINDS)).required().listed(),
        Field::new("subject", TEXT).required().listed().found(Found::ByName),
        Field::new("happened_at", Kind::Instant).listed().quick().sorted().always_shown(),
        Field::new("account", Kind::Ref("account")).column("account_id").listed().quick(),
        Field::new("opportunity", Kind::Ref("opportunity")).column("opportunity_id").listed().quick(),
        Field::new("contact", Kind::Ref("contact")).column("contact_id").quick(),
        Field::new("lead", Kind::Ref("lead")).column("lead_id"),
        Field::new("duration_minutes", Kind::Integer { min: 0, max: 10_000 }).column("minutes").quick(),
        Field::new("outcome", TEXT).quick().found(Found::ByText),
        Field::new("body", Kind::LongText).quick().found(Found::ByText),
        owner_field(),
        created_at(),
        updated_at(),
        import(),
    ],
    visible: visibility::activity,
    beforehand: None,
    prepare: activity::prepare,
    after_save: nothing_after,
    alike: &[],
    hung: &[],
    is_ticked: false,
    views: &[
        ("all", ""),
        ("mine", "f=owner:is:me"),
        ("week", "f=happened_at:within:this-week"),
        ("meetings", "f=kind:is:meeting|visit"),
    ],
};

pub static TASK: Object = Object {
    name: "task",
    plural: "tasks",
    table: "task",
    title: "subject",
    icon: "checkbox",
    hint: "account",
    account: "account",
    default_sort: "due_date",
    fields: &[
        Field::new("subject", TEXT).required().listed().found(Found::ByName),
        Field::new("due_date", Kind::Date).column("due_day").listed().quick().sorted().always_shown(),
        Field::new("priority", Kind::Choice(&["low", "normal", "high"])).listed().quick(),
        Field::new("status", Kind::Choice(&["open", "done"])).listed().always_shown(),
        Field::new("account", Kind::Ref("account")).column("account_id").listed().quick(),
        Field::new("opportunity", Kind::Ref("opportunity")).column("opportunity_id").listed().quick(),
        Field::new("contact", Kind::Ref("contact")).column("contact_id"),
        Field::new("lead", Kind::Ref("lead")).column("lead_id"),
        owner_field(),
        Field::new("description", Kind::LongText).quick().found(Found::ByText),
        Field::new("done_at", Kind::Instant).computed(),
        created_at(),
        updated_at(),
        import(),
    ],
    visible: visibility::task,
    beforehand: None,
    prepare: activity::prepare_task,
    after_save: nothing_after,
    alike: &[],
    hung: &[],
    is_ticked: true,
    views: &[
        ("mine", "f=owner:is:me&f=status:is:open"),
        ("overdue", "f=status:is:open&f=due_date:within:overdue"),
        ("week", "f=status:is:open&f=due_date:within:this-week"),
        ("open", "f=status:is:open"),
        ("done", "f=status:is:done&sort=-updated_at"),
    ],
};

pub static PRODUCT: Object = Object {
    name: "product",
    plural: "products",
    table: "product",
    title: "name",
    icon: "package",
    hint: "code",
    account: "",
    default_sort: "name",
    fields: &[
        name_field(),
        Field::new("code", SHORT).required().listed().found(Found::ByText),
        Field::new("family", SHORT).listed().quick(),
        Field::new("list_price", Kind::Money).required().listed().sorted(),
        currency().quick(),
        Field::new("unit", SHORT).listed(),
        Field::new("active", Kind::Bool).listed(),
        Field::new("description", Kind::LongText).found(Found::ByText),
        created_at(),
        updated_at(),
        import(),
    ],
    visible: visibility::product,
    beforehand: None,
    prepare: account::prepare_product,
    after_save: nothing_after,
    alike: &[],
    hung: &[
        "line_item x JOIN opportunity o ON o.id = x.opportunity_id AND o.deleted_at IS NULL WHERE x.product_id",
        "price x JOIN price_list l ON l.id = x.price_list_id AND l.deleted_at IS NULL WHERE x.product_id",
    ],
    is_ticked: false,
    views: &[("active", "f=active:is:true"), ("all", "")],
};

/// People are imported and listed like records; their rights and passwords are handled in `system::people`.
pub static PERSON: Object = Object {
    name: "person",
    plural: "people",
    table: "person",
    title: "name",
    icon: "users",
    hint: "email",
    account: "",
    default_sort: "name",
    fields: &[
        name_field(),
        Field::new("email", Kind::Email).required().listed().sorted().found(Found::ByPrivateText),
        Field::new("state", Kind::Choice(&["invited", "active", "disabled"])).computed().listed().always_shown(),
        Field::new("title", SHORT).listed().quick(),
        Field::new("office", SHORT).listed().quick(),
        Field::new("locale", Kind::Choice(&["en", "zh-CN"])).hinted(),
        Field::new("roles", TEXT)
            .virtual_input()
            .on_create()
            .quick()
            .listed()
            .several(people::ROLE_NAMES)
            .looked_up(people::ROLES, people::TOLD_TO),
        Field::new("manager", Kind::Ref("person"))
            .virtual_input()
            .on_create()
            .quick()
            .listed()
            .looked_up(people::MANAGER, people::TOLD_TO),
        Field::new("password", TEXT).virtual_input().on_create(),
        created_at(),
        updated_at(),
        import(),
    ],
    visible: visibility::person,
    beforehand: Some(people::beforehand),
    prepare: people::prepare,
    after_save: people::after_save,
    alike: &[],
    hung: &[],
    is_ticked: false,
    views: &[("all", ""), ("active", "f=state:is:active")],
};
