//! Pure mathematics behind the pages: no SQL, no clock, no web. What goes in comes out the same everywhere.

pub mod statistics;
