-- policy: benefit_to_retirement
-- title: 失业保险金续发至退休
-- authority: 川政发〔2020〕3号 附件第20项
-- in force: 2019-12-01, open
-- grain: person × month after the last spell of benefit, up to 12 months
-- reads: unemployment_benefits contributions insured_units insured_persons deaths custody
with last_spells as (
    select
        person_id,
        person_key,
        max(to_month) as last_benefit_month
    from benefit_spells
    group by person_id, person_key
    having max(to_month) >= $benefit_end_from_month and max(to_month) < $as_of_month
),

month_steps as (
    select unnest(range(1, $benefit_reach_months + 1)) as step
),

benefit_months as (
    select
        last_spells.person_id,
        last_spells.person_key,
        last_spells.last_benefit_month,
        month_plus(last_spells.last_benefit_month, month_steps.step) as month
    from last_spells
    -- each person to each month that may follow
    cross join month_steps
    where
        month_plus(last_spells.last_benefit_month, month_steps.step)
        between $reach_from_month and $reach_to_month
),

aged_months as (
    select
        benefit_months.person_id,
        benefit_months.person_key,
        benefit_months.last_benefit_month,
        benefit_months.month,
        insured_persons.person_id is not null as has_insured_row,
        insured_persons.pension_from,
        insured_persons.staff_category,
        retirement_on(
            benefit_months.person_id, insured_persons.staff_category, $retirement_age_men,
            $retirement_age_women_cadre, $retirement_age_women_worker, $retirement_age_women_worker
        ) as retirement_earliest_on,
        retirement_on(
            benefit_months.person_id, insured_persons.staff_category, $retirement_age_men,
            $retirement_age_women_cadre, $retirement_age_women_worker, $retirement_age_women_cadre
        ) as retirement_latest_on
    from benefit_months
    -- many to at most one
    left join insured_persons on benefit_months.person_key = insured_persons.person_key
)

select
    period_of(aged_months.month) as period,
    'person' as subject_kind,
    aged_months.person_id as subject_id,
    'person' as beneficiary_kind,
    aged_months.person_id as beneficiary_id,
    -- 领取失业保险金期满…且距法定退休年龄不足1年的人员
    same_answer(
        is_within_one_year(aged_months.last_benefit_month, aged_months.retirement_earliest_on),
        is_within_one_year(aged_months.last_benefit_month, aged_months.retirement_latest_on)
    ) as s20_within_one_year,
    -- 可继续发放失业保险金至法定退休年龄
    same_answer(
        aged_months.month <= month_of(aged_months.retirement_earliest_on),
        aged_months.month <= month_of(aged_months.retirement_latest_on)
    ) as s20_before_retirement,
    -- a month paid by another system is not paid twice
    not exists (
        select 1
        from other_extensions
        where
            other_extensions.person_key = aged_months.person_key
            and aged_months.month between other_extensions.from_month and other_extensions.to_month
    ) as s20_month_not_granted,
    -- 期满仍未就业
    not exists (
        select 1
        from employer_insured_masks
        where
            employer_insured_masks.person_key = aged_months.person_key
            and employer_insured_masks.insured_mask
            & months_mask(
                employer_insured_masks.era, aged_months.last_benefit_month, aged_months.month
            ) <> 0
    ) as s20_not_reemployed,
    -- whoever draws a pension has retired; no insured_persons row: unknown
    case
        when aged_months.has_insured_row
            then aged_months.pension_from is null or aged_months.pension_from > aged_months.month
    end as s20_no_pension,
    -- the month of death is paid
    first_deaths.died_on is null
    or first_deaths.died_on >= month_first_day(aged_months.month) as g_alive,
    -- 失业保险条例第15条：被判刑收监执行的停止领取
    not exists (
        select 1
        from custody_months
        where
            custody_months.person_key = aged_months.person_key
            and custody_months.month = aged_months.month
    ) as g_free,
    -- 失业保险金 in force on the first day of the month
    unemployment_benefit_fen_by_month.value as amount_fen,
    aged_months.last_benefit_month,
    aged_months.staff_category,
    aged_months.retirement_earliest_on,
    aged_months.retirement_latest_on,
    aged_months.pension_from,
    first_deaths.died_on
from aged_months
-- many to one: every month of the reach has a value
inner join unemployment_benefit_fen_by_month
    on aged_months.month = unemployment_benefit_fen_by_month.month
-- many to at most one
left join first_deaths on aged_months.person_key = first_deaths.person_key
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
