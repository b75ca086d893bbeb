//! Forms about what hangs on a record in one place each ([`super::record::hung`]), where the place is chosen in the form: a role by
//! its contact, a duty and a share by their person.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use store::Uuid;

use super::error::{Error, FieldError, Result};
use super::record::hung::Expected;

/// The place that was chosen in an input, and what the person saw there.
pub fn place(given: &BTreeMap<String, String>, input: &str) -> Result<(Uuid, Expected)> {
    let place: Option<Uuid> = given.get(input).and_then(|text| text.parse().ok());
    let place = place.ok_or_else(|| Error::field(input, "invalid-required"))?;
    // Of another place it says nothing.
    let seen = given.get("version").and_then(|text| text.split_once('@')).filter(|(of, _)| of.parse() == Ok(place));
    Ok((place, Expected::version(seen.map_or("", |(_, version)| version))))
}

/// Why a form is shown.
pub enum Cause {
    /// Somebody asks for it.
    New,
    /// What was sent with it is refused.
    Refused(Vec<FieldError>),
    /// Something else stands in the place than the person had before them.
    Overtaken,
}

impl Cause {
    /// Errors: the same, if no form can mend it.
    pub fn of(error: Error) -> Result<Cause> {
        match error {
            Error::Invalid(errors) => Ok(Cause::Refused(errors)),
            error if error.is_stale() => Ok(Cause::Overtaken),
            error => Err(error),
        }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Cause::New => StatusCode::OK,
            Cause::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Cause::Overtaken => StatusCode::CONFLICT,
        }
    }

    /// The hidden input that [`place`] reads, `{place}@{version}`. A form that comes back holds what was sent with it, as long as
    /// nobody is told of anything newer; else it is about what stands in the place.
    pub fn seen(&self, given: &BTreeMap<String, String>, stands: Option<(Uuid, i64)>) -> (String, String) {
        let sent = given.get("version").filter(|_| !matches!(self, Cause::Overtaken)).cloned();
        let standing = || stands.map(|(place, version)| format!("{place}@{version}"));
        ("version".into(), sent.or_else(standing).unwrap_or_default())
    }

    /// What the form says is wrong. `theirs`: what stands in the place, told at the input in which it is changed.
    pub fn errors(self, input: &str, theirs: impl FnOnce() -> String) -> Vec<FieldError> {
        match self {
            Cause::New => Vec::new(),
            Cause::Refused(errors) => errors,
            Cause::Overtaken => vec![FieldError::new(input, "invalid-changed-meanwhile").with("theirs", theirs())],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(of: Uuid, version: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("person".to_owned(), of.to_string()), ("version".to_owned(), version.to_owned())])
    }

    #[test]
    fn what_was_seen_in_a_place_says_nothing_of_another() {
        let [one, other] = [1, 2].map(Uuid::from_u128);
        let read = |form: &BTreeMap<String, String>| place(form, "person").ok();
        assert_eq!(read(&form(one, "")), Some((one, Expected::Nothing)));
        assert_eq!(read(&form(one, &format!("{one}@7"))), Some((one, Expected::Version(7))));
        assert_eq!(read(&form(one, &format!("{other}@7"))), Some((one, Expected::Nothing)));
        assert!(place(&BTreeMap::new(), "person").is_err());
    }

    #[test]
    fn a_form_that_comes_back_is_about_what_was_seen_until_the_person_is_told_more() {
        let one = Uuid::from_u128(1);
        let (sent, stands) = (form(one, &format!("{one}@7")), Some((one, 8)));
        let seen = |cause: Cause, given: &BTreeMap<String, String>| cause.seen(given, stands).1;
        assert_eq!(seen(Cause::New, &BTreeMap::new()), format!("{one}@8"));
        assert_eq!(seen(Cause::Refused(Vec::new()), &sent), format!("{one}@7"));
        assert_eq!(seen(Cause::Overtaken, &sent), format!("{one}@8"));
        assert_eq!(Cause::New.seen(&BTreeMap::new(), None).1, "");
        let told = Cause::Overtaken.errors("duty", || "Presales".into());
        assert_eq!((told[0].field.as_str(), told[0].arg("theirs")), ("duty", Some("Presales")));
    }
}
