//! Names are found by the sounds that their characters have. On both engines.

use testkit::{Role, on_both};

#[test]
fn names_with_characters_of_several_readings_are_found_by_each_and_sorted_by_the_usual_one() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        for name in ["长沙重工", "重庆长安汽车", "成都佛山银行", "厦门行知", "Dahua", "曾都机械"]
        {
            app.account(&lin, name).await;
        }
        for words in ["changsha", "cszg", "chongqing", "cqca", "chengdu", "foshan", "yinhang", "xiamen", "xmxz"] {
            assert_eq!(app.search(&lin, "account", words).await, 1, "{words}");
        }
        let names: Vec<(String,)> = {
            let mut session = app.db.read().await.expect("the database can be read");
            session.all("SELECT name FROM account ORDER BY name_key, id").await.expect("the names are read")
        };
        let names: Vec<&str> = names.iter().map(|(name,)| name.as_str()).collect();
        assert_eq!(names, ["曾都机械", "长沙重工", "成都佛山银行", "重庆长安汽车", "Dahua", "厦门行知"]);
    });
}
