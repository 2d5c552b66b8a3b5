-- What was paid for the line came back from the bank, and a grant or extended benefit without our
-- payment's number stands for the period: perhaps ours, perhaps another office has paid since.
-- Rows: one per line. Reads: batch_lines, paid_entries, fund_support_types, support,
-- unemployment_benefits.
with unnamed_rows as (
    select
        fund_support_types.policy_id,
        support.subject_id,
        support.from_month,
        support.to_month,
        concat(support.source_file, ':', support.source_line) as place
    from support
    -- a type to the policies that grant it
    inner join fund_support_types on support.support_type = fund_support_types.support_type
    where support.payment_id is null
    union all
    select
        fund_support_types.policy_id,
        unemployment_benefits.person_id as subject_id,
        unemployment_benefits.from_month,
        unemployment_benefits.to_month,
        concat(source_file, ':', source_line) as place
    from unemployment_benefits
    inner join fund_support_types
        on unemployment_benefits.benefit_type = fund_support_types.support_type
    where
        unemployment_benefits.payment_id is null
        and unemployment_benefits.benefit_type = '续发'
)

select
    'granted_without_id' as doubt,
    batch_lines.payment_id,
    batch_lines.period,
    batch_lines.subject_id,
    count(distinct unnamed_rows.place) as found_count,
    string_agg(distinct unnamed_rows.place, '、' order by unnamed_rows.place) as found
from batch_lines
-- a line to what came back of it, then to the few rows of its subject
inner join paid_entries
    on
        batch_lines.policy_id = paid_entries.policy_id
        and batch_lines.period = paid_entries.period
        and batch_lines.subject_id = paid_entries.subject_id
        and batch_lines.beneficiary_id = paid_entries.beneficiary_id
inner join unnamed_rows
    on
        batch_lines.policy_id = unnamed_rows.policy_id
        and batch_lines.subject_id = unnamed_rows.subject_id
        and case
            when length(batch_lines.period) = 4
                then cast(batch_lines.period as integer) = unnamed_rows.from_month // 100
            else
                cast(replace(batch_lines.period, '-', '') as integer)
                between unnamed_rows.from_month and unnamed_rows.to_month
        end
where paid_entries.is_reversed
group by batch_lines.payment_id, batch_lines.period, batch_lines.subject_id
order by payment_id, period, subject_id
