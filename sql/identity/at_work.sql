-- Who was at the employer of damaged rows in their month, or the one before or after: rows of one
-- employer, month and sort have the same persons, however many they are.
-- Grain: stay, series, person_key; `row_count` damaged rows.
with places as (
    select
        stay,
        series,
        count(*) as row_count
    from identity_rows
    where stay is not null
    group by stay, series
)

select
    places.stay,
    places.series,
    identity_stays.person_key,
    max(places.row_count) as row_count,
    bool_or(identity_stays.month_number <> places.stay % 100000) as is_beside,
    bool_or(identity_stays.month_number = places.stay % 100000) as is_there,
    bool_or(
        identity_stays.month_number = places.stay % 100000
        and identity_stays.held & (1 << places.series) > 0
    ) as is_held
from places
-- m:n: places at one employer, persons of one employer
inner join identity_stays
    on
        places.stay // 100000 = identity_stays.employer_key
        and identity_stays.month_number between places.stay % 100000 - 1
        and places.stay % 100000 + 1
group by places.stay, places.series, identity_stays.person_key
order by places.stay, places.series, identity_stays.person_key
