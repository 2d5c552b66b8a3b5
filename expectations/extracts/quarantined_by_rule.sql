-- check: no single quarantine rule bites an unusual share of a kind's rows
-- checked: (select distinct kind, rule from quarantine
--   where rule not in ('totals_row', 'not_filled_in'))
with delivered_kinds as (
    select
        kind,
        cast(sum(rows) as bigint) as row_count
    from files
    group by kind
),

bitten_kinds as (
    select
        kind,
        rule,
        count(*) as bitten_count
    from quarantine
    where rule not in ('totals_row', 'not_filled_in')
    group by kind, rule
)

-- delivered_kinds one row per kind, bitten_kinds one per kind and rule.
select
    bitten_kinds.kind,
    bitten_kinds.rule,
    bitten_kinds.bitten_count,
    delivered_kinds.row_count
from bitten_kinds
inner join delivered_kinds on delivered_kinds.kind = bitten_kinds.kind
where
    bitten_kinds.bitten_count > $spare_rows
    and bitten_kinds.bitten_count * 1000 > delivered_kinds.row_count * $limit_permille
order by all
