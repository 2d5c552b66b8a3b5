-- cut by: whole
-- Of each employer the persons present in the second month before D's, how many of them are gone,
-- and how many of the gone are present in the month before D's at that one other employer that
-- holds most of them. Grain: employer with someone present.
with destinations as (
    select
        gone_persons.employer_code,
        present_masks.employer_key as other_employer_key,
        count(*) as persons
    from gone_persons
    -- one to many: a person may be present at several employers
    inner join present_masks on gone_persons.person_key = present_masks.person_key
    where
        present_masks.employer_key <> gone_persons.employer_key
        and present_masks.era = month_era(month_plus($as_of_month, -1))
        and present_masks.present_mask & month_bit(month_plus($as_of_month, -1)) <> 0
    group by gone_persons.employer_code, present_masks.employer_key
),

largest_destinations as (
    select
        employer_code,
        max(persons) as moved_count
    from destinations
    group by employer_code
),

gone_counts as (
    select
        employer_code,
        count(*) as gone_count
    from gone_persons
    group by employer_code
)

select
    staff_counts.employer_code,
    staff_counts.staff as staff_before,
    coalesce(gone_counts.gone_count, 0) as gone_count,
    coalesce(largest_destinations.moved_count, 0) as moved_count
from staff_counts
-- one to at most one, then at most one
left join gone_counts on staff_counts.employer_code = gone_counts.employer_code
left join largest_destinations on staff_counts.employer_code = largest_destinations.employer_code
where staff_counts.month = month_plus($as_of_month, -2)
