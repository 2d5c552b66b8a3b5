-- check: most dated facts lie before the as-of date
-- checked: (select kind from delivered_counts where row_count > 0 and kind <> 'payroll')
-- A date mistyped in the command shows here: nearly every fact would lie after it. Money arrives
-- late, so of contributions the month counts, and payments are no sign of it.
with dated_kinds as (
    select
        delivered_counts.kind,
        delivered_counts.row_count,
        delivered_counts.row_count - visible_counts.row_count as later_count
    from delivered_counts
    -- one to one
    inner join visible_counts on visible_counts.kind = delivered_counts.kind
    where delivered_counts.kind not in ('contributions', 'payroll')
    union all
    select
        'contributions' as kind,
        count(*) as row_count,
        count(*) filter (where month > $as_of_month) as later_count
    from delivered_contributions
)

select
    kind,
    later_count,
    row_count
from dated_kinds
where later_count * 1000 > row_count * $limit_permille
order by all
