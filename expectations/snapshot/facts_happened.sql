-- check: most dated facts lie before the as-of date
-- checked: dated_kinds where row_count > 0
-- A date mistyped in the command shows here: nearly every fact would lie after it.
select
    kind,
    later_count,
    row_count
from dated_kinds
where later_count * 1000 > row_count * $limit_permille
order by all
