//! The program as somebody at the server's terminal calls it, on both databases: from nothing to a company whose records come in and go out.

use clap::Parser;
use testkit::on_both_empty;
use trivet::cli::{Cli, dispatch};

const ADA: &str = "ada@harbour.example";

#[test]
fn a_company_is_set_up_filled_read_and_examined_from_the_terminal() {
    on_both_empty(async |database| {
        let folder = database.folder.path();
        let (url, data) = (database.url(), folder.join("data"));
        let call = async |words: &[&str]| {
            let place = ["trivet", "--database-url", &url, "--data", data.to_str().expect("it is UTF-8")];
            let cli =
                Cli::try_parse_from(place.iter().chain(words)).unwrap_or_else(|error| panic!("{words:?}: {error}"));
            Box::pin(dispatch(cli)).await
        };
        let at = |name: &str| folder.join(name).to_str().expect("it is UTF-8").to_owned();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("the folder is writable");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        write("accounts.csv", "Company,Country,Staff\nHarbour,Germany,120\nQuay,France,many\nPier,Spain,7\n");
        write(
            "mapping.toml",
            "object = \"account\"\nkey = \"name\"\non_match = \"update\"\n[columns.Company]\nfield = \"name\"\n\
             [columns.Country]\nfield = \"country\"\n[columns.Staff]\nfield = \"employees\"\n",
        );
        let (accounts, mapping, out) = (at("accounts.csv"), at("mapping.toml"), at("out.csv"));

        let refused = call(&["user", "list"]).await.expect_err("there is nobody yet");
        assert!(refused.contains("no organisation"), "{refused}");
        let founded = ["setup", "--name", "Harbour", "--admin-email", ADA, "--admin-password", "a wave and a quay"];
        call(&founded).await.expect("it is set up");
        let import = ["import", &accounts, "--mapping", &mapping, "--as", ADA];
        let export = ["export", "accounts", "--as", ADA, "--columns", "name,country,employees", "--output", &out];

        // Who may not, or is not there, is told so; so is a kind of record that there is not.
        let pat = "pat@harbour.example";
        call(&["user", "add", "--name", "Pat Orr", "--email", pat, "--roles", "seller"]).await.expect("Pat is added");
        let refusals = [
            (["export", "accounts", "--as", ADA], "may not export"),
            (["export", "accounts", "--as", pat], "is not active"),
            (["export", "accounts", "--as", "nobody@harbour.example"], "nobody here"),
            (["export", "ships", "--as", ADA], "there is leads"),
        ];
        for (words, why) in refusals {
            let refused = call(&words).await.expect_err(why);
            assert!(refused.contains(why), "{words:?}: {refused}");
        }
        call(&["user", "roles", ADA, "admin", "partner"]).await.expect("Ada sells, too");

        // A trial writes nothing; then what is right comes in, and what is wrong lies beside the file with its reason.
        call(&[&import[..], &["--dry-run"]].concat()).await.expect("it is checked");
        call(&export).await.expect("there is nothing yet");
        assert_eq!(read("out.csv").lines().count(), 1, "{}", read("out.csv"));
        call(&import).await.expect("it is imported");
        let failed = read("accounts.errors.csv");
        assert!(failed.contains("Quay,France,many") && !failed.contains("Harbour"), "{failed}");
        call(&export).await.expect("it is exported");
        let rows = read("out.csv");
        assert!(rows.contains("Harbour,Germany,120") && rows.contains("Pier,Spain,7"), "{rows}");
        assert_eq!(rows.lines().count(), 3, "{rows}");
        call(&[&export[..], &["--filter", "country:is:Spain"]].concat()).await.expect("a part of it is exported");
        assert_eq!(read("out.csv").lines().count(), 2, "{}", read("out.csv"));

        call(&["doctor"]).await.expect("all is well");
    });
}
