//! How Chinese sounds: pinyin for search, and for the order of lists. Many characters are read in several ways. Search knows them
//! all; an order needs one, and takes it from the words and surnames in which the character is met.

use pinyin::{Pinyin, ToPinyinMulti};

/// A character, a reading that is not the first one in the data of the crate, and the words in which it is read so: what stands
/// in names of places, companies and banks.
const IN_WORDS: &[(char, &str, &str)] = &[
    ('重', "chong", "重庆 重阳 重启 重逢"),
    (
        '长',
        "chang",
        "长沙 长春 长安 长江 长城 长治 长乐 长宁 长兴 长葛 长白 长垣 长寿 长丰 长岛 长汀 长阳 长海 长泰 长顺 长武 长子县 长株潭 长三角 \
         长虹 长征 长青 长盛 长隆 长途 长期 长远 天长 延长 特长 专长",
    ),
    (
        '都',
        "du",
        "成都 首都 都江堰 都匀 都昌 都安 丰都 于都 花都 江都 望都 宁都 昌都 新都 武都 都市 古都 京都 东都 帝都 魔都",
    ),
    ('厦', "xia", "厦门 厦航 厦大 厦工 厦钨"),
    ('佛', "fo", "佛山 佛坪 佛冈 佛教 大佛 乐山佛"),
    (
        '行',
        "hang",
        "银行 中行 工行 农行 建行 交行 招行 央行 投行 总行 分行 支行 行业 行情 行长 车行 商行 洋行 琴行 同行",
    ),
    ('乐', "yue", "音乐 乐器 乐清 民乐 声乐"),
    ('会', "kuai", "会计 会稽 财会"),
    ('单', "shan", "单县"),
    ('解', "xie", "解州"),
    ('任', "ren", "任丘"),
    ('藏', "zang", "西藏 藏族 藏药 青藏"),
    ('埔', "bu", "大埔县"),
    ('番', "pan", "番禺"),
    ('蚌', "beng", "蚌埠"),
    ('六', "lu", "六安 六合区"),
    ('铅', "yan", "铅山"),
    ('涡', "guo", "涡阳"),
    ('阿', "e", "东阿"),
    ('莘', "xin", "莘庄"),
    ('浒', "xu", "浒墅关 浒关"),
    ('陂', "pi", "黄陂"),
    ('什', "shi", "喀什 什邡"),
    ('珲', "hun", "珲春"),
    ('尉', "yu", "尉犁"),
    ('犍', "qian", "犍为"),
    ('枞', "zong", "枞阳"),
    ('浚', "xun", "浚县"),
    ('牟', "mu", "中牟 牟平"),
    ('参', "shen", "人参 海参 党参"),
    ('弹', "tan", "弹簧 弹性"),
    ('调', "tiao", "空调 调味 调料 协调 调试 调整"),
    ('薄', "bo", "薄膜"),
    ('着', "zhuo", "着陆 着色 着装"),
];

/// In these words, which stand in the name of every other company, no character has a second reading that anybody would type.
const PLAIN_WORDS: &str = "有限公司 公司 股份 集团 科技 技术 信息 机械 机电 机器 电机 投资 控股 中国 系统 数据 智能 网络 服务 文化 传媒 广告 医药 医疗 食品 \
     材料 工程 建筑 房地产 发展 教育";

/// Surnames that sound otherwise than the first reading says; the longer ones first.
const SURNAMES: &[(&str, &str)] = &[
    ("尉迟", "yu chi"),
    ("万俟", "mo qi"),
    ("澹台", "tan tai"),
    ("曾", "zeng"),
    ("单", "shan"),
    ("仇", "qiu"),
    ("区", "ou"),
    ("解", "xie"),
    ("查", "zha"),
    ("朴", "piao"),
    ("覃", "qin"),
    ("翟", "zhai"),
    ("盖", "ge"),
    ("缪", "miao"),
    ("乐", "yue"),
    ("卜", "bu"),
    ("洗", "xian"),
    ("员", "yun"),
    ("种", "chong"),
    ("折", "she"),
    ("召", "shao"),
    ("薄", "bo"),
    ("秘", "bi"),
    ("繁", "po"),
    ("祭", "zhai"),
    ("句", "gou"),
    ("都", "du"),
    ("么", "yao"),
    ("乜", "nie"),
    ("佴", "nai"),
    ("阚", "kan"),
];

/// So many readings of a character: what the data lists after them is met in old books only.
const READINGS: usize = 3;
/// So many ways to read a name from one of its characters on: two characters with three readings each.
const WAYS: usize = 9;
/// So many characters are read in several ways, those after them only in the usual one: nobody types on for so long.
const VARIED: usize = 5;

/// The key by which a name sorts: Chinese by sound, everything in lower case.
pub fn sort_key(name: &str) -> String {
    let characters: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    key_from(&characters, 0)
}

/// [`sort_key`] of a person, whose name begins with the surname.
pub fn person_key(name: &str) -> String {
    let characters: Vec<char> = name.trim_start().chars().flat_map(char::to_lowercase).collect();
    match SURNAMES.iter().find(|(surname, _)| stands_at(&characters, 0, surname)) {
        Some((surname, sound)) => sound.replace(' ', "") + &key_from(&characters, surname.chars().count()),
        None => key_from(&characters, 0),
    }
}

fn key_from(characters: &[char], start: usize) -> String {
    let mut key = String::with_capacity(characters.len() * 4);
    for at in start..characters.len() {
        match usual(characters, at) {
            Some(sound) => key.push_str(sound),
            None => key.push(characters[at]),
        }
    }
    key
}

