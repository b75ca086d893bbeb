//! One binary for all integration tests: linking once is much quicker than linking each file.

mod import;
