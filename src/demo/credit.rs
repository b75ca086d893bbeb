//! The unified social credit code of a Chinese company (GB 32100-2015): who registered it, what it is, where,
//! its organisation code (GB 11714-1997, with a check character of its own), and a check character over all.

use super::chance::Chance;

/// Letters that could be mistaken for digits (I, O, S, V, Z) are not used.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// An invented code of an enterprise registered with the market authority in the given prefecture (four digits).
pub fn code(prefecture: &str, chance: &mut Chance) -> String {
    // Codes given since 2015 begin their organisation part with MA.
    let mut organisation = String::from("MA");
    for _ in 0..6 {
        organisation.push(ALPHABET[chance.below(ALPHABET.len())] as char);
    }
    let body = format!("91{prefecture}00{organisation}{}", organisation_check(&organisation));
    format!("{body}{}", check(&body))
}

/// Sum of value × 3^position, brought to a multiple of 31 by the last character.
pub fn check(first_17: &str) -> char {
    let mut weight = 1;
    let mut sum = 0;
    for letter in first_17.bytes() {
        sum += weight * value(letter);
        weight = weight * 3 % 31;
    }
    ALPHABET[(31 - sum % 31) % 31] as char
}

/// GB 11714: weights 3, 7, 9, 10, 5, 8, 4, 2, modulo 11; letters count on from 10 through the whole alphabet.
fn organisation_check(first_8: &str) -> char {
    let sum: u32 = first_8
        .chars()
        .zip([3, 7, 9, 10, 5, 8, 4, 2])
        .map(|(letter, weight)| letter.to_digit(36).expect("digit or letter") * weight)
        .sum();
    match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).expect("one to nine"),
    }
}

fn value(letter: u8) -> usize {
    ALPHABET.iter().position(|known| *known == letter).expect("a character of the code's alphabet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_character_follows_the_standard_by_hand_calculation() {
        // 9·1 + 1·3 = 12, all else zero: 31 − 12 = 19, and the nineteenth character counted from 0 is K.
        assert_eq!(check("91000000000000000"), 'K');
        // 1·1 at the first place only: 30 → Y.
        assert_eq!(check("10000000000000000"), 'Y');
        assert_eq!(check("00000000000000000"), '0');
    }

    #[test]
    fn the_organisation_check_covers_its_three_cases() {
        // 1·3 = 3 → 8; 1·10 = 10 → 1; a sum of 11·k → 0; a sum of 1 mod 11 → X (4·3 = 12).
        assert_eq!(organisation_check("10000000"), '8');
        assert_eq!(organisation_check("00010000"), '1');
        assert_eq!(organisation_check("00000000"), '0');
        assert_eq!(organisation_check("40000000"), 'X');
    }

    #[test]
    fn a_code_has_eighteen_characters_and_its_region() {
        let code = code("3205", &mut Chance::new(7, "credit"));
        assert_eq!(code.len(), 18);
        assert_eq!(&code[..8], "91320500");
        assert_eq!(code.chars().last().unwrap(), check(&code[..17]));
    }
}
