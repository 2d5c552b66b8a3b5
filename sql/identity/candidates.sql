-- The three persons nearest to each damaged row. Grain: row_number, rank.
-- Of the row's candidates at most one is right: each has its share of what they weigh together and
-- "none of them" (weight 0). Shares are whole numbers, so that any order of adding is the same.
with ranked as (
    select
        *,
        row_number() over (partition by row_number order by weight_milli desc, id asc) as rank,
        max(greatest(weight_milli, 0)) over (partition by row_number) as most_milli
    from weighed
),

shared as (
    select
        *,
        round(1e9 * pow(2, (weight_milli - most_milli) * 0.001))::hugeint as share,
        round(1e9 * pow(2, -most_milli * 0.001))::hugeint as share_of_none
    from ranked
),

summed as (
    select
        *,
        sum(share) over (partition by row_number) + share_of_none as shares
    from shared
),

nearest as (
    select *
    from summed
    where rank <= 3
),

codes as (
    select
        employer_key,
        max(employer_code) as employer_code
    from insured_units
    group by employer_key
),

last_employers as (
    select
        nearest.row_number,
        nearest.person_key,
        max_by(contributions.employer_key, (contributions.month, contributions.employer_key))
            as employer_key
    from nearest
    inner join damaged on nearest.row_number = damaged.row_number
    -- m:n: candidates of many rows, months of many bookings
    inner join contributions on nearest.person_key = contributions.person_key
    where
        contributions.employer_key <> 0
        and contributions.month <= coalesce(month_plus(damaged.month, 1), 999912)
    group by nearest.row_number, nearest.person_key
)

select
    nearest.row_number,
    nearest.rank,
    nearest.id as person_id,
    nearest.name,
    codes.employer_code,
    (1000000 * nearest.share // nearest.shares)::bigint as probability_ppm,
    -- What the other candidates take from this one; less than a millionth is no news.
    case
        when nearest.shares - nearest.share > 1000
            then -round(1000 * (log2(nearest.shares - nearest.share) - log2(1e9)))::bigint
            - nearest.most_milli
        else 0
    end as others_milli,
    nearest.weights,
    nearest.levels
from nearest
-- m:1 each: keys of their groups
left join last_employers
    on
        nearest.row_number = last_employers.row_number
        and nearest.person_key = last_employers.person_key
left join codes on last_employers.employer_key = codes.employer_key
order by nearest.row_number, nearest.rank
