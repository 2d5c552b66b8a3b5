-- policy: flexible_insurance_extension
-- title: 困难人员灵活就业社保补贴延长一年
-- authority: 川政发〔2020〕3号 附件第9项
-- in force: 2020-01-01 to 2021-12-31 (reading)
-- grain: person × month paid alone and on time, in the 12 months after the subsidy expired
-- reads: support contributions insured_units registrations designations deaths custody
with flexible_months as (
    select
        expired_months.person_id,
        expired_months.person_key,
        expired_months.expired_month,
        expired_months.month,
        self_insured_months.self_paid_fen,
        plus_years(
            born_on(expired_months.person_id),
            case
                when is_male(expired_months.person_id) then $retirement_age_men
                else $flexible_age_women
            end
        ) as retires_on
    from expired_months
    -- one to at most one: only months paid alone and on time are in the universe
    inner join self_insured_months
        on
            expired_months.person_key = self_insured_months.person_key
            and expired_months.month = self_insured_months.month
    where
        expired_months.support_type = '灵活就业社保补贴'
        and expired_months.month between $reach_from_month and $reach_to_month
)

select
    period_of(flexible_months.month) as period,
    'person' as subject_kind,
    flexible_months.person_id as subject_id,
    'person' as beneficiary_kind,
    flexible_months.person_id as beneficiary_id,
    -- a month granted before is not granted again
    not exists (
        select 1
        from support_grants
        where
            support_grants.support_type = '灵活就业社保补贴延长'
            and support_grants.person_key = flexible_months.person_key
            and flexible_months.month between support_grants.from_month and support_grants.to_month
    ) as s9_month_not_granted,
    -- 就业困难人员
    exists(
        select 1
        from listed_months
        where
            listed_months.list = '就业困难人员'
            and listed_months.subject_kind = '个人'
            and listed_months.subject_id = flexible_months.person_id
            and listed_months.month = flexible_months.month
    ) as s9_hardship,
    -- 期满仍未实现稳定就业的
    not exists (
        select 1
        from employer_insured_masks
        where
            employer_insured_masks.person_key = flexible_months.person_key
            and employer_insured_masks.era = month_era(flexible_months.month)
            and employer_insured_masks.insured_mask & month_bit(flexible_months.month) <> 0
    ) as s9_not_employed,
    -- 灵活就业: an owner is no flexible worker
    not exists (
        select 1
        from owners
        where owners.person_key = flexible_months.person_key
    ) as s9_not_owner,
    -- until retirement; flexible women at 55
    flexible_months.month <= month_of(flexible_months.retires_on) as s9_before_retirement,
    -- the month of death is paid
    first_deaths.died_on is null
    or first_deaths.died_on >= month_first_day(flexible_months.month) as g_alive,
    -- 服刑期间不享受
    not exists (
        select 1
        from custody_months
        where
            custody_months.person_key = flexible_months.person_key
            and custody_months.month = flexible_months.month
    ) as g_free,
    -- 财社〔2017〕164号：不超过其实际缴费的2/3 (a ceiling: rounded down)
    rounded_down(
        flexible_months.self_paid_fen * flexible_share_by_month.numerator,
        flexible_share_by_month.denominator
    ) as amount_fen,
    flexible_months.expired_month,
    flexible_months.retires_on,
    flexible_months.self_paid_fen,
    first_deaths.died_on
from flexible_months
-- many to one: every month of the reach has a value
inner join flexible_share_by_month on flexible_months.month = flexible_share_by_month.month
-- many to at most one
left join first_deaths on flexible_months.person_key = first_deaths.person_key
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
