-- cut by: person, employer
-- Spells of unemployment benefit. 续发 rows are never spells. Grain: as the extract.
select
    person_id,
    person_key,
    last_unit_no,
    from_month,
    to_month
from judged_benefits
where not is_extension
