-- Paid before for months after death, or for whole months in custody: by our ledger, or by others
-- as delivered, of the fund's kinds of support. Rows: one per person and payment.
-- Reads: paid_entries, fund_support_types, support, unemployment_benefits, deaths, custody.
with ended_months as (
    select
        person_id,
        month_of(min(died_on)) + 1 as from_month,
        999912 as to_month,
        cast(min(died_on) as varchar) as since
    from deaths
    group by person_id
    union all
    select
        person_id,
        month_of(from_date) + 1 as from_month,
        coalesce(month_of(to_date) - 1, 999912) as to_month,
        cast(from_date as varchar) as since
    from custody
),

paid_months as (
    select
        payment_id,
        policy_id,
        subject_id as person_id,
        beneficiary_kind,
        beneficiary_id,
        cast(left(period, 4) || right(period, 2) as integer) as from_month,
        cast(left(period, 4) || right(period, 2) as integer) as to_month,
        amount_fen
    from paid_entries
    -- what came back from the bank was held by nobody
    where subject_kind = 'person' and length(period) = 7 and not is_reversed
    union all
    select
        coalesce(support.payment_id, '') as payment_id,
        support.support_type as policy_id,
        support.subject_id as person_id,
        'person' as beneficiary_kind,
        support.subject_id as beneficiary_id,
        support.from_month,
        support.to_month,
        coalesce(support.amount_fen, 0) as amount_fen
    from support
    -- many rows to at most one
    inner join fund_support_types on support.support_type = fund_support_types.support_type
    where
        support.subject_kind = '个人'
        and (
            support.payment_id is null
            or not exists (
                select 1 from paid_entries where paid_entries.payment_id = support.payment_id
            )
        )
    union all
    select
        coalesce(unemployment_benefits.payment_id, '') as payment_id,
        coalesce(unemployment_benefits.benefit_type, '失业保险金') as policy_id,
        unemployment_benefits.person_id,
        'person' as beneficiary_kind,
        unemployment_benefits.person_id as beneficiary_id,
        unemployment_benefits.from_month,
        unemployment_benefits.to_month,
        0 as amount_fen
    from unemployment_benefits
    -- a fund that pays benefit has this kind of support
    inner join fund_support_types on fund_support_types.support_type = '续发'
    where
        unemployment_benefits.payment_id is null
        or not exists (
            select 1 from paid_entries
            where paid_entries.payment_id = unemployment_benefits.payment_id
        )
)

select
    'paid_after_end' as doubt,
    paid_months.policy_id,
    printf('%04d-%02d', min(paid_months.from_month) // 100, min(paid_months.from_month) % 100)
        as period,
    'person' as subject_kind,
    paid_months.person_id as subject_id,
    paid_months.beneficiary_kind,
    paid_months.beneficiary_id,
    paid_months.payment_id,
    cast(sum(paid_months.amount_fen) as bigint) as amount_fen,
    count(*) as found_count,
    string_agg(distinct ended_months.since, '、' order by ended_months.since) as found
from paid_months
-- many rows to many: payments of a person, times of a person
inner join ended_months
    on
        paid_months.person_id = ended_months.person_id
        and greatest(paid_months.from_month, ended_months.from_month)
        <= least(paid_months.to_month, ended_months.to_month)
group by
    paid_months.policy_id,
    paid_months.person_id,
    paid_months.beneficiary_kind,
    paid_months.beneficiary_id,
    paid_months.payment_id
order by subject_id, payment_id, policy_id
