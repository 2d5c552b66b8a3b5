-- cut by: person, employer
-- The visible rows of unemployment benefit, each marked if it is our own payment come back (see
-- judged_support). 续发 rows are never spells. Grain: as the extract.
with paid_months as (
    select
        paid_lines.subject_id,
        cast(replace(paid_lines.period, '-', '') as integer) as month
    from paid_lines
    -- many to at most one: one policy's payments come back as 续发
    inner join policy_support_types
        on
            paid_lines.policy_id = policy_support_types.policy_id
            and policy_support_types.support_type = '续发'
)

select
    benefits.person_id,
    benefits.person_key,
    benefits.last_unit_no,
    benefits.from_month,
    benefits.to_month,
    -- an empty benefit_type is 失业保险金
    coalesce(benefits.benefit_type, '失业保险金') = '续发' as is_extension,
    benefits.source_file,
    benefits.source_line,
    coalesce(benefits.benefit_type, '失业保险金') = '续发'
    and (
        exists (
            select 1
            from ledger_payment_ids
            where ledger_payment_ids.payment_id = benefits.payment_id
        )
        or (
            benefits.payment_id is null
            and exists (
                select 1
                from paid_months
                where
                    paid_months.subject_id = benefits.person_id
                    and paid_months.month between benefits.from_month and benefits.to_month
            )
        )
    ) as is_own
from unemployment_benefits as benefits
