-- check: most dated facts lie before the as-of date
-- reads: employment unemployment deaths custody designations graduates attendance
-- A date mistyped in the command shows here: nearly every fact would lie after it.
with dated_kinds as (
    select
        'employment' as kind,
        count(*) as row_count,
        count(*) filter (where starts_on > $as_of) as later_count
    from employment
    union all
    select
        'unemployment' as kind,
        count(*) as row_count,
        count(*) filter (where registered_on > $as_of) as later_count
    from unemployment
    union all
    select
        'deaths' as kind,
        count(*) as row_count,
        count(*) filter (where died_on > $as_of) as later_count
    from deaths
    union all
    select
        'custody' as kind,
        count(*) as row_count,
        count(*) filter (where from_date > $as_of) as later_count
    from custody
    union all
    select
        'designations' as kind,
        count(*) as row_count,
        count(*) filter (where valid_from > $as_of) as later_count
    from designations
    union all
    select
        'graduates' as kind,
        count(*) as row_count,
        count(*) filter (where graduated_on > $as_of) as later_count
    from graduates
    union all
    select
        'attendance' as kind,
        count(*) as row_count,
        count(*) filter (where worked_on > $as_of) as later_count
    from attendance
),

delivered_kinds as (
    select
        kind,
        row_count,
        later_count
    from dated_kinds
    where row_count > 0
),

later_kinds as (
    select kind || ': ' || later_count || ' / ' || row_count as bad_row
    from delivered_kinds
    where later_count * 1000 > row_count * $limit_permille
)

select
    (select count(*) from delivered_kinds) as checked_count,
    (select count(*) from later_kinds) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from later_kinds order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
