-- cut by: employer
-- Of each employer the agreement with an incubator that item 16 extends: of those that hold on some
-- day of the epidemic the one that ends last, of these the one that begins last.
-- Grain: employer.
select
    employer_code,
    incubator,
    from_date,
    to_date,
    rent_free
from tenancies
where greatest(from_date, $epidemic_from) <= least(to_date, $epidemic_to)
qualify
    row_number() over (
        partition by employer_code
        order by to_date desc, from_date desc, incubator asc, rent_free desc nulls last
    ) = 1
