//! A statement that is put together at run time: text with `$n` places and the arguments that belong to them.

use crate::Arg;

/// Grows a statement piece by piece; every value goes in by [`Sql::bind`], never into the text.
#[derive(Debug, Clone, Default)]
pub struct Sql {
    pub text: String,
    pub args: Vec<Arg>,
}

impl Sql {
    pub fn new(text: impl Into<String>) -> Sql {
        Sql { text: text.into(), args: Vec::new() }
    }

    pub fn push(&mut self, text: &str) -> &mut Sql {
        self.text.push_str(text);
        self
    }

    /// Appends the next `$n` and keeps its value.
    pub fn bind(&mut self, value: impl Into<Arg>) -> &mut Sql {
        use std::fmt::Write;
        self.args.push(value.into());
        let _ = write!(self.text, "${}", self.args.len());
        self
    }

    /// Appends a statement, giving its `$n` new numbers.
    pub fn append(&mut self, part: Sql) -> &mut Sql {
        let offset = self.args.len();
        let mut rest = part.text.as_str();
        while let Some(at) = rest.find('$') {
            self.text.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            let digits = rest.chars().take_while(char::is_ascii_digit).count();
            let number: usize = rest[..digits].parse().unwrap_or(0);
            self.text.push_str(&(number + offset).to_string());
            rest = &rest[digits..];
        }
        self.text.push_str(rest);
        self.args.extend(part.args);
        self
    }

    /// Appends `$n, $n+1, …` for a list of values.
    pub fn bind_list<T: Into<Arg>>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Sql {
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.bind(value);
        }
        self
    }
}
