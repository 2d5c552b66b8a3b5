-- cut by: person, employer
-- Days of the holiday window that a person attended at an employer, one bit a day.
-- Grain: employer, person.
select
    employer_code,
    person_id,
    person_key,
    bit_or(cast(1 as bigint) << (worked_on - $holiday_window_from)) as attended_mask
from attendance
where worked_on between $holiday_window_from and $holiday_window_to
group by employer_code, person_id, person_key
