-- Who is insured by employers month by month, who came and who went: the district, towns, lines.
-- In the district a person counts once; in a town or a line once with each employer there.
-- Come: present (rulebook §3b) in a month and not in the one before; gone: the reverse. Null: the
-- month (or the one before) has no rows. $from_month: that before those shown.
with seen_masks as (
    select
        person_key,
        employer_key,
        insurance as measure,
        era,
        insured_mask as mask
    from insurance_masks
    where employer_key <> 0
    union all
    select
        person_key,
        employer_key,
        'staff' as measure,
        era,
        present_mask as mask
    from present_masks
),

-- bit 0 is $from_month, whatever the era
window_masks as (
    select
        person_key,
        employer_key,
        measure,
        bit_or(
            (mask & months_mask(era, $from_month, month_plus($from_month, $month_count)))
            >> greatest(month_number($from_month) - era * 60 - 1898 * 12, 0)
            << greatest(era * 60 + 1898 * 12 - month_number($from_month), 0)
        ) as mask
    from seen_masks
    where months_mask(era, $from_month, month_plus($from_month, $month_count)) & mask <> 0
    group by person_key, employer_key, measure
),

person_masks as (
    select
        measure,
        bit_or(mask) as mask
    from window_masks
    group by person_key, measure
),

employer_masks as (
    select
        employer_key,
        measure,
        mask,
        count(*) as persons
    from window_masks
    group by employer_key, measure, mask
),

-- an employer that no register knows has no town and no line; one without the cell states none
placed_employers as (
    select
        employers.employer_key,
        unnest(['town', 'size_line']) as level,
        unnest(
            case
                when registrations.employer_code is null then ['unregistered', 'unregistered']
                else [
                    coalesce(town_of(registrations.division_code), 'not_stated'),
                    coalesce(registrations.size_line, 'not_stated')
                ]
            end
        ) as cell
    from employers
    -- one to at most one: the code is a key of registrations
    left join registrations on employers.employer_code = registrations.employer_code
),

cell_masks as (
    select
        'district' as level,
        '' as cell,
        measure,
        mask,
        count(*) as persons
    from person_masks
    group by measure, mask
    union all
    select
        placed_employers.level,
        placed_employers.cell,
        employer_masks.measure,
        employer_masks.mask,
        sum(employer_masks.persons) as persons
    from employer_masks
    -- many to two: every employer of a contribution has an insured unit, a town and a line
    inner join placed_employers on employer_masks.employer_key = placed_employers.employer_key
    group by placed_employers.level, placed_employers.cell, measure, mask
),

positions as (
    select unnest(range(1, $month_count + 1)) as position
),

month_counts as (
    select
        cell_masks.level,
        cell_masks.cell,
        month_plus($from_month, positions.position) as month,
        sum(persons) filter (where measure = '养老' and (mask >> position) & 1 = 1) as pension,
        sum(persons) filter (where measure = '医疗' and (mask >> position) & 1 = 1) as medical,
        sum(persons) filter (where measure = '失业' and (mask >> position) & 1 = 1) as jobless,
        sum(persons) filter (where measure = 'staff' and (mask >> position) & 1 = 1) as present,
        sum(persons) filter (where measure = 'staff' and (mask >> (position - 1)) & 3 = 2) as come,
        sum(persons) filter (where measure = 'staff' and (mask >> (position - 1)) & 3 = 1) as gone
    from cell_masks
    -- each mask to each month shown
    cross join positions
    group by cell_masks.level, cell_masks.cell, positions.position
),

covered_months as (
    select
        month,
        bool_or(insurance = '养老') as has_pension,
        bool_or(insurance = '医疗') as has_medical,
        bool_or(insurance = '失业') as has_unemployment
    from contribution_coverage
    group by month
)

select
    month_counts.level,
    month_counts.cell,
    month_counts.month,
    cast(case when covered.has_pension then coalesce(pension, 0) end as bigint) as pension_count,
    cast(case when covered.has_medical then coalesce(medical, 0) end as bigint) as medical_count,
    cast(
        case when covered.has_unemployment then coalesce(jobless, 0) end as bigint
    ) as unemployment_count,
    cast(case when covered.has_pension then coalesce(present, 0) end as bigint) as present_count,
    cast(
        case when covered.has_pension and before.has_pension then coalesce(come, 0) end as bigint
    ) as come_count,
    cast(
        case when covered.has_pension and before.has_pension then coalesce(gone, 0) end as bigint
    ) as gone_count
from month_counts
-- one to at most one, each: a month stands once
left join covered_months as covered on month_counts.month = covered.month
left join covered_months as before on month_plus(month_counts.month, -1) = before.month
order by month_counts.level, month_counts.cell, month_counts.month
