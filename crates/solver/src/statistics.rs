//! Honest numbers from small samples: intervals for rates, rates of people who had few deals, medians and quartiles.

/// The two-sided 95 % point of the standard normal distribution.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// Fewer trials than this say nothing worth drawing.
pub const ENOUGH: i64 = 8;

/// `successes` out of `trials`, seen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub successes: i64,
    pub trials: i64,
}

impl Tally {
    pub fn new(successes: i64, trials: i64) -> Tally {
        Tally { successes, trials }
    }

    /// The observed rate; `None` without trials.
    pub fn rate(self) -> Option<f64> {
        (self.trials > 0).then(|| self.successes as f64 / self.trials as f64)
    }

    pub fn is_enough(self) -> bool {
        self.trials >= ENOUGH
    }

    /// The 95 % interval of [`wilson`]; `None` without trials.
    pub fn interval(self) -> Option<(f64, f64)> {
        (self.trials > 0).then(|| wilson(self.successes as f64, self.trials as f64, Z_95))
    }
}

/// The score interval of a rate. Unlike "plus or minus two standard errors" it stays between 0 and 1 and is right for
/// few trials and for rates near the ends. Counts may be fractional: a prior adds parts of trials.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209–212;
/// recommended by Brown, Cai, DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001).
pub fn wilson(successes: f64, trials: f64, z: f64) -> (f64, f64) {
    let rate = successes / trials;
    let square = z * z / trials;
    let middle = rate + square / 2.0;
    let half = z * (rate * (1.0 - rate) / trials + square / (4.0 * trials)).max(0.0).sqrt();
    (((middle - half) / (1.0 + square)).max(0.0), ((middle + half) / (1.0 + square)).min(1.0))
}

/// What a group of people have in common, as if it had been seen before: `successes` out of `trials`, both fractional.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    pub successes: f64,
    pub trials: f64,
}

impl Prior {
    /// Fits a beta distribution to the rates of a group by the method of moments, each person weighted by their trials.
    /// `None` when there is nothing to learn from: fewer than two people with trials.
    ///
    /// The less the people differ beyond chance, the more trials the prior is worth. It is never worth more than all
    /// trials seen, because the group's own rate is known no better than that.
    ///
    /// J. C. Kleinman, "Proportions with extraneous variance", JASA 68 (1973) 46–54, with the trials as weights.
    pub fn fit(group: &[Tally]) -> Option<Prior> {
        let group: Vec<Tally> = group.iter().copied().filter(|tally| tally.trials > 0).collect();
        let people = group.len() as f64;
        if group.len() < 2 {
            return None;
        }
        let trials: f64 = group.iter().map(|tally| tally.trials as f64).sum();
        let successes: f64 = group.iter().map(|tally| tally.successes as f64).sum();
        let mean = successes / trials;
        let spread = mean * (1.0 - mean);
        if spread == 0.0 {
            return Some(Prior { successes, trials });
        }
        let seen: f64 = group
            .iter()
            .map(|tally| tally.trials as f64 * (tally.successes as f64 / tally.trials as f64 - mean).powi(2))
            .sum();
        let squares: f64 = group.iter().map(|tally| (tally.trials as f64).powi(2)).sum();
        let expected_by_chance = spread * (people - 1.0);
        let room = spread * (trials - squares / trials - (people - 1.0));
        let correlation = if room > 0.0 { (seen - expected_by_chance) / room } else { 0.0 };
        // correlation = 1 / (prior trials + 1)
        let worth = if correlation > 0.0 { (1.0 / correlation - 1.0).clamp(0.0, trials) } else { trials };
        Some(Prior { successes: mean * worth, trials: worth })
    }

    /// The rate one should expect of somebody with this tally: their own pulled towards the group's, the more the
    /// fewer trials they had (the mean of the beta-binomial posterior), with its interval.
    pub fn shrink(self, tally: Tally) -> (f64, (f64, f64)) {
        let successes = self.successes + tally.successes as f64;
        let trials = self.trials + tally.trials as f64;
        if trials <= 0.0 {
            return (0.0, (0.0, 1.0));
        }
        (successes / trials, wilson(successes, trials, Z_95))
    }
}

/// Where a quantile lies in `count` sorted values: the ranks (from 1) below and above, and how far between them.
/// Linear interpolation between order statistics, type 7 of Hyndman and Fan, "Sample quantiles in statistical
/// packages", The American Statistician 50 (1996) 361–365; what spreadsheets call QUARTILE.INC.
///
/// The part is a fraction `numerator / denominator`, so that SQL can work the ranks out with whole numbers alike.
pub fn quantile_ranks(count: i64, numerator: i64, denominator: i64) -> Option<(i64, i64, f64)> {
    if count <= 0 {
        return None;
    }
    let place = (count - 1) * numerator;
    let lower = place / denominator + 1;
    let part = (place % denominator) as f64 / denominator as f64;
    Some((lower, (lower + 1).min(count), part))
}

