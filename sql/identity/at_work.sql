-- Who was at the employer of a damaged row in its month, or the one before or after.
-- Grain: unique_id, person_key.
select
    identity_rows.unique_id,
    identity_stays.person_key,
    max(identity_rows.series) as series,
    bool_or(identity_stays.month_number <> identity_rows.stay % 100000) as is_beside,
    bool_or(identity_stays.month_number = identity_rows.stay % 100000) as is_there,
    bool_or(
        identity_stays.month_number = identity_rows.stay % 100000
        and identity_stays.held & (1 << identity_rows.series) > 0
    ) as is_held
from identity_rows
-- m:n: rows of one employer, persons of one employer
inner join identity_stays
    on
        identity_rows.stay // 100000 = identity_stays.employer_key
        and identity_stays.month_number between identity_rows.stay % 100000 - 1
        and identity_rows.stay % 100000 + 1
group by identity_rows.unique_id, identity_stays.person_key
order by identity_rows.unique_id, identity_stays.person_key
