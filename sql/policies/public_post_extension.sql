-- policy: public_post_extension
-- title: 公益性岗位延长一年
-- authority: 川政发〔2020〕3号 附件第9项
-- in force: 2020-01-01 to 2021-12-31 (reading)
-- grain: person × month in a public post, in the 12 months after the subsidy expired
-- reads: support employment contributions insured_units insured_persons registrations
--        designations deaths custody
with post_months as (
    select
        expired_months.person_id,
        expired_months.person_key,
        expired_months.expired_month,
        expired_months.month,
        employment_rows.employer_code,
        employment_rows.starts_on,
        employment_rows.last_day
    from expired_months
    -- one to many: each public post the person held in the month
    inner join employment_rows
        on
            expired_months.person_key = employment_rows.person_key
            and employment_rows.contract_type = '公益性岗位'
            and expired_months.month >= month_of(employment_rows.starts_on)
            and (
                employment_rows.last_day is null
                or expired_months.month <= month_of(employment_rows.last_day)
            )
    where
        expired_months.support_type = '公益性岗位'
        and expired_months.month between $reach_from_month and $reach_to_month
    -- the host: the latest starts_on, then the lowest employer_code
    qualify
        row_number() over (
            partition by expired_months.person_key, expired_months.month
            order by
                employment_rows.starts_on desc,
                employment_rows.employer_code asc,
                employment_rows.rank_at_employer asc
        ) = 1
),

aged_months as (
    select
        post_months.*,
        employers.employer_key,
        insured_persons.staff_category,
        retirement_on(
            post_months.person_id, insured_persons.staff_category, $retirement_age_men,
            $retirement_age_women_cadre, $retirement_age_women_worker, $retirement_age_women_worker
        ) as retirement_earliest_on,
        retirement_on(
            post_months.person_id, insured_persons.staff_category, $retirement_age_men,
            $retirement_age_women_cadre, $retirement_age_women_worker, $retirement_age_women_cadre
        ) as retirement_latest_on
    from post_months
    -- many to at most one, both
    left join employers on post_months.employer_code = employers.employer_code
    left join insured_persons on post_months.person_key = insured_persons.person_key
)

select
    period_of(aged_months.month) as period,
    'person' as subject_kind,
    aged_months.person_id as subject_id,
    'employer' as beneficiary_kind,
    aged_months.employer_code as beneficiary_id,
    -- a month granted before is not granted again
    not exists (
        select 1
        from support_grants
        where
            support_grants.support_type = '公益性岗位延长'
            and support_grants.person_key = aged_months.person_key
            and aged_months.month between support_grants.from_month and support_grants.to_month
    ) as s9_month_not_granted,
    -- 托底安置: until retirement
    same_answer(
        aged_months.month <= month_of(aged_months.retirement_earliest_on),
        aged_months.month <= month_of(aged_months.retirement_latest_on)
    ) as s9_before_retirement,
    -- 政策期满仍未实现稳定就业的
    not exists (
        select 1
        from insurance_masks
        where
            insurance_masks.person_key = aged_months.person_key
            and insurance_masks.era = month_era(aged_months.month)
            and insurance_masks.employer_key <> 0
            and insurance_masks.employer_key is distinct from aged_months.employer_key
            and insurance_masks.insured_mask & month_bit(aged_months.month) <> 0
    ) as s9_not_insured_elsewhere,
    -- 仍未实现稳定就业的: an owner has work
    not exists (
        select 1
        from owners
        where owners.person_key = aged_months.person_key
    ) as s9_not_owner,
    -- the month of death is paid
    first_deaths.died_on is null
    or first_deaths.died_on >= month_first_day(aged_months.month) as g_alive,
    -- 服刑期间不享受
    not exists (
        select 1
        from custody_months
        where
            custody_months.person_key = aged_months.person_key
            and custody_months.month = aged_months.month
    ) as g_free,
    -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
    good_standings.is_in_good_standing as g_good_standing,
    -- 政策享受期限延长1年: post subsidy at the minimum wage (reading) and the employer's insurance
    minimum_wage_fen_by_month.value + coalesce(employer_payments.unit_paid_fen, 0) as amount_fen,
    aged_months.expired_month,
    aged_months.starts_on,
    aged_months.last_day,
    aged_months.staff_category,
    aged_months.retirement_earliest_on,
    aged_months.retirement_latest_on,
    first_deaths.died_on,
    minimum_wage_fen_by_month.value as minimum_wage_fen,
    coalesce(employer_payments.unit_paid_fen, 0) as unit_paid_fen
from aged_months
-- many to one: every month of the reach has a value
inner join minimum_wage_fen_by_month on aged_months.month = minimum_wage_fen_by_month.month
-- many to at most one, all three
left join first_deaths on aged_months.person_key = first_deaths.person_key
left join good_standings on aged_months.employer_code = good_standings.employer_code
left join employer_payments
    on
        aged_months.person_key = employer_payments.person_key
        and aged_months.employer_key = employer_payments.employer_key
        and aged_months.month = employer_payments.month
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