/// How a run of Chinese characters may sound: every choice of a reading for each of the first, as far as they are not too many; the
/// usual one first, and only that to the end.
pub(crate) fn ways(syllables: &[Vec<&'static str>]) -> Vec<String> {
    let mut ways = vec![String::new()];
    for readings in syllables.iter().take(VARIED) {
        let several = (WAYS / ways.len()).clamp(1, readings.len());
        let so_far = ways.len();
        for reading in &readings[1..several] {
            for way in 0..so_far {
                ways.push(format!("{}{reading}", ways[way]));
            }
        }
        ways[..so_far].iter_mut().for_each(|way| way.push_str(readings[0]));
    }
    for readings in syllables.iter().skip(VARIED) {
        ways[0].push_str(readings[0]);
    }
    ways
}

/// The first letters of each syllable, each once.
pub(crate) fn letters(syllables: &[Vec<&'static str>]) -> Vec<Vec<&'static str>> {
    let letters_of = |readings: &Vec<&'static str>| {
        let mut letters: Vec<&str> = Vec::with_capacity(readings.len());
        for letter in readings.iter().map(|reading| &reading[..1]) {
            if !letters.contains(&letter) {
                letters.push(letter);
            }
        }
        letters
    };
    syllables.iter().map(letters_of).collect()
}

/// The readings of each character, the usual one first; what has none is left out.
pub(crate) fn syllables(characters: &[char]) -> Vec<Vec<&'static str>> {
    (0..characters.len()).map(|at| readings(characters, at)).filter(|readings| !readings.is_empty()).collect()
}

fn readings(characters: &[char], at: usize) -> Vec<&'static str> {
    let mut readings: Vec<&'static str> = in_word(characters, at).into_iter().collect();
    let most =
        if PLAIN_WORDS.split_whitespace().any(|word| stands_around(characters, at, word)) { 1 } else { READINGS };
    for reading in characters[at].to_pinyin_multi().into_iter().flatten().flat_map(spelled) {
        if readings.len() < most && !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    readings
}

/// The reading by which the character sorts.
fn usual(characters: &[char], at: usize) -> Option<&'static str> {
    if characters[at].is_ascii() {
        return None;
    }
    let first = || characters[at].to_pinyin_multi().and_then(|readings| spelled(readings.get(0)).next());
    in_word(characters, at).or_else(first)
}

fn in_word(characters: &[char], at: usize) -> Option<&'static str> {
    let is_read_so = |words: &str| words.split_whitespace().any(|word| stands_around(characters, at, word));
    let entry = IN_WORDS.iter().find(|(c, _, words)| *c == characters[at] && is_read_so(words));
    entry.map(|(_, reading, _)| *reading)
}

fn stands_around(characters: &[char], at: usize, word: &str) -> bool {
    let place = word.chars().position(|c| c == characters[at]);
    place.and_then(|place| at.checked_sub(place)).is_some_and(|start| stands_at(characters, start, word))
}

fn stands_at(characters: &[char], start: usize, word: &str) -> bool {
    let mut rest = characters[start..].iter();
    word.chars().all(|c| rest.next() == Some(&c))
}

/// Without tones, as it is typed: ü is a v on a keyboard, and a u to who does not know that.
fn spelled(reading: Pinyin) -> impl Iterator<Item = &'static str> {
    let (typed, plain) = match reading.plain() {
        "lü" => ("lv", Some("lu")),
        "lüe" => ("lve", Some("lue")),
        "nü" => ("nv", Some("nu")),
        "nüe" => ("nve", Some("nue")),
        "ê" => ("e", None),
        other => (other, None),
    };
    std::iter::once(typed).chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_sort_by_the_sound_that_they_have() {
        for (name, sound) in [
            ("重庆", "chongqing"),
            ("长沙", "changsha"),
            ("成都", "chengdu"),
            ("厦门", "xiamen"),
            ("佛山", "foshan"),
            ("中国银行长春分行", "zhongguoyinhangchangchunfenhang"),
            ("绿城", "lvcheng"),
            ("Acme 云帆", "acme yunfan"),
        ] {
            assert_eq!(sort_key(name), sound, "{name}");
        }
        assert!(sort_key("北京") < sort_key("上海"));
    }

    #[test]
    fn a_surname_is_one_only_at_the_beginning_of_a_person() {
        for (name, person, other) in [
            ("曾伟", "zengwei", "cengwei"),
            ("单丽", "shanli", "danli"),
            ("尉迟恭", "yuchigong", "weichigong"),
            ("王曾", "wangceng", "wangceng"),
            (" 仇英", "qiuying", " chouying"),
        ] {
            assert_eq!((person_key(name).as_str(), sort_key(name).as_str()), (person, other), "{name}");
        }
    }

    #[test]
    fn every_entry_of_the_tables_is_a_reading_of_its_character() {
        let knows = |c: char, sound: &str| {
            let data = c.to_pinyin_multi().expect("the character is in the data");
            data.into_iter().any(|reading| spelled(reading).any(|spelled| spelled == sound))
        };
        for (c, sound, words) in IN_WORDS {
            assert!(knows(*c, sound), "{c} {sound}");
            assert!(words.split_whitespace().all(|word| word.contains(*c)), "{c}: {words}");
        }
        for (surname, sounds) in SURNAMES {
            for (c, sound) in surname.chars().zip(sounds.split(' ')) {
                assert!(knows(c, sound), "{c} {sound}");
            }
        }
    }

    #[test]
    fn no_name_has_more_than_a_handful_of_ways() {
        let characters: Vec<char> = "行长重都厦佛曾单仇区解查朴".chars().collect();
        let syllables = syllables(&characters);
        assert!(ways(&syllables).len() <= WAYS && ways(&letters(&syllables)).len() <= WAYS);
    }
}