/// The quantile from the values at the two ranks of [`quantile_ranks`]. `at(rank)` gives the value of a rank.
pub fn quantile(count: i64, numerator: i64, denominator: i64, at: impl Fn(i64) -> Option<f64>) -> Option<f64> {
    let (lower, upper, part) = quantile_ranks(count, numerator, denominator)?;
    let low = at(lower)?;
    if part == 0.0 {
        return Some(low);
    }
    Some(low + (at(upper)? - low) * part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 5e-4
    }

    #[test]
    fn wilson_agrees_with_published_intervals() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I, method 3.
        for (successes, trials, low, high) in [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ] {
            let (found_low, found_high) = wilson(successes, trials, Z_95);
            assert!(near(found_low, low) && near(found_high, high), "{successes}/{trials}: {found_low} {found_high}");
        }
    }

    #[test]
    fn a_group_that_differs_only_by_chance_is_pulled_all_the_way() {
        let group = [Tally::new(5, 10), Tally::new(6, 10), Tally::new(5, 10), Tally::new(4, 10)];
        let prior = Prior::fit(&group).expect("four people");
        assert_eq!(prior.trials, 40.0);
        let (rate, (low, high)) = prior.shrink(Tally::new(6, 10));
        assert!(near(rate, 26.0 / 50.0) && low < rate && rate < high);
    }

    #[test]
    fn few_trials_are_pulled_further_than_many() {
        let group = [Tally::new(90, 100), Tally::new(10, 100), Tally::new(50, 100), Tally::new(2, 2)];
        let prior = Prior::fit(&group).expect("four people");
        let (newcomer, _) = prior.shrink(Tally::new(2, 2));
        let (veteran, _) = prior.shrink(Tally::new(90, 100));
        assert!(newcomer < 0.9, "{newcomer}");
        assert!(veteran > 0.85, "{veteran}");
    }

    #[test]
    fn the_prior_follows_the_moments_by_hand() {
        // Two people, 10 trials each, rates 0.2 and 0.8: mean 0.5, S = 10 (0.09 + 0.09) = 1.8, by chance 0.25,
        // room = 0.25 (20 − 10 − 1) = 2.25, correlation 1.55 / 2.25, worth 2.25 / 1.55 − 1.
        let prior = Prior::fit(&[Tally::new(2, 10), Tally::new(8, 10)]).expect("two people");
        assert!(near(prior.trials, 2.25 / 1.55 - 1.0), "{prior:?}");
        assert!(near(prior.successes / prior.trials, 0.5));
        assert_eq!(Prior::fit(&[Tally::new(2, 10)]), None);
    }

    #[test]
    fn quartiles_are_those_of_a_spreadsheet() {
        let values = [1.0, 2.0, 4.0, 7.0];
        let at = |rank: i64| values.get(rank as usize - 1).copied();
        assert_eq!(quantile(4, 1, 4, at), Some(1.75));
        assert_eq!(quantile(4, 1, 2, at), Some(3.0));
        assert_eq!(quantile(4, 3, 4, at), Some(4.75));
        assert_eq!(quantile(0, 1, 2, at), None);
        assert_eq!(quantile(1, 3, 4, at), Some(1.0));
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_rate_and_stays_a_rate(trials in 1i64..5000, part in 0.0f64..=1.0) {
            let tally = Tally::new((trials as f64 * part) as i64, trials);
            let (low, high) = tally.interval().expect("there are trials");
            let rate = tally.rate().expect("there are trials");
            prop_assert!(0.0 <= low && low <= rate + 1e-12 && rate <= high + 1e-12 && high <= 1.0);
        }

        #[test]
        fn shrinking_ends_between_the_own_rate_and_the_groups(counts in proptest::collection::vec((0i64..60, 0i64..60), 2..12)) {
            let group: Vec<Tally> = counts.iter().map(|(won, lost)| Tally::new(*won, won + lost)).collect();
            if let Some(prior) = Prior::fit(&group).filter(|prior| prior.trials > 0.0) {
                let mean = prior.successes / prior.trials;
                for tally in group.into_iter().filter(|tally| tally.trials > 0) {
                    let own = tally.rate().expect("there are trials");
                    let (rate, (low, high)) = prior.shrink(tally);
                    prop_assert!(own.min(mean) - 1e-9 <= rate && rate <= own.max(mean) + 1e-9);
                    prop_assert!(low <= rate + 1e-9 && rate <= high + 1e-9);
                }
            }
        }
    }
}
