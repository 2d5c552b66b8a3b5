-- check: outcomes, kinds and periods are words of the contract
-- reads: determinations
with invalid_groups as (
    select
        coalesce(policy_id, '?') || ' ' || coalesce(period, '?') as group_name,
        count(*) as row_count
    from determinations
    where
        (
            outcome in ('eligible', 'ineligible', 'undetermined')
            and subject_kind in ('person', 'employer', 'household')
            and beneficiary_kind in ('person', 'employer', 'household')
            and regexp_full_match(period, '20[0-9]{2}(-(0[1-9]|1[0-2]))?')
            and subject_id <> ''
            and beneficiary_id <> ''
        ) is not true
    group by policy_id, period
)

select
    (select count(*) from determinations) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from invalid_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from invalid_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
