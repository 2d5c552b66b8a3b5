-- check: no single quarantine rule bites an unusual share of a kind's rows
-- reads: files quarantine
with delivered_kinds as (
    select
        kind,
        sum(rows) as row_count
    from files
    group by kind
),

bitten_kinds as (
    select
        kind,
        rule,
        count(*) as bitten_count
    from quarantine
    where rule <> 'totals_row'
    group by kind, rule
),

-- delivered_kinds one row per kind, bitten_kinds one per kind and rule.
notable_rules as (
    select bitten_kinds.kind || ' ' || bitten_kinds.rule || ': ' || bitten_kinds.bitten_count
            || ' / ' || delivered_kinds.row_count as bad_row
    from bitten_kinds
    inner join delivered_kinds on delivered_kinds.kind = bitten_kinds.kind
    where
        bitten_kinds.bitten_count > $spare_rows
        and bitten_kinds.bitten_count * 1000 > delivered_kinds.row_count * $limit_permille
)

select
    (select count(*) from bitten_kinds) as checked_count,
    (select count(*) from notable_rules) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from notable_rules order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
