-- policy: graduate_flexible_insurance
-- title: 毕业生灵活就业社保补贴
-- authority: 川政发〔2020〕3号 附件第7项
-- in force: 2020-01-01 to 2020-12-31 (reading)
-- grain: graduate × month paid alone and on time
-- reads: graduates contributions insured_units registrations deaths custody support
with graduate_months as (
    select
        graduations.person_id,
        graduations.person_key,
        self_insured_months.month,
        self_insured_months.self_paid_fen,
        max(graduations.graduated_on) as graduated_on
    from self_insured_months
    -- one to many: graduated(p, last day of m) is the latest of them
    inner join graduations
        on
            self_insured_months.person_key = graduations.person_key
            and graduations.graduated_on <= month_last_day(self_insured_months.month)
    where self_insured_months.month between $reach_from_month and $reach_to_month
    group by
        graduations.person_id,
        graduations.person_key,
        self_insured_months.month,
        self_insured_months.self_paid_fen
),

judged_months as (
    select
        period_of(graduate_months.month) as period,
        'person' as subject_kind,
        graduate_months.person_id as subject_id,
        'person' as beneficiary_kind,
        graduate_months.person_id as beneficiary_id,
        -- 离校2年内
        graduate_months.month
        <= month_plus(month_of(graduate_months.graduated_on), 12 * $graduate_years)
            as s7_within_two_years,
        -- 未就业高校毕业生
        not exists (
            select 1
            from employer_insured_masks
            where
                employer_insured_masks.person_key = graduate_months.person_key
                and employer_insured_masks.era = month_era(graduate_months.month)
                and employer_insured_masks.insured_mask & month_bit(graduate_months.month) <> 0
        ) as s7_not_employed,
        -- 灵活就业: an owner is no flexible worker
        not exists (
            select 1
            from owners
            where owners.person_key = graduate_months.person_key
        ) as s7_not_owner,
        -- the month of death is paid
        first_deaths.died_on is null
        or first_deaths.died_on >= month_first_day(graduate_months.month) as g_alive,
        -- 服刑期间不享受
        not exists (
            select 1
            from custody_months
            where
                custody_months.person_key = graduate_months.person_key
                and custody_months.month = graduate_months.month
        ) as g_free,
        -- a month granted before is not granted again
        not exists (
            select 1
            from support_grants
            where
                support_grants.support_type = '高校毕业生灵活就业社保补贴'
                and support_grants.person_key = graduate_months.person_key
                and graduate_months.month
                between support_grants.from_month and support_grants.to_month
        ) as s7_month_not_granted,
        -- 财社〔2017〕164号：不超过其实际缴费的2/3 (a ceiling: rounded down)
        rounded_down(
            graduate_months.self_paid_fen * flexible_share_by_month.numerator,
            flexible_share_by_month.denominator
        ) as amount_fen,
        graduate_months.month,
        graduate_months.self_paid_fen,
        graduate_months.graduated_on,
        first_deaths.died_on,
        coalesce(months_used_before.months_used, 0) as months_used_before
    from graduate_months
    -- many to one: every month of the reach has a value
    inner join flexible_share_by_month on graduate_months.month = flexible_share_by_month.month
    -- many to at most one, both
    left join first_deaths on graduate_months.person_key = first_deaths.person_key
    left join months_used_before
        on
            graduate_months.person_key = months_used_before.person_key
            and months_used_before.support_type = '高校毕业生灵活就业社保补贴'
),

countable_months as (
    select
        judged_months.*,
        all_true_or_answered(
            $provisions, list_value(*columns('^(s[0-9]+|g)_')), answers_by_row.yes_provisions
        ) as is_countable
    from judged_months
    -- one to at most one
    left join answers_by_row
        on
            $policy_id = answers_by_row.policy_id
            and judged_months.period = answers_by_row.period
            and judged_months.subject_id = answers_by_row.subject_id
            and judged_months.beneficiary_id = answers_by_row.beneficiary_id
),

ranked_months as (
    select
        *,
        -- distinct months of the person before this one, at any employer, that fulfil all the rest
        count(distinct month) filter (where is_countable) over (
            partition by subject_id order by month
            range between unbounded preceding and 1 preceding
        ) as earlier_months
    from countable_months
)

select
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    s7_within_two_years,
    s7_not_employed,
    s7_not_owner,
    g_alive,
    g_free,
    s7_month_not_granted,
    -- 财社〔2017〕164号：期限最长不超过2年
    months_used_before + earlier_months + 1 <= $flexible_subsidy_months
        as s7_within_twenty_four_months,
    amount_fen,
    graduated_on,
    self_paid_fen,
    died_on,
    months_used_before,
    earlier_months
from ranked_months
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
