-- The legal ages of retirement. Grain: one row.
select
    $retirement_age_men as men,
    $retirement_age_women_cadre as women_cadre,
    $retirement_age_women_worker as women_worker
