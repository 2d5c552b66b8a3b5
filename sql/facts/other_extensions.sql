-- cut by: person
-- Months of 续发 that someone else paid: they only block months. Grain: as the extract.
select
    person_key,
    from_month,
    to_month
from judged_benefits
where
    is_extension
    and not is_own
