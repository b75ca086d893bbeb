//! What hangs on a record in one place each: a note by its criterion, a role by its contact, a duty and a share by their person.
//! One and the same command puts it there and replaces it; who calls it says what they saw there, so that nobody writes over
//! what somebody else has put there meanwhile.

use super::Actor;
use crate::shell::error::{Error, Result};

/// What somebody expects to stand in the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expected {
    /// They say nothing of it, which is enough where nothing stands yet.
    #[default]
    Unsaid,
    Nothing,
    Version(i64),
    /// Whatever it is.
    Any,
}

impl Expected {
    /// As a form holds it: the version, or nothing.
    pub fn version(text: &str) -> Expected {
        text.parse().map_or(Expected::Nothing, Expected::Version)
    }

    /// Errors: 412 when something else stands there, 428 when something does and nothing was said of it.
    pub fn check(self, present: Option<i64>) -> Result<()> {
        match (self, present) {
            (Expected::Any, _) | (Expected::Unsaid | Expected::Nothing, None) => Ok(()),
            (Expected::Version(seen), Some(version)) if seen == version => Ok(()),
            (Expected::Unsaid, Some(_)) => Err(Error::Refused { status: 428, key: "error-if-match" }),
            _ => Err(Error::Refused { status: 412, key: "error-version" }),
        }
    }
}

/// The version of what is put where nothing stands: never one that something had there before.
pub fn first_version(actor: &Actor) -> i64 {
    actor.now.0 / 1000
}
