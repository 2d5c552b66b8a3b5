-- cut by: person
-- Person-days of the holiday window that would count for two employers: they count for neither.
-- Grain: employer, person, day.
with doubtful_masks as (
    select
        employer_code,
        person_id,
        person_key,
        counted_mask
    from holiday_masks
    qualify count(*) over (partition by person_key) > 1
),

window_days as (
    select unnest(range(1 + ($holiday_window_to - $holiday_window_from))) as position
)

select
    doubtful_masks.employer_code,
    doubtful_masks.person_id,
    doubtful_masks.person_key,
    $holiday_window_from + cast(window_days.position as integer) as worked_on
from doubtful_masks
-- each mask to each of the days it holds
inner join window_days on (doubtful_masks.counted_mask >> window_days.position) & 1 = 1
qualify
    count(*) over (partition by doubtful_masks.person_key, window_days.position) > 1
