//! What we sell with.

pub mod crm;
