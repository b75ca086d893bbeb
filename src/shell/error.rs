//! What can go wrong, said once. A handler returns `Result<_, Error>`; the outermost layer (`shell::frame`) renders it as a page,
//! a toast or `application/problem+json`, in the viewer's language. Unknown and forbidden look the same.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::StoreError;

use super::format::{LARGEST_AMOUNT, Unread, decimals, money, plain_amount};
use super::i18n::Locale;

/// One thing wrong with one field: a message key and its arguments.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FieldError {
    /// The field's key; empty for the record as a whole.
    pub field: String,
    pub key: String,
    pub args: Vec<(String, String)>,
}

impl FieldError {
    pub fn new(field: &str, key: &str) -> FieldError {
        FieldError { field: field.into(), key: key.into(), args: Vec::new() }
    }
    /// What was typed is no amount in the currency: says why, and what one looks like.
    pub fn no_amount(field: &str, text: &str, currency: &str, unread: Unread) -> FieldError {
        let error = match unread {
            Unread::Separators => return FieldError::separators(field, text),
            Unread::Large => {
                return FieldError::new(field, "invalid-amount-most").with("most", money(LARGEST_AMOUNT, currency));
            }
            Unread::Currency => FieldError::new(field, "invalid-amount-other-currency"),
            Unread::Number => {
                let example = plain_amount(1234 * 10i64.pow(decimals(currency)), currency);
                FieldError::new(field, "invalid-amount").with("example", example)
            }
        };
        error.with("value", text).with("currency", currency)
    }
    /// Commas or points that may mean thousands or decimals.
    pub fn separators(field: &str, text: &str) -> FieldError {
        FieldError::new(field, "invalid-separators").with("value", text)
    }
    pub fn with(mut self, name: &str, value: impl ToString) -> FieldError {
        self.args.push((name.into(), value.to_string()));
        self
    }
    pub fn arg(&self, name: &str) -> Option<&str> {
        self.args.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
    pub fn text(&self, locale: Locale) -> String {
        let args: Vec<(&str, &str)> = self.args.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        locale.text_with(&self.key, &args)
    }
}

/// Field key, as it was when the person began, what they typed, what stands there now.
pub type Collided = (String, String, String, String);

/// Somebody else changed the same field meanwhile.
#[derive(Debug, Clone)]
pub struct Collision {
    pub object: &'static str,
    pub id: store::Uuid,
    pub version: i64,
    pub fields: Vec<Collided>,
    /// What else the person changed.
    pub besides: Vec<&'static str>,
}

#[derive(Debug, Clone)]
pub enum Error {
    NotFound,
    /// Signed in, but the action is not open to this person; used only where existence gives nothing away.
    Forbidden,
    SignIn,
    Invalid(Vec<FieldError>),
    /// The request does not have the documented shape (JSON, types, bounds, parameters): the API's counterpart of a broken form.
    Malformed(Vec<FieldError>),
    Conflict(Box<Collision>),
    /// A rule of the house was not met by the request itself (missing `If-Match`, reused key, wrong state).
    Refused {
        status: u16,
        key: &'static str,
    },
    TooMany {
        seconds: u64,
    },
    TooLarge,
    StorageFull,
    Unavailable,
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

const OVERTAKEN: &str = "error-conflict";

impl Error {
    /// Somebody else wrote the same at the same time: a job tries again, a person looks first.
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Error::Refused { key: OVERTAKEN, .. })
    }

    /// The database is away for a moment, or its disk is full: long work goes on afterwards where it stopped.
    pub fn will_pass(&self) -> bool {
        matches!(self, Error::Unavailable | Error::StorageFull)
    }

    pub fn field(field: &str, key: &str) -> Error {
        Error::Invalid(vec![FieldError::new(field, key)])
    }

    /// Something else stands there than the person had before them.
    pub fn is_stale(&self) -> bool {
        matches!(self, Error::Refused { status: 412, .. })
    }

    /// One thing about the request that is not as documented.
    pub fn malformed(field: &str, key: &str) -> Error {
        Error::Malformed(vec![FieldError::new(field, key)])
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::Forbidden => StatusCode::FORBIDDEN,
            Error::SignIn => StatusCode::UNAUTHORIZED,
            Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Malformed(_) => StatusCode::BAD_REQUEST,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::Refused { status, .. } => StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST),
            Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Error::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
            Error::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The message key of the headline.
    pub fn key(&self) -> &'static str {
        match self {
            Error::NotFound => "error-not-found",
            Error::Forbidden => "error-forbidden",
            Error::SignIn => "error-sign-in",
            Error::Invalid(_) => "error-invalid",
            Error::Malformed(_) => "error-bad-request",
            Error::Conflict(_) => "error-conflict",
            Error::Refused { key, .. } => key,
            Error::TooMany { .. } => "error-too-many",
            Error::TooLarge => "error-too-large",
            Error::StorageFull => "error-storage-full",
            Error::Unavailable => "error-unavailable",
            Error::Internal(_) => "error-internal",
        }
    }
}

/// A portion of long work is done anew when others overtook it, but not for ever.
#[derive(Debug, Default)]
pub struct Tries(u8);

impl Tries {
    const MOST: u8 = 5;

    /// Gives the error back unless the portion is worth another try.
    pub fn again(&mut self, error: Error) -> Result<()> {
        if !error.is_overtaken() || self.0 == Tries::MOST {
            return Err(error);
        }
        self.0 += 1;
        Ok(())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        if error.is_storage_full() {
            Error::StorageFull
        } else if error.is_unavailable() {
            Error::Unavailable
        } else if error.is_overtaken() {
            Error::Refused { status: 409, key: OVERTAKEN }
        } else {
            Error::Internal(error.to_string())
        }
    }
}

/// The bare answer; the frame layer finds the error in the extensions and dresses it.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, OVERTAKEN, Tries};

    #[test]
    fn what_others_overtook_is_tried_again_a_few_times_and_what_is_wrong_is_not() {
        let overtaken = || Error::Refused { status: 409, key: OVERTAKEN };
        let mut tries = Tries::default();
        for _ in 0..Tries::MOST {
            assert!(tries.again(overtaken()).is_ok());
        }
        assert!(tries.again(overtaken()).is_err());
        assert!(Tries::default().again(Error::NotFound).is_err());
    }
}
