# Analysis of the pipeline, and fields that are worked out for filters.
opportunity-segment = Industry of the account
opportunity-furthest-stage = Furthest stage reached
opportunity-waiting-stage = Open, furthest stage
opportunity-at-risk = At risk
invalid-analysis-order = The last day lies before the first.
analysis-choose = Choose deals
analysis-period = Period
analysis-period-quarter = This quarter
analysis-period-last-quarter = Last quarter
analysis-period-year = This fiscal year
analysis-period-12-months = Last 12 months
analysis-period-all = All time
analysis-period-days = Own dates
analysis-from = From
analysis-to = To
analysis-show = Show
analysis-show-days = Show these days
analysis-everyone = Everyone
analysis-owner-me = My deals
analysis-owner-team = My team’s deals
analysis-all-segments = All industries
analysis-all-sources = All sources
analysis-all-pipelines = All pipelines
analysis-no-owner = No owner
analysis-no-segment = No industry
analysis-no-source = No source
analysis-no-reason = No reason given
analysis-fiscal-month = P{ $number } { $year }
analysis-fiscal-quarter = Q{ $number } { $year }
analysis-empty = Nothing to analyse yet
analysis-empty-none = As soon as there are deals you may see, this page shows how they go from stage to stage, what wins and how long it takes.
analysis-empty-filter = No deal fits these choices. Take one away, or look at all time.
analysis-nothing-here = No deals in this period.
analysis-nothing-closed = Nothing was closed in this period.
analysis-nothing-won = Nothing was won in this period.
analysis-not-enough = not enough data
analysis-numbers = Show the numbers
analysis-days = { $days } days
analysis-deals = Deals
analysis-deal-count = { $count ->
    [one] { $count } deal
   *[other] { $count } deals
    }
analysis-k-of-n = { $k } of { $n }
analysis-month = Month
analysis-total = Total
analysis-amount = Amount
analysis-share = Share
analysis-name = Name
analysis-earlier = Earlier
analysis-later = Later
analysis-interval = 95% interval
analysis-open-pipeline = Open pipeline
analysis-weighted = Weighted
analysis-weighted-note = each deal by its probability
analysis-win-rate = Win rate
analysis-win-rate-note = { $k } of { $n } closed · likely { $low }–{ $high }
analysis-average = Average won deal
analysis-won-count = { $count ->
    [one] { $count } deal won
   *[other] { $count } deals won
    }
analysis-cycle = Sales cycle
analysis-cycle-note = median; half took { $low }–{ $high }
analysis-velocity = Sales velocity
analysis-per-day = { $value } a day
analysis-velocity-note = open × win rate × average ÷ cycle
analysis-funnel = Stage by stage
analysis-funnel-of = Stage by stage: { $pipeline }
analysis-funnel-sentence = Of { $first } deals created in the period, { $won } were won so far.
analysis-funnel-weakest = {" "}The weakest step is { $from } → { $to }: { $k } of { $n } went on.
analysis-funnel-method = A deal has reached a stage when it was in it or a later one. Conversion looks only at deals that have left the stage: { $waiting } are still open in theirs and are not counted.
analysis-reached = Reached
analysis-left = Left it
analysis-went-on = Went on
analysis-conversion = Conversion
analysis-still-there = Still there
analysis-lost-there = Lost there
analysis-open-by-month = Open pipeline by expected close
analysis-open-sentence = Most is expected in { $month }: { $value }.
analysis-open-past = { $count ->
    [one] {" "}One deal should have closed already.
   *[other] {" "}{ $count } deals should have closed already.
    }
analysis-open-method = All open deals of today, whatever the period, in the base currency, by stage.
analysis-won-by-month = Won by month
analysis-won-sentence = { $count } deals won, { $value }; the best month was { $month } with { $best }.
analysis-won-method = By the day of winning, in the base currency at the rate of that day.
analysis-lost = Why deals were lost
analysis-lost-sentence = { $count } deals lost; the commonest reason is “{ $reason }” ({ $k }, { $share }).
analysis-lost-method = Deals lost in the period, by the reason given.
analysis-rate-by-owner = Win rate by owner
analysis-rate-by-segment = Win rate by industry
analysis-rate-by-source = Win rate by source
analysis-rates-differ = { $best } ({ $high }) is clearly above { $worst } ({ $low }).
analysis-rates-alike = From { $worst } ({ $low }) to { $best } ({ $high }): the ranges overlap, so this may be chance.
analysis-rates-none = Too few closed deals to compare.
analysis-rates-wilson = Won out of closed in the period; the line is the 95% range (Wilson).
analysis-rates-shrunk = Before people are compared, each rate is pulled towards the group’s, the more the fewer deals it rests on (beta-binomial); the line is its 95% range.
analysis-rates-few = { $few ->
    [one] {" "}One has fewer than 8 closed deals and no bar.
   *[other] {" "}{ $few } have fewer than 8 closed deals and no bar.
    }
analysis-rates-rest = The rest is in the numbers.
analysis-observed = Observed
analysis-expected = Expected
analysis-closed-deals = Won of closed
analysis-compare = Side by side
analysis-compare-by = Compare by
analysis-compare-method = Open deals are those of today; won, lost, cycle and velocity are of the period. The cycle is the median from creation to winning with its middle half. Velocity = open deals × win rate × average won deal ÷ cycle.
analysis-open-deals = Open
analysis-open-amount = Open amount
analysis-won = Won
analysis-lost-deals = Lost
